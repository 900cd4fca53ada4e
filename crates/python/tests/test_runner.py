"""`python -m tconv` runs programs as Python itself does, and TensorFlow's modules are found."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROBE = """
"the probe's text"
import inspect, sys
def shown(): return 1
class Here: pass
names = set(globals()) - {"__annotations__"}
print(__name__, __doc__, __package__, __spec__ and __spec__.name, type(__loader__).__name__, sorted(names))
print(globals().get("__file__"), sys.argv, sys.path[0], Here.__module__, sys.modules["__main__"].shown is shown)
if "__file__" in globals():
    print(inspect.getsource(shown), inspect.getsourcefile(shown))
"""
FAULTS = [
    "import sys; sys.exit(7)",
    "raise SystemExit('a text')",
    "def fail():\n    return 1 / 0\n\nfail()",
    "def fail(:",
    "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('another') from error",
    "raise KeyboardInterrupt",
    "# -*- coding: latin-1 -*-\nprint(len('\u00e9'))",
    "import atexit; atexit.register(lambda: print(__name__, shown)); shown = 3",
    "import pickle, sys\nclass Here: pass\nprint(pickle.loads(pickle.dumps(Here)) is Here)",
]


def run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, timeout=60)


def code(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(folder, "-m", "tconv", "-c", text)


def check_same(folder: Path, *arguments: str, stdin: str = "") -> str:
    theirs, ours = (run(folder, *head, *arguments, stdin=stdin) for head in ([], ["-m", "tconv"]))
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)
    return theirs.stdout


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "probe.py").write_text(PROBE)
    (tmp_path / "link.py").symlink_to(folder / "probe.py")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [["folder/probe.py", "one", "--two"], ["link.py"], ["-c", PROBE, "-m", "three"]],
)
def test_a_program_sees_what_python_shows_it(probe: Path, arguments: list[str]) -> None:
    assert "__main__" in check_same(probe, *arguments)


def test_a_program_from_elsewhere_sees_what_python_shows_it(probe: Path) -> None:
    check_same(probe, str(probe / "folder" / "probe.py"), "argument")
    check_same(probe, "-", "argument", stdin="import sys; print(__name__, sys.argv, sys.path[0]); 1 / 0")
    check_same(probe / "folder", "-m", "probe", "argument")


def test_a_folder_and_an_archive_run_their_main(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    for name, text in {"__main__.py": "import other; print(__name__, other.two)", "other.py": "two = 2"}.items():
        (tmp_path / "app" / name).write_text(text)
        with zipfile.ZipFile(tmp_path / "app.zip", "a") as archive:
            archive.writestr(name, text)
    for program in ("app", "app.zip"):
        assert check_same(tmp_path, program) == "__main__ 2\n"


@pytest.mark.parametrize("text", FAULTS)
def test_a_program_ends_as_under_python(tmp_path: Path, text: str) -> None:
    (tmp_path / "fault.py").write_text(text, encoding="latin-1" if "latin" in text else "utf-8")
    if "KeyboardInterrupt" in text:
        assert run(tmp_path, "-m", "tconv", "fault.py").returncode == run(tmp_path, "fault.py").returncode
    else:
        check_same(tmp_path, "fault.py")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "usage: python -m tconv"),
        (["--nothing"], "unknown option --nothing"),
        (["-c"], "argument expected for the -c option"),
        (["-m"], "argument expected for the -m option"),
        (["nowhere.py"], "nowhere.py': No such file"),
        (["-m", "no.where"], "No module named no.where"),
    ],
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: list[str], text: str) -> None:
    done = run(tmp_path, "-m", "tconv", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr and "Traceback" not in done.stderr


def test_help_and_version(tmp_path: Path) -> None:
    shown = run(tmp_path, "-m", "tconv", "--help")
    assert shown.returncode == 0 and "examples:" in shown.stdout
    assert run(tmp_path, "-m", "tconv", "--version").stdout.startswith("tconv ")


def test_every_module_of_the_table_is_there(tmp_path: Path) -> None:
    done = code(
        """
import importlib
from tconv._tensorflow import TABLE
for name in TABLE:
    module = importlib.import_module(name)
    assert module.__name__ == name and dir(module), name
    for public in dir(module):
        getattr(module, public)
print(len(TABLE))
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60


@pytest.mark.parametrize(
    "text",
    [
        "import tensorflow.compat.v1 as tf; tf.disable_v2_behavior(); tf.disable_eager_execution(); tf.nn.conv2d",
        "import tensorflow as tf; tf = tf.compat.v1; tf.Session",
        "import tensorflow as tf; tf.contrib.slim.conv2d; tf.test.TestCase; tf.__version__.split('.')",
        "import tensorflow.contrib.slim as slim; from tensorflow.contrib import slim as again; assert slim is again",
        "import tf_slim as slim; slim.conv2d_transpose",
        "from tensorflow.python.ops import array_ops_stack; array_ops_stack.stack",
        "from tensorflow.python.framework.errors_impl import InvalidArgumentError",
        "import tensorflow.python.ops.nn_grad",
        "from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2; rewriter_config_pb2.RewriterConfig.OFF",
        "from tensorflow.python.eager import backprop; from tensorflow.python.framework import config",
        "from tensorflow.python.eager.backprop import GradientTape",
        "from tensorflow import *; Session",
        "import importlib.util; assert importlib.util.find_spec('tensorflow') is not None",
    ],
)
def test_these_ways_to_import_work(tmp_path: Path, text: str) -> None:
    assert code(text, tmp_path).stderr == ""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import tensorflow.keras", "ModuleNotFoundError: tconv has no tensorflow.keras"),
        ("from tensorflow import keras", "ModuleNotFoundError: tconv has no tensorflow.keras"),
        (
            "import tensorflow as tf; tf.placeholdr",
            "AttributeError: tconv has no tensorflow.placeholdr; there is tensorflow.pl",
        ),
        (
            "import tensorflow as tf; tf.nn.conv2",
            "AttributeError: tconv has no tensorflow.nn.conv2; there is tensorflow.nn.conv2d",
        ),
        (
            "from tensorflow.python.ops.array_ops import stak",
            "ModuleNotFoundError: tconv has no tensorflow.python.ops.array_ops.stak; there is tensorflow.python.ops.array_ops.sta",
        ),
        (
            "from tensorflow.python.eager import backprop; backprop.GradientTape()",
            "NotImplementedError: tconv has no tensorflow.python.eager.backprop",
        ),
    ],
)
def test_what_is_not_there_says_so(tmp_path: Path, text: str, error: str) -> None:
    done = code(text, tmp_path)
    assert done.returncode == 1 and error in done.stderr


def test_tensorflow_is_ours_in_this_process_only(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('another tensorflow')")
    assert run(tmp_path, "-c", "import tconv.tf1, tensorflow").stderr == "another tensorflow\n"
    assert code("import tensorflow; print(tensorflow.Session.__name__)", tmp_path).stdout == "Session\n"

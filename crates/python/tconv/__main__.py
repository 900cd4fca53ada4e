"""`python -m tconv SCRIPT.py`: runs a TensorFlow 1 program on tconv."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import os
import runpy
import sys
import types
import zipfile
from typing import Any

from tconv import __version__, _tensorflow

USAGE = "usage: python -m tconv [-h] [-V] (SCRIPT.py | -c CODE | -m MODULE | -) [argument ...]"
HELP = f"""{USAGE}

Runs a program that was written for TensorFlow 1 on tconv, as it stands: `import tensorflow as tf`,
`from tensorflow.contrib import slim` and `import tf_slim` find tconv instead, in this process only.
TensorFlow need not be installed; where it is, it is not used.

  SCRIPT.py      runs this file (or a folder's or an archive's __main__.py) as `python SCRIPT.py` would
  -c CODE        runs this text as `python -c CODE` would
  -m MODULE      runs this module as `python -m MODULE` would
  -              runs what stands in the standard input
  -h, --help     says this
  -V, --version  says which tconv this is

examples:
  python -m tconv train.py --steps 100
  python -m tconv -c "import tensorflow as tf; print(tf.Session().run(tf.constant(1) + 2))"
  python -m tconv -m pytest tests/conv_test.py
"""


def _run_code(source: str | bytes, filename: str, **names: Any) -> None:
    """Runs a text as the module `__main__`."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, **names)
    sys.modules["__main__"] = main
    exec(compile(source, filename, "exec", dont_inherit=True), main.__dict__)


def _set_path(first: str) -> None:
    """Puts the program's folder where Python has put this one's, if it has."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = first


def _run_script(script: str) -> None:
    try:
        if os.path.isdir(script) and not any(os.path.exists(os.path.join(script, f"__main__.{end}")) for end in ("py", "pyc")):
            raise _Refusal(f"can't find '__main__' module in {script!r}")
        if os.path.isdir(script) or zipfile.is_zipfile(script):
            _set_path(script)
            # Within a folder or an archive Python runs the module `__main__`.
            runpy.run_path(script, run_name="__main__")
            return
        with open(script, "rb") as file:
            source = file.read()
    except OSError as error:
        raise _Refusal(f"can't open file {os.path.abspath(script)!r}: {error.strerror}") from None
    _set_path(os.path.dirname(os.path.realpath(script)))
    path = os.path.abspath(script)
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    _run_code(source, path, __file__=path, __cached__=None, __loader__=loader)


def _run_module(module: str) -> None:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        found = None
    if found is None:
        raise _Refusal(f"No module named {module}")
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class _Refusal(Exception):
    """There is nothing to run."""


def _run(what: str, rest: list[str]) -> None:
    """Runs what the arguments name."""
    if what in ("-c", "-m") and not rest:
        raise _Refusal(f"argument expected for the {what} option")
    if what == "-c":
        sys.argv = ["-c", *rest[1:]]
        _set_path("")
        _run_code(rest[0], "<string>", __loader__=importlib.machinery.BuiltinImporter)
    elif what == "-m":
        sys.argv = ["-m", *rest[1:]]
        _run_module(rest[0])
    elif what == "-":
        sys.argv = ["-", *rest]
        _set_path("")
        # As bytes, so that the text's own line says which encoding it has.
        _run_code(sys.stdin.buffer.read(), "<stdin>", __loader__=importlib.machinery.BuiltinImporter)
    elif what.startswith("-"):
        raise _Refusal(f"unknown option {what}")
    else:
        sys.argv = [what, *rest]
        _run_script(what)


def main(arguments: list[str]) -> int:
    """Does what the arguments say and gives the exit status."""
    what, rest = arguments[0] if arguments else "", arguments[1:]
    if what in ("-h", "--help"):
        print(HELP, end="")
        return 0
    if what in ("-V", "--version"):
        print(f"tconv {__version__}")
        return 0
    _tensorflow.install()
    try:
        if not what:
            raise _Refusal("a program is missing")
        _run(what, rest)
    except _Refusal as refusal:
        print(f"{USAGE}\npython -m tconv: error: {refusal}", file=sys.stderr)
        return 2
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        # The traceback begins with the program's first line, as without us.
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code.co_filename in (
            __file__,
            "<frozen runpy>",
            runpy.__file__,
        ):
            traceback = traceback.tb_next
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

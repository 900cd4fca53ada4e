"""The notes' programs, as they stand there, under `python -m tconv`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAMS = Path(__file__).parent / "programs"

# What TensorFlow 2.21 gives for the first channel of program 1's result.
FIRST_CHANNEL = [
    [0.08601704, -0.09420509, 0.15983868, -0.17505388, 0.11795391],
    [0.04894293, -0.38120225, 0.09094679, -0.70835805, 0.06711473],
    [0.06556644, -0.07180777, -0.18607277, 0.20378523, -0.6358305],
    [0.03730672, -0.29057118, -0.10587375, 0.8246198, -0.3617819],
    [-0.15016778, 0.1644624, 0.29390866, -0.32188612, -0.11017537],
]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tconv", *arguments], cwd=PROGRAMS, capture_output=True, text=True, timeout=300
    )


def test_program_1_prints_tensorflows_numbers() -> None:
    done = run("program_1.py")
    assert done.returncode == 0, done.stderr
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d*(?:e[-+]\d+)?", done.stdout)]
    value = np.array(numbers).reshape(1, 5, 5, 3)
    np.testing.assert_allclose(value[0, :, :, 0], FIRST_CHANNEL, rtol=1e-6, atol=1e-7)


def test_program_2_is_refused_while_the_graph_is_built() -> None:
    done = run("program_2.py")
    assert done.returncode == 1
    assert "ValueError: Shapes (3, 33, 33, 20) and (3, 25, 25, 20) are not compatible" in done.stderr
    # The traceback begins in the program and shows the line at fault.
    assert done.stderr.startswith('Traceback (most recent call last):\n  File "program_2.py", line 10')


def test_program_3_is_refused_while_it_runs() -> None:
    done = run("program_3.py")
    assert done.returncode == 1
    assert (
        "InvalidArgumentError: Conv2DSlowBackpropInput: Size of out_backprop doesn't match computed: "
        "actual = 25, computed = 33" in done.stderr
    )
    assert "sess.run([train_op, loss], feed_dict={inputs: data_in})" in done.stderr


def test_program_3_trains_with_the_stride_of_its_convolution(tmp_path: Path) -> None:
    text = (PROGRAMS / "program_3.py").read_text()
    mended = tmp_path / "mended.py"
    mended.write_text(text.replace("strides=[1, 3, 3, 1]", "strides=[1, 4, 4, 1]").replace("range(10)", "range(2)"))
    done = run(str(mended))
    assert done.returncode == 0, done.stderr


def test_program_4_takes_its_output_shape_from_a_feed() -> None:
    done = run("program_4_placeholder.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["(1, 7, 7, 3)", "(1, 9, 8, 3)"]
    assert [line.split(" is refused: ")[0] for line in lines[2:]] == [
        "[1, -5, 5, 3]",
        "[1, 6, 7, 3]",
        "[2, 7, 7, 3]",
        "[1, 7, 7, 2]",
    ]


def test_program_4_takes_its_output_shape_from_its_input() -> None:
    done = run("program_4_list.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(?, ?, ?, 3)", "(1, 5, 5, 3)"]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ([], 2, "usage: python -m tconv SCRIPT.py"),
        (["--nothing"], 2, "unknown option --nothing"),
        (["nowhere.py"], 2, "can't open file"),
        (["-c", "import sys; sys.exit(7)"], 7, ""),
        (["-c", "import tensorflow.keras"], 1, "tconv has no tensorflow.keras"),
        (["-c", "import tensorflow as tf; tf.nn.conv2"], 1, "tconv has no tf.nn.conv2; there is tf.nn.conv2d"),
        (["-c", "from tensorflow.python.ops import math_ops; math_ops.erf(1.0)"], 1, "tconv has no"),
    ],
)
def test_exit_statuses(arguments: list[str], status: int, text: str) -> None:
    done = run(*arguments)
    assert done.returncode == status
    assert text in done.stderr


def test_help_names_an_example() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "For example:" in done.stdout


def test_arguments_and_path_are_those_that_python_sets(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys, tf_slim\nprint(sys.argv[1:], sys.path[0], __name__)\n")
    done = run(str(script), "--one", "2")
    assert done.stdout == f"['--one', '2'] {tmp_path} __main__\n", done.stderr


def test_tensorflow_is_ours_in_this_process_only() -> None:
    code = "import sys, tconv.tf1; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

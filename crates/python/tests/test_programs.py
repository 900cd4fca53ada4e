"""The notes' programs, as they stand there, under `python -m tconv`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

PROGRAMS = Path(__file__).parent / "programs"

# What TensorFlow 2.21 gives for program 1: x, the kernel, x in a second run, and the result's first channel.
X = [0.3052047, 0.5671378, 0.41852272, 0.2326421, -0.6602213, -2.2560465, -0.5328236, 1.0428433, -0.390923]
KERNEL = [0.28183395, 2.3878284, 2.2804048, -0.308662, -0.4475815, -0.807146]
KERNEL += [0.160361, -0.3369857, 0.46538463, -1.2490052, 0.9383302, -1.2840546]
X_AGAIN = [-0.12475611, 0.03097412]
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


def test_program_1_has_tensorflows_random_values_and_names() -> None:
    code = """
import runpy, tensorflow as tf
names = runpy.run_path("program_1.py")
sess = tf.Session()
x, kernel = sess.run([names["x"], names["kernel"]])
print(*x.ravel(), *kernel.ravel(), *sess.run(names["x"]).ravel()[:2])
print(*[op.name for op in names["x"].graph.get_operations()])
print(names["y"].op.type)
"""
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    numbers, nodes, op = done.stdout.splitlines()[-3:]
    np.testing.assert_allclose([float(number) for number in numbers.split()], X + KERNEL + X_AGAIN, rtol=1e-6)
    parts = ["/shape", "/mean", "/stddev", "/RandomStandardNormal", "/mul", ""]
    drawn = [f"{scope}{part}" for scope in ("random_normal", "random_normal_1") for part in parts]
    assert nodes.split()[:14] == [*drawn, "conv2d_transpose/input_sizes", "conv2d_transpose"]
    assert op == "Conv2DBackpropInput"


def test_program_2_is_refused_while_the_graph_is_built() -> None:
    done = run("program_2.py")
    assert done.returncode == 1
    assert "ValueError: Shapes (3, 33, 33, 20) and (3, 25, 25, 20) are not compatible" in done.stderr
    # The traceback begins in the program and shows the line at fault.
    assert done.stderr.startswith(f'Traceback (most recent call last):\n  File "{PROGRAMS / "program_2.py"}", line 10')


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
    assert done.stdout.splitlines() == ["(None, None, None, 3)", "(1, 5, 5, 3)"]

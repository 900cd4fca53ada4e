"""Every class of errors that the engine raises, with what it says of itself; afterwards the session still works."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

import tconv
import tconv.tf1 as tf
from tconv import _tconv, errors


def unfed() -> Any:
    return tf.placeholder(tf.float32, [2], "x") + 1.0


def uninitialized() -> Any:
    return tf.get_variable("w", [2]) + 1.0


def no_multiple() -> Any:
    return tf.reshape(tf.fill(uncertain([6]), 1.0), [4, -1], name="r")


def too_large() -> Any:
    return tf.fill(uncertain([2**20, 2**20, 2**10]), 1.0, name="f")


def uncertain(sizes: list[int]) -> Any:
    """These sizes, which are known only when the graph runs."""
    variable = tf.Variable(sizes, trainable=False)
    with tf.control_dependencies([variable.initializer]):
        return variable.read_value()


RUNS: list[tuple[Callable[[], Any], type[errors.OpError], str, str, str]] = [
    # what is run, the class, the first line, the node, its op
    (
        unfed,
        errors.InvalidArgumentError,
        "You must feed a value for placeholder tensor 'x' with dtype float and shape [2]",
        "x",
        "Placeholder",
    ),
    (
        uninitialized,
        errors.FailedPreconditionError,
        "Attempting to use uninitialized value w",
        "ReadVariableOp",
        "ReadVariableOp",
    ),
    (no_multiple, errors.InvalidArgumentError, "Input to reshape is a tensor with 6 values", "r", "Reshape"),
    (too_large, errors.ResourceExhaustedError, "", "f", "Fill"),
]


@pytest.mark.parametrize(("build", "error", "first", "node", "op"), RUNS)
def test_errors_of_a_run(
    sess: tf.Session, build: Callable[[], Any], error: type[errors.OpError], first: str, node: str, op: str
) -> None:
    fetch, one = build(), tf.constant(1.0)
    for _ in range(2):
        with pytest.raises(error) as caught:
            sess.run(fetch)
        raised = caught.value
        assert type(raised) is error and isinstance(raised, errors.OpError)
        assert raised.message == str(raised) and first in raised.message.splitlines()[0]
        assert raised.op is not None and raised.node_def is not None
        assert raised.op.name == raised.node_def.name and node in raised.op.name
        assert raised.op.type == raised.node_def.op == op
        assert raised.op.graph is sess.graph
        assert raised.error_code == errors.error_code_from_exception_type(error)
        assert errors.exception_type_from_error_code(raised.error_code) is error
        assert Path(__file__).name in raised.message, "the line of the program is named"
        assert sess.run(one) == 1


def test_sizes_beyond_any_machine(sess: tf.Session) -> None:
    for sizes in ([2**30] * 3, [2**20] * 2):
        with pytest.raises((errors.ResourceExhaustedError, errors.InvalidArgumentError)):
            sess.run(tf.fill(uncertain(sizes), 1.0))
        with pytest.raises((errors.ResourceExhaustedError, ValueError)):
            sess.run(tf.zeros(sizes))
        with pytest.raises((errors.ResourceExhaustedError, ValueError)):
            sess.run(tf.constant(1.0, shape=sizes))


def test_unknown_ops_and_files(tmp_path: Path, graph: tf.Graph) -> None:
    with pytest.raises(errors.NotFoundError, match="Op type not registered 'NoSuchOp'"):
        _tconv.apply("NoSuchOp", [])
    with pytest.raises(errors.NotFoundError):
        _tconv.eager("NoSuchOp", [])
    with pytest.raises(errors.NotFoundError):
        _tconv.load_variables(str(tmp_path / "none"))


def test_what_the_engine_has_not_is_unimplemented(sess: tf.Session) -> None:
    with pytest.raises((errors.UnimplementedError, errors.ResourceExhaustedError, OverflowError)):
        tconv.set_num_threads(2**40)
    assert tconv.get_num_threads() >= 1


def test_every_code_has_a_class() -> None:
    assert len(errors._CLASSES) == 16
    for code in range(1, 17):
        cls = errors.exception_type_from_error_code(code)
        error = cls(None, None, "text")
        assert error.error_code == code and error.op is None and error.node_def is None
        assert str(error) == error.message == "text"
    with pytest.raises(KeyError):
        errors.exception_type_from_error_code(99)
    for name in ("OpError", "InvalidArgumentError", "OutOfRangeError", "INVALID_ARGUMENT", "OUT_OF_RANGE"):
        assert getattr(tf.errors, name) is getattr(errors, name)


BUILDS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: tf.nn.conv2d(tf.zeros([1, 4, 4, 3]), tf.zeros([2, 2, 2, 3]), 1, "SAME"),
        ValueError,
        "Depth of input (3) is not a multiple of input depth of filter (2)",
    ),
    (lambda: tf.ones([2, 3]) + tf.ones([2, 4]), ValueError, "Dimensions must be equal, but are 3 and 4"),
    (lambda: tf.matmul(tf.ones([2, 3]), tf.ones([2, 3])), ValueError, "Dimensions must be equal, but are 3 and 2"),
    (lambda: tf.reshape(tf.ones([6]), [4]), ValueError, "Cannot reshape a tensor with 6 elements to shape [4] (4 elements)"),
    (lambda: tf.ones([2]) + tf.constant([1, 2]), TypeError, "Input 'y' of 'AddV2' Op has type int32 that does not match type float32 of argument 'x'."),
    (lambda: tf.nn.conv2d(tf.zeros([4, 4, 3]), tf.zeros([2, 2, 3, 3]), 1, "SAME"), ValueError, "rank"),
    (lambda: tf.get_variable("w"), ValueError, "Shape of a new variable (w) must be fully defined"),
    (lambda: tf.constant(None), ValueError, "None values not supported."),
    (lambda: tf.constant("x", tf.float32), TypeError, "Expected float32, but got x of type 'str'."),
    (lambda: tf.cast(tf.ones([1]), "nothing"), TypeError, "nothing"),
    (lambda: tf.get_default_graph().get_tensor_by_name("none:0"), KeyError, "none"),
    (lambda: tf.get_default_graph().get_operation_by_name("none"), KeyError, "none"),
    (lambda: tf.placeholder(tf.float32, [-1]), ValueError, "Dimension -1 must be >= 0"),
    (lambda: tf.gradients(tf.constant(1.0), [None]), TypeError, ""),
    (lambda: tf.name_scope("a b").__enter__(), ValueError, "'a b'"),
    (lambda: tf.constant(1.0, name="a b"), ValueError, "a b"),
    (lambda: tf.constant(1.0, name=5), TypeError, ""),
]


@pytest.mark.parametrize(("build", "error", "first"), BUILDS)
def test_errors_while_a_graph_is_built(sess: tf.Session, build: Callable[[], Any], error: Any, first: str) -> None:
    with pytest.raises(error) as caught:
        build()
    assert not isinstance(caught.value, errors.OpError)
    assert first in str(caught.value).splitlines()[0]
    assert sess.run(tf.constant(1.0)) == 1


def recorded_names(default: tf.Session) -> dict[str, Any]:
    """What the recorder gives the programs of its cases."""

    def placeholder(dtype: Any) -> Any:
        return lambda shape, name=None: tf.placeholder(dtype, shape, name)

    def conv(x: Any, w: Any, strides: Any = 1, padding: Any = "SAME", dilations: Any = None) -> Any:
        return tf.nn.conv2d(x, w, strides=strides, padding=padding, dilations=dilations)

    def transpose(x: Any, shape: Any, strides: Any = (1, 2, 2, 1), padding: Any = "SAME", dilations: Any = None) -> Any:
        w = tf.ones([2, 2, 3, 1])
        strides = list(strides) if isinstance(strides, tuple) else strides
        return tf.nn.conv2d_transpose(x, w, shape, strides=strides, padding=padding, dilations=dilations)

    def run(fetch: Any, feed: Any = None, running: Any = None) -> Any:
        return (running or default).run(fetch, feed)

    names = {"tf": tf, "v1": tf, "np": np, "conv": conv, "transpose": transpose, "run": run}
    return {**names, "f": placeholder(tf.float32), "i": placeholder(tf.int32)}


# Where tconv says something else: its class and the beginning of its first line.
OTHERWISE: dict[str, str | None] = {
    "uninitialised variable": "FailedPreconditionError: Attempting to use uninitialized value w",
    "uninitialised variable read by an op": "FailedPreconditionError: Attempting to use uninitialized value w",
    "feed of wrong shape": "ValueError: Cannot feed value of shape (2, 4) for Tensor x:0, which has shape (None, 3)",
    "feed of wrong dtype": "ValueError: Cannot feed x:0: invalid literal for int() with base 10: np.str_('a')",
    "feed of a string key that is no tensor": "TypeError: Cannot interpret feed_dict key as Tensor: The name 'y' refers to an Operation not in the graph. (y:0)",
    "fetch of None": "TypeError: Fetch argument None has invalid type <class 'NoneType'>",
    "fetch by unknown name": "ValueError: Fetch argument 'nope:0' cannot be interpreted as a Tensor. (\"The name 'nope' refers to an Operation not in t",
    "fetch of an output that is not there": "ValueError: Fetch argument 'x:1' cannot be interpreted as a Tensor. (\"The name 'x:1' refers to a Tensor which does not e",
    "fetch of an op name without output": "ValueError: Fetch argument 'x y' cannot be interpreted as a Tensor. (\"The name 'x y' refers to an Operation not in the g",
    "fetch from another graph": "ValueError: Fetch argument <tf.Tensor 'y:0' shape=() dtype=float32> cannot be interpreted as a Tensor. (Tensor Tensor(\"y",
    "input from another graph": "ValueError: Tensor y:0 is not an element of this graph.",
    "get_variable without shape": "ValueError: Shape of a new variable (w) must be fully defined, but instead was <unknown>.",
    "get_variable of unknown shape": "ValueError: Shape of a new variable (w) must be fully defined, but instead was (None, 2).",
    "assign of wrong shape": "ValueError: Shapes (2,) and (3,) are not compatible",
    "grad_ys of wrong count": "ValueError: 1 ys, but 2 grad_ys",
    "use of a tensor as bool": "TypeError: Using a `tf.Tensor` as a Python `bool` is not allowed. It has no value before a session runs: use `if t is no",
    "iteration over a tensor of unknown size": "TypeError: Cannot iterate over a tensor with unknown first dimension.",
    "bad node name": "ValueError: 'a b' is not a valid node name",
    "negative placeholder size": "ValueError: Dimension -3 must be >= 0",
    "placeholder size that is a string": None,
    "get tensor by name without colon": "ValueError: The name 'x' looks like an (invalid) Operation name, not a Tensor. Tensor names must be of the form \"<op_nam",
    "set_shape that contradicts": "ValueError: Shapes (2, 3) and (2, 4) are not compatible",
    "Add of int and a float number": "TypeError: Expected int32, but got 1.5 of type 'float'.",
    "Add of bools": "TypeError: Value passed to parameter 'x' has DataType bool not in list of allowed values: float16, bfloat16, float32, fl",
    "ConcatV2 axis out of range at run time": "TypeError: 'tconv._tconv.Tensor' object cannot be interpreted as an integer",
    "Unpack of wrong num": "ValueError: num is 2, but axis 0 has 3 elements",
    "Unpack of wrong num at run time": "ValueError: Cannot infer argument `num` from shape (?, 2)",
    "StridedSlice float index": "TypeError: Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 tensors are v",
    "random_normal negative": "ValueError: Dimension -1 must be >= 0",
    "Conv2D padding FOO": "ValueError: padding must be 'SAME', 'VALID' or pairs of numbers, not 'FOO'",
    "Conv2D stride 0": "ValueError: Row and column strides should be larger than 0.",
    "Conv2D negative stride": "ValueError: Row and column strides should be larger than 0.",
    "Conv2D batch stride": "ValueError: Current implementation does not yet support strides in the batch and depth dimensions.",
    "Conv2D dilation 0": "ValueError: Dilated rates should be larger than 0.",
    "Conv2D NCHW at run time": None,
    "MaxPool padding FOO": "ValueError: padding must be 'SAME', 'VALID' or pairs of numbers, not 'FOO'",
    "transpose output_shape of wrong rank": "ValueError: output_shape must have shape (4,), got (3,)",
    "transpose output_shape of wrong rank at run time": "InvalidArgumentError: output_shape must have shape (4,), got (3,)",
    "transpose output_shape with wrong channels at run time": "ValueError: output_shape does not match filter's output channels, 7 != 3",
    "transpose output_shape with more whole channels at run time": "ValueError: output_shape does not match filter's output channels, 6 != 3",
    "transpose output_shape fed 1,7,7,3": "InvalidArgumentError: Conv2DSlowBackpropInput: Size of out_backprop doesn't match computed: actual = 3, computed = 4",
    "transpose output_shape fed 2,5,5,3": "InvalidArgumentError: Conv2DSlowBackpropInput: input and out_backprop must have the same batch size. Input batch: 2, out",
    "transpose output_shape fed 1,5,5,2": "InvalidArgumentError: Conv2DSlowBackpropInput: input depth must be evenly divisible by filter depth",
    "transpose padding FOO": "ValueError: padding must be 'SAME', 'VALID' or pairs of numbers, not 'FOO'",
    "transpose of wrong input channels": "ValueError: input channels does not match filter's input channels, 2 != 1",
    "transpose of wrong input channels at run time": "ValueError: input channels does not match filter's input channels, 2 != 1",
    "transpose stride 0 at run time": "ValueError: Row and column strides should be larger than 0.",
    "transpose batch stride": "ValueError: Current implementation does not yet support strides in the batch and depth dimensions.",
    "transpose strides of wrong length": "ValueError: strides should be of length 1, 2 or 4 but was 3",
    "transpose dilation 2 at run time": None,
    "transpose program 2's sizes": "ValueError: Shapes (3, 33, 33, 20) and (3, 25, 25, 20) are not compatible",
    "transpose program 3's sizes": "InvalidArgumentError: Conv2DSlowBackpropInput: Size of out_backprop doesn't match computed: actual = 25, computed = 33",
}

MISTAKES = json.loads((Path(__file__).parents[3] / "testdata" / "errors.json").read_text())["cases"]
MISTAKES = [case for case in MISTAKES if case["error"] is not None]


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case["name"])
def test_recorded_mistakes_have_tensorflows_class_and_first_line(sess: tf.Session, case: dict[str, Any]) -> None:
    want = case["error"]
    text = re.split(r" for '?\{\{node| \[Op:|0x[0-9a-f]+", want["message"])[0]
    text = OTHERWISE.get(case["name"], f"{want['class']}: {text}")
    try:
        exec(case["code"], recorded_names(sess))
    except Exception as error:
        if "tconv has no tf." in str(error):
            pytest.skip(str(error))
        found = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        assert text is not None and found[: len(text)] == text
    else:
        assert text is None, "no error"

"""TensorFlow 1's names: what they are called, what they add to a graph, and what they compute.

The expected names and numbers are TensorFlow 2.21's (`tensorflow.compat.v1`).
"""

from __future__ import annotations

import inspect
import pickle
from typing import Any, Callable

import numpy as np
import pytest

import tconv.tf1 as tf
from tconv import errors


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def matrix() -> tf.Tensor:
    return tf.constant(np.arange(9, dtype="float32").reshape(3, 3), name="m")


def images() -> tf.Tensor:
    return tf.placeholder(tf.float32, [None, 4, 4, 2], "x")


# The operations that a call adds, with their types, behind those of its arguments.
ADDED: list[tuple[Callable[[], Any], str]] = [
    (lambda: tf.zeros([2, 3]), "zeros:Const"),
    (lambda: tf.zeros(tf.shape(images())), "Shape:Shape zeros/Const:Const zeros:Fill"),
    (lambda: tf.zeros([100, 100]), "zeros/shape_as_tensor:Const zeros/Const:Const zeros:Fill"),
    (lambda: tf.zeros_like(matrix()), "zeros_like:Const"),
    (lambda: tf.ones_like(images()), "ones_like/Shape:Shape ones_like/Const:Const ones_like:Fill"),
    (lambda: tf.shape(matrix()), "Shape:Const"),
    (lambda: tf.shape(images()), "Shape:Shape"),
    (lambda: tf.rank(images()), "Rank:Const"),
    (lambda: tf.add(matrix(), 1.0), "Add/y:Const Add:AddV2"),
    (lambda: tf.subtract(matrix(), 1.0), "Sub/y:Const Sub:Sub"),
    (lambda: tf.divide(matrix(), 2), "truediv/y:Const truediv:RealDiv"),
    (lambda: tf.div(matrix(), 2), "div/y:Const div:RealDiv"),
    (lambda: tf.squared_difference(matrix(), 1.0).op.name, "SquaredDifference"),
    (lambda: tf.scalar_mul(2, matrix()), "scalar:Const Mul:Mul"),
    (lambda: tf.range(3), "range/start:Const range/limit:Const range/delta:Const range:Range"),
    (lambda: tf.cast(matrix(), tf.int32), "Cast:Cast"),
    (lambda: tf.square(matrix(), name="squared"), "squared:Square"),
    (lambda: tf.transpose(matrix()), "transpose/perm:Const transpose:Transpose"),
    (lambda: tf.expand_dims(matrix(), 0), "ExpandDims/dim:Const ExpandDims:ExpandDims"),
    (lambda: tf.nn.max_pool(images(), 2, 2, "SAME"), "MaxPool:MaxPool"),
    (lambda: tf.nn.avg_pool(images(), 2, 2, "SAME"), "AvgPool:AvgPool"),
    (lambda: tf.nn.leaky_relu(matrix()), "LeakyRelu:LeakyRelu"),
    (lambda: tf.nn.conv2d(images(), tf.ones([2, 2, 2, 3]), 1, "SAME"), "ones:Const Conv2D:Conv2D"),
    (
        lambda: tf.nn.convolution(images(), tf.ones([2, 2, 2, 3]), "SAME"),
        "ones:Const convolution:Conv2D",
    ),
    (
        lambda: tf.nn.conv2d_transpose(tf.ones([1, 4, 4, 3]), tf.ones([2, 2, 2, 3]), [1, 8, 8, 2], 2),
        "ones:Const ones_1:Const conv2d_transpose/input_sizes:Const conv2d_transpose:Conv2DBackpropInput",
    ),
    (lambda: tf.group(matrix()), "group_deps:NoOp"),
]


@pytest.mark.parametrize(("build", "expected"), ADDED)
def test_operations_are_named_as_tensorflow_names_them(graph: tf.Graph, build: Any, expected: str) -> None:
    made = build()
    if isinstance(made, str):
        assert made == expected
        return
    added = [f"{op.name}:{op.type}" for op in graph.get_operations() if op.name not in ("m", "x")]
    assert " ".join(added) == expected


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (tf.nn.conv2d, "input filter strides padding use_cudnn_on_gpu data_format dilations name filters"),
        (
            tf.nn.conv2d_transpose,
            "value filter output_shape strides padding data_format name input filters dilations",
        ),
        (tf.nn.conv1d, "value filters stride padding use_cudnn_on_gpu data_format name input dilations"),
        (tf.nn.conv3d, "input filter strides padding data_format dilations name filters"),
        (tf.reduce_mean, "input_tensor axis keepdims name reduction_indices keep_dims"),
        (tf.random_uniform, "shape minval maxval dtype seed name"),
        (tf.squeeze, "input axis name squeeze_dims"),
        (
            tf.gradients,
            "ys xs grad_ys name colocate_gradients_with_ops gate_gradients aggregation_method stop_gradients "
            "unconnected_gradients",
        ),
    ],
)
def test_arguments_stand_in_tensorflows_order(function: Any, expected: str) -> None:
    parameters = inspect.signature(function).parameters.values()
    assert " ".join(one.name for one in parameters if one.kind is not one.KEYWORD_ONLY) == expected


def test_old_and_new_argument_names_are_one() -> None:
    x, kernel = images(), tf.ones([2, 2, 2, 3])
    old = tf.nn.conv2d(x, filter=kernel, strides=[1, 1, 1, 1], padding="SAME")
    new = tf.nn.conv2d(x, filters=kernel, strides=1, padding="SAME")
    assert old.shape.as_list() == new.shape.as_list() == [None, 4, 4, 3]
    assert tf.reduce_sum(matrix(), reduction_indices=0, keep_dims=True).shape.as_list() == [1, 3]
    with pytest.raises(ValueError, match="Cannot specify both 'filter' and 'filters'"):
        tf.nn.conv2d(x, filter=kernel, filters=kernel, strides=1, padding="SAME")
    with pytest.raises(TypeError, match="missing 1 required argument: 'strides'"):
        tf.nn.conv2d(x, kernel, padding="SAME")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reduce_sun", "tconv has no tf.reduce_sun; there is tf.reduce_sum"),
        ("while_loop", "tconv has no tf.while_loop"),
    ],
)
def test_a_missing_name_says_so(name: str, expected: str) -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(tf, name)
    assert str(raised.value).startswith(expected)


CODES = (
    "Cancelled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted "
    "FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated"
).split()


@pytest.mark.parametrize(("code", "name"), list(enumerate(CODES, 1)))
def test_errors_have_tensorflows_codes_and_can_be_pickled(code: int, name: str) -> None:
    error = errors.make(f"{name}Error", "the text", tf.constant(1).op, "Const")
    assert type(error) is getattr(tf.errors, f"{name}Error")
    assert isinstance(error, tf.errors.OpError)
    assert error.error_code == code == errors.error_code_from_exception_type(type(error))
    assert errors.exception_type_from_error_code(code) is type(error)
    assert (error.message, str(error)) == ("the text", "the text")
    assert error.op is not None and error.op.type == "Const"
    assert error.node_def is not None and (error.node_def.name, error.node_def.op) == ("Const", "Const")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (copy.message, copy.node_def, copy.error_code, copy.op) == ("the text", error.node_def, code, None)


def test_an_error_of_a_run_knows_its_operation() -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="rows")
    with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError) as raised:
        sess.run(tf.reshape(x, [2, 3], name="reshaped"), {x: np.zeros([4, 3])})
    assert raised.value.op is not None and raised.value.op.name == "reshaped"
    assert raised.value.node_def is not None and raised.value.node_def.op == "Reshape"


# Steps 0, 3, 10 and 25.
RATES: list[tuple[Callable[[Any], Any], list[float]]] = [
    (lambda step: tf.train.exponential_decay(0.1, step, 10, 0.5), [0.1, 0.081225224, 0.05, 0.017677668]),
    (lambda step: tf.train.exponential_decay(0.1, step, 10, 0.5, staircase=True), [0.1, 0.1, 0.05, 0.025]),
    (lambda step: tf.train.polynomial_decay(0.1, step, 20, 0.01, 2.0), [0.1, 0.075025, 0.0325, 0.01]),
    (lambda step: tf.train.piecewise_constant(step, [3, 10], [1.0, 0.5, 0.1]), [1.0, 1.0, 0.5, 0.1]),
]


@pytest.mark.parametrize(("build", "expected"), RATES)
def test_learning_rates(build: Any, expected: list[float]) -> None:
    step = tf.placeholder(tf.int32, [])
    rate = build(step)
    with tf.Session() as sess:
        rates = [sess.run(rate, {step: number}) for number in (0, 3, 10, 25)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_losses() -> None:
    labels, predictions = np.array([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[1.5, 2.0], [2.0, 7.0]])
    fetches = [
        tf.losses.mean_squared_error(labels, predictions),
        tf.losses.mean_squared_error(labels, predictions, weights=2.0),
        tf.losses.mean_squared_error(labels, predictions, weights=[[1.0], [0.0]]),
        tf.losses.mean_squared_error(labels, predictions, weights=0.0),
        tf.losses.absolute_difference(labels, predictions, reduction="weighted_sum"),
    ]
    with tf.Session() as sess:
        np.testing.assert_allclose(sess.run(fetches), [2.5625, 5.125, 0.125, 0.0, 4.5], rtol=1e-6)
        assert len(tf.losses.get_losses()) == 5
        np.testing.assert_allclose(sess.run(tf.losses.get_total_loss()), 12.3125)


def test_batch_axes_of_a_convolution_are_kept() -> None:
    x = np.random.default_rng(0).normal(size=[2, 5, 4, 4, 3]).astype("float32")
    kernel = np.random.default_rng(1).normal(size=[2, 2, 3, 2]).astype("float32")
    joined = tf.nn.conv2d(x.reshape(10, 4, 4, 3), kernel, 1, "SAME")
    apart = tf.nn.conv2d(x, kernel, 1, "SAME")
    assert apart.shape.as_list() == [2, 5, 4, 4, 2]
    with tf.Session() as sess:
        one, other = sess.run([joined, apart])
    np.testing.assert_array_equal(one, other.reshape(one.shape))


def test_depthwise_convolution_filters_each_channel() -> None:
    x = np.random.default_rng(0).normal(size=[1, 5, 5, 2]).astype("float32")
    kernel = np.random.default_rng(1).normal(size=[3, 3, 2, 3]).astype("float32")
    whole = tf.nn.depthwise_conv2d(x, kernel, [1, 2, 2, 1], "SAME")
    parts = [tf.nn.conv2d(x[..., c : c + 1], kernel[:, :, c : c + 1], 2, "SAME") for c in range(2)]
    with tf.Session() as sess:
        one, *others = sess.run([whole, *parts])
    np.testing.assert_allclose(one, np.concatenate(others, axis=-1), rtol=1e-5, atol=1e-6)


def test_split_gives_the_parts() -> None:
    x = np.arange(24, dtype="float32").reshape(2, 12)
    with tf.Session() as sess:
        equal, named = sess.run([tf.split(x, 3, axis=1), tf.split(x, [5, -1, 1], axis=-1)])
    for found, expected in ((equal, np.split(x, 3, 1)), (named, np.split(x, [5, 11], 1))):
        for one, other in zip(found, expected):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="evenly divisible by 5 but is 12"):
        tf.split(x, 5, axis=1)


def test_collections() -> None:
    one, two = tf.constant(1, name="a/one"), tf.constant(2, name="b/two")
    tf.add_to_collections(["these", "those"], one)
    tf.add_to_collection("these", two)
    assert tf.get_collection("these") == [one, two]
    assert tf.get_collection("these", "b/") == [two]
    assert tf.get_collection("none") == []


def test_a_shape_without_axes_is_a_shape() -> None:
    built = [tf.random_uniform([]), tf.random_normal([]), tf.reshape([3.0], []), tf.fill([], 2.0), tf.zeros([]), tf.ones(())]
    assert [one.shape.as_list() for one in built] == [[]] * 6

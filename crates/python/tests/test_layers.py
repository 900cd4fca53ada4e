"""Variables, scopes, layers, optimizers and savers by TensorFlow 1's names.

The expected names and numbers are TensorFlow 2.21's (`tensorflow.compat.v1`) and TF-Slim 1.1's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

import tconv.tf1 as tf
from tconv.contrib import slim


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        yield graph


def images() -> tf.Tensor:
    return tf.placeholder(tf.float32, [None, 8, 8, 2], "x")


def feed() -> dict[str, Any]:
    return {"x:0": np.arange(256, dtype="float32").reshape(2, 8, 8, 2) / 100}


def names(variables: Any) -> list[str]:
    return [variable.name for variable in variables]


def test_variable_scopes_share_variables() -> None:
    with tf.variable_scope("a"):
        made = tf.get_variable("v", [2, 3])
        with tf.variable_scope("b", initializer=tf.zeros_initializer()):
            inner = tf.get_variable("w", [3])
    with tf.variable_scope("a", reuse=True):
        assert tf.get_variable("v", [2, 3]).name == made.name == "a/v:0"
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        assert names([tf.get_variable("v", [2, 3]), tf.get_variable("u", [1])]) == ["a/v:0", "a/u:0"]
    for expected in ("Layer/v:0", "Layer_1/v:0"):
        with tf.variable_scope(None, "Layer"):
            assert tf.get_variable("v", [1]).name == expected
    assert inner.name == "a/b/w:0"
    with pytest.raises(ValueError, match="Variable a/v already exists, disallowed"), tf.variable_scope("a"):
        tf.get_variable("v", [2, 3])
    with pytest.raises(ValueError, match=r"specified shape \(3,\) and found shape \(2, 3\)"):
        with tf.variable_scope("a", reuse=True):
            tf.get_variable("v", [3])


@pytest.mark.parametrize(
    ("initializer", "expected"),
    [
        (tf.ones_initializer, [1.0, 1.0]),
        (tf.constant_initializer([3.0, 4.0]), [3.0, 4.0]),
        (lambda shape, dtype=None, partition_info=None: tf.ones(shape, dtype) * 5, [5.0, 5.0]),
    ],
)
def test_initializers_may_be_classes_objects_and_functions(initializer: Any, expected: list[float]) -> None:
    variable = tf.get_variable("v", [2], initializer=initializer)
    with tf.Session() as sess:
        sess.run(variable.initializer)
        assert sess.run(variable).tolist() == expected


def test_variables_are_assigned_and_counted() -> None:
    variable = tf.Variable(1.0, name="v")
    fixed = tf.Variable([2], trainable=False, collections=["variables", "fixed"])
    add = tf.assign_add(variable, 2.0)
    assert isinstance(variable, tf.Variable)
    assert names(tf.trainable_variables()) == ["v:0"]
    assert names(tf.global_variables()) == ["v:0", "Variable:0"]
    assert tf.get_collection("fixed") == [fixed]
    with tf.Session() as sess:
        with pytest.raises(tf.errors.FailedPreconditionError):
            sess.run(variable)
        assert not sess.run(tf.is_variable_initialized(variable))
        tf.variables_initializer([variable]).run()
        assert (sess.run(add), sess.run(variable + 1)) == (3.0, 4.0)


def test_layers_take_default_arguments_from_arg_scope() -> None:
    with slim.arg_scope([slim.conv2d, slim.conv2d_transpose], padding="VALID", activation_fn=None) as scope:
        first = slim.conv2d(images(), 3, 3)
        with slim.arg_scope([slim.conv2d], stride=2):
            second = slim.conv2d(first, 4, [3, 3], padding="SAME", scope="named")
    with slim.arg_scope(scope):
        third = slim.conv2d_transpose(second, 2, 3, stride=2)
    last = slim.conv2d(third, 2, 3)
    assert [(layer.name, layer.shape.as_list()) for layer in (first, second, third, last)] == [
        ("Conv/BiasAdd:0", [None, 6, 6, 3]),
        ("named/BiasAdd:0", [None, 3, 3, 4]),
        ("Conv2d_transpose/BiasAdd:0", [None, 7, 7, 2]),
        ("Conv_1/Relu:0", [None, 7, 7, 2]),
    ]
    with pytest.raises(ValueError, match="not decorated with @add_arg_scope"), slim.arg_scope([tf.nn.relu], name="r"):
        pass
    with pytest.raises(ValueError, match="kwargs must be empty"), slim.arg_scope(scope, stride=3):
        pass


def test_add_arg_scope_serves_functions_of_ones_own() -> None:
    @slim.add_arg_scope
    def layer(value: int, factor: int = 1) -> int:
        return value * factor

    with slim.arg_scope([layer], factor=3):
        assert (layer(2), layer(2, factor=5)) == (6, 10)
    assert layer(2) == 2


# With the graph's seed 1: the result's name, and its first elements.
LAYERS: list[tuple[Callable[[], tf.Tensor], str, list[float]]] = [
    (lambda: slim.fully_connected(slim.flatten(images()), 5), "fully_connected/Relu:0", [0.0, 1.3572, 0.123, 0.0]),
    (lambda: slim.repeat(images(), 2, slim.conv2d, 4, [3, 3], scope="r"), "r/r_2/Relu:0", [0.0, 0.054, 0.0, 0.0]),
    (
        lambda: slim.stack(slim.flatten(images()), slim.fully_connected, [4, 5]),
        "Stack/fully_connected_2/Relu:0",
        [0.0, 0.0, 0.93, 0.5123],
    ),
    (
        lambda: slim.conv2d(images(), 3, 3, normalizer_fn=lambda y, s: y * s, normalizer_params={"s": 2.0}),
        "Conv/Relu:0",
        [0.0512, 0.0, 0.0, 0.0284],
    ),
]


@pytest.mark.parametrize(("build", "name", "expected"), LAYERS)
def test_layers_give_tensorflows_values(build: Any, name: str, expected: list[float]) -> None:
    layer = build()
    assert layer.name == name
    with tf.Session() as sess:
        tf.global_variables_initializer().run()
        np.testing.assert_allclose(sess.run(layer, feed()).ravel()[:4], expected, atol=5e-5)


def test_layers_variables_are_found_by_name() -> None:
    slim.conv2d(images(), 3, 3, variables_collections={"weights": ["kernels"]}, outputs_collections=["ends"])
    slim.conv2d(images(), 3, 3, scope="c")
    slim.conv2d(images(), 3, 3, scope="c", reuse=True)
    assert names(slim.get_model_variables()) == ["Conv/weights:0", "Conv/biases:0", "c/weights:0", "c/biases:0"]
    assert names(slim.get_variables("c", suffix="weights")) == ["c/weights:0"]
    assert names(slim.get_variables_by_name("biases")) == ["Conv/biases:0", "c/biases:0"]
    assert names(slim.get_variables_to_restore(exclude=["Conv"])) == ["c/weights:0", "c/biases:0"]
    assert names(tf.get_collection("kernels")) == ["Conv/weights:0"]
    assert names(tf.get_collection("ends")) == ["Conv/Relu:0"]
    assert slim.max_pool2d(images(), 2).name == "MaxPool2D/MaxPool:0"


def test_regularizers_of_layers_and_variables_are_collected_once() -> None:
    for reuse in (None, True):
        slim.conv2d(images(), 3, 3, weights_regularizer=slim.l2_regularizer(0.1), scope="c", reuse=reuse)
        with tf.variable_scope("v", regularizer=slim.l1_regularizer(0.5), reuse=reuse):
            tf.get_variable("w", initializer=tf.constant([3.0, -4.0]) if reuse is None else None)
    assert names(tf.losses.get_regularization_losses()) == [
        "c/kernel/Regularizer/l2_regularizer:0",
        "v/w/Regularizer/l1_regularizer:0",
    ]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(tf.losses.get_regularization_losses()[1]) == 3.5


# The variable [1, 2] after three steps against the gradient of the sum of its squares.
OPTIMIZERS: list[tuple[Callable[[], Any], list[float]]] = [
    (lambda: tf.train.GradientDescentOptimizer(0.1), [0.5119999647140503, 1.0239999294281006]),
    (lambda: tf.train.MomentumOptimizer(0.1, 0.9), [0.062000006437301636, 0.12400001287460327]),
    (lambda: tf.train.AdamOptimizer(0.1), [0.7015873193740845, 1.7006244659423828]),
]


@pytest.mark.parametrize(("optimizer", "expected"), OPTIMIZERS)
def test_optimizers_give_tensorflows_values(optimizer: Any, expected: list[float]) -> None:
    variable = tf.Variable([1.0, 2.0])
    step = tf.train.get_or_create_global_step()
    train = optimizer().minimize(tf.reduce_sum(tf.square(variable)), global_step=step)
    assert tf.train.get_or_create_global_step() is step
    with tf.Session() as sess:
        tf.global_variables_initializer().run()
        for _ in range(3):
            sess.run(train)
        np.testing.assert_allclose(sess.run(variable), expected, rtol=1e-6)
        assert tf.train.global_step(sess, step) == 3


def test_gradients_may_be_changed_before_they_are_applied() -> None:
    variable = tf.Variable([1.0, 2.0])
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    pairs = optimizer.compute_gradients(tf.square(variable), grad_loss=tf.constant([1.0, 10.0]))
    train = optimizer.apply_gradients([(gradient * 2, of) for gradient, of in pairs])
    with tf.Session() as sess:
        tf.global_variables_initializer().run()
        train.run()
        np.testing.assert_allclose(sess.run(variable), [0.6, -6.0], rtol=1e-6)


def test_a_saver_keeps_the_latest_checkpoints(tmp_path: Path) -> None:
    variable, step = tf.Variable([1.0, 2.0], name="v"), tf.train.create_global_step()
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.square(variable), step)
    saver = tf.train.Saver(max_to_keep=2)
    prefix = str(tmp_path / "model")
    with tf.Session() as sess:
        with pytest.raises(tf.errors.FailedPreconditionError):
            saver.save(sess, prefix)
        tf.global_variables_initializer().run()
        assert tf.train.latest_checkpoint(str(tmp_path)) is None
        for _ in range(3):
            sess.run(train)
            saver.save(sess, prefix, global_step=step)
        trained = sess.run(variable)
    files = ["checkpoint", "model-2.safetensors", "model-3.safetensors"]
    assert sorted(file.name for file in tmp_path.iterdir()) == files
    # TensorFlow's own text.
    assert (tmp_path / "checkpoint").read_text().splitlines() == [
        'model_checkpoint_path: "model-3"',
        'all_model_checkpoint_paths: "model-2"',
        'all_model_checkpoint_paths: "model-3"',
    ]
    latest = tf.train.latest_checkpoint(str(tmp_path))
    assert latest == f"{prefix}-3"
    with tf.Session() as sess:
        saver.restore(sess, latest)
        np.testing.assert_array_equal(sess.run(variable), trained)
        assert tf.train.global_step(sess, step) == 3


def test_a_saver_refuses_what_does_not_fit(tmp_path: Path) -> None:
    prefix = str(tmp_path / "model")
    with tf.Session() as sess:
        tf.Variable([1.0, 2.0], name="v")
        tf.global_variables_initializer().run()
        tf.train.Saver().save(sess, prefix)
    with tf.Graph().as_default(), tf.Session() as sess:
        other = tf.Variable([1.0, 2.0, 3.0], name="v")
        with pytest.raises(tf.errors.InvalidArgumentError, match="Assign requires shapes of both tensors to match"):
            tf.train.Saver().restore(sess, prefix)
        with pytest.raises(tf.errors.NotFoundError, match="Key w not found in checkpoint"):
            tf.train.Saver({"w": other}).restore(sess, prefix)
        with pytest.raises(ValueError, match="is not a valid checkpoint"):
            tf.train.Saver().restore(sess, prefix + "-7")
        with pytest.raises(ValueError, match="Parent directory of .* doesn't exist"):
            tf.train.Saver().save(sess, str(tmp_path / "nowhere" / "model"))
    with tf.Graph().as_default(), pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver()

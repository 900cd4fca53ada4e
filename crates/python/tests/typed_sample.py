"""A program of a user's, for `mypy --strict`: nothing in it may need an annotation that a script would not have."""

from __future__ import annotations

import numpy as np

import tconv
import tconv.tf1 as tf
from tconv import errors
from tconv.contrib import slim


def network(images: tf.Tensor) -> tf.Tensor:
    """An image of half the size and back."""
    with tf.variable_scope("net"), slim.arg_scope([slim.conv2d, slim.conv2d_transpose], padding="SAME"):
        half = slim.conv2d(images, 8, [3, 3], stride=2, scope="half")
        return slim.conv2d_transpose(half, 3, [3, 3], stride=2, activation_fn=None, scope="whole")


def train(steps: int) -> list[float]:
    """The loss before each step."""
    graph = tf.Graph()
    with graph.as_default():
        images = tf.placeholder(tf.float32, [None, 8, 8, 3], name="images")
        mean = tf.get_variable("mean", [3], initializer=tf.zeros_initializer(), trainable=False)
        loss = tf.reduce_mean(tf.square(network(images - mean) - images)) / 2.0
        rate = tf.train.exponential_decay(0.1, tf.train.get_or_create_global_step(), 10, 0.9)
        step = tf.train.GradientDescentOptimizer(rate).minimize(loss)
        initialize = tf.global_variables_initializer()
    losses = []
    with tf.Session(graph=graph, config=tf.ConfigProto(intra_op_parallelism_threads=1)) as sess:
        sess.run(initialize)
        for _ in range(steps):
            value, _none = sess.run([loss, step], feed_dict={images: np.ones([2, 8, 8, 3])})
            losses.append(float(value))
    return losses


def tensors() -> None:
    """Operators, slices and shapes."""
    t = tf.constant([[1.0, 2.0], [3.0, 4.0]], dtype=tf.float32)
    u = 1.0 - t[0, :] * 2 + tf.nn.relu(-t)[..., tf.newaxis] ** 2
    batch = tf.shape(u)[0] // 2
    rows, columns = t.get_shape().as_list()
    known = t.shape[1].value
    if known is not None and columns is not None:
        print(known + columns, rows, batch.dtype.name, t.op.name, [tensor.name for tensor in t.op.inputs])
    with tf.name_scope("gradients"):
        print(tf.gradients(tf.reduce_sum(u), [t]))
    with tf.control_dependencies([t.op]):
        print(tf.identity(t, name="after"))
    filters = tf.Variable(tf.truncated_normal([3, 3, 2, 2], stddev=0.1), name="filters")
    back = tf.nn.conv2d_transpose(tf.zeros([1, 4, 4, 2]), filters, [1, 8, 8, 2], strides=[1, 2, 2, 1], padding="SAME")
    for diagnostic in back.graph.diagnostics():
        print(diagnostic.file, diagnostic.line, diagnostic.render(color=True))


def arrays() -> None:
    """Functions on arrays."""
    x, w = np.ones((1, 5, 5, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)
    y = tconv.conv2d(x, w, strides=2, padding="VALID")
    out = np.empty_like(y)
    tconv.conv2d(x, w, 2, "VALID", out=out)
    back = tconv.conv2d_transpose(y, w, x.shape, 2, "VALID")
    grads = tconv.conv2d_backprop_filter(x, w.shape, y, 2, "VALID")
    print(back.shape, grads.dtype, y.sum(), tconv.legal_output_shapes(y.shape, w.shape, 2, "VALID"))
    print(tconv.shape("conv2d", {"input": ["N", "H", "W", 2], "filter": w.shape}))
    try:
        tconv.conv2d(x, w[:, :, :1])
    except (ValueError, errors.InvalidArgumentError) as error:
        print(error)


if __name__ == "__main__":
    print(train(3))
    tensors()
    arrays()

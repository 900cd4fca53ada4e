"""Ops around convolutions, in a graph and on arrays, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import tconv.tf1 as tf
from tconv import _tconv

X = np.array([[1.5, -2.0, 3.0], [0.0, 7.0, -7.5]], "float32")
Y = np.array([[2.0, -2.0, -2.0]], "float32")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: tf.less(X, Y), X < Y),
        (lambda: tf.not_equal(X, Y), X != Y),
        (lambda: tf.logical_and(X > 0, Y > 0), (X > 0) & (Y > 0)),
        (lambda: tf.logical_or(X > 0, Y > 0), (X > 0) | (Y > 0)),
        (lambda: tf.logical_not(X > 0), ~(X > 0)),
        (lambda: tf.floormod(X, Y), np.mod(X, Y)),
        (lambda: tf.math.mod(X, 2.0), np.mod(X, np.float32(2))),
        (lambda: tf.reduce_min(X, 1), X.min(1)),
        (lambda: tf.squared_difference(X, Y), (X - Y) ** 2),
        (lambda: tf.nn.softmax(X), np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
        (lambda: tf.nn.log_softmax(X), X - np.log(np.exp(X).sum(-1, keepdims=True))),
    ],
)
def test_what_numpy_gives(made, expected) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(made())
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_no_gradient_flows_through_stop_gradient() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(X)
        slope = tf.gradients(x * tf.stop_gradient(x), x)[0]
        np.testing.assert_array_equal(session.run(slope), X)
        assert tf.gradients(tf.stop_gradient(x), x) == [None]
    np.testing.assert_allclose(_tconv.eager("Softmax", [X]).sum(-1), [1, 1], rtol=1e-6)

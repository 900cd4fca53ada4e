"""Gradients against finite differences, for tensors of a graph: `tf.test.compute_gradient`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tconv._tconv import Session, Tensor, get_default_session
from tconv.tf1 import array_ops, constant_op
from tconv.tf1.gradients_impl import gradients

_Jacobians = Any
"""The gradients' matrix by the graph, and the one by finite differences: a row for each element of x, a column for y."""


def _session() -> Session:
    session = get_default_session()
    if session is None:
        raise ValueError("gradients are computed in a session: use `with tf.Session():`")
    return session


def _by_gradients(x: Tensor, x_data: Any, dx: Tensor, dy: Tensor, feeds: dict[Any, Any]) -> Any:
    """The column of each element of y is the gradient where dy is 1 there and 0 elsewhere."""
    run, weights = _session().run, np.zeros(dy.shape.as_list(), dy.dtype.as_numpy_dtype)
    matrix = np.zeros((x_data.size, weights.size), x_data.dtype)
    for column in range(weights.size):
        weights.flat[column] = 1
        matrix[:, column] = run(dx, {**feeds, x: x_data, dy: weights}).ravel()
        weights.flat[column] = 0
    if not weights.size:
        gradient = run(dx, {**feeds, x: x_data, dy: weights})
        if gradient.shape != x_data.shape or np.any(gradient):
            raise ValueError(f"the gradient of no element must be zeros of shape {x_data.shape}, not {gradient}")
    return matrix


def _by_differences(x: Tensor, x_data: Any, y: Tensor, delta: float, feeds: dict[Any, Any]) -> Any:
    """The row of each element of x is half the difference of y at `x + delta` and at `x - delta`, by `delta`."""
    run, rows = _session().run, []
    for row in range(x_data.size):
        moved = []
        for step in (delta, -delta):
            at = x_data.copy()
            at.flat[row] += step
            moved.append(run(y, {**feeds, x: at}))
        rows.append(((moved[0] - moved[1]) / moved[0].dtype.type(2 * delta)).ravel())
    return np.array(rows, x_data.dtype).reshape(x_data.size, -1)


def _pair(x: Tensor, shape: Any, y: Tensor, y_shape: Any, x_data: Any, delta: float, feeds: dict[Any, Any]) -> Any:
    for what, value in (("x", x), ("y", y)):
        if not value.dtype.is_floating:
            raise AssertionError(f"Don't support type {value.dtype.name} for {what}")
    with x.graph.as_default():
        # It is fed; the node after it, so that fetching a gradient that is dy itself is no fetch of what is fed.
        dy = constant_op.constant(1.0, y.dtype, y_shape)
        dx = gradients(y, x, array_ops.identity(dy))[0]
    if dx is None:
        raise ValueError(f"{y.name} does not depend on {x.name}")
    if x_data is None:
        x_data = np.random.random_sample(shape)
    x_data = np.asarray(x_data).astype(x.dtype.as_numpy_dtype)
    if list(x_data.shape) != list(shape):
        raise AssertionError(f"x_shape = {shape}, init_data shape = {list(x_data.shape)}")
    return _by_gradients(x, x_data, dx, dy, feeds), _by_differences(x, x_data, y, delta, feeds)


def compute_gradient(
    x: Any,
    x_shape: Any,
    y: Tensor,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Any = None,
    extra_feed_dict: dict[Any, Any] | None = None,
) -> _Jacobians:
    """Two matrices: the gradient of `y` at `x` by the graph, and by finite differences. Of a list of x: a list of pairs.

    `x` is tried at `x_init_value`, else at random numbers from 0 to 1.
    """
    for target in init_targets or []:
        target.run()
    feeds = extra_feed_dict or {}
    if not isinstance(x, list):
        return _pair(x, x_shape, y, y_shape, x_init_value, delta, feeds)
    values = x_init_value or [None] * len(x)
    return [_pair(x, shape, y, y_shape, at, delta, feeds) for x, shape, at in zip(x, x_shape, values)]


def compute_gradient_error(
    x: Any,
    x_shape: Any,
    y: Tensor,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Any = None,
    extra_feed_dict: dict[Any, Any] | None = None,
) -> float:
    """The largest difference of the two matrices of `compute_gradient`."""
    found = compute_gradient(x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict)
    pairs = [found] if isinstance(found, tuple) else found
    return max((float(np.fabs(one - other).max()) for one, other in pairs if one.size), default=0.0)

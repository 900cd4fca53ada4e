"""`gradient_checker` for functions: of TensorFlow 2, whose Jacobians have a row for each element of y."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from tconv._tconv import Tensor, convert_to_tensor
from tconv.tf1 import array_ops
from tconv.tf1.gradient_checker import Array, check_floating, max_gap, numeric, session_for, theoretical, upstream
from tconv.tf1.gradients_impl import gradients

__all__ = ["compute_gradient", "max_error"]


def compute_gradient(
    f: Callable[..., Tensor], x: Any, delta: float | None = None
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The theoretical and the numeric Jacobians of `f(*x)` by each of `x`, a list of values.

    `delta` says how far each element is moved, to either side: 1/1024 where it is None.

    Raises:
      ValueError: `x` is no list or tuple, or has nothing in it.
    """
    if not isinstance(x, (list, tuple)) or not x:
        raise ValueError(
            f"`x` must be a list or tuple of values convertible to a Tensor (arguments to `f`), not a {type(x)}"
        )
    delta = 1.0 / 1024 if delta is None else delta
    given = [convert_to_tensor(value) for value in x]
    values = session_for(given[0]).run(given)
    with given[0].graph.as_default():
        xs = [array_ops.placeholder(tensor.dtype, shape=np.shape(value)) for tensor, value in zip(given, values)]
        y = convert_to_tensor(f(*xs))
    check_floating(*xs, y)
    session, feeds = session_for(y), dict(zip(xs, values))
    y_shape = np.shape(session.run(y, feeds))
    dy = upstream(y, y_shape)
    with y.graph.as_default():
        found = gradients(y, xs, array_ops.identity(dy))
    pairs = []
    for x_, dx in zip(xs, found):
        by_differences = numeric(session, x_, y, feeds, delta)
        # Where y does not depend on x the gradient is zero.
        by_gradient = np.zeros_like(by_differences) if dx is None else theoretical(session, x_, dx, dy, y_shape, feeds)
        pairs.append((by_gradient.T, by_differences.T))
    return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)


def max_error(grad1: Any, grad2: Any) -> float:
    """The greatest difference between the arrays of two lists."""
    return max_gap(zip(grad1, grad2))

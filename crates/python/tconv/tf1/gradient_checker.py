"""Compares an operation's gradients with what its values do when its inputs are changed a little.

A Jacobian has a row for each element of x and a column for each element of y. The theoretical one comes from the gradient,
one run for each element of y; the numeric one from central differences, two runs for each element of x.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tconv._tconv import DType, Session, Tensor, get_default_session
from tconv.tf1 import array_ops, dtypes
from tconv.tf1.gradients_impl import gradients

__all__ = ["compute_gradient", "compute_gradient_error"]

Array = npt.NDArray[Any]


def element_type(dtype: DType) -> Any:
    """NumPy's type for the elements; halves of which NumPy knows nothing are float32."""
    return np.float32 if dtype == dtypes.bfloat16 else dtype.as_numpy_dtype


def session_for(tensor: Tensor) -> Session:
    """The default session, or a new one for the tensor's graph."""
    return get_default_session() or Session(graph=tensor.graph)


def upstream(y: Tensor, y_shape: Any) -> Tensor:
    """A tensor to feed in the place of the gradient that arrives at `y`."""
    with y.graph.as_default():
        return array_ops.placeholder(y.dtype, shape=y_shape)


def theoretical(session: Session, x: Tensor, dx: Tensor, dy: Tensor, y_shape: Any, feeds: Mapping[Any, Any]) -> Array:
    """The Jacobian that the gradient `dx` makes of a `dy` that is 1 for one element and 0 for all others."""
    at = np.zeros(y_shape, element_type(dy.dtype))
    flat, columns = at.reshape(-1), []
    for column in range(flat.size):
        flat[column] = 1
        columns.append(np.ravel(session.run(dx, {**feeds, dy: at})))
        flat[column] = 0
    if columns:
        return np.stack(columns, axis=1).astype(element_type(x.dtype))
    empty = session.run(dx, {**feeds, dy: at})
    if np.any(empty):
        raise ValueError("Empty tensor with nonzero gradients")
    return np.zeros((empty.size, 0), element_type(x.dtype))


def numeric(session: Session, x: Tensor, y: Tensor, feeds: Mapping[Any, Any], delta: float) -> Array:
    """The Jacobian by central differences of `2 * delta`."""
    moved = np.array(feeds[x], element_type(x.dtype))
    flat, rows = moved.reshape(-1), []
    scale = np.asarray(2 * delta, element_type(y.dtype))
    for row in range(flat.size):
        here, values = flat[row], []
        for step in (delta, -delta):
            flat[row] = here + step
            values.append(np.asarray(session.run(y, {**feeds, x: moved}), element_type(y.dtype)))
        flat[row] = here
        rows.append(np.ravel((values[0] - values[1]) / scale))
    if rows:
        return np.stack(rows).astype(moved.dtype)
    return np.zeros((0, np.size(session.run(y, dict(feeds)))), moved.dtype)


def check_floating(*tensors: Tensor) -> None:
    """Raises `ValueError` for a tensor that has no gradient."""
    for tensor in tensors:
        if not tensor.dtype.is_floating:
            raise ValueError(f"a gradient needs floating-point numbers; {tensor.name} is of {tensor.dtype.name}")


def _one(
    x: Tensor, x_shape: Any, y: Tensor, y_shape: Any, start: Any, delta: float, feeds: Mapping[Any, Any]
) -> tuple[Array, Array]:
    check_floating(x, y)
    if start is None:
        start = np.random.random_sample(x_shape).astype(element_type(x.dtype))
    elif list(np.shape(start)) != list(x_shape):
        raise ValueError(f"x_init_value of shape {np.shape(start)} does not go with x_shape {list(x_shape)} of {x.name}")
    dy = upstream(y, y_shape)
    with y.graph.as_default():
        # The gradient may be dy itself, and what is fed cannot be fetched as well.
        (dx,) = gradients(y, x, array_ops.identity(dy))
    if dx is None:
        raise ValueError(f"{y.name} does not depend on {x.name}: there is no gradient to check")
    session, feeds = session_for(y), {**feeds, x: start}
    return theoretical(session, x, dx, dy, y_shape, feeds), numeric(session, x, y, feeds, delta)


def compute_gradient(
    x: Any,
    x_shape: Any,
    y: Tensor,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Any = None,
    extra_feed_dict: Mapping[Any, Any] | None = None,
) -> Any:
    """The theoretical and the numeric Jacobian of y by x; a list of such pairs where x is a list.

    Args:
      x: a tensor or a list of tensors.
      x_shape: the shape of x; of a list the list of shapes.
      y: a tensor.
      y_shape: its shape.
      x_init_value: where to look, an array or a list of arrays; random numbers from 0 to 1 where it is None.
      delta: how far x is moved, to either side.
      init_targets: operations to be run first.
      extra_feed_dict: what else is fed.

    Raises:
      ValueError: y does not depend on x, or the shapes do not go together.
    """
    many = isinstance(x, list)
    xs, shapes = (x, x_shape) if many else ([x], [x_shape])
    starts = x_init_value if many and x_init_value is not None else [x_init_value] * len(xs)
    for target in init_targets or []:
        session_for(y).run(target)
    found = [
        _one(one, shape, y, y_shape, start, delta, extra_feed_dict or {}) for one, shape, start in zip(xs, shapes, starts)
    ]
    return found if many else found[0]


def compute_gradient_error(
    x: Any,
    x_shape: Any,
    y: Tensor,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Any = None,
    extra_feed_dict: Mapping[Any, Any] | None = None,
) -> float:
    """The greatest difference between the two Jacobians of `compute_gradient`."""
    found = compute_gradient(x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict)
    pairs = found if isinstance(found, list) else [found]
    return max_gap(pairs)


def max_gap(pairs: Any) -> float:
    """The greatest difference between the two arrays of each pair; 0 where there are no elements."""
    gaps = [np.max(np.abs(one - other), initial=0) for one, other in pairs]
    return float(np.max(gaps, initial=0))

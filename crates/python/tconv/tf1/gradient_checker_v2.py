"""Gradients against finite differences, for functions: TensorFlow 2's `tf.test.compute_gradient`."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from tconv._tconv import Graph, Session, Tensor
from tconv.tf1 import array_ops
from tconv.tf1.gradient_checker import compute_gradient as _compute_gradient
from tconv.tf1.ops import get_default_session


def compute_gradient(f: Callable[..., Tensor], x: Any, delta: float | None = None) -> tuple[Any, Any]:
    """The gradients of `f` at the arguments `x`, by the graph and by finite differences.

    The answer is two tuples with a matrix for each argument: a row for each element of `f(*x)`, a column for each of the
    argument.
    """
    if not isinstance(x, (list, tuple)):
        raise ValueError(
            f"`x` must be a list or tuple of values convertible to a Tensor (arguments to `f`), not a {type(x)}"
        )
    session = get_default_session()
    tensors = [one for one in x if isinstance(one, Tensor)]
    if tensors:
        session = session or Session(graph=tensors[0].graph)
    values = [session.run(one) if isinstance(one, Tensor) else np.asarray(one) for one in x]  # type: ignore[union-attr]
    # Python's numbers are float32, as in TensorFlow.
    values = [
        value.astype("float32") if value.dtype == float and not hasattr(given, "dtype") else value
        for given, value in zip(x, values)
    ]
    with Graph().as_default() if not tensors else tensors[0].graph.as_default():
        arguments = [array_ops.placeholder(value.dtype, value.shape) for value in values]
        y = f(*arguments)
        feeds = dict(zip(arguments, values))
        with Session(graph=y.graph).as_default() as own:
            shape = own.run(y, feeds).shape
            pairs = [
                _compute_gradient(argument, value.shape, y, shape, value, delta or 1.0 / 1024, None, feeds)
                for argument, value in zip(arguments, values)
            ]
    return tuple(pair[0].T for pair in pairs), tuple(pair[1].T for pair in pairs)


def max_error(grad1: Any, grad2: Any) -> float:
    """The largest difference of two lists of matrices."""
    return max((float(np.fabs(one - other).max()) for one, other in zip(grad1, grad2) if one.size), default=0.0)

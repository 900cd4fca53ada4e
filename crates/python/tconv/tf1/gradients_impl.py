"""Gradients."""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import array_ops

__all__ = [
    "gradients",
]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: str = "none",
) -> list[Tensor | None]:
    """The gradients of the sum of all elements of `ys` with respect to each of `xs`.

    `grad_ys` weighs the elements of `ys`. None stands where no y depends on the x, or zeros with
    `unconnected_gradients="zero"`.
    """
    xs = _list(xs)
    weights = None if grad_ys is None else _list(grad_ys)
    stopped = None if stop_gradients is None else _list(stop_gradients)
    found = _tconv.gradients(_list(ys), xs, weights, stopped)
    if getattr(unconnected_gradients, "value", unconnected_gradients) == "none":
        return found
    return [array_ops.zeros_like(x) if gradient is None else gradient for x, gradient in zip(xs, found)]

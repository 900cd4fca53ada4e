"""Regularizers: functions that make a loss of a variable."""

from __future__ import annotations

import numbers
from typing import Any, Callable

from tconv._tconv import Tensor
from tconv.tf1 import math_ops, nn_impl
from tconv.tf1._node import graph_of, tensor

Regularizer = Callable[[Any], "Tensor | None"]


def _checked(scale: Any) -> bool:
    """Whether there is anything to do. Raises `ValueError` for what is no scale."""
    if isinstance(scale, numbers.Integral):
        raise ValueError(f"scale cannot be an integer: {scale}")
    if isinstance(scale, numbers.Real) and scale < 0.0:
        raise ValueError(f"Setting a scale less than 0 on a regularizer: {scale:g}")
    return not (isinstance(scale, numbers.Real) and scale == 0.0)


def _regularizer(scale: Any, scope: str | None, name: str, measure: Callable[[Any], Tensor]) -> Regularizer:
    if not _checked(scale):
        return lambda _: None

    def regularize(weights: Any) -> Tensor:
        with graph_of(weights).name_scope(scope or name) as whole:
            factor = tensor(scale, weights.dtype, "scale")
            return math_ops.multiply(factor, measure(weights), whole)

    return regularize


def l1_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """`scale` times the sum of the absolute values."""
    return _regularizer(scale, scope, "l1_regularizer", lambda weights: math_ops.reduce_sum(math_ops.abs(weights)))


def l2_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """`scale` times half of the sum of the squares."""
    return _regularizer(scale, scope, "l2_regularizer", nn_impl.l2_loss)


def l1_l2_regularizer(scale_l1: float = 1.0, scale_l2: float = 1.0, scope: str | None = None) -> Regularizer:
    """Both of these, added up."""
    both = [one for one in (l1_regularizer(scale_l1), l2_regularizer(scale_l2))]

    def regularize(weights: Any) -> Tensor | None:
        with graph_of(weights).name_scope(scope or "l1_l2_regularizer"):
            made = [loss for loss in (one(weights) for one in both) if loss is not None]
            return math_ops.add_n(made) if made else None

    return regularize

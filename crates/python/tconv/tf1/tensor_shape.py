"""Shapes as far as they are known."""

from __future__ import annotations

from typing import Any

from tconv._tconv import Dimension, TensorShape

__all__ = ["Dimension", "TensorShape", "as_dimension", "as_shape", "dimension_at_index", "dimension_value", "unknown_shape"]


def as_shape(shape: Any) -> TensorShape:
    """The shape itself, or one of these sizes."""
    return shape if isinstance(shape, TensorShape) else TensorShape(shape)


def as_dimension(value: Any) -> Dimension:
    """The size itself, or one of this number."""
    return value if isinstance(value, Dimension) else Dimension(value)


def unknown_shape(rank: int | None = None, **options: Any) -> TensorShape:
    """A shape of which at most the number of axes is known."""
    rank = options.get("ndims", rank)
    return TensorShape(None if rank is None else [None] * rank)


def dimension_value(dimension: Any) -> int | None:
    """The number of a size, None where it is not known."""
    value: int | None = dimension.value if isinstance(dimension, Dimension) else dimension
    return value


def dimension_at_index(shape: TensorShape, index: int) -> Dimension:
    """One size of a shape."""
    return Dimension(None) if shape.rank is None else as_dimension(shape[index])

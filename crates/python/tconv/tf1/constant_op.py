"""Constants."""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Tensor

__all__ = [
    "constant",
]


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", verify_shape: bool = False
) -> Tensor:
    """A constant: a number, an array or a (nested) list of numbers. One number fills `shape`.

    Raises:
      TypeError: the dtype does not hold the value, or `value` is a tensor of a graph.
      ValueError: the number of elements is not that of `shape`.
    """
    return _tconv.constant(value, dtype, shape, name, verify_shape)

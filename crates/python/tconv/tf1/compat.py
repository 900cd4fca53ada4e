"""`tf.compat`: `tf.compat.v1` is `tf` itself."""

from __future__ import annotations

import numbers
from collections import abc as collections_abc
from typing import Any

import numpy as np

from tconv import tf1 as v1

__all__ = ["as_bytes", "as_str", "as_str_any", "as_text", "collections_abc", "integral_types", "path_to_str", "v1"]

integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Text or bytes as bytes."""
    return bytes_or_text.encode(encoding) if isinstance(bytes_or_text, str) else bytes(bytes_or_text)


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Text or bytes as text."""
    return bytes_or_text if isinstance(bytes_or_text, str) else bytes(bytes_or_text).decode(encoding)


as_str = as_text


def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """Anything as text."""
    return as_text(value, encoding) if isinstance(value, bytes) else str(value)


def path_to_str(path: Any) -> str:
    """A path as text."""
    return str(path)


def forward_compatible(year: int, month: int, day: int) -> bool:
    """True."""
    return True

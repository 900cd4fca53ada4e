"""What is known of tensors without running them."""

from __future__ import annotations

from typing import Any

from tconv._tconv import Tensor, Variable

__all__ = ["is_tensor", "is_tf_type"]


def is_tf_type(x: Any) -> bool:
    """Whether this is a tensor or a variable."""
    return isinstance(x, (Tensor, Variable))


is_tensor = is_tf_type

"""Values and gradients kept within bounds."""

from __future__ import annotations

from typing import Any

from tconv._tconv import Tensor
from tconv.tf1 import array_ops, math_ops
from tconv.tf1._node import Value, graph_of, tensor

__all__ = ["clip_by_global_norm", "clip_by_norm", "clip_by_value", "global_norm"]


def clip_by_value(t: Value, clip_value_min: Value, clip_value_max: Value, name: str | None = None) -> Tensor:
    """The elements of `t`, those beyond a bound replaced by the bound."""
    with graph_of(t, clip_value_min, clip_value_max).name_scope(name or "clip_by_value") as scope:
        t = tensor(t, name="t")
        low = math_ops.minimum(t, clip_value_max)
        t.shape.assert_is_compatible_with(low.shape)
        clipped = math_ops.maximum(low, clip_value_min, scope)
        t.shape.assert_is_compatible_with(clipped.shape)
        return clipped


def clip_by_norm(t: Value, clip_norm: Value, axes: Any = None, name: str | None = None) -> Tensor:
    """`t`, scaled down where its length (the root of the sum of squares, over `axes` or over all) exceeds `clip_norm`."""
    with graph_of(t, clip_norm).name_scope(name or "clip_by_norm") as scope:
        t = tensor(t, name="t")
        squares = math_ops.reduce_sum(t * t, axes, keepdims=True)
        some = squares > 0
        # Of a length of 0 no root is taken: its gradient would be no number.
        safe = array_ops.where(some, squares, array_ops.ones_like(squares))
        length = array_ops.where(some, math_ops.sqrt(safe), squares)
        scaled = t * clip_norm
        t.shape.assert_is_compatible_with(scaled.shape)
        return array_ops.identity(scaled / math_ops.maximum(length, clip_norm), scope)


def _tensors(t_list: Any) -> list[Any]:
    if not isinstance(t_list, (list, tuple)):
        raise TypeError(f"`t_list` should be a sequence of tensors. Received {type(t_list)}.")
    return list(t_list)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The root of the sum of the squares of all elements of all tensors; a None in the list is passed over."""
    from tconv.tf1.nn_impl import l2_loss

    tensors = [t for t in _tensors(t_list) if t is not None]
    with graph_of(*tensors).name_scope(name or "global_norm"):
        half = math_ops.reduce_sum(array_ops.stack([l2_loss(t) for t in tensors]))
        return math_ops.sqrt(half * tensor(2.0, half.dtype), "global_norm")


def clip_by_global_norm(
    t_list: Any, clip_norm: Value, use_norm: Tensor | None = None, name: str | None = None
) -> tuple[list[Tensor | None], Tensor]:
    """The tensors, all scaled down by one number where their `global_norm` exceeds `clip_norm`; and that norm."""
    given = _tensors(t_list)
    norm = global_norm(given, name) if use_norm is None else use_norm
    with graph_of(*given).name_scope(name or "clip_by_global_norm") as scope:
        finite = clip_norm * math_ops.minimum(1.0 / norm, tensor(1.0, norm.dtype) / clip_norm)
        # An infinite norm makes what is no number, as in TensorFlow, and so is seen.
        scale = finite + (norm - norm)

        def clipped(i: int, t: Any) -> Tensor | None:
            if t is None:
                return None
            t = tensor(t)
            return array_ops.identity(t * math_ops.cast(scale, t.dtype), f"{str(scope).rstrip('/')}_{i}/")

        return [clipped(i, t) for i, t in enumerate(given)], norm

"""Which element is meant: positions of the largest and the smallest, one-hot vectors, and blocks of space and depth."""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import array_ops, dtypes, math_ops
from tconv.tf1._node import Value, either, graph_of, tensor

__all__ = ["argmax", "argmin", "depth_to_space", "one_hot", "space_to_depth"]


def _position(name: str, input: Value, axis: Any, output_type: Any, scope: str | None) -> Tensor:
    with graph_of(input).name_scope(scope or name) as whole:
        input = tensor(input, name="input")
        rank, axis = input.shape.rank, 0 if axis is None else int(axis)
        if rank is None or not -rank <= axis < rank:
            raise ValueError(f"{name}: axis {axis} of a tensor of shape {input.shape}: it must be one of its axes")
        reduce = math_ops.reduce_max if name == "ArgMax" else math_ops.reduce_min
        best = math_ops.equal(input, reduce(input, axis, keepdims=True))
        size = array_ops.shape(input)[axis]
        shape = [1] * rank
        shape[axis] = -1
        positions = array_ops.reshape(math_ops.range(size), shape)
        # The last position where none is best: that is so where one is no number.
        first = math_ops.reduce_min(array_ops.where_v2(best, positions, size - 1), axis)
        made = math_ops.cast(first, output_type)
        return array_ops.identity(made, whole)


def argmax(
    input: Value,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """The position of the largest element along an axis (0), of several that of the first. It has no gradient."""
    return _position("ArgMax", input, either("axis", axis, "dimension", dimension), output_type, name)


def argmin(
    input: Value,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """The position of the smallest element along an axis (0), of several that of the first. It has no gradient."""
    return _position("ArgMin", input, either("axis", axis, "dimension", dimension), output_type, name)


def one_hot(
    indices: Value,
    depth: Value,
    on_value: Value = None,
    off_value: Value = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """A new axis of size `depth`, by default the last, with `on_value` (1) at the index and `off_value` (0) elsewhere."""
    with graph_of(indices, depth, on_value, off_value).name_scope(name or "one_hot") as scope:
        indices = tensor(indices, name="indices")
        rank, axis = indices.shape.rank, -1 if axis is None else axis
        if rank is None or not -1 <= axis <= rank:
            raise ValueError(f"one_hot: axis {axis} for indices of shape {indices.shape}: it must be -1 or up to their rank")
        if dtype is None:
            given = [value for value in (on_value, off_value) if value is not None]
            dtype = tensor(given[0]).dtype if given else dtypes.float32
        on = tensor(1 if on_value is None else on_value, dtype, "on_value")
        off = tensor(0 if off_value is None else off_value, dtype, "off_value")
        shape = [1] * (rank + 1)
        shape[axis] = -1
        classes = array_ops.reshape(math_ops.range(math_ops.cast(depth, indices.dtype)), shape)
        return array_ops.where_v2(math_ops.equal(array_ops.expand_dims(indices, axis), classes), on, off, scope)


def _blocks(name: str, input: Value, block_size: int, data_format: str) -> tuple[Tensor, list[Any]]:
    """The input, and its sizes as far as they are known, else as tensors."""
    if data_format != "NHWC":
        raise NotImplementedError(f"{name}: tconv has the data_format NHWC, not {data_format}")
    if block_size < 2:
        raise ValueError(f"{name}: block_size should be > 1, but was: {block_size}")
    input = tensor(input, name="input")
    sizes = input.shape.with_rank(4).as_list()
    known = array_ops.shape(input) if None in sizes else None
    return input, [known[axis] if size is None else size for axis, size in enumerate(sizes)]  # type: ignore[index]


def depth_to_space(input: Value, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Each element's channels laid out as a block of `block_size` x `block_size` elements: "pixel shuffle"."""
    with graph_of(input).name_scope(name or "DepthToSpace") as scope:
        input, (batch, height, width, depth) = _blocks("depth_to_space", input, block_size, data_format)
        if isinstance(depth, int) and depth % block_size**2:
            raise ValueError(f"Dimension size must be evenly divisible by {block_size**2} but is {depth}")
        parts = [batch, height, width, block_size, block_size, depth // block_size**2]
        apart = _tconv.transpose(array_ops.reshape(input, parts), [0, 1, 3, 2, 4, 5], "transpose")
        shape = [batch, height * block_size, width * block_size, depth // block_size**2]
        return array_ops.reshape(apart, shape, scope)


def space_to_depth(input: Value, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Each block of `block_size` x `block_size` elements as the channels of one: the inverse of `depth_to_space`."""
    with graph_of(input).name_scope(name or "SpaceToDepth") as scope:
        input, (batch, height, width, depth) = _blocks("space_to_depth", input, block_size, data_format)
        for size in (height, width):
            if isinstance(size, int) and size % block_size:
                raise ValueError(f"Dimension size must be evenly divisible by {block_size} but is {size}")
        parts = [batch, height // block_size, block_size, width // block_size, block_size, depth]
        together = _tconv.transpose(array_ops.reshape(input, parts), [0, 1, 3, 2, 4, 5], "transpose")
        shape = [batch, height // block_size, width // block_size, depth * block_size**2]
        return array_ops.reshape(together, shape, scope)

"""Shapes and their rearrangement."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tconv import _tconv
from tconv._tconv import DType, Tensor, TensorShape
from tconv.tf1 import dtypes
from tconv.tf1._node import Value, as_sizes, either, graph_of, needed, node, tensor

__all__ = [
    "concat",
    "expand_dims",
    "fill",
    "identity",
    "invert_permutation",
    "ones",
    "ones_like",
    "pad",
    "placeholder",
    "placeholder_with_default",
    "rank",
    "reshape",
    "shape",
    "size",
    "slice",
    "split",
    "squeeze",
    "stack",
    "stop_gradient",
    "strided_slice",
    "tile",
    "transpose",
    "unstack",
    "where",
    "where_v2",
    "zeros",
    "zeros_like",
]

# A constant of more elements than this is filled when the graph runs.
_LARGEST_CONSTANT = 1000


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A value that is fed when the graph runs.

    A size that is None may differ from run to run; one that is a name (`["N", "H", "W", 3]`) is the same wherever the name
    stands.
    """
    return _tconv.placeholder(dtype, shape, name)


def placeholder_with_default(input: Value, shape: Any, name: str | None = None) -> Tensor:
    """A value that may be fed when the graph runs, and else is `input`.

    Raises:
      NotImplementedError: `shape` leaves a size open that `input` has.
    """
    input = tensor(input)
    if TensorShape(shape).as_list() != input.shape.as_list():
        raise NotImplementedError(
            f"placeholder_with_default: what is fed has the shape of the default, {input.shape}, in tconv, not {shape}"
        )
    return node("Identity", input, name=name or "PlaceholderWithDefault")


def identity(input: Value, name: str | None = None) -> Tensor:
    """The same tensor as another node's output."""
    return node("Identity", input, name=name)


def stop_gradient(input: Value, name: str | None = None) -> Tensor:
    """The same tensor, through which no gradient flows."""
    return node("StopGradient", input, name=name)


def _measure(op: str, input: Value, value: list[int] | int | None, dtype: DType, name: str | None) -> Tensor:
    if value is not None:
        return _tconv.constant(value, dtype, name=name or op)
    return node(op, input, name=name, out_type=dtype if op != "Rank" else None)


def _known(input: Tensor) -> list[int] | None:
    return input.shape.as_list() if input.shape.is_fully_defined() else None  # type: ignore[return-value]


def shape(input: Value, name: str | None = None, out_type: Any = None) -> Tensor:
    """The sizes as a vector of int32 (or `out_type`); a constant where all are known."""
    input = tensor(input)
    return _measure("Shape", input, _known(input), _tconv.as_dtype(out_type or dtypes.int32), name)


def size(input: Value, name: str | None = None, out_type: Any = None) -> Tensor:
    """The number of elements, an int32 scalar (or `out_type`); a constant where it is known."""
    input = tensor(input)
    known = _known(input)
    count = None if known is None else math.prod(known)
    return _measure("Size", input, count, _tconv.as_dtype(out_type or dtypes.int32), name)


def rank(input: Value, name: str | None = None) -> Tensor:
    """The number of axes, an int32 scalar; a constant where it is known."""
    input = tensor(input)
    return _measure("Rank", input, input.shape.rank, dtypes.int32, name)


def reshape(tensor: Value, shape: Value, name: str | None = None) -> Tensor:
    """The same elements in another shape; one size may be -1.

    Raises:
      ValueError: the numbers of elements differ.
    """
    return node("Reshape", tensor, as_sizes(shape), name=name)


def expand_dims(input: Value, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """The tensor with a new axis of size 1."""
    axis = needed("expand_dims", "axis", either("axis", axis, "dim", dim))
    return node("ExpandDims", input, axis, name=name)


def squeeze(input: Value, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """The tensor without these axes of size 1, or without all of them."""
    axis = either("axis", axis, "squeeze_dims", squeeze_dims)
    axes = [] if axis is None else [int(one) for one in np.ravel(axis)]
    return node("Squeeze", input, name=name, squeeze_dims=axes)


def slice(input_: Value, begin: Value, size: Value, name: str | None = None) -> Tensor:
    """A block of a tensor: from `begin`, of `size`; a size of -1 takes the rest."""
    return node("Slice", input_, begin, size, name=name)


def strided_slice(
    input_: Value,
    begin: Value,
    end: Value,
    strides: Value = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """What `input_[begin:end:strides, ...]` gives; the masks are bits, one an axis."""
    if var is not None:
        raise NotImplementedError("strided_slice: tconv assigns whole variables only; var must be None")
    if strides is None:
        strides = np.ones(len(begin) if isinstance(begin, (list, tuple)) else tensor(begin).shape.as_list(), "int32")
    return node(
        "StridedSlice",
        input_,
        begin,
        end,
        strides,
        name=name,
        begin_mask=begin_mask,
        end_mask=end_mask,
        ellipsis_mask=ellipsis_mask,
        new_axis_mask=new_axis_mask,
        shrink_axis_mask=shrink_axis_mask,
    )


def concat(values: Any, axis: int, name: str = "concat") -> Tensor:
    """The tensors one after the other along an axis; their other sizes are equal."""
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    return _tconv.concat(values, axis, name)


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """The tensors, all of one shape, as the parts of one along a new axis."""
    return _tconv.stack(values, axis, name)


def unstack(value: Value, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The parts of a tensor along an axis whose size is known; the axis is gone from them."""
    return _tconv.unstack(value, num, axis, name)


def split(
    value: Value, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str = "split"
) -> list[Tensor]:
    """The tensor cut along an axis into so many equal parts, or into parts of these sizes.

    Raises:
      ValueError: the axis's size is not known, or the parts do not make it up.
    """
    value = tensor(value)
    sizes = value.shape.as_list()
    if not -len(sizes) <= axis < len(sizes):
        raise ValueError(f"split: axis {axis} is not in [-{len(sizes)}, {len(sizes)}), the axes of {value.shape}")
    whole = sizes[axis]
    if whole is None:
        raise ValueError(f"split needs the size of axis {axis}, which is not known: {value.shape}")
    if isinstance(num_or_size_splits, (int, np.integer)):
        if num_or_size_splits < 1 or whole % num_or_size_splits:
            raise ValueError(f"Dimension size must be evenly divisible by {num_or_size_splits} but is {whole}")
        parts = [whole // num_or_size_splits] * num_or_size_splits
    else:
        parts = [int(part) for part in num_or_size_splits]
        if -1 in parts:
            parts[parts.index(-1)] += whole - sum(parts)
    if sum(parts) != whole or min(parts, default=0) < 0:
        raise ValueError(f"split: parts of {parts} do not make up axis {axis}, whose size is {whole}")
    begin, size, cut = [0] * len(sizes), [-1] * len(sizes), []
    with graph_of(value).name_scope(name):
        for part in parts:
            size[axis] = part
            cut.append(node("Slice", value, list(begin), list(size), name="part"))
            begin[axis] += part
    return cut


def transpose(a: Value, perm: Value = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """The tensor with its axes in another order; without `perm` in the opposite one."""
    return _tconv.transpose(a, perm, name)


def tile(input: Value, multiples: Value, name: str | None = None) -> Tensor:
    """The tensor repeated along each axis."""
    return node("Tile", input, multiples, name=name)


def pad(
    tensor: Value, paddings: Value, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0
) -> Tensor:
    """The tensor with zeros before and after it: `paddings` has a pair for each axis.

    Raises:
      NotImplementedError: for other modes and other values.
    """
    if str(mode).upper() != "CONSTANT" or constant_values != 0:
        raise NotImplementedError(f"pad: tconv pads with zeros, not {mode} with {constant_values}")
    return node("Pad", tensor, paddings, name=name)


def invert_permutation(x: Value, name: str | None = None) -> Tensor:
    """The permutation that undoes `x`."""
    return node("InvertPermutation", x, name=name)


def fill(dims: Value, value: Value, name: str | None = None) -> Tensor:
    """A tensor of shape `dims`, all of one value."""
    return _tconv.fill(as_sizes(dims), value, name)


def _filled(dims: Tensor, value: int, dtype: DType, scope: str) -> Tensor:
    number = _tconv.constant(dtype.as_numpy_dtype(value), dtype, name="Const")
    return node("Fill", dims, number, name=scope)


def _full(value: int, shape: Any, dtype: Any, name: str) -> Tensor:
    dtype = _tconv.as_dtype(dtype)
    sizes: list[int | None] | None = None
    if not isinstance(shape, Tensor):
        try:
            sizes = TensorShape(shape).as_list()
        except (TypeError, ValueError):
            # A list with tensors in it.
            pass
    if sizes is not None and math.prod(size or 0 for size in sizes) < _LARGEST_CONSTANT and None not in sizes:
        return _tconv.constant(dtype.as_numpy_dtype(value), dtype, sizes, name)
    # The scope's name, with its last "/", is the name of the node that fills.
    with graph_of(shape).name_scope(name) as scope:
        if sizes is not None and None not in sizes:
            wide = any(size is not None and size >= 2**31 for size in sizes)
            shape = np.array(sizes, "int64" if wide else "int32")
        return _filled(tensor(shape, None, "shape_as_tensor"), value, dtype, scope)


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None, layout: Any = None) -> Tensor:
    """A tensor of zeros."""
    return _full(0, shape, dtype, name or "zeros")


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None, layout: Any = None) -> Tensor:
    """A tensor of ones."""
    return _full(1, shape, dtype, name or "ones")


def _like(value: int, like: Value, dtype: Any, name: str) -> Tensor:
    like = tensor(like)
    dtype = _tconv.as_dtype(dtype or like.dtype)
    sizes = _known(like)
    if sizes is not None:
        return _full(value, sizes, dtype, name)
    with graph_of(like).name_scope(name) as scope:
        return _filled(shape(like), value, dtype, scope)


def zeros_like(tensor: Value, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Zeros in the shape of a tensor."""
    return _like(0, tensor, dtype, name or "zeros_like")


def ones_like(tensor: Value, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Ones in the shape of a tensor."""
    return _like(1, tensor, dtype, name or "ones_like")


def where(condition: Value, x: Value = None, y: Value = None, name: str | None = None) -> Tensor:
    """The elements of `x` where `condition` is true, those of `y` elsewhere; the shapes are broadcast.

    Raises:
      NotImplementedError: without `x` and `y`.
    """
    if x is None or y is None:
        raise NotImplementedError("where: tconv chooses between x and y; it does not list positions")
    return node("SelectV2", condition, x, y, name=name or "Select")


def where_v2(condition: Value, x: Value = None, y: Value = None, name: str | None = None) -> Tensor:
    """`where` under the name that TensorFlow 2 gives its node."""
    return where(condition, x, y, name or "SelectV2")

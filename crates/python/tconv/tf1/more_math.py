"""Arithmetic that is made of `math_ops`."""

from __future__ import annotations

from typing import Any

from tconv._tconv import Tensor
from tconv.tf1 import array_ops, dtypes, math_ops, nn_ops
from tconv.tf1._node import Value, either, graph_of, node, tensor

__all__ = [
    "broadcast_to",
    "ceil",
    "eye",
    "floor",
    "lin_space",
    "linspace",
    "log_sigmoid",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_std",
    "reduce_variance",
    "round",
]


def floor(x: Value, name: str | None = None) -> Tensor:
    """The largest whole number that is not above each element."""
    x = tensor(x)
    with graph_of(x).name_scope(name or "Floor") as scope:
        return node("FloorDiv", x, tensor(1, x.dtype), name=scope)


def ceil(x: Value, name: str | None = None) -> Tensor:
    """The smallest whole number that is not below each element."""
    with graph_of(x).name_scope(name or "Ceil") as scope:
        return math_ops.negative(floor(-tensor(x)), scope)


def round(x: Value, name: str | None = None) -> Tensor:
    """The nearest whole number, of two that are as near the even one."""
    x = tensor(x)
    if x.dtype.is_integer:
        return tensor(x)
    with graph_of(x).name_scope(name or "Round") as scope:
        up, down = floor(x + 0.5), floor(x)
        odd = math_ops.not_equal(math_ops.floormod(up, tensor(2, x.dtype)), tensor(0, x.dtype))
        tie = math_ops.equal(x - down, tensor(0.5, x.dtype))
        return array_ops.where_v2(math_ops.logical_and(tie, odd), down, up, scope)


def log_sigmoid(x: Value, name: str | None = None) -> Tensor:
    """`log(sigmoid(x))`, without an overflow."""
    with graph_of(x).name_scope(name or "LogSigmoid") as scope:
        return math_ops.negative(nn_ops.softplus(-tensor(x, name="x")), scope)


def _truth(
    reduce: Any, name: str, input: Value, axis: Any, keepdims: Any, scope: str | None, old_axis: Any, old_keep: Any
) -> Tensor:
    with graph_of(input).name_scope(scope or name):
        axis = either("axis", axis, "reduction_indices", old_axis)
        keepdims = bool(either("keepdims", keepdims, "keep_dims", old_keep))
        numbers = math_ops.cast(tensor(input, dtypes.bool), dtypes.int32)
        return math_ops.cast(reduce(numbers, axis, keepdims), dtypes.bool)


def reduce_all(
    input_tensor: Value,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Whether all elements over these axes are true."""
    return _truth(math_ops.reduce_min, "All", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_any(
    input_tensor: Value,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Whether one of the elements over these axes is true."""
    return _truth(math_ops.reduce_max, "Any", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_logsumexp(
    input_tensor: Value,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """`log(sum(exp(input_tensor)))` over these axes, without an overflow."""
    axis = either("axis", axis, "reduction_indices", reduction_indices)
    keepdims = bool(either("keepdims", keepdims, "keep_dims", keep_dims))
    with graph_of(input_tensor).name_scope(name or "ReduceLogSumExp") as scope:
        input_tensor = tensor(input_tensor)
        most = array_ops.stop_gradient(math_ops.reduce_max(input_tensor, axis, keepdims=True))
        powers = math_ops.exp(math_ops.subtract(input_tensor, most))
        result = math_ops.log(math_ops.reduce_sum(powers, axis, keepdims))
        if not keepdims:
            most = array_ops.reshape(most, array_ops.shape(result))
        return math_ops.add(result, most, scope)


def reduce_variance(input_tensor: Value, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The mean of the squared distances from the mean, over these axes."""
    with graph_of(input_tensor).name_scope(name or "reduce_variance"):
        input_tensor = tensor(input_tensor)
        if input_tensor.dtype.is_integer:
            raise TypeError(f"Input must be either real or complex. Received integer type {input_tensor.dtype}.")
        apart = input_tensor - math_ops.reduce_mean(input_tensor, axis, keepdims=True)
        return math_ops.reduce_mean(math_ops.square(apart), axis, keepdims)


def reduce_std(input_tensor: Value, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The root of `reduce_variance`."""
    with graph_of(input_tensor).name_scope(name or "reduce_std"):
        return math_ops.sqrt(reduce_variance(input_tensor, axis, keepdims))


def linspace(start: Value, stop: Value, num: int, name: str | None = None) -> Tensor:
    """`num` numbers from `start` to `stop` with the same distance between them."""
    with graph_of(start, stop).name_scope(name or "LinSpace") as scope:
        start = tensor(start, name="start")
        stop = tensor(stop, start.dtype, "stop")
        part = math_ops.cast(math_ops.range(num), start.dtype) / tensor(max(num - 1, 1), start.dtype)
        return math_ops.add(start, (stop - start) * part, scope)


lin_space = linspace


def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """A matrix with ones on its diagonal and zeros elsewhere."""
    if batch_shape is not None:
        raise NotImplementedError("eye: tconv makes one matrix; batch_shape must be None")
    with graph_of(num_rows, num_columns).name_scope(name or "eye"):
        columns = num_rows if num_columns is None else num_columns
        rows = array_ops.reshape(math_ops.range(num_rows), [-1, 1])
        return math_ops.cast(math_ops.equal(rows, math_ops.range(columns)), dtype)


def broadcast_to(input: Value, shape: Value, name: str | None = None) -> Tensor:
    """The tensor repeated along new axes and those of size 1, as arithmetic does it."""
    input = tensor(input)
    with graph_of(input).name_scope(name or "BroadcastTo") as scope:
        return math_ops.add(input, array_ops.zeros(shape, input.dtype), scope)

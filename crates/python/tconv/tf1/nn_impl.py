"""Neural-network functions that are made of others."""

from __future__ import annotations

import numbers
from typing import Any

from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import array_ops, dtypes, math_ops, random_ops
from tconv.tf1._node import Value, either, graph_of, tensor


def depthwise_conv2d(
    input: Value,
    filter: Value,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Each channel convolved with filters of its own.

    `filter` is `[height, width, in_channels, multiplier]`, and the result has `in_channels * multiplier` channels: it is a
    `conv2d` with as many groups as there are channels.
    """
    filter = tensor(filter)
    sizes = filter.shape.as_list()
    if len(sizes) != 4 or sizes[2] is None or sizes[3] is None:
        raise ValueError(f"depthwise_conv2d needs a filter of rank 4 whose channels are known, not {filter.shape}")
    layout = data_format or "NHWC"
    rate = either("dilations", dilations, "rate", rate)
    with graph_of(filter).name_scope(name or "depthwise") as scope:
        kernel = array_ops.shape(filter)
        grouped = array_ops.reshape(filter, array_ops.concat([kernel[:2], [1, sizes[2] * sizes[3]]], 0))
        return _tconv.conv("conv2d", [input, grouped], strides, padding, layout, rate, scope)


def separable_conv2d(
    input: Value,
    depthwise_filter: Value,
    pointwise_filter: Value,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """`depthwise_conv2d`, and then a `conv2d` with a filter of `[1, 1, in_channels * multiplier, out_channels]`."""
    layout = data_format or "NHWC"
    with graph_of(input, depthwise_filter).name_scope(name or "separable_conv2d") as scope:
        deep = depthwise_conv2d(
            input, depthwise_filter, strides, padding, rate, "depthwise", layout, dilations
        )
        return _tconv.conv("conv2d", [deep, pointwise_filter], 1, "VALID", layout, None, scope)


def l2_loss(t: Value, name: str | None = None) -> Tensor:
    """Half of the sum of the squares."""
    t = tensor(t)
    with graph_of(t).name_scope(name or "L2Loss") as scope:
        return math_ops.multiply(math_ops.reduce_sum(math_ops.square(t)), tensor(0.5, t.dtype), scope)


def moments(
    x: Value, axes: Any, shift: Any = None, name: str | None = None, keep_dims: Any = None, keepdims: Any = None
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over these axes; `keepdims` leaves them there with a size of 1."""
    keep = bool(either("keepdims", keepdims, "keep_dims", keep_dims))
    x = tensor(x)
    with graph_of(x).name_scope(name or "moments"):
        # The sums of float16 are too large for it.
        wide = math_ops.cast(x, dtypes.float32) if x.dtype == dtypes.float16 else x
        mean = math_ops.reduce_mean(wide, axes, True, "mean")
        deviations = math_ops.squared_difference(wide, array_ops.stop_gradient(mean))
        variance = math_ops.reduce_mean(deviations, axes, True, "variance")
        if not keep:
            mean, variance = array_ops.squeeze(mean, axes), array_ops.squeeze(variance, axes)
        return math_ops.cast(mean, x.dtype), math_ops.cast(variance, x.dtype)


def batch_normalization(
    x: Value,
    mean: Value,
    variance: Value,
    offset: Value,
    scale: Value,
    variance_epsilon: float,
    name: str | None = None,
) -> Tensor:
    """`(x - mean) / sqrt(variance + variance_epsilon) * scale + offset`; `scale` and `offset` may be None."""
    x = tensor(x)
    with graph_of(x).name_scope(name or "batchnorm"):
        factor = math_ops.rsqrt(math_ops.add(variance, variance_epsilon, "add"))
        if scale is not None:
            factor = factor * scale
        shift = -mean * factor if offset is None else offset - mean * factor
        made: Tensor = x * math_ops.cast(factor, x.dtype) + math_ops.cast(shift, x.dtype)
        return made


def l2_normalize(x: Value, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Tensor:
    """`x / sqrt(max(sum(x * x), epsilon))`, the sum over `axis`."""
    axis = either("axis", axis, "dim", dim)
    with graph_of(x).name_scope(name or "l2_normalize") as scope:
        x = tensor(x, name="x")
        squares = math_ops.reduce_sum(math_ops.square(x), axis, keepdims=True)
        return math_ops.multiply(x, math_ops.rsqrt(math_ops.maximum(squares, epsilon)), scope)


def zero_fraction(value: Value, name: str | None = None) -> Tensor:
    """Which part of the elements is 0."""
    with graph_of(value).name_scope(name or "zero_fraction"):
        value = tensor(value, name="value")
        zeros = math_ops.cast(math_ops.equal(value, tensor(0, value.dtype)), dtypes.float32)
        return array_ops.identity(math_ops.reduce_mean(zeros), "fraction")


def dropout(
    x: Value,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Elements of `x` replaced by 0, each with the probability `rate` (`1 - keep_prob`), the others divided by `1 - rate`.

    `noise_shape` has a size of 1 for an axis along which all elements share their fate.

    Raises:
      ValueError: neither or both of `rate` and `keep_prob` are given, or `rate` is not in `[0, 1)`.
    """
    rate = either("rate", rate, "keep_prob", None if keep_prob is None else 1.0 - keep_prob)
    if rate is None:
        raise ValueError(f"`rate` must be provided. Received: rate={rate}")
    known = isinstance(rate, numbers.Real)
    if known and not 0 <= rate < 1:
        raise ValueError(f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}")
    with graph_of(x).name_scope(name or "dropout"):
        x = tensor(x, name="x")
        if not x.dtype.is_floating:
            raise ValueError(
                f"`x.dtype` must be a floating point tensor as `x` will be scaled. Received: x_dtype={x.dtype}"
            )
        if known and rate == 0:
            return tensor(x)
        if known:
            scaled = math_ops.multiply(x, 1 / (1 - rate))
        else:
            rate = math_ops.cast(rate, x.dtype)
            scaled = math_ops.realdiv(x, math_ops.subtract(tensor(1, x.dtype), rate))
        sizes = array_ops.shape(x) if noise_shape is None else noise_shape
        drawn = random_ops.random_uniform(sizes, dtype=x.dtype, seed=seed)
        made = array_ops.where_v2(drawn >= rate, scaled, tensor(0, x.dtype))
        made.set_shape(x.shape)
        return made

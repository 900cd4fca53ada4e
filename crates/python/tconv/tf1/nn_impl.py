"""Neural-network functions that are made of others."""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import array_ops
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

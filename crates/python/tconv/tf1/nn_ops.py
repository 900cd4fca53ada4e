"""Convolutions, their transposes and gradients, pooling, biases and activations.

Strides and dilations are one number, one for each spatial axis, or one for each axis of the input. `padding` is `"SAME"`,
`"VALID"`, or pairs of numbers, one for each axis. `data_format` says where the channels stand. What does not go together
is a `ValueError` while the graph is built where the sizes are known, and an `InvalidArgumentError` while it runs where
they are not. `precision`, which TensorFlow does not have, permits products of float32 that are less exact, where a processor
has faster ones: `"highest"`, `"high"` or `"medium"`, else what the session says; gradients have it too.
"""

from __future__ import annotations

from typing import Any, Callable

from tconv import _tconv
from tconv._tconv import Tensor, TensorShape
from tconv.tf1 import array_ops
from tconv.tf1._node import Value, either, graph_of, needed, node, tensor


def _stacked(input: Value, spatial: int, build: Callable[[Tensor], Tensor], name: str | None) -> Tensor:
    """A convolution of an input with several batch axes: they are made one, and apart again."""
    input = tensor(input)
    rank = input.shape.rank
    if rank is None or rank <= spatial + 2:
        return build(input)
    batch = rank - spatial - 1
    with graph_of(input).name_scope(name or "squeeze_batch_dims"):
        sizes = array_ops.shape(input)
        joined = array_ops.reshape(input, array_ops.concat([[-1], sizes[batch:]], 0))
        made = build(joined)
        return array_ops.reshape(made, array_ops.concat([sizes[:batch], array_ops.shape(made)[1:]], 0))


def conv1d(
    value: Value = None,
    filters: Value = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Value = None,
    dilations: Any = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """A convolution of `[batch, width, channels]` with `[width, in_channels, out_channels]`."""
    value = needed("conv1d", "input", either("input", value, "value", input))
    filters, stride = needed("conv1d", "filters", filters), needed("conv1d", "stride", stride)
    padding, data_format = needed("conv1d", "padding", padding), data_format or "NWC"

    def build(value: Tensor) -> Tensor:
        return _tconv.conv("conv1d", [value, filters], stride, padding, data_format, dilations, name, precision)

    return _stacked(value, 1, build, name)


def conv1d_transpose(
    input: Value,
    filters: Value,
    output_shape: Value,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """The transpose of the `conv1d` that takes `output_shape` to the shape of `input`.

    `filters` is that convolution's: `[width, output_channels, in_channels]`.
    """
    operands = [input, filters, output_shape]
    return _tconv.conv("conv1d_transpose", operands, strides, padding, data_format, dilations, name, precision)


def conv2d(
    input: Value,
    filter: Value = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Value = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """A convolution of `[batch, height, width, channels]` with `[height, width, in_channels, out_channels]`."""
    filter = needed("conv2d", "filter", either("filters", filter, "filter", filters))
    strides, padding = needed("conv2d", "strides", strides), needed("conv2d", "padding", padding)

    def build(input: Tensor) -> Tensor:
        return _tconv.conv("conv2d", [input, filter], strides, padding, data_format, dilations, name, precision)

    return _stacked(input, 2, build, name)


def conv2d_transpose(
    value: Value = None,
    filter: Value = None,
    output_shape: Value = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Value = None,
    filters: Value = None,
    dilations: Any = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """The transpose of the `conv2d` that takes `output_shape` to the shape of `value`.

    Kernel, strides and padding are that convolution's own: `filter` is `[height, width, output_channels, in_channels]`
    seen from here. Several output shapes go with one input, therefore `output_shape` says which is meant; it may be a
    tensor. `tconv.legal_output_shapes` lists them.

    Raises:
      ValueError: the forward convolution of `output_shape` does not have the shape of `value`.
    """
    value = needed("conv2d_transpose", "value", either("input", value, "value", input))
    filter = needed("conv2d_transpose", "filter", either("filters", filter, "filter", filters))
    output_shape = needed("conv2d_transpose", "output_shape", output_shape)
    strides = needed("conv2d_transpose", "strides", strides)
    operands = [value, filter, output_shape]
    return _tconv.conv("conv2d_transpose", operands, strides, padding, data_format, dilations, name, precision)


def conv2d_backprop_input(
    input_sizes: Value,
    filter: Value = None,
    out_backprop: Value = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Value = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """The gradient of `conv2d` with respect to its input, whose shape is `input_sizes`."""
    filter = needed("conv2d_backprop_input", "filter", either("filters", filter, "filter", filters))
    out_backprop = needed("conv2d_backprop_input", "out_backprop", out_backprop)
    strides = needed("conv2d_backprop_input", "strides", strides)
    padding = needed("conv2d_backprop_input", "padding", padding)
    operands = [input_sizes, filter, out_backprop]
    return _tconv.conv("conv2d_backprop_input", operands, strides, padding, data_format, dilations, name, precision)


def conv2d_backprop_filter(
    input: Value,
    filter_sizes: Value,
    out_backprop: Value,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """The gradient of `conv2d` with respect to its filter, whose shape is `filter_sizes`."""
    operands = [input, filter_sizes, out_backprop]
    return _tconv.conv("conv2d_backprop_filter", operands, strides, padding, data_format, dilations, name, precision)


def conv3d(
    input: Value,
    filter: Value = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Value = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """A convolution of `[batch, depth, height, width, channels]`."""
    filter = needed("conv3d", "filter", either("filters", filter, "filter", filters))
    strides, padding = needed("conv3d", "strides", strides), needed("conv3d", "padding", padding)

    def build(input: Tensor) -> Tensor:
        return _tconv.conv("conv3d", [input, filter], strides, padding, data_format, dilations, name, precision)

    return _stacked(input, 3, build, name)


def conv3d_v2(
    input: Value,
    filters: Value,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """`conv3d` with the argument names of TensorFlow 2."""
    return conv3d(input, filters, strides, padding, data_format, dilations, name)


def conv3d_transpose(
    value: Value,
    filter: Value = None,
    output_shape: Value = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    name: str | None = None,
    input: Value = None,
    filters: Value = None,
    dilations: Any = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """The transpose of the `conv3d` that takes `output_shape` to the shape of `value`."""
    value = needed("conv3d_transpose", "value", either("input", value, "value", input))
    filter = needed("conv3d_transpose", "filter", either("filters", filter, "filter", filters))
    output_shape = needed("conv3d_transpose", "output_shape", output_shape)
    strides = needed("conv3d_transpose", "strides", strides)
    operands = [value, filter, output_shape]
    return _tconv.conv("conv3d_transpose", operands, strides, padding, data_format, dilations, name, precision)


def conv3d_backprop_input(
    input_sizes: Value,
    filter: Value,
    out_backprop: Value,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """The gradient of `conv3d` with respect to its input, whose shape is `input_sizes`."""
    operands = [input_sizes, filter, out_backprop]
    return _tconv.conv("conv3d_backprop_input", operands, strides, padding, data_format, dilations, name, precision)


def conv3d_backprop_filter(
    input: Value,
    filter_sizes: Value,
    out_backprop: Value,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    *,
    precision: str | None = None,
) -> Tensor:
    """The gradient of `conv3d` with respect to its filter, whose shape is `filter_sizes`."""
    operands = [input, filter_sizes, out_backprop]
    return _tconv.conv("conv3d_backprop_filter", operands, strides, padding, data_format, dilations, name, precision)


conv3d_backprop_input_v2 = conv3d_backprop_input
conv3d_backprop_filter_v2 = conv3d_backprop_filter

_LAYOUTS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def _spatial_axes(*values: tuple[Value, int]) -> int:
    """How many spatial axes a convolution has, by the rank of the first of these that is known."""
    for value, batch_axes in values:
        rank = tensor(value).shape.rank
        if rank is not None:
            spatial = rank - 1 - batch_axes
            if spatial in _LAYOUTS:
                return spatial
            raise ValueError(f"a convolution has 1, 2 or 3 spatial axes; a tensor of rank {rank} would give it {spatial}")
    raise ValueError("the rank of the filter or of the input must be known")


def _per_axis(name: str, value: Any, spatial: int) -> list[int]:
    sizes = [1] * spatial if value is None else [value] * spatial if isinstance(value, int) else list(value)
    if len(sizes) != spatial:
        raise ValueError(f"`{name}` must have {spatial} elements, one for each spatial axis. Received: {name}={value}")
    return sizes


class Convolution:
    """A convolution whose shapes are checked once and which is then called with tensors of these shapes."""

    def __init__(
        self,
        input_shape: Any,
        filter_shape: Any,
        padding: Any,
        strides: Any = None,
        dilation_rate: Any = None,
        name: str | None = None,
        data_format: str | None = None,
    ) -> None:
        input_shape, filter_shape = TensorShape(input_shape), TensorShape(filter_shape)
        self._spatial = len(filter_shape) - 2
        self.num_batch_dims = len(input_shape) - self._spatial - 1
        if self._spatial not in _LAYOUTS or self.num_batch_dims < 1:
            raise ValueError(f"a filter of {filter_shape} does not go with an input of {input_shape}")
        self.input_shape, self.filter_shape, self.padding = input_shape, filter_shape, padding
        self.strides = _per_axis("strides", strides, self._spatial)
        self.dilation_rate = _per_axis("dilations", dilation_rate, self._spatial)
        self.data_format, self.name = data_format, name

    def __call__(self, inp: Value, filter: Value) -> Tensor:
        """The convolution of an input and a filter of these shapes."""
        return convolution(
            inp, filter, self.padding, self.strides, self.dilation_rate, self.name, self.data_format
        )


def convolution(
    input: Value,
    filter: Value = None,
    padding: Any = None,
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Value = None,
    dilations: Any = None,
) -> Tensor:
    """`conv1d`, `conv2d` or `conv3d`, as the filter's rank says; strides and dilations have one number a spatial axis."""
    filter = tensor(needed("convolution", "filter", either("filters", filter, "filter", filters)))
    padding = needed("convolution", "padding", padding)
    dilations = either("dilations", dilations, "dilation_rate", dilation_rate)
    spatial = _spatial_axes((filter, 1), (input, 1))
    strides, dilations = _per_axis("strides", strides, spatial), _per_axis("dilations", dilations, spatial)
    layout = data_format or _LAYOUTS[spatial]

    def build(input: Tensor) -> Tensor:
        operands = [input, filter]
        return _tconv.conv(f"conv{spatial}d", operands, strides, padding, layout, dilations, name or "convolution")

    return _stacked(input, spatial, build, name)


def conv_transpose(
    input: Value,
    filters: Value,
    output_shape: Value,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`conv1d_transpose`, `conv2d_transpose` or `conv3d_transpose`, as the filter's rank says."""
    filters = tensor(filters)
    spatial = _spatial_axes((filters, 1), (input, 1))
    layout = data_format or _LAYOUTS[spatial]
    operands = [input, filters, output_shape]
    name = name or "conv_transpose"
    return _tconv.conv(f"conv{spatial}d_transpose", operands, strides, padding, layout, dilations, name)


def atrous_conv2d(value: Value, filters: Value, rate: int, padding: Any, name: str | None = None) -> Tensor:
    """A `conv2d` with strides of 1 and this dilation."""
    return convolution(value, filters, padding, dilation_rate=[rate, rate], name=name)


def atrous_conv2d_transpose(
    value: Value, filters: Value, output_shape: Value, rate: int, padding: Any, name: str | None = None
) -> Tensor:
    """The transpose of `atrous_conv2d`."""
    name = name or "atrous_conv2d_transpose"
    return conv2d_transpose(value, filters, output_shape, 1, padding, name=name, dilations=[rate, rate])


def max_pool(
    value: Value,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Value = None,
) -> Tensor:
    """The largest element of each window of `[batch, height, width, channels]`."""
    value = either("input", value, "value", input)
    return _tconv.pool("MaxPool", value, ksize, strides, padding, data_format, name or "MaxPool")


def avg_pool(
    value: Value,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Value = None,
) -> Tensor:
    """The mean of each window of `[batch, height, width, channels]`; what is padded does not count."""
    value = either("input", value, "value", input)
    return _tconv.pool("AvgPool", value, ksize, strides, padding, data_format, name or "AvgPool")


def max_pool2d(
    input: Value, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """`max_pool` with the argument names of TensorFlow 2."""
    return max_pool(input, ksize, strides, padding, data_format, name or "MaxPool2d")


avg_pool2d = avg_pool


def bias_add(value: Value, bias: Value, data_format: str | None = None, name: str | None = None) -> Tensor:
    """A vector added to each channel."""
    # Layouts of any rank: only where the channels stand matters.
    if data_format is not None:
        if str(data_format).endswith("C"):
            data_format = "NHWC"
        elif str(data_format).startswith("NC"):
            data_format = "NCHW"
        else:
            raise ValueError(f"`data_format` must be of the form `N...C` or `NC...`. Received: {data_format}")
    return node("BiasAdd", value, bias, name=name or "BiasAdd", data_format=data_format)


def relu(features: Value, name: str | None = None) -> Tensor:
    """`max(features, 0)`."""
    return node("Relu", features, name=name)


def leaky_relu(features: Value, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """`features` where they are positive, `alpha * features` elsewhere."""
    return node("LeakyRelu", features, name=name or "LeakyRelu", alpha=float(alpha))


def _along_last(op: str, logits: Value, axis: int | None, dim: int | None, name: str | None) -> Tensor:
    """An op that works along the last axis, along any."""
    axis = either("axis", axis, "dim", dim)
    logits = tensor(logits, name="logits")
    rank = logits.shape.rank
    if axis is None or axis == -1 or rank is not None and axis == rank - 1:
        return node(op, logits, name=name)
    if rank is None or not -rank <= axis < rank:
        raise ValueError(f"{op}: axis {axis} is not one of the input, whose shape is {logits.shape}")
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    with graph_of(logits).name_scope(name or op) as scope:
        made = node(op, array_ops.transpose(logits, order))
        return array_ops.transpose(made, order, name=scope)


def softmax(logits: Value, axis: int | None = None, name: str | None = None, dim: int | None = None) -> Tensor:
    """`exp(logits)` divided by its sums over an axis, the last without one.

    Raises:
      ValueError: the input does not have that axis, or its rank is not known.
    """
    return _along_last("Softmax", logits, axis, dim, name)


def log_softmax(logits: Value, axis: int | None = None, name: str | None = None, dim: int | None = None) -> Tensor:
    """The logarithm of `softmax`.

    Raises:
      ValueError: the input does not have that axis, or its rank is not known.
    """
    return _along_last("LogSoftmax", logits, axis, dim, name)


def softplus(features: Value, name: str | None = None) -> Tensor:
    """`log(1 + exp(features))`."""
    return node("Softplus", features, name=name)


def xw_plus_b(x: Value, weights: Value, biases: Value, name: str | None = None) -> Tensor:
    """`matmul(x, weights) + biases`."""
    with graph_of(x, weights, biases).name_scope(name or "xw_plus_b") as scope:
        biases = tensor(biases, name="biases")
        return node("BiasAdd", node("MatMul", x, weights), biases, name=scope)

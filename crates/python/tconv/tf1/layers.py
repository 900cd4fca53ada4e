"""`tf.layers`: layers that make their own variables, `kernel` and `bias`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from tconv._missing import refuser
from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import array_ops, init_ops, math_ops, nn_impl, nn_ops
from tconv.tf1._node import Value, tensor
from tconv.tf1.normalization import batch_normalization as batch_normalization
from tconv.tf1.variable_scope import get_variable, variable_scope

_LAST, _FIRST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}, {1: "NCW", 2: "NCHW", 3: "NCDHW"}
_ZEROS = "zeros"


def _layout(data_format: str, spatial: int) -> str:
    if data_format not in ("channels_last", "channels_first"):
        known = ["channels_first", "channels_last"]
        raise ValueError(f"The `data_format` argument must be one of {known}. Received: {data_format}")
    return (_LAST if data_format == "channels_last" else _FIRST)[spatial]


def _tuple(value: Any, spatial: int, name: str) -> list[int]:
    sizes = [value] * spatial if isinstance(value, int) else list(value)
    if len(sizes) != spatial:
        raise ValueError(f"The `{name}` argument must be a tuple of {spatial} integers. Received: {value}")
    return sizes


def _known(inputs: Tensor, axis: int, layer: str) -> int:
    rank = inputs.shape.rank
    if rank is None or not -rank <= axis < rank:
        raise ValueError(f"{layer}: the inputs must have an axis {axis} whose size is known, not the shape {inputs.shape}")
    size = inputs.shape.as_list()[axis]
    if size is None:
        raise ValueError(f"{layer}: the size of axis {axis} of the inputs must be known, not {inputs.shape}")
    return size


def _variables(
    inputs: Tensor,
    shape: list[int],
    units: int,
    kernel: Any,
    kernel_regularizer: Any,
    use_bias: bool,
    bias: Any,
    bias_regularizer: Any,
    trainable: bool,
) -> tuple[Any, Any]:
    dtype = inputs.dtype
    weights = get_variable("kernel", shape, dtype, kernel, kernel_regularizer, trainable)
    if not use_bias:
        return weights, None
    bias = init_ops.zeros_initializer() if bias is _ZEROS or bias is None else bias
    return weights, get_variable("bias", [units], dtype, bias, bias_regularizer, trainable)


def _finish(value: Tensor, bias: Any, layout: str, activation: Any) -> Tensor:
    if bias is not None:
        value = nn_ops.bias_add(value, bias, layout)
    return value if activation is None else activation(value)


def _transposed_shape(inputs: Tensor, filters: int, layout: str, kernel: list[int], strides: list[int], padding: str) -> Any:
    """The shape that a layer gives its transposed convolution: of the legal ones that which strides divide."""
    sizes = inputs.shape.as_list()
    measured = array_ops.shape(inputs)
    first = layout.index(next(letter for letter in layout if letter in "DHW"))
    # All legal sizes move by the stride with the input, so those of an input of 1 tell which is the nearest.
    single = [1] * len(layout)
    legal = _tconv.legal_output_shapes(single, [*kernel, 1, 1], strides, padding, layout, None)
    wanted: list[Any] = [measured[0]]
    for axis, stride in enumerate(strides, first):
        length: Any = measured[axis] if sizes[axis] is None else sizes[axis]
        of_one = legal[axis] if isinstance(legal[axis], range) else range(legal[axis], legal[axis] + 1)
        rest = min(max(stride, of_one[0]), of_one[-1]) - stride
        wanted.append(length * stride + rest if rest else length * stride)
    wanted.insert(layout.index("C"), filters)
    return array_ops.stack(wanted)


def _convolution(
    function: str,
    spatial: int,
    inputs: Value,
    filters: int,
    kernel_size: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilation_rate: Any,
    options: dict[str, Any],
) -> Tensor:
    if options["activity_regularizer"] or options["kernel_constraint"] or options["bias_constraint"]:
        raise NotImplementedError(f"tf.layers.{function}: tconv has neither activity regularizers nor constraints")
    inputs, layout, padding = tensor(inputs), _layout(data_format, spatial), padding
    kernel_size = _tuple(kernel_size, spatial, "kernel_size")
    strides, dilation_rate = _tuple(strides, spatial, "strides"), _tuple(dilation_rate, spatial, "dilation_rate")
    inputs.shape.with_rank(spatial + 2)
    transposed = function.endswith("transpose")
    with variable_scope(options["name"], function, reuse=options["reuse"]):
        channels = _known(inputs, layout.index("C"), function)
        shape = [*kernel_size, filters, channels] if transposed else [*kernel_size, channels, filters]
        kernel, bias = _variables(
            inputs,
            shape,
            filters,
            options["kernel_initializer"],
            options["kernel_regularizer"],
            options["use_bias"],
            options["bias_initializer"],
            options["bias_regularizer"],
            options["trainable"],
        )
        operands = [inputs, kernel]
        if transposed:
            operands.append(_transposed_shape(inputs, filters, layout, kernel_size, strides, padding))
        value = _tconv.conv(function, operands, strides, padding, layout, dilation_rate, None)
        return _finish(value, bias, layout, options["activation"])


def conv1d(
    inputs: Value,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
    activation: Callable[[Tensor], Tensor] | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = _ZEROS,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """A convolution to so many filters, biases, and an activation. The kernel starts Glorot-uniform."""
    options = dict(locals())
    return _convolution(
        "conv1d", 1, inputs, filters, kernel_size, strides, padding, data_format, dilation_rate, options
    )


def conv2d(
    inputs: Value,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    activation: Callable[[Tensor], Tensor] | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = _ZEROS,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """A convolution to so many filters, biases, and an activation. The kernel starts Glorot-uniform."""
    options = dict(locals())
    return _convolution(
        "conv2d", 2, inputs, filters, kernel_size, strides, padding, data_format, dilation_rate, options
    )


def conv3d(
    inputs: Value,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1, 1),
    activation: Callable[[Tensor], Tensor] | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = _ZEROS,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """A convolution to so many filters, biases, and an activation. The kernel starts Glorot-uniform."""
    options = dict(locals())
    return _convolution(
        "conv3d", 3, inputs, filters, kernel_size, strides, padding, data_format, dilation_rate, options
    )


def conv2d_transpose(
    inputs: Value,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Callable[[Tensor], Tensor] | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = _ZEROS,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """The transpose of a convolution to so many filters, biases, and an activation.

    Of the legal output sizes it takes `strides` times the input's size (`same`), or that and what the kernel exceeds them.
    """
    options = dict(locals())
    return _convolution(
        "conv2d_transpose", 2, inputs, filters, kernel_size, strides, padding, data_format, (1, 1), options
    )


def conv3d_transpose(
    inputs: Value,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Callable[[Tensor], Tensor] | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = _ZEROS,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """The transpose of a convolution to so many filters, biases, and an activation.

    Of the legal output sizes it takes `strides` times the input's size (`same`), or that and what the kernel exceeds them.
    """
    options = dict(locals())
    return _convolution(
        "conv3d_transpose", 3, inputs, filters, kernel_size, strides, padding, data_format, (1, 1, 1), options
    )


def dense(
    inputs: Value,
    units: int,
    activation: Callable[[Tensor], Tensor] | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = _ZEROS,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """A matrix times the last axis of `inputs`, biases, and an activation. The kernel starts Glorot-uniform."""
    if activity_regularizer or kernel_constraint or bias_constraint:
        raise NotImplementedError("tf.layers.dense: tconv has neither activity regularizers nor constraints")
    inputs = tensor(inputs)
    with variable_scope(name, "dense", reuse=reuse):
        shape = [_known(inputs, -1, "dense"), units]
        args = kernel_initializer, kernel_regularizer, use_bias, bias_initializer, bias_regularizer, trainable
        kernel, bias = _variables(inputs, shape, units, *args)
        if inputs.shape.rank == 2:
            value = math_ops.matmul(inputs, kernel)
        else:
            # All axes but the last are one, and apart again.
            sizes = inputs.shape.as_list()[:-1]
            measured = array_ops.shape(inputs) if None in sizes else None
            rows = array_ops.reshape(inputs, [-1, shape[0]])
            known = [measured[axis] if size is None else size for axis, size in enumerate(sizes)]  # type: ignore[index]
            value = array_ops.reshape(math_ops.matmul(rows, kernel), [*known, units])
        return _finish(value, bias, "NHWC", activation)


def flatten(inputs: Value, name: str | None = None, data_format: str = "channels_last") -> Tensor:
    """All axes but the first made one."""
    inputs = tensor(inputs)
    with _tconv.get_default_graph().name_scope(name or "flatten"):
        if data_format == "channels_first" and inputs.shape.rank == 4:
            inputs = array_ops.transpose(inputs, [0, 2, 3, 1])
        return array_ops.reshape(inputs, [array_ops.shape(inputs)[0], -1])


def dropout(
    inputs: Value,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> Tensor:
    """With `training` `tf.nn.dropout`, else the inputs. `training` may be a tensor."""
    inputs = tensor(inputs)
    with inputs.graph.name_scope(name or "dropout"):
        if isinstance(training, (Tensor, _tconv.Variable)):
            dropped = nn_impl.dropout(inputs, noise_shape=noise_shape, seed=seed, rate=rate)
            return array_ops.where_v2(math_ops.cast(training, _tconv.bool), dropped, inputs)
        if not training:
            return array_ops.identity(inputs)
        return nn_impl.dropout(inputs, noise_shape=noise_shape, seed=seed, rate=rate)


def _pool(
    kind: str, default: str, inputs: Value, size: Any, strides: Any, padding: str, data_format: str, name: str | None
) -> Tensor:
    layout = _layout(data_format, 2)

    def four(value: Any, what: str) -> list[int]:
        pair = _tuple(value, 2, what)
        return [1, *pair, 1] if layout == "NHWC" else [1, 1, *pair]

    with _tconv.get_default_graph().name_scope(name or default):
        windows, steps = four(size, "pool_size"), four(strides, "strides")
        return _tconv.pool(kind, inputs, windows, steps, padding, layout, kind)


def max_pooling2d(
    inputs: Value,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window."""
    return _pool("MaxPool", "max_pooling2d", inputs, pool_size, strides, padding, data_format, name)


def average_pooling2d(
    inputs: Value,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The mean of each window."""
    return _pool("AvgPool", "average_pooling2d", inputs, pool_size, strides, padding, data_format, name)


if not TYPE_CHECKING:
    __getattr__ = refuser("tf.layers", globals())

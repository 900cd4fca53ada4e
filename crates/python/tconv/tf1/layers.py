"""`tf.layers`: layers that make their own variables, `kernel` and `bias`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from tconv._missing import refuser
from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import array_ops, init_ops, math_ops, nn_ops
from tconv.tf1._node import Value, tensor
from tconv.tf1.variable_scope import get_variable, variable_scope

_FORMATS = {"channels_last": "NHWC", "channels_first": "NCHW"}
_ZEROS = "zeros"


def _layout(data_format: Any) -> str:
    for name, layout in _FORMATS.items():
        if data_format == name:
            return layout
    raise ValueError(f"The `data_format` argument must be one of {sorted(_FORMATS)}. Received: {data_format}")


def _known(inputs: Tensor, axis: int, layer: str) -> int:
    rank = inputs.shape.rank
    if rank is None or not -rank <= axis < rank:
        raise ValueError(f"{layer}: the inputs must have an axis {axis} whose size is known, not the shape {inputs.shape}")
    size = inputs.shape.as_list()[axis]
    if size is None:
        raise ValueError(f"{layer}: the size of axis {axis} of the inputs must be known, not {inputs.shape}")
    return size


def _finish(value: Tensor, channels: int, layout: str, bias: Any, trainable: bool, activation: Any) -> Tensor:
    if bias is not None:
        initializer = init_ops.zeros_initializer() if bias is _ZEROS else bias
        biases = get_variable("bias", [channels], value.dtype, initializer, trainable=trainable)
        value = nn_ops.bias_add(value, biases, layout)
    return value if activation is None else activation(value)


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
    _no_extras("conv2d", kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint)
    inputs, layout = tensor(inputs), _layout(data_format)
    pair = [kernel_size, kernel_size] if isinstance(kernel_size, int) else list(kernel_size)
    with variable_scope(name, "conv2d", reuse=reuse):
        channels = _known(inputs, -1 if layout == "NHWC" else 1, "conv2d")
        shape = [*pair, channels, filters]
        kernel = get_variable("kernel", shape, inputs.dtype, kernel_initializer, trainable=trainable)
        operands = [inputs, kernel]
        value = _tconv.conv("conv2d", operands, strides, padding, layout, dilation_rate, None)
        return _finish(value, filters, layout, bias_initializer if use_bias else None, trainable, activation)


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
    """A matrix times `inputs` (`[batch, features]`), biases, and an activation. The kernel starts Glorot-uniform."""
    _no_extras("dense", kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint)
    inputs = tensor(inputs)
    with variable_scope(name, "dense", reuse=reuse):
        shape = [_known(inputs, -1, "dense"), units]
        kernel = get_variable("kernel", shape, inputs.dtype, kernel_initializer, trainable=trainable)
        value = math_ops.matmul(inputs, kernel)
        return _finish(value, units, "NHWC", bias_initializer if use_bias else None, trainable, activation)


def flatten(inputs: Value, name: str | None = None, data_format: str = "channels_last") -> Tensor:
    """All axes but the first made one."""
    inputs = tensor(inputs)
    with _tconv.get_default_graph().name_scope(name or "flatten"):
        if data_format == "channels_first" and inputs.shape.rank == 4:
            inputs = array_ops.transpose(inputs, [0, 2, 3, 1])
        return array_ops.reshape(inputs, [array_ops.shape(inputs)[0], -1])


def _pool(
    kind: str, default: str, inputs: Value, size: Any, strides: Any, padding: str, data_format: str, name: str | None
) -> Tensor:
    layout = _layout(data_format)

    def four(value: Any) -> list[int]:
        pair = [value, value] if isinstance(value, int) else list(value)
        return [1, *pair, 1] if layout == "NHWC" else [1, 1, *pair]

    with _tconv.get_default_graph().name_scope(name or default):
        return _tconv.pool(kind, inputs, four(size), four(strides), padding, layout, kind)


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


def _no_extras(layer: str, *extras: Any) -> None:
    if any(extra is not None for extra in extras):
        raise NotImplementedError(f"tf.layers.{layer}: tconv has neither regularizers nor constraints")

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.layers", globals())

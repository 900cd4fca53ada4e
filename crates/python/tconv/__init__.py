"""TensorFlow's `conv2d_transpose` and the graph system around it, without TensorFlow.

Three ways in:

- `import tconv.tf1 as tf` (and `from tconv.contrib import slim`): TensorFlow 1's names.
- `python -m tconv SCRIPT.py` runs a script that says `import tensorflow as tf`, unchanged.
- `tconv.conv2d`, `tconv.conv2d_transpose` and the others here compute at once, on NumPy arrays (and on anything that has
  `__dlpack__`, such as a tensor of PyTorch's on the CPU).

Strides and dilations are one number, or one for each spatial axis, or one for each axis of the input. `padding` is
`"SAME"`, `"VALID"`, or pairs of numbers, one for each axis or each spatial one. `data_format` is `NWC`, `NHWC`, `NDHWC`
(the default) or `NCW`, `NCHW`, `NCDHW`. `out` is an array that takes the result. `precision` permits products of float32
that are less exact, where a processor has faster ones: `"highest"` (the default), `"high"` or `"medium"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tconv import _tconv
from tconv import errors as errors
from tconv._tconv import __version__ as __version__
from tconv._tconv import get_num_threads as get_num_threads
from tconv._tconv import set_num_threads as set_num_threads

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


def conv1d(
    input: Any,
    filter: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """A convolution of `[batch, width, in_channels]` with `[width, in_channels, out_channels]`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    return _tconv.eager_conv("conv1d", [input, filter], strides, padding, data_format, dilations, out, precision)


def conv1d_transpose(
    value: Any,
    filter: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The transpose of the `conv1d` that takes `output_shape` to the shape of `value`.

    Filter, strides and padding are that convolution's own: `filter` is `[width, output_channels, in_channels]`
    seen from here. Several output shapes go with one input; `legal_output_shapes` lists them.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [value, filter, output_shape]
    return _tconv.eager_conv("conv1d_transpose", operands, strides, padding, data_format, dilations, out, precision)


def conv1d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The gradient of `conv1d` with respect to its filter, whose shape is `filter_sizes`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [input, filter_sizes, out_backprop]
    return _tconv.eager_conv("conv1d_backprop_filter", operands, strides, padding, data_format, dilations, out, precision)


def conv1d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The gradient of `conv1d` with respect to its input, whose shape is `input_sizes`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [input_sizes, filter, out_backprop]
    return _tconv.eager_conv("conv1d_backprop_input", operands, strides, padding, data_format, dilations, out, precision)


def conv2d(
    input: Any,
    filter: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """A convolution of `[batch, height, width, in_channels]` with `[height, width, in_channels, out_channels]`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    return _tconv.eager_conv("conv2d", [input, filter], strides, padding, data_format, dilations, out, precision)


def conv2d_transpose(
    value: Any,
    filter: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The transpose of the `conv2d` that takes `output_shape` to the shape of `value`.

    Filter, strides and padding are that convolution's own: `filter` is `[height, width, output_channels, in_channels]`
    seen from here. Several output shapes go with one input; `legal_output_shapes` lists them.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [value, filter, output_shape]
    return _tconv.eager_conv("conv2d_transpose", operands, strides, padding, data_format, dilations, out, precision)


def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The gradient of `conv2d` with respect to its filter, whose shape is `filter_sizes`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [input, filter_sizes, out_backprop]
    return _tconv.eager_conv("conv2d_backprop_filter", operands, strides, padding, data_format, dilations, out, precision)


def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The gradient of `conv2d` with respect to its input, whose shape is `input_sizes`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [input_sizes, filter, out_backprop]
    return _tconv.eager_conv("conv2d_backprop_input", operands, strides, padding, data_format, dilations, out, precision)


def conv3d(
    input: Any,
    filter: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """A convolution of `[batch, depth, height, width, in_channels]` with `[depth, height, width, in_channels, out_channels]`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    return _tconv.eager_conv("conv3d", [input, filter], strides, padding, data_format, dilations, out, precision)


def conv3d_transpose(
    value: Any,
    filter: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The transpose of the `conv3d` that takes `output_shape` to the shape of `value`.

    Filter, strides and padding are that convolution's own: `filter` is
    `[depth, height, width, output_channels, in_channels]` seen from here. Several output shapes go with one input;
    `legal_output_shapes` lists them.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [value, filter, output_shape]
    return _tconv.eager_conv("conv3d_transpose", operands, strides, padding, data_format, dilations, out, precision)


def conv3d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The gradient of `conv3d` with respect to its filter, whose shape is `filter_sizes`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [input, filter_sizes, out_backprop]
    return _tconv.eager_conv("conv3d_backprop_filter", operands, strides, padding, data_format, dilations, out, precision)


def conv3d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = None,
    out: Array | None = None,
    precision: str | None = None,
) -> Array:
    """The gradient of `conv3d` with respect to its input, whose shape is `input_sizes`.

    Raises:
      tconv.errors.InvalidArgumentError, ValueError: the shapes do not go together.
    """
    operands = [input_sizes, filter, out_backprop]
    return _tconv.eager_conv("conv3d_backprop_input", operands, strides, padding, data_format, dilations, out, precision)


def shape(
    op: str,
    operands: Mapping[str, Any],
    strides: Any = 1,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
) -> tuple[Any, ...]:
    """The shape that an op makes of operands of these shapes; sizes may be names or expressions in them, as text.

    `tconv.shape("conv2d", {"input": ["N", "H", 97, 3], "filter": [3, 3, 3, 20]}, strides=4)` is
    `("N", "ceil(H/4)", 25, 20)`.

    Raises:
      ValueError: the shapes do not go together.
    """
    return _tconv.shape(op, operands, strides, padding, data_format, dilations)


def legal_output_shapes(
    value: Any,
    filter: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
) -> list[Any]:
    """What `output_shape` of a transposed convolution may be, for a value and a filter of these shapes.

    For each axis a number, or a `range` of numbers, all of which are legal.
    """
    return _tconv.legal_output_shapes(value, filter, strides, padding, data_format, dilations)

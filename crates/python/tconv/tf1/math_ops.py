"""Arithmetic: element by element, reductions, products of matrices, ranges and casts.

The functions of two tensors broadcast their shapes as NumPy does. Shapes or dtypes that do not go together are a
`ValueError` or a `TypeError`.
"""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import dtypes
from tconv.tf1._node import Value, either, graph_of, node, tensor

__all__ = [
    "abs",
    "add",
    "add_n",
    "cast",
    "div",
    "divide",
    "equal",
    "exp",
    "floor_div",
    "floordiv",
    "floormod",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "log",
    "logical_and",
    "logical_not",
    "logical_or",
    "matmul",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "range",
    "realdiv",
    "reciprocal",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_sum",
    "rsqrt",
    "scalar_mul",
    "sigmoid",
    "sign",
    "sqrt",
    "square",
    "squared_difference",
    "subtract",
    "tanh",
    "to_double",
    "to_float",
    "to_int32",
    "to_int64",
    "truediv",
]


def abs(x: Value, name: str | None = None) -> Tensor:
    """The absolute value of each element."""
    return node("Abs", x, name=name)


def negative(x: Value, name: str | None = None) -> Tensor:
    """`-x`."""
    return node("Neg", x, name=name)


def sign(x: Value, name: str | None = None) -> Tensor:
    """-1, 0 or 1 for each element."""
    return node("Sign", x, name=name)


def square(x: Value, name: str | None = None) -> Tensor:
    """`x * x`."""
    return node("Square", x, name=name)


def sqrt(x: Value, name: str | None = None) -> Tensor:
    """The square root of each element."""
    return node("Sqrt", x, name=name)


def rsqrt(x: Value, name: str | None = None) -> Tensor:
    """One by the square root of each element."""
    return node("Rsqrt", x, name=name)


def exp(x: Value, name: str | None = None) -> Tensor:
    """e to the power of each element."""
    return node("Exp", x, name=name)


def log(x: Value, name: str | None = None) -> Tensor:
    """The natural logarithm of each element."""
    return node("Log", x, name=name)


def reciprocal(x: Value, name: str | None = None) -> Tensor:
    """`1 / x`."""
    return node("Reciprocal", x, name=name)


def sigmoid(x: Value, name: str | None = None) -> Tensor:
    """`1 / (1 + exp(-x))`."""
    return node("Sigmoid", x, name=name)


def tanh(x: Value, name: str | None = None) -> Tensor:
    """The hyperbolic tangent of each element."""
    return node("Tanh", x, name=name)


def add(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x + y`; the shapes are broadcast."""
    return node("AddV2", x, y, name=name or "Add")


def subtract(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x - y`; the shapes are broadcast."""
    return node("Sub", x, y, name=name)


def multiply(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x * y`; the shapes are broadcast."""
    return node("Mul", x, y, name=name)


def realdiv(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x / y` of floats; the shapes are broadcast."""
    return node("RealDiv", x, y, name=name)


def floor_div(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x // y`; the shapes are broadcast."""
    return node("FloorDiv", x, y, name=name)


def pow(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x` to the power of `y`; the shapes are broadcast."""
    return node("Pow", x, y, name=name)


def maximum(x: Value, y: Value, name: str | None = None) -> Tensor:
    """The larger of each pair of elements; the shapes are broadcast."""
    return node("Maximum", x, y, name=name)


def minimum(x: Value, y: Value, name: str | None = None) -> Tensor:
    """The smaller of each pair of elements; the shapes are broadcast."""
    return node("Minimum", x, y, name=name)


def equal(x: Value, y: Value, name: str | None = None) -> Tensor:
    """Whether elements are equal; the shapes are broadcast."""
    return node("Equal", x, y, name=name)


def greater(x: Value, y: Value, name: str | None = None) -> Tensor:
    """Whether elements of `x` are greater; the shapes are broadcast."""
    return node("Greater", x, y, name=name)


def greater_equal(x: Value, y: Value, name: str | None = None) -> Tensor:
    """Whether elements of `x` are greater or equal; the shapes are broadcast."""
    return node("GreaterEqual", x, y, name=name)


def less(x: Value, y: Value, name: str | None = None) -> Tensor:
    """Whether elements of `x` are less; the shapes are broadcast."""
    return node("Less", x, y, name=name)


def not_equal(x: Value, y: Value, name: str | None = None) -> Tensor:
    """Whether elements differ; the shapes are broadcast."""
    return node("NotEqual", x, y, name=name)


def logical_and(x: Value, y: Value, name: str | None = None) -> Tensor:
    """Whether both elements hold; the shapes are broadcast."""
    return node("LogicalAnd", x, y, name=name)


def logical_or(x: Value, y: Value, name: str | None = None) -> Tensor:
    """Whether one of both elements holds; the shapes are broadcast."""
    return node("LogicalOr", x, y, name=name)


def logical_not(x: Value, name: str | None = None) -> Tensor:
    """Whether each element does not hold."""
    return node("LogicalNot", x, name=name)


def floormod(x: Value, y: Value, name: str | None = None) -> Tensor:
    """What division with the quotient rounded down leaves; of the sign of `y`."""
    return node("FloorMod", x, y, name=name)


mod = floormod


def less_equal(x: Value, y: Value, name: str | None = None) -> Tensor:
    """Whether elements of `x` are less or equal; the shapes are broadcast."""
    return node("LessEqual", x, y, name=name)


def reduce_sum(
    input_tensor: Value,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The sum over these axes, or over all; `keepdims` leaves them there with a size of 1."""
    return _reduce("Sum", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_mean(
    input_tensor: Value,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The mean over these axes, or over all; `keepdims` leaves them there with a size of 1."""
    return _reduce("Mean", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_max(
    input_tensor: Value,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The largest over these axes, or over all; `keepdims` leaves them there with a size of 1."""
    return _reduce("Max", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_min(
    input_tensor: Value,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The smallest over these axes, or over all; `keepdims` leaves them there with a size of 1."""
    return _reduce("Min", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def _reduce(
    op: str, input: Value, axis: Any, keepdims: bool | None, name: str | None, old_axis: Any, old_keep: bool | None
) -> Tensor:
    axis = either("axis", axis, "reduction_indices", old_axis)
    keepdims = either("keepdims", keepdims, "keep_dims", old_keep)
    return _tconv.reduce(op, input, axis, bool(keepdims), name)


def _pair(x: Value, y: Value) -> tuple[Tensor, Tensor]:
    """Two tensors of one dtype: that of the one that is a tensor already."""
    if isinstance(y, (Tensor, _tconv.Variable)) and not isinstance(x, (Tensor, _tconv.Variable)):
        y = tensor(y)
        return tensor(x, y.dtype, "x"), y
    x = tensor(x, name="x")
    return x, tensor(y, x.dtype, "y")


def truediv(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x / y`, of integers as float64; the shapes are broadcast."""
    with graph_of(x, y).name_scope(name or "truediv") as scope:
        x, y = _pair(x, y)
        if x.dtype.is_integer:
            x, y = cast(x, dtypes.float64), cast(y, dtypes.float64)
        return node("RealDiv", x, y, name=scope)


divide = truediv


def floordiv(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x // y`; the shapes are broadcast."""
    with graph_of(x, y).name_scope(name or "floordiv") as scope:
        return node("FloorDiv", *_pair(x, y), name=scope)


def div(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`x / y` as Python 2 had it: of integers rounded down; the shapes are broadcast."""
    with graph_of(x, y).name_scope(name or "div") as scope:
        x, y = _pair(x, y)
        return node("FloorDiv" if x.dtype.is_integer else "RealDiv", x, y, name=scope)


def squared_difference(x: Value, y: Value, name: str | None = None) -> Tensor:
    """`(x - y) * (x - y)`; the shapes are broadcast."""
    return node("SquaredDifference", x, y, name=name)


def scalar_mul(scalar: Value, x: Value, name: str | None = None) -> Tensor:
    """A number times a tensor."""
    x = tensor(x)
    return multiply(tensor(scalar, x.dtype, "scalar"), x, name)


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of a list of tensors of one shape."""
    inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    if not inputs:
        raise ValueError("Inputs must be an iterable of at least one Tensor/IndexedSlices with the same dtype and shape.")
    if len(inputs) == 1:
        return tensor(inputs[0]) if name is None else node("Identity", inputs[0], name=name)
    return node("AddN", inputs, name=name)


def matmul(
    a: Value,
    b: Value,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of two matrices, `[m, k]` and `[k, n]`, each transposed first where that is said."""
    if adjoint_a and transpose_a or adjoint_b and transpose_b:
        raise ValueError("Only one of `transpose` and `adjoint` can be True for each matrix.")
    return node("MatMul", a, b, name=name, transpose_a=transpose_a or adjoint_a, transpose_b=transpose_b or adjoint_b)


def range(start: Value, limit: Value = None, delta: Value = 1, dtype: Any = None, name: str = "range") -> Tensor:
    """The numbers from `start` up to `limit`, which is left out, in steps of `delta`; of one number: from 0."""
    if limit is None:
        start, limit = 0, start
    with graph_of(start, limit, delta).name_scope(name) as scope:
        named = {"start": start, "limit": limit, "delta": delta}
        bounds = [tensor(bound, dtype, name) for name, bound in named.items()]
        # The widest of the three dtypes: an int64 among int32.
        widest = max((bound.dtype for bound in bounds), key=lambda dtype: (dtype.is_floating, dtype.size))
        return node("Range", *(cast(bound, widest) for bound in bounds), name=scope)


def cast(x: Value, dtype: Any, name: str | None = None) -> Tensor:
    """The tensor in another dtype; the same tensor where it has it already."""
    wanted = _tconv.as_dtype(dtype)
    if isinstance(x, Tensor) and x.dtype == wanted:
        return x
    with graph_of(x).name_scope(name or "Cast") as scope:
        x = tensor(x, name="x")
        return x if x.dtype == wanted else _tconv.cast(x, wanted, scope)


def to_float(x: Value, name: str = "ToFloat") -> Tensor:
    """The tensor as float32."""
    return cast(x, dtypes.float32, name)


def to_double(x: Value, name: str = "ToDouble") -> Tensor:
    """The tensor as float64."""
    return cast(x, dtypes.float64, name)


def to_int32(x: Value, name: str = "ToInt32") -> Tensor:
    """The tensor as int32."""
    return cast(x, dtypes.int32, name)


def to_int64(x: Value, name: str = "ToInt64") -> Tensor:
    """The tensor as int64."""
    return cast(x, dtypes.int64, name)

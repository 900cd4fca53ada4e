//! Arithmetic: of elements, over axes, of matrices.

mod add_n;
mod binary;
mod broadcast;
mod cast;
mod compare;
mod logical;
mod matmul;
mod number;
mod operators;
mod range;
mod reduce;
mod unary;

#[cfg(test)]
mod tests;

use tconv_tensor::DType;

pub(crate) use add_n::ADD_N;
pub use add_n::add_n;
pub(crate) use binary::{
    ADD, ADD_V2, FLOOR_DIV, FLOOR_MOD, MAXIMUM, MINIMUM, MUL, POW, REAL_DIV, SQUARED_DIFFERENCE,
    SUB,
};
pub use binary::{
    add, divide, floor_div, floor_mod, maximum, minimum, multiply, pow, squared_difference,
    subtract,
};
pub(super) use broadcast::zip;
pub(crate) use cast::CAST;
pub use cast::cast;
use cast::cast_named;
pub(crate) use cast::cast_to;
pub(crate) use compare::{EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, NOT_EQUAL, SELECT_V2};
pub use compare::{equal, greater, greater_equal, less, less_equal, not_equal, select};
pub(crate) use logical::{LOGICAL_AND, LOGICAL_NOT, LOGICAL_OR};
pub use logical::{logical_and, logical_not, logical_or};
pub(crate) use matmul::MAT_MUL;
pub use matmul::{matmul, matmul_with};
pub(super) use number::Number;
pub(crate) use range::RANGE;
pub use range::range;
pub use reduce::{
    Axes, reduce, reduce_max, reduce_max_keep_dims, reduce_mean, reduce_mean_keep_dims, reduce_min,
    reduce_min_keep_dims, reduce_sum, reduce_sum_keep_dims,
};
pub(crate) use reduce::{MAX, MEAN, MIN, SUM};
pub(crate) use unary::{
    ABS, EXP, LOG, NEG, RECIPROCAL, RECIPROCAL_GRAD, RSQRT, RSQRT_GRAD, SIGN, SQRT, SQRT_GRAD,
    SQUARE,
};
pub use unary::{abs, exp, log, negative, reciprocal, rsqrt, sign, sqrt, square};

/// Numbers and bytes, which most of the ops here take.
pub(super) const NUMBERS_AND_BYTES: &[DType] = &[
    DType::Float16,
    DType::Bfloat16,
    DType::Float32,
    DType::Float64,
    DType::Int32,
    DType::Int64,
    DType::Uint8,
];

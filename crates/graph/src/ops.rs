//! The ops: one family a file, one line of this table each.

pub mod array;
mod assign;
pub mod basic;
pub(crate) mod conv;
#[cfg(test)]
mod followed;
pub mod math;
#[cfg(test)]
mod needed;
pub mod nn;
mod random;
mod sizes;
pub mod state;
mod training;
mod window;

use crate::op::OpDef;
use crate::{Code, Error, Result};

/// Every op that a graph may hold.
pub(crate) static OPS: &[&OpDef] = &[
    &basic::CONST,
    &basic::IDENTITY,
    &basic::NO_OP,
    &basic::PLACEHOLDER,
    &basic::STOP_GRADIENT,
    &conv::CONV_2D,
    &conv::CONV_2D_BACKPROP_FILTER,
    &conv::CONV_2D_BACKPROP_INPUT,
    &conv::CONV_3D,
    &conv::CONV_3D_BACKPROP_FILTER,
    &conv::CONV_3D_BACKPROP_INPUT,
    &assign::ASSIGN_ADD_VARIABLE_OP,
    &assign::ASSIGN_SUB_VARIABLE_OP,
    &state::ASSIGN_VARIABLE_OP,
    &state::READ_VARIABLE_OP,
    &state::VAR_HANDLE_OP,
    &state::VAR_IS_INITIALIZED_OP,
    &array::BROADCAST_GRADIENT_ARGS,
    &array::CONCAT_OFFSET,
    &array::CONCAT_V2,
    &array::EXPAND_DIMS,
    &array::FILL,
    &array::INVERT_PERMUTATION,
    &array::PACK,
    &array::PAD,
    &array::RANK,
    &array::RESHAPE,
    &array::SHAPE,
    &array::SIZE,
    &array::SLICE,
    &array::SQUEEZE,
    &array::STRIDED_SLICE,
    &array::STRIDED_SLICE_GRAD,
    &array::TILE,
    &array::TRANSPOSE,
    &array::UNPACK,
    &math::ABS,
    &math::ADD,
    &math::ADD_N,
    &math::ADD_V2,
    &math::CAST,
    &math::EQUAL,
    &math::EXP,
    &math::FLOOR_DIV,
    &math::FLOOR_MOD,
    &math::GREATER,
    &math::GREATER_EQUAL,
    &math::LESS,
    &math::LESS_EQUAL,
    &math::LOG,
    &math::LOGICAL_AND,
    &math::LOGICAL_NOT,
    &math::LOGICAL_OR,
    &math::MAT_MUL,
    &math::MAX,
    &math::MAXIMUM,
    &math::MEAN,
    &math::MIN,
    &math::MINIMUM,
    &math::MUL,
    &math::NEG,
    &math::NOT_EQUAL,
    &math::POW,
    &math::RANGE,
    &math::REAL_DIV,
    &math::RECIPROCAL,
    &math::RECIPROCAL_GRAD,
    &math::RSQRT,
    &math::RSQRT_GRAD,
    &math::SELECT_V2,
    &math::SIGN,
    &math::SQRT,
    &math::SQRT_GRAD,
    &math::SQUARE,
    &math::SQUARED_DIFFERENCE,
    &math::SUB,
    &math::SUM,
    &nn::AVG_POOL,
    &nn::AVG_POOL_GRAD,
    &nn::BIAS_ADD,
    &nn::BIAS_ADD_GRAD,
    &nn::LEAKY_RELU,
    &nn::LEAKY_RELU_GRAD,
    &nn::LOG_SOFTMAX,
    &nn::MAX_POOL,
    &nn::MAX_POOL_GRAD,
    &nn::RELU,
    &nn::RELU_GRAD,
    &nn::SIGMOID,
    &nn::SIGMOID_GRAD,
    &nn::SOFTMAX,
    &nn::SOFTPLUS,
    &nn::SOFTPLUS_GRAD,
    &nn::TANH,
    &nn::TANH_GRAD,
    &random::RANDOM_STANDARD_NORMAL,
    &random::RANDOM_UNIFORM,
    &random::TRUNCATED_NORMAL,
    &training::RESOURCE_APPLY_ADAM,
    &training::RESOURCE_APPLY_GRADIENT_DESCENT,
    &training::RESOURCE_APPLY_MOMENTUM,
];

/// The op registered under a name.
pub fn find(name: &str) -> Result<&'static OpDef> {
    let found = OPS.iter().copied().find(|def| def.name == name);
    found.ok_or_else(|| Error::new(Code::NotFound, format!("Op type not registered '{name}'")))
}

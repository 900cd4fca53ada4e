//! The ops: one family a file, one line of this table each.

pub mod array;
pub mod basic;
mod conv;
pub mod math;
pub mod nn;
pub mod state;

use crate::op::OpDef;

/// Every op that a graph may hold.
pub(crate) static OPS: &[&OpDef] = &[
    &basic::CONST,
    &basic::IDENTITY,
    &basic::NO_OP,
    &basic::PLACEHOLDER,
    &conv::CONV_2D,
    &conv::CONV_2D_BACKPROP_FILTER,
    &conv::CONV_2D_BACKPROP_INPUT,
    &state::ASSIGN_VARIABLE_OP,
    &state::READ_VARIABLE_OP,
    &state::VAR_HANDLE_OP,
    &state::VAR_IS_INITIALIZED_OP,
    &array::PACK,
    &array::FILL,
    &array::SHAPE,
    &math::ADD,
    &math::ADD_V2,
    &math::MUL,
    &math::NEG,
    &math::SUB,
];

/// The op registered under a name.
pub(crate) fn find(name: &str) -> Option<&'static OpDef> {
    OPS.iter().copied().find(|def| def.name == name)
}

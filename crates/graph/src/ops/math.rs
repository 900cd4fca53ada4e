//! Arithmetic.

mod arithmetic;

pub(crate) use arithmetic::{ADD, ADD_V2, MUL, NEG, SUB};
pub use arithmetic::{add, add_n, subtract};

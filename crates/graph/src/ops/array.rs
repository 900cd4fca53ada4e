//! Shapes and their rearrangement.

mod fill;
mod pack;
mod shape;

pub(crate) use fill::FILL;
pub use fill::fill;
pub use pack::pack;
pub(crate) use pack::{PACK, pack_named};
pub use shape::shape;
pub(crate) use shape::SHAPE;

//! Shapes and their rearrangement.

mod broadcast_args;
mod check;
mod concat;
mod concat_offset;
mod fill;
mod moving;
mod pack;
mod pad;
mod reshape;
mod shape;
mod slice;
mod strided_slice;
mod tile;
mod transpose;

pub use super::basic::{identity, stop_gradient};
pub(crate) use broadcast_args::{BROADCAST_GRADIENT_ARGS, broadcast_gradient_args};
pub(crate) use concat::CONCAT_V2;
pub use concat::concat;
pub(crate) use concat_offset::CONCAT_OFFSET;
pub(crate) use fill::FILL;
pub use fill::{fill, zeros_like};
pub(crate) use pack::{PACK, UNPACK, pack_named};
pub use pack::{pack, unpack};
pub(crate) use pad::PAD;
pub use pad::pad;
pub(crate) use reshape::{EXPAND_DIMS, RESHAPE, SQUEEZE};
pub use reshape::{expand_dims, reshape, squeeze};
pub(crate) use shape::{RANK, SHAPE, SIZE};
pub use shape::{rank, shape, size};
pub(crate) use slice::SLICE;
pub use slice::slice;
pub use strided_slice::Index;
pub(crate) use strided_slice::{STRIDED_SLICE, STRIDED_SLICE_GRAD};
pub(crate) use tile::TILE;
pub use tile::tile;
pub(crate) use transpose::{INVERT_PERMUTATION, TRANSPOSE};
pub use transpose::{reverse_axes, transpose};

#[cfg(test)]
mod tests;

//! Tensors: an element type, a shape and elements in row-major order.
//!
//! A [`Tensor`] shares its elements between clones and copies them when one of
//! several owners writes. It is made from and given back as Rust vectors and
//! `ndarray` arrays without a copy where the memory allows it, is printed as
//! NumPy prints, and is read from and written to NumPy's `.npy`.
#![forbid(unsafe_code)]

mod arrays;
mod dtype;
mod error;
mod npy;
mod owner;
mod pool;
mod print;
mod replace;
mod tensor;

pub use dtype::{DType, Element, Handle};
pub use error::TensorError;
pub use half::{bf16, f16};
pub use npy::{read_npy, write_npy};
pub use owner::{Mark, Owner};
pub use pool::Pool;
pub use replace::replace_file;
pub use tensor::{Tensor, checked_len};

//! Convolution, matrix product, elementwise and reduction kernels: slices in, slices out.
//!
//! Nothing here allocates room for data: a kernel that needs room says how much (`*_scratch`) and the caller owns the
//! buffer. Threads are an argument. Each output element has one writer and one order of summing,
//! whatever the number of threads, so results are the same to the bit.

pub mod conv;
pub mod elementwise;
mod error;
pub mod gemm;
pub mod layout;
mod peak;
pub mod pool;
pub mod reduce;
pub mod simd;
pub mod stage;
mod threads;
mod tiles;

pub use error::{KernelError, check_len};
pub use peak::peak;
pub use threads::Threads;

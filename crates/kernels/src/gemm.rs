//! Matrix products in blocks: the dense one, and the driver under the convolutions, which gathers both
//! matrices from wherever they are and puts the result wherever it belongs.
//!
//! The loops are those of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
//! (2008). An element's sum runs through the depth in blocks of fixed size, so it is the same to the bit
//! for any number of threads.

mod block;
mod driver;
mod plan;
mod strip;

use std::ops::Range;

pub(crate) use driver::{run, scratch};
pub(crate) use plan::{DEPTH, DEPTH_PITCH, Dims, ROWS_UNIT};
pub(crate) use strip::{Before, Piece, Strip, aligned, alignment, strip_width};

use crate::simd::{Float, InstructionSet};
use crate::stage::Finish;
use crate::{KernelError, Threads, check_len};

/// The direction in which a [`Source`] writes neighbours side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Along {
    /// Along the rows of the left matrix, the columns of the right one.
    Lanes,
    /// Along the axis that the product sums over.
    Depth,
}

/// The left or the right matrix of a product. Its lanes are the left one's rows, the right one's columns.
pub(crate) trait Source<T>: Sync {
    /// The direction that [`Source::gather`] writes in.
    fn along(&self) -> Along;

    /// Writes a part of the matrix in rows that are `pitch` elements apart: a row for each lane, written
    /// along the depth, or a row for each step of depth, written along the lanes.
    fn gather(&self, lanes: Range<usize>, depth: Range<usize>, out: &mut [T], pitch: usize);
}

/// Where the result's rows or columns are: an element's place is the sum of its row's and its column's.
pub(crate) trait Offsets: Sync {
    /// Writes the offsets, in elements, of `first` and those after it. They ascend.
    fn fill(&self, first: usize, offsets: &mut [usize]);
}

/// A product's operands and the places of its result.
pub(crate) struct Product<L, R, Rows, Columns> {
    pub(crate) left: L,
    pub(crate) right: R,
    pub(crate) rows: Rows,
    pub(crate) columns: Columns,
}

/// Matrix products that are computed together.
pub(crate) trait Products<T>: Sync {
    /// The left matrix.
    type Left: Source<T>;
    /// The right matrix.
    type Right: Source<T>;
    /// The places of the result's rows.
    type Rows: Offsets;
    /// The places of the result's columns.
    type Columns: Offsets;

    /// How many there are.
    fn count(&self) -> usize;
    /// The sizes of one.
    fn dims(&self, index: usize) -> Dims;
    /// One of them.
    fn product(&self, index: usize) -> Product<Self::Left, Self::Right, Self::Rows, Self::Columns>;
    /// Whether a single product may be cut along its depth, for which the scratch holds partial sums.
    fn may_slice(&self) -> bool;
}

/// A matrix in memory whose neighbours are side by side in one direction.
pub(crate) struct Dense<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) offset: usize,
    /// From one row to the next, in the direction across.
    pub(crate) stride: usize,
    pub(crate) along: Along,
}

impl<T: Copy + Sync> Source<T> for Dense<'_, T> {
    fn along(&self) -> Along {
        self.along
    }

    fn gather(&self, lanes: Range<usize>, depth: Range<usize>, out: &mut [T], pitch: usize) {
        let (across, along) = match self.along {
            Along::Lanes => (depth, lanes),
            Along::Depth => (lanes, depth),
        };
        for (i, row) in across.enumerate() {
            let from = &self.data[self.offset + row * self.stride..][along.clone()];
            out[i * pitch..][..along.len()].copy_from_slice(from);
        }
    }
}

/// Places at equal distances.
#[derive(Clone, Copy)]
pub(crate) struct Linear {
    pub(crate) origin: usize,
    pub(crate) step: usize,
}

impl Offsets for Linear {
    fn fill(&self, first: usize, offsets: &mut [usize]) {
        for (i, offset) in offsets.iter_mut().enumerate() {
            *offset = self.origin + (first + i) * self.step;
        }
    }
}

struct Matmul<'a, T> {
    dims: Dims,
    a: &'a [T],
    transpose_a: bool,
    b: &'a [T],
    transpose_b: bool,
}

impl<'a, T: Float> Products<T> for Matmul<'a, T> {
    type Left = Dense<'a, T>;
    type Right = Dense<'a, T>;
    type Rows = Linear;
    type Columns = Linear;

    fn count(&self) -> usize {
        1
    }

    fn dims(&self, _: usize) -> Dims {
        self.dims
    }

    fn product(&self, _: usize) -> Product<Dense<'a, T>, Dense<'a, T>, Linear, Linear> {
        let dense = |data, along, lanes| Dense {
            data,
            offset: 0,
            stride: match along {
                Along::Lanes => lanes,
                Along::Depth => self.dims.depth,
            },
            along,
        };
        let along = |lanes| if lanes { Along::Lanes } else { Along::Depth };
        Product {
            left: dense(self.a, along(self.transpose_a), self.dims.rows),
            right: dense(self.b, along(!self.transpose_b), self.dims.columns),
            rows: Linear {
                origin: 0,
                step: self.dims.columns,
            },
            columns: Linear { origin: 0, step: 1 },
        }
    }

    fn may_slice(&self) -> bool {
        true
    }
}

/// `out = a b` for `dims` = (m, k, n): TensorFlow's `MatMul`. `a` is `[m, k]`, or `[k, m]` if
/// `transpose_a`; `b` is `[k, n]`, or `[n, k]` if `transpose_b`; `out` is `[m, n]`, all row by row. With a
/// `k` of 0 it is zeros. `scratch` has at least [`matmul_scratch`] elements.
///
/// # Errors
/// `Length`; `Sizes` when a matrix's size leaves the address range; `Unavailable` for an instruction set
/// that this machine lacks.
#[expect(clippy::too_many_arguments, reason = "TensorFlow's op has them all")]
pub fn matmul<T: Float>(
    set: InstructionSet,
    threads: &Threads,
    dims: (usize, usize, usize),
    a: &[T],
    transpose_a: bool,
    b: &[T],
    transpose_b: bool,
    out: &mut [T],
    scratch: &mut [T],
) -> Result<(), KernelError> {
    set.check()?;
    let (m, k, n) = dims;
    let elements = |rows: usize, columns: usize| {
        rows.checked_mul(columns).ok_or_else(|| {
            KernelError::Sizes(format!("a matrix of {rows} x {columns} is too large"))
        })
    };
    check_len("a", elements(m, k)?, a.len())?;
    check_len("b", elements(k, n)?, b.len())?;
    check_len("out", elements(m, n)?, out.len())?;
    let needed = matmul_scratch::<T>(dims, threads.count());
    if scratch.len() < needed {
        check_len("scratch", needed, scratch.len())?;
    }
    let products = Matmul {
        dims: Dims {
            rows: m,
            columns: n,
            depth: k,
        },
        a,
        transpose_a,
        b,
        transpose_b,
    };
    // SAFETY: rows are n elements apart and have n columns, so no two elements share a place.
    unsafe { run(set, threads, &products, out, scratch, Finish::NONE) };
    Ok(())
}

/// How many elements of scratch [`matmul`] needs for `dims` = (m, k, n) with so many threads.
pub fn matmul_scratch<T: Float>(dims: (usize, usize, usize), threads: usize) -> usize {
    let (rows, depth, columns) = dims;
    let products = Matmul::<T> {
        dims: Dims {
            rows,
            columns,
            depth,
        },
        a: &[],
        transpose_a: false,
        b: &[],
        transpose_b: false,
    };
    scratch(&products, threads)
}

#[cfg(test)]
pub(crate) mod tests;

//! Reductions over any axes, in a tree.
//!
//! Source of the order: pairwise summation, N. J. Higham, "The accuracy of floating point summation",
//! SIAM J. Sci. Comput. 14 (1993); its error grows with the logarithm of the number of elements.

use half::{bf16, f16};

use crate::layout::axes::{Axes, PIECE, elements};
use crate::{KernelError, Threads, check_len};

/// Accumulators side by side: as many columns, or as many stretches of fewer columns, as one pass takes.
const LANES: usize = 64;

/// Rows that one lane takes one after another before the tree begins.
const LEAF: usize = 8;

/// The most parts that one reduction is cut into for threads.
const PARTS: usize = 16;

/// A number that sums, pools and compares: `f32`, `f64`, `i32`, `i64`, `bf16`, `f16`.
pub trait Number: Copy + PartialOrd + Send + Sync {
    /// Zero.
    const ZERO: Self;
    /// The lowest finite value.
    const LOWEST: Self;

    /// The sum; of integers modulo the power of two, as in TensorFlow.
    fn plus(self, other: Self) -> Self;
    /// The product; of integers modulo the power of two.
    fn times(self, other: Self) -> Self;
}

macro_rules! number {
    ($($type:ty: $zero:expr, $plus:expr, $times:expr;)*) => {$(
        impl Number for $type {
            const ZERO: Self = $zero;
            const LOWEST: Self = <$type>::MIN;

            #[inline]
            fn plus(self, other: Self) -> Self {
                $plus(self, other)
            }

            #[inline]
            fn times(self, other: Self) -> Self {
                $times(self, other)
            }
        }
    )*};
}

number! {
    f32: 0.0, std::ops::Add::add, std::ops::Mul::mul;
    f64: 0.0, std::ops::Add::add, std::ops::Mul::mul;
    i32: 0, i32::wrapping_add, i32::wrapping_mul;
    i64: 0, i64::wrapping_add, i64::wrapping_mul;
    bf16: bf16::ZERO, std::ops::Add::add, std::ops::Mul::mul;
    f16: f16::ZERO, std::ops::Add::add, std::ops::Mul::mul;
}

/// Sums over the axes that `reduced` marks: TensorFlow's `Sum`. An empty sum is 0.
///
/// # Errors
/// As [`reduce`].
pub fn sum<T: Number>(
    threads: &Threads,
    input: &[T],
    dims: &[usize],
    reduced: &[bool],
    out: &mut [T],
) -> Result<(), KernelError> {
    reduce(threads, input, dims, reduced, out, T::ZERO, T::plus)
}

/// Joins the elements along the axes that `reduced` marks with `f`; `out` holds the other axes, in their
/// order. `f` is associative and commutative up to rounding and `neutral` changes nothing: an empty
/// reduction is `neutral`.
///
/// # Errors
/// `Length` when a slice is not of its sizes; `Sizes` when there is not one mark for each axis, there are
/// too many elements, or more than eight axes of a kind are left after joining neighbours.
pub fn reduce<T: Copy + Send + Sync>(
    threads: &Threads,
    input: &[T],
    dims: &[usize],
    reduced: &[bool],
    out: &mut [T],
    neutral: T,
    f: impl Fn(T, T) -> T + Sync + Send,
) -> Result<(), KernelError> {
    if dims.len() != reduced.len() {
        return Err(KernelError::Sizes(format!(
            "{} sizes with {} marks for the axes to reduce",
            dims.len(),
            reduced.len()
        )));
    }
    check_len("input", elements(dims)?, input.len())?;
    let (mut kept, mut along) = (Axes::new(), Axes::new());
    let (mut outputs, mut stride) = (1usize, 1usize);
    for (&dim, &reduced) in std::iter::zip(dims, reduced).rev() {
        if !reduced {
            // Where this stops short of the product, `out` cannot be so long, or a 0 follows.
            outputs = outputs.saturating_mul(dim);
        }
        let axes = if reduced { &mut along } else { &mut kept };
        axes.push(dim, [stride as isize])?;
        stride = stride.wrapping_mul(dim);
    }
    check_len("out", outputs, out.len())?;
    if input.is_empty() {
        out.fill(neutral);
        return Ok(());
    }
    let tree = Tree {
        input,
        rows: input.len() / outputs,
        along,
        neutral,
        f,
    };
    let width = match kept.inner() {
        [1] => kept.axis(0).0.min(LANES),
        _ => 1,
    };
    if tree.rows.saturating_mul(width) >= 4 * PIECE {
        columns(&kept, 0, out, |offset, out| {
            tree.in_parts(threads, offset, out)
        });
    } else {
        let piece = LANES.max(PIECE / tree.rows / LANES * LANES);
        threads.for_each_piece(out, piece, |i, out| {
            columns(&kept, i * piece, out, |offset, out| {
                let all = tree.range(offset, out.len(), 0, tree.rows);
                tree.finish(all, out);
            });
        });
    }
    Ok(())
}

/// Calls `each` for the outputs from `start` on, so many at a time as are neighbours in the input, with
/// their offset there.
fn columns<T>(kept: &Axes<1>, start: usize, out: &mut [T], each: impl Fn(usize, &mut [T])) {
    let [stride] = kept.inner();
    let width = if stride == 1 { LANES } else { 1 };
    kept.runs(start..start + out.len(), &mut |run, [mut offset]| {
        for out in out[run].chunks_mut(width) {
            each(offset, out);
            offset += out.len() * stride as usize;
        }
    });
}

/// A reduction of one column, or of a few that are neighbours.
struct Tree<'a, T, F> {
    input: &'a [T],
    /// The axes to reduce.
    along: Axes<1>,
    /// Their elements.
    rows: usize,
    neutral: T,
    f: F,
}

impl<T: Copy + Send + Sync, F: Fn(T, T) -> T + Sync + Send> Tree<'_, T, F> {
    /// How many rows share the lanes: those of few columns do where they follow each other.
    fn group(&self, columns: usize) -> usize {
        match self.along.inner() {
            [stride] if stride as usize == columns => LANES / columns,
            _ => 1,
        }
    }

    /// Reduces the rows `first..last` of the columns from `offset` on to lanes.
    fn range(&self, offset: usize, columns: usize, first: usize, last: usize) -> [T; LANES] {
        let leaf = LEAF * self.group(columns);
        if last - first <= leaf {
            return self.leaf(offset, columns, first, last);
        }
        let middle = first + ((last - first) / 2).next_multiple_of(leaf);
        let mut all = self.range(offset, columns, first, middle);
        let more = self.range(offset, columns, middle, last);
        self.join(&mut all, &more);
        all
    }

    fn leaf(&self, offset: usize, columns: usize, first: usize, last: usize) -> [T; LANES] {
        let mut lanes = [self.neutral; LANES];
        let width = self.group(columns) * columns;
        let stride = self.along.inner()[0] as usize;
        self.along.runs(first..last, &mut |run, [start]| {
            let input = &self.input[offset + start..];
            if stride == columns {
                for row in input[..run.len() * columns].chunks(width) {
                    self.join(&mut lanes, row);
                }
            } else {
                for row in 0..run.len() {
                    self.join(&mut lanes, &input[row * stride..][..columns]);
                }
            }
        });
        lanes
    }

    #[inline]
    fn join(&self, lanes: &mut [T; LANES], row: &[T]) {
        if let Ok(row) = <&[T; LANES]>::try_from(row) {
            for (lane, &x) in lanes.iter_mut().zip(row) {
                *lane = (self.f)(*lane, x);
            }
        } else {
            for (lane, &x) in lanes.iter_mut().zip(row) {
                *lane = (self.f)(*lane, x);
            }
        }
    }

    /// Joins the rows that share the lanes.
    fn finish(&self, mut lanes: [T; LANES], out: &mut [T]) {
        let columns = out.len();
        let mut rows = self.group(columns).min(self.rows);
        while rows > 1 {
            let half = rows.div_ceil(2);
            let (low, high) = lanes.split_at_mut(half * columns);
            for (lane, &x) in low.iter_mut().zip(&high[..(rows - half) * columns]) {
                *lane = (self.f)(*lane, x);
            }
            rows = half;
        }
        out.copy_from_slice(&lanes[..columns]);
    }

    /// The whole reduction of a few columns, shared by the threads. What the parts are follows from the
    /// sizes alone.
    fn in_parts(&self, threads: &Threads, offset: usize, out: &mut [T]) {
        let columns = out.len();
        let parts = (self.rows.saturating_mul(columns) / (2 * PIECE)).clamp(1, PARTS);
        let rows = self.rows.div_ceil(parts);
        let mut lanes = [[self.neutral; LANES]; PARTS];
        threads.for_each_piece(&mut lanes[..parts], 1, |part, lanes| {
            let last = self.rows.min((part + 1) * rows);
            lanes[0] = self.range(offset, columns, last.min(part * rows), last);
        });
        let mut parts = parts;
        while parts > 1 {
            let half = parts.div_ceil(2);
            let (low, high) = lanes.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(&high[..parts - half]) {
                self.join(low, high);
            }
            parts = half;
        }
        self.finish(lanes[0], out);
    }
}

#[cfg(test)]
mod tests;

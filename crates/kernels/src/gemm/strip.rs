//! The product of gathered rows with a strip: a few columns of the right matrix, packed ahead.

use std::mem::MaybeUninit;

use super::plan::{COLUMNS_UNIT_BYTES, DEPTH_PITCH};
use crate::simd::{Float, TILE_VECTORS, Vectors, Work, prefetch};
use crate::stage::Finish;

/// How many columns a strip has: those of the widest instruction set's tile.
pub(crate) const fn strip_width<T>() -> usize {
    COLUMNS_UNIT_BYTES / size_of::<T>()
}

/// A cache line, in bytes: strips that start at one are read without crossing any.
const LINE: usize = 64;

/// How many elements more than it needs a buffer must have to be [`aligned`].
pub(crate) const fn alignment<T>() -> usize {
    LINE / size_of::<T>()
}

/// Where in a buffer a cache line begins, in elements.
pub(crate) fn aligned<T>(buffer: &[T]) -> usize {
    buffer.as_ptr().align_offset(LINE).min(alignment::<T>())
}

/// Room for a strip that is to be computed by `f32` tiles, the most of any type.
const STRIP_MOST: usize = strip_width::<f32>();

/// A stretch of depth, at most [`super::plan::DEPTH`] long, in which both operands are contiguous.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Piece {
    /// Its steps of depth.
    pub(crate) len: usize,
    /// The strip's step of depth at which it begins.
    pub(crate) right: usize,
}

/// What sums begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Zero: the target is written.
    Nothing,
    /// Zero; what is in the target is added to them in the end.
    Added,
    /// What is in the target: so it does not matter where a sum is cut.
    Continued,
}

/// Rows times a strip. The left operand is, for each piece, its rows [`DEPTH_PITCH`] apart, with room for an even
/// number of them; the strip is [`strip_width`] numbers for each step of depth.
pub(crate) struct Strip<'a, T> {
    pub(crate) left: &'a [T],
    /// From one piece's rows to the next one's.
    pub(crate) left_step: usize,
    pub(crate) pieces: &'a [Piece],
    pub(crate) right: &'a [T],
    /// The places of the rows' first columns, ascending.
    pub(crate) rows: &'a [usize],
    /// How many of the strip's columns there are, side by side.
    pub(crate) columns: usize,
    pub(crate) target: *mut T,
    pub(crate) target_len: usize,
    pub(crate) before: Before,
    /// What is done to the sums, if they are whole then; the first column's channel, modulo the channels.
    pub(crate) finish: Finish<'a, T>,
    pub(crate) channel: usize,
}

impl<T: Float> Work<T> for Strip<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let Some(&last_row) = self.rows.last() else {
            return;
        };
        const { assert!(S::TILE_ROWS.is_multiple_of(2)) }
        let row_room = self.rows.len().next_multiple_of(2) * DEPTH_PITCH;
        let width = strip_width::<T>();
        assert!(self.columns > 0 && self.columns <= width);
        assert!(last_row + self.columns <= self.target_len);
        assert!(self.pieces.iter().enumerate().all(|(i, piece)| {
            piece.len <= DEPTH_PITCH
                && i * self.left_step + row_room <= self.left.len()
                && (piece.right + piece.len) * width <= self.right.len()
        }));
        let tile_width = S::LANES * TILE_VECTORS;
        let mut biases = [T::default(); STRIP_MOST];
        self.finish
            .biases(self.channel, &mut biases[..self.columns]);
        for column in (0..self.columns).step_by(tile_width) {
            let columns = tile_width.min(self.columns - column);
            // What is left at the end takes a narrow vector, if it holds it.
            let left = columns % S::LANES;
            let narrow = <S::Narrow as Vectors<T>>::LANES;
            let left = match left <= narrow && narrow < S::LANES {
                true => left,
                false => 0,
            };
            let wide = columns - left;
            for (i, rows) in self.rows.chunks(S::TILE_ROWS).enumerate() {
                // SAFETY: checked above: each piece has an even number of rows and is inside the strip; the last row's
                // columns are inside the target, and the other rows are before it. The caller vouches that nobody
                // else uses these elements.
                unsafe {
                    let operands = |column: usize| Operands {
                        left: self.left.as_ptr().add(i * S::TILE_ROWS * DEPTH_PITCH),
                        left_step: self.left_step,
                        pieces: self.pieces,
                        right: self.right.as_ptr().add(column),
                        rows,
                        target: self.target.add(column),
                        before: self.before,
                        finish: &self.finish,
                        biases: biases.as_ptr().add(column),
                    };
                    if wide > S::LANES {
                        operands(column).multiply::<S, S, 2>(simd, wide);
                    } else if wide > 0 {
                        operands(column).multiply::<S, S, 1>(simd, wide);
                    }
                    if left > 0 {
                        operands(column + wide).multiply::<S, S::Narrow, 1>(simd.narrow(), left);
                    }
                }
            }
        }
    }
}

/// A tile's rows and columns.
struct Operands<'a, T> {
    left: *const T,
    left_step: usize,
    pieces: &'a [Piece],
    right: *const T,
    rows: &'a [usize],
    target: *mut T,
    before: Before,
    finish: &'a Finish<'a, T>,
    /// As many as a tile has columns.
    biases: *const T,
}

impl<T: Float> Operands<'_, T> {
    /// A tile of the smallest size that holds the rows, at most as many as a tile of `S` has, and so many vectors of
    /// columns.
    ///
    /// # Safety
    /// `left` has so many rows for each piece, rounded up to an even number; `right` has the pieces' steps; the rows'
    /// columns may be written.
    #[inline(always)]
    unsafe fn multiply<S: Vectors<T>, V: Vectors<T>, const VECTORS: usize>(
        self,
        simd: V,
        columns: usize,
    ) {
        macro_rules! sizes {
            ($($rows:literal)*) => {
                $(if self.rows.len() <= $rows && $rows <= S::TILE_ROWS {
                    // SAFETY: the caller's.
                    return unsafe { self.tile::<V, $rows, VECTORS>(simd, columns) };
                })*
            };
        }
        // One, and all even numbers.
        sizes!(1 2 4 6 8 10 12);
    }

    /// # Safety
    /// As [`Operands::multiply`].
    #[inline(always)]
    unsafe fn tile<S: Vectors<T>, const ROWS: usize, const VECTORS: usize>(
        self,
        simd: S,
        columns: usize,
    ) {
        let (rows, target) = (self.rows, self.target);
        // What is written at the end is fetched meanwhile.
        for &row in rows {
            for v in 0..VECTORS {
                prefetch(target.wrapping_add(row + v * S::LANES));
            }
        }
        let mut sums = [[simd.splat(T::default()); VECTORS]; ROWS];
        // SAFETY: the caller vouches for all that is read and written.
        unsafe {
            if self.before == Before::Continued {
                self.add(simd, columns, &mut sums);
            }
            let mut block = self.left;
            for piece in self.pieces {
                let mut left = block;
                let mut right = self.right.add(piece.right * strip_width::<T>());
                for _ in 0..piece.len {
                    let columns: [_; VECTORS] =
                        std::array::from_fn(|v| simd.load(right.add(v * S::LANES)));
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let x = simd.splat(*left.add(r * DEPTH_PITCH));
                        for (sum, &column) in sums.iter_mut().zip(&columns) {
                            *sum = simd.mul_add(x, column, *sum);
                        }
                    }
                    left = left.wrapping_add(1);
                    right = right.wrapping_add(strip_width::<T>());
                }
                block = block.wrapping_add(self.left_step);
            }
            if self.before == Before::Added {
                self.add(simd, columns, &mut sums);
            }
            let mut biases = [simd.splat(T::default()); VECTORS];
            for (v, bias) in biases.iter_mut().enumerate() {
                *bias = simd.load(self.biases.add(v * S::LANES));
            }
            self.finish.columns(simd, &mut sums, biases);
            if columns == VECTORS * S::LANES {
                for (r, sums) in sums.iter().enumerate() {
                    let Some(&row) = rows.get(r) else { return };
                    for (v, &sum) in sums.iter().enumerate() {
                        simd.store(target.add(row + v * S::LANES), sum);
                    }
                }
                return;
            }
            let mut tile = [[const { MaybeUninit::<T>::uninit() }; STRIP_MOST]; ROWS];
            for (sums, tile) in sums.iter().zip(&mut tile) {
                for (v, &sum) in sums.iter().enumerate() {
                    simd.store(tile.as_mut_ptr().cast::<T>().add(v * S::LANES), sum);
                }
            }
            for (sums, &row) in tile.iter().zip(rows) {
                for start in (0..columns).step_by(S::LANES) {
                    let sum = simd.load(sums.as_ptr().cast::<T>().add(start));
                    let (to, count) = (target.add(row + start), columns - start);
                    if count >= S::LANES {
                        simd.store(to, sum);
                    } else {
                        simd.store_some(to, sum, count);
                    }
                }
            }
        }
    }

    /// Adds what is in the target. Loops of constant length, so that the sums never leave their registers.
    ///
    /// # Safety
    /// The rows' columns may be read.
    #[inline(always)]
    unsafe fn add<S: Vectors<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        columns: usize,
        sums: &mut [[S::Vector; VECTORS]; ROWS],
    ) {
        for (r, sums) in sums.iter_mut().enumerate() {
            let Some(&row) = self.rows.get(r) else { break };
            for (v, sum) in sums.iter_mut().enumerate() {
                let left = columns - v * S::LANES;
                // SAFETY: the caller's.
                let before = unsafe {
                    let to = self.target.add(row + v * S::LANES);
                    match left >= S::LANES {
                        true => simd.load(to),
                        false => simd.load_some(to, left),
                    }
                };
                *sum = simd.add(before, *sum);
            }
        }
    }
}

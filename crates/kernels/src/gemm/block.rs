use super::Along;
use super::plan::{COLUMNS_UNIT_BYTES, DEPTH_PITCH, ROWS_UNIT};
use crate::simd::{Float, TILE_VECTORS, Vectors, Work};
use crate::stage::Finish;

/// Turns rows along the depth, [`DEPTH_PITCH`] apart, into rows along the lanes, `pitch` apart. What it
/// writes behind the last lane, up to a multiple of [`SIDE`], is of no importance.
pub(super) struct Transpose<'a, T> {
    pub(super) lanes: usize,
    pub(super) depth: usize,
    pub(super) from: &'a [T],
    pub(super) to: &'a mut [T],
    pub(super) pitch: usize,
}

/// The side of the squares that are turned at once, by shuffles that the compiler finds.
const SIDE: usize = 4;

impl<T: Float> Work<T> for Transpose<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, _: S) {
        for lane in (0..self.lanes).step_by(SIDE) {
            let from = &self.from[lane * DEPTH_PITCH..][..SIDE * DEPTH_PITCH];
            let whole = self.depth - self.depth % SIDE;
            for start in (0..whole).step_by(SIDE) {
                let rows: [[T; SIDE]; SIDE] = std::array::from_fn(|l| {
                    std::array::from_fn(|k| from[l * DEPTH_PITCH + start + k])
                });
                for (k, to) in self.to[start * self.pitch..]
                    .chunks_mut(self.pitch)
                    .take(SIDE)
                    .enumerate()
                {
                    let turned: [T; SIDE] = std::array::from_fn(|l| rows[l][k]);
                    to[lane..][..SIDE].copy_from_slice(&turned);
                }
            }
            for k in whole..self.depth {
                for l in 0..SIDE {
                    self.to[k * self.pitch + lane + l] = from[l * DEPTH_PITCH + k];
                }
            }
        }
    }
}

/// The product of a gathered block of the left matrix with one of the right.
pub(super) struct Block<'a, T> {
    pub(super) depth: usize,
    /// Rows along `left_along`, `left_pitch` apart, with room for whole tiles.
    pub(super) left: &'a [T],
    pub(super) left_along: Along,
    pub(super) left_pitch: usize,
    /// Rows along the lanes, `right_pitch` apart, with room for whole tiles.
    pub(super) right: &'a [T],
    pub(super) right_pitch: usize,
    /// The places of the block's rows, ascending.
    pub(super) rows: &'a [usize],
    /// The places of the block's columns, ascending.
    pub(super) columns: &'a [usize],
    pub(super) target: *mut T,
    pub(super) target_len: usize,
    /// Whether this is the first block of depth, which writes; the others add.
    pub(super) first: bool,
    /// What is done to the sums, whose rows are channels, behind the last block of depth.
    pub(super) finish: Finish<'a, T>,
}

/// The most numbers in a tile of any instruction set.
const fn tile_len<T>() -> usize {
    ROWS_UNIT * COLUMNS_UNIT_BYTES / size_of::<T>()
}

const TILE_LEN: usize = tile_len::<f32>();

impl<T: Float> Work<T> for Block<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let width = S::LANES * TILE_VECTORS;
        let (Some(&last_row), Some(&last_column)) = (self.rows.last(), self.columns.last()) else {
            return;
        };
        let row_room = self.rows.len().next_multiple_of(S::TILE_ROWS);
        assert!(last_row + last_column < self.target_len);
        assert!(self.columns.len().next_multiple_of(width) <= self.right_pitch);
        assert!(self.right_pitch * self.depth <= self.right.len());
        assert!(width * S::TILE_ROWS <= TILE_LEN);
        assert!(match self.left_along {
            Along::Depth =>
                self.left_pitch == DEPTH_PITCH && row_room * DEPTH_PITCH <= self.left.len(),
            Along::Lanes =>
                row_room <= self.left_pitch && self.left_pitch * self.depth <= self.left.len(),
        });
        let mut tile = [T::default(); TILE_LEN];
        for (j, columns) in self.columns.chunks(width).enumerate() {
            let right = (
                self.right.as_ptr().wrapping_add(j * width),
                self.right_pitch,
            );
            for (i, rows) in self.rows.chunks(S::TILE_ROWS).enumerate() {
                let row = i * S::TILE_ROWS;
                let tile = tile.as_mut_ptr();
                // SAFETY: checked above: both operands have room for whole tiles, and so has `tile`.
                unsafe {
                    match self.left_along {
                        Along::Depth => {
                            let left = self.left.as_ptr().add(row * DEPTH_PITCH);
                            let steps = Steps::<true>(1);
                            multiply(
                                simd,
                                self.depth,
                                left,
                                steps,
                                right,
                                tile,
                                rows.len(),
                                columns.len(),
                            );
                        }
                        Along::Lanes => {
                            let left = self.left.as_ptr().add(row);
                            let steps = Steps::<false>(self.left_pitch);
                            multiply(
                                simd,
                                self.depth,
                                left,
                                steps,
                                right,
                                tile,
                                rows.len(),
                                columns.len(),
                            );
                        }
                    }
                }
                let place = Place {
                    target: self.target,
                    rows,
                    columns,
                    first: self.first,
                    finish: &self.finish,
                };
                // SAFETY: the tile has been written; the last row's and column's place is inside the
                // target, and these are not behind it. Nobody else writes or reads these elements.
                unsafe { place.put(simd, tile) };
            }
        }
    }
}

/// Where a tile goes.
struct Place<'a, T> {
    target: *mut T,
    rows: &'a [usize],
    columns: &'a [usize],
    first: bool,
    finish: &'a Finish<'a, T>,
}

impl<T: Float> Place<'_, T> {
    /// Writes a tile, or adds it to what is there.
    ///
    /// # Safety
    /// The tile holds the rows and columns, in rows of a whole tile's width. Their places are inside the
    /// target, and nobody else uses them meanwhile.
    #[inline(always)]
    unsafe fn put<S: Vectors<T>>(self, simd: S, tile: *const T) {
        let width = S::LANES * TILE_VECTORS;
        let (columns, count) = (self.columns, self.columns.len());
        let contiguous = columns[count - 1] - columns[0] == count - 1;
        // SAFETY: the caller's.
        unsafe {
            for (r, &row) in self.rows.iter().enumerate() {
                let from = tile.add(r * width);
                let to = self.target.add(row);
                let bias = self.finish.bias_at(row);
                if contiguous && count.is_multiple_of(S::LANES) {
                    let to = to.add(columns[0]);
                    for v in (0..count).step_by(S::LANES) {
                        let mut sum = simd.load(from.add(v));
                        if !self.first {
                            sum = simd.add(simd.load(to.add(v)), sum);
                        }
                        let mut sum = [[sum]];
                        self.finish.rows(simd, &mut sum, &[bias]);
                        simd.store(to.add(v), sum[0][0]);
                    }
                } else {
                    for (c, &column) in columns.iter().enumerate() {
                        let (x, to) = (*from.add(c), to.add(column));
                        let sum = if self.first { x } else { *to + x };
                        *to = self.finish.one(sum, bias);
                    }
                }
            }
        }
    }
}

/// How to walk the left block: written along the depth, rows are [`DEPTH_PITCH`] apart (a constant, so
/// that all rows are reached from one address); along the lanes, the steps of depth are so far apart.
#[derive(Clone, Copy)]
struct Steps<const ALONG_DEPTH: bool>(usize);

/// Multiplies a tile of the smallest size that holds `rows` and `columns`.
///
/// # Safety
/// As [`tile`], for the largest tile.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "compiled into its only caller")]
unsafe fn multiply<T: Float, S: Vectors<T>, const ALONG_DEPTH: bool>(
    simd: S,
    depth: usize,
    left: *const T,
    steps: Steps<ALONG_DEPTH>,
    right: (*const T, usize),
    out: *mut T,
    rows: usize,
    columns: usize,
) {
    macro_rules! sizes {
        ($($rows:literal)*) => {
            $(if rows <= $rows && $rows <= S::TILE_ROWS {
                // SAFETY: the caller's.
                return unsafe {
                    if columns <= S::LANES {
                        tile::<T, S, ALONG_DEPTH, $rows, 1>(simd, depth, left, steps, right, out)
                    } else {
                        tile::<T, S, ALONG_DEPTH, $rows, 2>(simd, depth, left, steps, right, out)
                    }
                };
            })*
        };
    }
    sizes!(1 2 4 6 8 12);
}

/// The product of `ROWS` rows and `VECTORS` vectors of columns, written to `out` in rows of a whole
/// tile's width. Each element is summed in the order of depth.
///
/// # Safety
/// `left` has `ROWS` rows of `depth` elements, `right` has `VECTORS` vectors for each
/// step of depth, so far apart; `out` has room for a tile.
#[inline(always)]
unsafe fn tile<
    T: Float,
    S: Vectors<T>,
    const ALONG_DEPTH: bool,
    const ROWS: usize,
    const VECTORS: usize,
>(
    simd: S,
    depth: usize,
    mut left: *const T,
    steps: Steps<ALONG_DEPTH>,
    (mut right, right_step): (*const T, usize),
    out: *mut T,
) {
    let (row_step, depth_step) = if ALONG_DEPTH {
        (DEPTH_PITCH, 1)
    } else {
        (1, steps.0)
    };
    let width = S::LANES * TILE_VECTORS;
    let mut sums = [[simd.splat(T::default()); VECTORS]; ROWS];
    // SAFETY: the caller vouches for all that is read and written.
    unsafe {
        for _ in 0..depth {
            let columns: [_; VECTORS] = std::array::from_fn(|v| simd.load(right.add(v * S::LANES)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = simd.splat(*left.add(r * row_step));
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = simd.mul_add(x, column, *sum);
                }
            }
            left = left.wrapping_add(depth_step);
            right = right.wrapping_add(right_step);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                simd.store(out.add(r * width + v * S::LANES), sum);
            }
        }
    }
}

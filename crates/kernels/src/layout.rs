//! Moving elements: one gather and one scatter by strides.
//!
//! The gather is `Transpose`, `Slice`, `StridedSlice`, `Tile`, `BroadcastTo` and `Reverse`; the scatter is
//! `Pad`, `ConcatV2` and the gradients of the slices.

pub(crate) mod axes;

use crate::{KernelError, Threads, check_len};
use axes::{Axes, PIECE, elements};

/// The rows and the columns of the blocks in which a transposition reads and writes.
const BLOCK: usize = 16;

/// Fills the dense, row-major `out` of sizes `out_dims`: its element `[i, j, ...]` is
/// `src[src_offset + i * src_strides[0] + j * src_strides[1] + ...]`. Strides may be 0 or negative.
///
/// # Errors
/// `Length` when `out` is not of its sizes; `Sizes` when there is not one stride for each axis, an
/// element outside of `src` would be read, or more than eight axes are left after joining those that
/// move alike.
pub fn copy_strided<T: Copy + Send + Sync>(
    threads: &Threads,
    src: &[T],
    src_offset: usize,
    src_strides: &[isize],
    out: &mut [T],
    out_dims: &[usize],
) -> Result<(), KernelError> {
    check_len("out", elements(out_dims)?, out.len())?;
    let axes = strided(out_dims, src_strides, src_offset, src.len())?;
    let ([stride], (columns, _)) = (axes.inner(), axes.axis(0));
    if stride != 0 && axes.count() > 1 && axes.axis(1).1 == [1] {
        let rows = axes.outer();
        let rows_each = BLOCK.max(PIECE / columns);
        threads.for_each_piece(out, rows_each.saturating_mul(columns), |i, piece| {
            let first = i * rows_each;
            rows.runs(
                first..first + piece.len() / columns,
                &mut |run, [offset]| {
                    let out = &mut piece[run.start * columns..run.end * columns];
                    transpose(src, src_offset.wrapping_add(offset), stride, out, columns);
                },
            );
        });
        return Ok(());
    }
    threads.for_each_piece(out, PIECE, |i, piece| {
        let start = i * PIECE;
        axes.runs(start..start + piece.len(), &mut |run, [offset]| {
            let (out, mut at) = (&mut piece[run], src_offset.wrapping_add(offset));
            match stride {
                0 => out.fill(src[at]),
                1 => out.copy_from_slice(&src[at..][..out.len()]),
                _ => {
                    for out in out {
                        *out = src[at];
                        at = at.wrapping_add_signed(stride);
                    }
                }
            }
        });
    });
    Ok(())
}

/// Fills rows of `columns` elements; their elements are `stride` apart in `src`, the rows themselves 1.
/// In blocks, so that a stretch of memory that is fetched for one row is still there for the next.
fn transpose<T: Copy>(src: &[T], start: usize, stride: isize, out: &mut [T], columns: usize) {
    for (block, rows) in out.chunks_mut(BLOCK * columns).enumerate() {
        let start = start + block * BLOCK;
        for first in (0..columns).step_by(BLOCK) {
            let width = BLOCK.min(columns - first);
            let start = start.wrapping_add_signed(stride.wrapping_mul(first as isize));
            for (row, out) in rows.chunks_exact_mut(columns).enumerate() {
                let mut at = start.wrapping_add(row);
                for out in &mut out[first..first + width] {
                    *out = src[at];
                    at = at.wrapping_add_signed(stride);
                }
            }
        }
    }
}

/// Calls `f(&mut out[out_offset + i * out_strides[0] + j * out_strides[1] + ...], src[i, j, ...])` for
/// the elements of the dense, row-major `src` of sizes `src_dims`, in that order where they meet. `f`
/// assigns or accumulates. Strides may be 0 or negative; what is not addressed keeps its value.
///
/// # Errors
/// `Length` when `src` is not of its sizes; `Sizes` when there is not one stride for each axis, an
/// element outside of `out` would be written, or more than eight axes are left after joining those that
/// move alike.
pub fn scatter_strided<T: Copy + Send + Sync>(
    threads: &Threads,
    src: &[T],
    src_dims: &[usize],
    out: &mut [T],
    out_offset: usize,
    out_strides: &[isize],
    f: impl Fn(&mut T, T) + Sync + Send,
) -> Result<(), KernelError> {
    check_len("src", elements(src_dims)?, src.len())?;
    let axes = strided(src_dims, out_strides, out_offset, out.len())?;
    if src.is_empty() {
        return Ok(());
    }
    let [stride] = axes.inner();
    // Writes `src[first..last]` to a piece of `out` that begins at `base`.
    let write = |out: &mut [T], base: usize, first: usize, last: usize| {
        axes.runs(first..last, &mut |run, [offset]| {
            let src = &src[first..][run];
            let mut at = out_offset.wrapping_add(offset).wrapping_sub(base);
            if stride == 1 {
                for (out, &x) in out[at..][..src.len()].iter_mut().zip(src) {
                    f(out, x);
                }
            } else {
                for &x in src {
                    f(&mut out[at], x);
                    at = at.wrapping_add_signed(stride);
                }
            }
        });
    };
    // Tasks may share `out` where each index of the outermost axis has a stretch of it to itself.
    let (count, [step]) = axes.outermost();
    let inner = (0..axes.count() - 1).try_fold(0, |reach, axis| {
        let (dim, [stride]) = axes.axis(axis);
        (stride >= 0).then(|| reach + (dim - 1) * stride as usize)
    });
    match inner {
        Some(reach) if src.len() > PIECE && step > 0 && reach < step as usize => {
            let (step, size) = (step as usize, src.len() / count);
            let each = (PIECE / size).clamp(1, count);
            let touched = &mut out[out_offset..][..(count - 1) * step + reach + 1];
            threads.for_each_piece(touched, each * step, |i, piece| {
                let (first, last) = (i * each, count.min((i + 1) * each));
                write(piece, out_offset + first * step, first * size, last * size);
            });
        }
        _ => write(out, 0, 0, src.len()),
    }
    Ok(())
}

/// The axes of a dense array of `dims` with their `strides` in another array of `length` elements, in
/// which every element's place is checked to lie.
fn strided(
    dims: &[usize],
    strides: &[isize],
    offset: usize,
    length: usize,
) -> Result<Axes<1>, KernelError> {
    let refused = |why: &str| {
        KernelError::Sizes(format!(
            "sizes {dims:?} with strides {strides:?} from {offset} on {why} {length} elements"
        ))
    };
    if dims.len() != strides.len() {
        return Err(refused("are not one stride for each size in"));
    }
    let mut axes = Axes::new();
    if dims.contains(&0) {
        return Ok(axes);
    }
    let (mut low, mut high) = (Some(offset), Some(offset));
    for (&dim, &stride) in std::iter::zip(dims, strides).rev() {
        let reach = (dim - 1).checked_mul(stride.unsigned_abs());
        let end = if stride < 0 { &mut low } else { &mut high };
        *end = match (*end, reach) {
            (Some(end), Some(reach)) if stride < 0 => end.checked_sub(reach),
            (Some(end), Some(reach)) => end.checked_add(reach),
            _ => None,
        };
        axes.push(dim, [stride])?;
    }
    match (low, high) {
        (Some(_), Some(high)) if high < length => Ok(axes),
        _ => Err(refused("leave")),
    }
}

#[cfg(test)]
mod tests {
    use super::axes::tests::{Random, unravel};
    use super::*;

    /// A source of some size with strides and an offset that stay inside of it, some of them negative or
    /// 0, some dense.
    fn addresses(random: &mut Random, dims: &[usize]) -> (usize, Vec<isize>, usize) {
        let mut dense = 1;
        let (mut low, mut high) = (0, 0);
        let mut strides = vec![0; dims.len()];
        let mut order: Vec<_> = (0..dims.len()).collect();
        if random.below(2) == 0 && !order.is_empty() {
            order.rotate_left(random.below(dims.len()));
        }
        for &axis in order.iter().rev() {
            let dim = dims[axis].max(1) as isize;
            strides[axis] = match random.below(6) {
                0 => -dense,
                1 => 0,
                2 => dense * 2 + 1,
                _ => dense,
            };
            let reach = (dim - 1) * strides[axis];
            low += reach.min(0);
            high += reach.max(0);
            dense *= dim;
        }
        let before = random.below(3) as isize - low;
        (
            before as usize,
            strides,
            (before + high + 1) as usize + random.below(2),
        )
    }

    fn place(index: &[usize], offset: usize, strides: &[isize]) -> usize {
        let steps = std::iter::zip(index, strides).map(|(&i, &stride)| i as isize * stride);
        (offset as isize + steps.sum::<isize>()) as usize
    }

    #[test]
    fn gather_and_scatter_are_the_definition() {
        let mut random = Random(3);
        for _ in 0..3000 {
            let dims = random.dims();
            let (offset, strides, length) = addresses(&mut random, &dims);
            let count = dims.iter().product();
            let there = random.values(length);
            let mut dense = vec![f32::NAN; count];
            copy_strided(&Threads::ONE, &there, offset, &strides, &mut dense, &dims).unwrap();
            for (linear, &got) in dense.iter().enumerate() {
                let at = place(&unravel(linear, &dims), offset, &strides);
                assert_eq!(got, there[at], "{dims:?} {strides:?}");
            }
            let src = random.values(count);
            let (mut set, mut sum) = (there.clone(), there.clone());
            let (mut set_naive, mut sum_naive) = (there.clone(), there.clone());
            scatter_strided(
                &Threads::ONE,
                &src,
                &dims,
                &mut set,
                offset,
                &strides,
                |o, x| *o = x,
            )
            .unwrap();
            scatter_strided(
                &Threads::ONE,
                &src,
                &dims,
                &mut sum,
                offset,
                &strides,
                |o, x| *o += x,
            )
            .unwrap();
            for (linear, &x) in src.iter().enumerate() {
                let at = place(&unravel(linear, &dims), offset, &strides);
                set_naive[at] = x;
                sum_naive[at] += x;
            }
            assert_eq!(set, set_naive, "{dims:?} {strides:?}");
            assert_eq!(sum, sum_naive, "{dims:?} {strides:?}");
        }
    }

    #[test]
    fn every_number_of_threads_gives_the_same() {
        let mut random = Random(4);
        let dims = [3, 37, 41, 19];
        let src = random.values(dims.iter().product());
        // A transposition of each kind, a reversal, a row repeated, a padded place, neighbours that
        // share an element.
        let cases: [(usize, [isize; 4], usize); 7] = [
            (0, [29_083 - 260, 1, 703, 37], 0),
            (0, [1, 57, 3, 2337], 0),
            (0, [1517, 41, 1, 4551], 0),
            (src.len() - 1, [-28_823, -779, -19, -1], 0),
            (5, [0, 779, 0, 1], 0),
            (0, [28_822, 779, 19, 1], 0),
            (1000, [40_000, 1000, 23, 1], 130_000),
        ];
        for (offset, strides, room) in cases {
            let there = random.values(room.max(90_000));
            for count in [1, 2, 3] {
                let threads = Threads::new(count).unwrap();
                let mut dense = vec![f32::NAN; src.len()];
                copy_strided(&threads, &there, offset, &strides, &mut dense, &dims).unwrap();
                let (mut sum, mut naive) = (there.clone(), there.clone());
                scatter_strided(&threads, &src, &dims, &mut sum, offset, &strides, |o, x| {
                    *o += x
                })
                .unwrap();
                for (linear, &x) in src.iter().enumerate() {
                    let at = place(&unravel(linear, &dims), offset, &strides);
                    assert_eq!(dense[linear], there[at]);
                    naive[at] += x;
                }
                assert_eq!(sum, naive, "{strides:?} {count}");
            }
        }
    }

    #[test]
    fn what_leaves_the_source_is_refused() {
        let (src, mut out) = ([0u8; 10], [0u8; 6]);
        let mut copy = |offset: usize, strides: &[isize], dims: &[usize]| {
            copy_strided(&Threads::ONE, &src, offset, strides, &mut out, dims).is_ok()
        };
        assert!(copy(0, &[3, 1], &[2, 3]));
        assert!(copy(4, &[3, 1], &[2, 3]));
        assert!(!copy(5, &[3, 1], &[2, 3]));
        assert!(!copy(1, &[-1, 1], &[3, 2]));
        assert!(copy(2, &[-1, 1], &[3, 2]));
        assert!(!copy(0, &[3], &[2, 3]));
        assert!(!copy(0, &[1], &[7]));
        assert!(!copy(0, &[isize::MAX, isize::MAX], &[3, 2]));
        assert!(!copy(0, &[isize::MIN, 1], &[3, 2]));
        assert!(!copy(usize::MAX, &[1], &[6]));
        let mut none: [u8; 0] = [];
        let empty = [usize::MAX, usize::MAX, 0];
        assert!(copy_strided(&Threads::ONE, &src, 99, &[1, 1, 1], &mut none, &empty).is_ok());
        let assign = |o: &mut u8, x| *o = x;
        let (src, mut out) = ([1u8; 6], [0u8; 10]);
        let mut scatter = |offset: usize, strides: &[isize], dims: &[usize]| {
            scatter_strided(&Threads::ONE, &src, dims, &mut out, offset, strides, assign).is_ok()
        };
        assert!(scatter(4, &[3, 1], &[2, 3]));
        assert!(!scatter(5, &[3, 1], &[2, 3]));
        assert!(!scatter(4, &[3, 1], &[2, 2]));
        assert_eq!(out, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        // Nine axes of which no two can be joined.
        let strides: Vec<_> = (0..9).map(|i| if i % 2 == 0 { 0 } else { 1 }).collect();
        let mut out = [0u8; 512];
        assert!(copy_strided(&Threads::ONE, &[0u8; 9], 0, &strides, &mut out, &[2; 9]).is_err());
    }
}

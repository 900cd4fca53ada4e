//! Functions applied element by element, with NumPy's broadcasting.
//!
//! The functions are the caller's closures, compiled into the loops.

use crate::layout::axes::{Axes, PIECE, elements};
use crate::{KernelError, Threads, check_len};

/// `out[i] = f(input[i])`.
///
/// # Errors
/// `Length` when the two differ in length.
pub fn map<A: Copy + Sync, B: Send>(
    threads: &Threads,
    input: &[A],
    out: &mut [B],
    f: impl Fn(A) -> B + Sync + Send,
) -> Result<(), KernelError> {
    check_len("out", input.len(), out.len())?;
    threads.for_each_piece(out, PIECE, |i, piece| {
        let input = &input[i * PIECE..][..piece.len()];
        for (out, &x) in piece.iter_mut().zip(input) {
            *out = f(x);
        }
    });
    Ok(())
}

/// `values[i] = f(values[i])`.
pub fn map_in_place<T: Copy + Send>(
    threads: &Threads,
    values: &mut [T],
    f: impl Fn(T) -> T + Sync + Send,
) {
    threads.for_each_piece(values, PIECE, |_, piece| {
        piece.iter_mut().for_each(|value| *value = f(*value));
    });
}

/// `values[i] = f(values[i], other[i])`.
///
/// # Errors
/// `Length` when the two differ in length.
pub fn zip_in_place<T: Copy + Send, B: Copy + Sync>(
    threads: &Threads,
    values: &mut [T],
    other: &[B],
    f: impl Fn(T, B) -> T + Sync + Send,
) -> Result<(), KernelError> {
    check_len("other", values.len(), other.len())?;
    threads.for_each_piece(values, PIECE, |i, piece| {
        let other = &other[i * PIECE..][..piece.len()];
        for (value, &y) in piece.iter_mut().zip(other) {
            *value = f(*value, y);
        }
    });
    Ok(())
}

/// `out[i] = f(a[i], b[i])` with NumPy's broadcasting: sizes are compared from the last axis on, and an
/// axis that is missing or of size 1 is repeated. `out_dims` are the broadcast sizes.
///
/// # Errors
/// `Length` when a slice is not of its sizes; `Sizes` when the sizes do not broadcast to `out_dims`, have
/// too many elements, or leave more than eight axes after joining those that are repeated alike.
#[expect(clippy::too_many_arguments)]
pub fn zip_broadcast<A: Copy + Sync, B: Copy + Sync, C: Send>(
    threads: &Threads,
    a: &[A],
    a_dims: &[usize],
    b: &[B],
    b_dims: &[usize],
    out: &mut [C],
    out_dims: &[usize],
    f: impl Fn(A, B) -> C + Sync + Send,
) -> Result<(), KernelError> {
    check_len("a", elements(a_dims)?, a.len())?;
    check_len("b", elements(b_dims)?, b.len())?;
    check_len("out", elements(out_dims)?, out.len())?;
    let axes = broadcast(a_dims, b_dims, out_dims)?;
    let inner = axes.inner();
    threads.for_each_piece(out, PIECE, |i, piece| {
        let start = i * PIECE;
        axes.runs(start..start + piece.len(), &mut |run, [i, j]| {
            let out = &mut piece[run];
            match inner {
                [1, 1] => {
                    let (a, b) = (&a[i..][..out.len()], &b[j..][..out.len()]);
                    for ((out, &x), &y) in out.iter_mut().zip(a).zip(b) {
                        *out = f(x, y);
                    }
                }
                [1, _] => {
                    let (a, y) = (&a[i..][..out.len()], b[j]);
                    for (out, &x) in out.iter_mut().zip(a) {
                        *out = f(x, y);
                    }
                }
                _ => {
                    let (x, b) = (a[i], &b[j..][..out.len()]);
                    for (out, &y) in out.iter_mut().zip(b) {
                        *out = f(x, y);
                    }
                }
            }
        });
    });
    Ok(())
}

/// The axes of `out` with the strides of `a` and `b`. Their innermost strides are never both 0: an axis
/// of more than one element has them from one of the two.
fn broadcast(a: &[usize], b: &[usize], out: &[usize]) -> Result<Axes<2>, KernelError> {
    let refused = || KernelError::Sizes(format!("{a:?} and {b:?} do not broadcast to {out:?}"));
    if out.len() != a.len().max(b.len()) {
        return Err(refused());
    }
    let mut axes = Axes::new();
    let (mut a_stride, mut b_stride) = (1usize, 1usize);
    let from_last = |dims: &[usize], axis| match dims.len().checked_sub(axis + 1) {
        Some(axis) => dims[axis],
        None => 1,
    };
    for axis in 0..out.len() {
        let (x, y, dim) = (from_last(a, axis), from_last(b, axis), from_last(out, axis));
        if !(x == y && dim == x || x == 1 && dim == y || y == 1 && dim == x) {
            return Err(refused());
        }
        // An empty array is never walked; the wrapping is for its sizes, which no product bounds.
        let stride = |size: usize, stride: usize| if size == 1 { 0 } else { stride as isize };
        axes.push(dim, [stride(x, a_stride), stride(y, b_stride)])?;
        a_stride = a_stride.wrapping_mul(x);
        b_stride = b_stride.wrapping_mul(y);
    }
    Ok(axes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::axes::tests::{Random, unravel};

    /// The element of `values` that broadcasting puts at `index`: NumPy's definition.
    fn at(values: &[f32], dims: &[usize], index: &[usize]) -> f32 {
        let own = &index[index.len() - dims.len()..];
        let linear = own.iter().zip(dims).fold(0, |linear, (&i, &dim)| {
            linear * dim + if dim == 1 { 0 } else { i }
        });
        values[linear]
    }

    #[test]
    fn broadcasting_is_the_definition() {
        let mut random = Random(1);
        for _ in 0..2000 {
            let out_dims = random.dims();
            let mut narrow = |keep_rank: bool| -> Vec<usize> {
                let from = match keep_rank {
                    true => 0,
                    false => random.below(out_dims.len() + 1),
                };
                let dims = out_dims[from..].iter();
                dims.map(|&dim| if random.below(3) == 0 { 1 } else { dim })
                    .collect()
            };
            let (a_dims, mut b_dims) = (narrow(true), narrow(false));
            for (axis, &dim) in out_dims.iter().enumerate() {
                let Some(own) = (axis + b_dims.len()).checked_sub(out_dims.len()) else {
                    continue;
                };
                if a_dims[axis] == 1 {
                    b_dims[own] = dim;
                }
            }
            let broadcasts = (0..out_dims.len() - b_dims.len()).all(|i| a_dims[i] == out_dims[i]);
            let a = random.values(a_dims.iter().product());
            let b = random.values(b_dims.iter().product());
            for swap in [false, true] {
                let mut out = vec![f32::NAN; out_dims.iter().product()];
                let f = |x: f32, y: f32| 3.0 * x - y;
                let result = if swap {
                    let f = |y, x| f(x, y);
                    zip_broadcast(
                        &Threads::ONE,
                        &b,
                        &b_dims,
                        &a,
                        &a_dims,
                        &mut out,
                        &out_dims,
                        f,
                    )
                } else {
                    zip_broadcast(
                        &Threads::ONE,
                        &a,
                        &a_dims,
                        &b,
                        &b_dims,
                        &mut out,
                        &out_dims,
                        f,
                    )
                };
                assert_eq!(result.is_ok(), broadcasts, "{a_dims:?} {b_dims:?}");
                if !broadcasts {
                    continue;
                }
                for (linear, &out) in out.iter().enumerate() {
                    let index = unravel(linear, &out_dims);
                    let expected = f(at(&a, &a_dims, &index), at(&b, &b_dims, &index));
                    assert_eq!(out, expected, "{a_dims:?} {b_dims:?} {index:?}");
                }
            }
        }
    }

    #[test]
    fn every_number_of_threads_gives_the_same() {
        let mut random = Random(2);
        let (rows, columns) = (301, 333);
        let a = random.values(rows * columns);
        for b_dims in [
            &[rows, columns][..],
            &[columns],
            &[rows, 1],
            &[1, columns],
            &[],
        ] {
            let b = random.values(b_dims.iter().product());
            for count in [1, 2, 3] {
                let threads = Threads::new(count).unwrap();
                let dims = [rows, columns];
                let mut out = vec![0.0; a.len()];
                zip_broadcast(&threads, &a, &dims, &b, b_dims, &mut out, &dims, |x, y| {
                    x * y
                })
                .unwrap();
                for (linear, &out) in out.iter().enumerate() {
                    let index = unravel(linear, &dims);
                    assert_eq!(out, a[linear] * at(&b, b_dims, &index));
                }
                let mut mapped = vec![0; a.len()];
                map(&threads, &a, &mut mapped, |x| x as i32 + 1).unwrap();
                assert!(std::iter::zip(&mapped, &a).all(|(&m, &x)| m == x as i32 + 1));
                zip_in_place(&threads, &mut mapped, &a, |m, x| m - x as i32).unwrap();
                map_in_place(&threads, &mut mapped, |m| m * 2);
                assert!(mapped.iter().all(|&m| m == 2));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let one = &Threads::ONE;
        let mut out = [0.0; 6];
        assert!(map(one, &[1.0], &mut out, |x: f64| x).is_err());
        assert!(zip_in_place(one, &mut out, &[1.0], |x, y: f64| x + y).is_err());
        let mut zip = |a: &[usize], b: &[usize], dims: &[usize]| {
            let (x, y) = ([0.0; 6], [0.0; 6]);
            let f = |x: f64, y: f64| x + y;
            zip_broadcast(
                one,
                &x[..a.iter().product()],
                a,
                &y[..b.iter().product()],
                b,
                &mut out,
                dims,
                f,
            )
        };
        assert!(zip(&[2, 3], &[3], &[2, 3]).is_ok());
        assert!(zip(&[2, 3], &[2], &[2, 3]).is_err());
        assert!(zip(&[2, 1], &[1], &[2, 3]).is_err());
        assert!(zip(&[2, 3], &[3], &[6]).is_err());
        assert!(zip(&[2, 3], &[3], &[1, 2, 3]).is_err());
        assert!(zip(&[3], &[3], &[3]).is_err());
        let huge = [usize::MAX, usize::MAX];
        assert!(
            zip_broadcast(
                one,
                &[0u8],
                &[1],
                &[0u8],
                &huge,
                &mut [0u8],
                &huge,
                |x, _| { x }
            )
            .is_err()
        );
        // Nine axes that take turns in being repeated cannot be joined.
        let a: Vec<_> = (0..10).map(|i| 1 + i % 2).collect();
        let b: Vec<_> = (0..10).map(|i| 2 - i % 2).collect();
        let (values, mut out) = ([0u8; 32], [0u8; 1024]);
        assert!(
            zip_broadcast(one, &values, &a, &values, &b, &mut out, &[2; 10], |x, _| x).is_err()
        );
    }
}

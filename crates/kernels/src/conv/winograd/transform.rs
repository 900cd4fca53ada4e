//! The transforms of Winograd's short convolutions at the points 0, 1, -1 and infinity: "Arithmetic Complexity of
//! Computations" (1980), in the form of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016).
//!
//! With three points -1 is left out, with two 1 as well, and one is no transform at all. So tiles of the same outputs
//! share points whatever their taps, and their products may be added.

use crate::simd::Vectors;

/// `N` neighbours of the input at the points.
#[inline(always)]
pub(super) fn input<T, S: Vectors<T>, const N: usize>(
    simd: S,
    d: [S::Vector; N],
) -> [S::Vector; N] {
    let mut out = d;
    match N {
        3 => {
            out[0] = simd.sub(d[0], d[1]);
            out[2] = simd.sub(d[2], d[1]);
        }
        4 => {
            out[0] = simd.sub(d[0], d[2]);
            out[1] = simd.add(d[1], d[2]);
            out[2] = simd.sub(d[2], d[1]);
            out[3] = simd.sub(d[3], d[1]);
        }
        _ => {}
    }
    out
}

/// A tile of the input at the points.
#[inline(always)]
pub(super) fn input_tile<T, S: Vectors<T>, const Y: usize, const X: usize>(
    simd: S,
    d: &mut [[S::Vector; X]; Y],
) {
    for row in &mut *d {
        *row = input::<T, S, X>(simd, *row);
    }
    #[expect(clippy::needless_range_loop, reason = "rows and columns alike")]
    for x in 0..X {
        let mut column = [d[0][x]; Y];
        for y in 0..Y {
            column[y] = d[y][x];
        }
        column = input::<T, S, Y>(simd, column);
        for y in 0..Y {
            d[y][x] = column[y];
        }
    }
}

/// The outputs of one axis from `P` points.
#[inline(always)]
pub(super) fn output<T, S: Vectors<T>, const P: usize, const M: usize>(
    simd: S,
    p: [S::Vector; P],
) -> [S::Vector; M] {
    let mut out = [p[0]; M];
    if P == 3 {
        out[0] = simd.add(p[0], p[1]);
        out[1] = simd.add(p[1], p[2]);
    } else if P > 1 {
        let sum = simd.add(p[1], p[2]);
        let difference = simd.sub(p[1], p[2]);
        out[0] = simd.add(p[0], sum);
        out[1] = difference;
        if M == 2 {
            out[1] = simd.add(difference, p[3]);
        } else {
            out[2] = simd.add(sum, p[3]);
        }
    }
    out
}

/// The outputs of a tile.
#[inline(always)]
pub(super) fn output_tile<
    T,
    S: Vectors<T>,
    const PY: usize,
    const PX: usize,
    const Y: usize,
    const X: usize,
>(
    simd: S,
    p: &[[S::Vector; PX]; PY],
) -> [[S::Vector; X]; Y] {
    let mut rows = [[p[0][0]; X]; PY];
    for y in 0..PY {
        rows[y] = output::<T, S, PX, X>(simd, p[y]);
    }
    let mut out = [[p[0][0]; X]; Y];
    for x in 0..X {
        let mut column = [p[0][0]; PY];
        for y in 0..PY {
            column[y] = rows[y][x];
        }
        let column = output::<T, S, PY, Y>(simd, column);
        for y in 0..Y {
            out[y][x] = column[y];
        }
    }
    out
}

/// A filter's taps at the points; `half` is 1/2 in all lanes.
#[inline(always)]
fn filter<T, S: Vectors<T>, const TAPS: usize, const POINTS: usize>(
    simd: S,
    half: S::Vector,
    taps: [S::Vector; TAPS],
) -> [S::Vector; POINTS] {
    let [first, last] = [taps[0], taps[TAPS - 1]];
    let mut out = [first; POINTS];
    if POINTS == 3 && TAPS > 1 {
        out[1] = simd.add(first, last);
    }
    if POINTS == 4 {
        let even = match TAPS {
            2 => first,
            _ => simd.add(first, last),
        };
        out[1] = simd.mul(simd.add(even, taps[1]), half);
        out[2] = simd.mul(simd.sub(even, taps[1]), half);
    }
    out[POINTS - 1] = last;
    out
}

/// So many taps of one axis at so many points.
#[inline(always)]
pub(super) fn filter_line<T, S: Vectors<T>>(
    simd: S,
    half: S::Vector,
    taps: &[S::Vector],
    points: usize,
) -> [S::Vector; 4] {
    let mut out = [half; 4];
    macro_rules! sizes {
        ($($taps:literal $points:literal),*) => {
            match (taps.len(), points) {
                $(($taps, $points) => {
                    let mut all = [half; $taps];
                    all.copy_from_slice(taps);
                    out[..$points].copy_from_slice(&filter::<T, S, $taps, $points>(simd, half, all));
                })*
                _ => unreachable!("a phase has one to three taps and one to four points"),
            }
        };
    }
    sizes!(1 1, 1 2, 1 3, 2 3, 2 4, 3 4);
    out
}

/// A filter's taps of two axes at the points.
#[inline(always)]
pub(super) fn filter_tile<
    T,
    S: Vectors<T>,
    const TY: usize,
    const TX: usize,
    const PY: usize,
    const PX: usize,
>(
    simd: S,
    half: S::Vector,
    taps: &[[S::Vector; TX]; TY],
) -> [[S::Vector; PX]; PY] {
    let mut rows = [[half; PX]; TY];
    for y in 0..TY {
        rows[y] = filter::<T, S, TX, PX>(simd, half, taps[y]);
    }
    let mut out = [[half; PX]; PY];
    for x in 0..PX {
        let mut column = [half; TY];
        for y in 0..TY {
            column[y] = rows[y][x];
        }
        let column = filter::<T, S, TY, PY>(simd, half, column);
        for y in 0..PY {
            out[y][x] = column[y];
        }
    }
    out
}

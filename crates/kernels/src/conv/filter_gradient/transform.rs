//! Winograd's short convolutions turned round: the taps' gradients are the outputs, a tile's windows the filter. Their
//! points are 0, 1, -1 and infinity, with three points all but -1. See "Arithmetic Complexity of Computations" (1980)
//! and Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016).

use crate::simd::{Float, Vectors};

/// A transform of one axis, from `I` vectors to `O`.
pub(super) trait Transform {
    fn apply<T: Float, S: Vectors<T>, const I: usize, const O: usize>(
        simd: S,
        d: [S::Vector; I],
    ) -> [S::Vector; O];
}

/// Neighbours of the input at as many points.
pub(super) struct Input;

impl Transform for Input {
    #[inline(always)]
    fn apply<T: Float, S: Vectors<T>, const I: usize, const O: usize>(
        simd: S,
        d: [S::Vector; I],
    ) -> [S::Vector; O] {
        const { assert!(I == O && (I == 3 || I == 4)) };
        let mut out = [d[1]; O];
        if O == 3 {
            out[0] = simd.sub(d[0], d[1]);
            out[2] = simd.sub(d[2], d[1]);
        } else {
            out[0] = simd.sub(d[0], d[2]);
            out[1] = simd.add(d[1], d[2]);
            out[2] = simd.sub(d[2], d[1]);
            out[3] = simd.sub(d[3], d[1]);
        }
        out
    }
}

/// The gradient of neighbouring windows at the points.
pub(super) struct Windows;

impl Transform for Windows {
    #[inline(always)]
    fn apply<T: Float, S: Vectors<T>, const I: usize, const O: usize>(
        simd: S,
        d: [S::Vector; I],
    ) -> [S::Vector; O] {
        const { assert!((I == 2 || I == 3) && (O == 3 || O == 4)) };
        let mut out = [d[0]; O];
        let even = if I == 3 { simd.add(d[0], d[2]) } else { d[0] };
        out[1] = simd.add(even, d[1]);
        if O == 4 {
            out[2] = simd.sub(even, d[1]);
        }
        out[O - 1] = d[I - 1];
        out
    }
}

/// The gradients of taps from their products at the points.
pub(super) struct Taps;

impl Transform for Taps {
    #[inline(always)]
    fn apply<T: Float, S: Vectors<T>, const I: usize, const O: usize>(
        simd: S,
        d: [S::Vector; I],
    ) -> [S::Vector; O] {
        const { assert!((I == 3 && O == 2) || (I == 4 && (O == 2 || O == 3))) };
        let mut out = [d[0]; O];
        if I == 3 {
            out[0] = simd.add(d[0], d[1]);
            out[1] = simd.add(d[1], d[2]);
        } else {
            let half = simd.splat(T::from_f64(0.5));
            let sum = simd.add(d[1], d[2]);
            let difference = simd.sub(d[1], d[2]);
            out[0] = simd.mul_add(sum, half, d[0]);
            if O == 2 {
                out[1] = simd.mul_add(difference, half, d[3]);
            } else {
                out[1] = simd.mul_add(difference, half, simd.splat(T::default()));
                out[2] = simd.mul_add(sum, half, d[3]);
            }
        }
        out
    }
}

/// The transform of both axes.
#[inline(always)]
pub(super) fn both<
    A: Transform,
    T: Float,
    S: Vectors<T>,
    const YI: usize,
    const XI: usize,
    const YO: usize,
    const XO: usize,
>(
    simd: S,
    d: &[[S::Vector; XI]; YI],
) -> [[S::Vector; XO]; YO] {
    let mut rows = [[d[0][0]; XO]; YI];
    for y in 0..YI {
        rows[y] = A::apply::<T, S, XI, XO>(simd, d[y]);
    }
    let mut out = [[d[0][0]; XO]; YO];
    for x in 0..XO {
        let mut column = [d[0][0]; YI];
        for y in 0..YI {
            column[y] = rows[y][x];
        }
        let column = A::apply::<T, S, YI, YO>(simd, column);
        for y in 0..YO {
            out[y][x] = column[y];
        }
    }
    out
}

//! What is split into parts: `f32` numbers, or halves, which are widened on the way and whose sums are rounded once.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::super::implicit::clear;
use super::super::{Call, Element};
use super::plan::Plan;
use super::{fused, gradient};
use crate::Threads;
use crate::stage::Finish;

/// A type of number that convolutions on tile registers read and write.
pub trait Number: Element {
    /// Whether it is `f32`: the results' memory has room for sums, and fused kernels compute what is not exact.
    const WIDE: bool;

    /// As `f32`.
    fn wide(self) -> f32;
    /// The number nearest to a sum.
    fn narrow(sum: f32) -> Self;

    /// As many numbers as `f32`.
    #[inline(always)]
    fn widen(from: &[Self], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.wide();
        }
    }

    /// [`Number::narrow`] for as many sums.
    #[inline(always)]
    fn narrow_all(from: &[f32], to: &mut [Self]) {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = Self::narrow(from);
        }
    }

    /// Rows so many numbers apart, as they are where they are `f32`, else widened.
    #[inline(always)]
    fn wide_rows<const N: usize>(
        (from, step): (&[Self], usize),
        to: &mut [[f32; N]],
    ) -> (*const f32, usize) {
        if Self::WIDE {
            return (from.as_ptr().cast(), step);
        }
        for (row, to) in to.iter_mut().enumerate() {
            Self::widen(&from[row * step..][..N], to);
        }
        (to.as_ptr().cast(), N)
    }

    /// What is done to sums before they are stored.
    fn finish<'a>(call: &Call<'a, Self>) -> Finish<'a, f32>;
    /// Writes zeros, and does to them what is done to sums.
    fn clear(threads: &Threads, finish: &Finish<'_, f32>, out: &mut [Self]);
    /// The filter's gradient, in so many parts.
    fn gradient<const PARTS: usize>(call: Call<'_, Self>);
    /// Leaves all to kernels that are exact.
    fn leave(call: Call<'_, Self>);
    /// Leaves the images to them of which a block was left out, given the bits of the filter's greatest magnitude.
    fn leave_inexact(call: Call<'_, Self>, plan: &Plan, filter: u32, finish: &Finish<'_, f32>);
}

impl Number for f32 {
    const WIDE: bool = true;

    #[inline(always)]
    fn wide(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(sum: f32) -> f32 {
        sum
    }

    fn finish<'a>(call: &Call<'a, f32>) -> Finish<'a, f32> {
        call.finish()
    }

    fn clear(threads: &Threads, finish: &Finish<'_, f32>, out: &mut [f32]) {
        clear(threads, finish, out);
    }

    fn gradient<const PARTS: usize>(call: Call<'_, f32>) {
        gradient::compute::<PARTS>(call);
    }

    fn leave(call: Call<'_, f32>) {
        fused::all(call);
    }

    fn leave_inexact(call: Call<'_, f32>, plan: &Plan, filter: u32, finish: &Finish<'_, f32>) {
        fused::inexact(call, plan, filter, finish);
    }
}

/// What halves have in common: what cannot be computed exactly is the caller's, who has memory to widen it in.
macro_rules! half {
    ($($item:item)*) => {
        const WIDE: bool = false;

        $($item)*

        fn finish<'a>(_call: &Call<'a, Self>) -> Finish<'a, f32> {
            Finish::NONE
        }

        fn clear(threads: &Threads, _finish: &Finish<'_, f32>, out: &mut [Self]) {
            const PIECE: usize = 1 << 16;
            threads.for_each_piece(out, PIECE, |_, piece| piece.fill(Self::ZERO));
        }

        fn gradient<const PARTS: usize>(call: Call<'_, Self>) {
            call.epilogue.refuse();
        }

        fn leave(call: Call<'_, Self>) {
            call.epilogue.refuse();
        }

        fn leave_inexact(call: Call<'_, Self>, _plan: &Plan, _filter: u32, _finish: &Finish<'_, f32>) {
            call.epilogue.refuse();
        }
    };
}

impl Number for bf16 {
    half! {
        #[inline(always)]
        fn wide(self) -> f32 {
            f32::from_bits(u32::from(self.to_bits()) << 16)
        }

        #[inline(always)]
        fn narrow(sum: f32) -> bf16 {
            let bits = sum.to_bits();
            let near = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
            let quiet = bits >> 16 | 0x40;
            bf16::from_bits(if sum.is_nan() { quiet } else { near } as u16)
        }
    }
}

impl Number for f16 {
    half! {
        #[inline(always)]
        fn wide(self) -> f32 {
            self.to_f32()
        }

        #[inline(always)]
        fn narrow(sum: f32) -> f16 {
            f16::from_f32(sum)
        }

        // Several at once where the processor can.
        #[inline(always)]
        fn widen(from: &[f16], to: &mut [f32]) {
            let count = from.len().min(to.len());
            from[..count].convert_to_f32_slice(&mut to[..count]);
        }

        #[inline(always)]
        fn narrow_all(from: &[f32], to: &mut [f16]) {
            let count = from.len().min(to.len());
            to[..count].convert_from_f32_slice(&from[..count]);
        }
    }
}

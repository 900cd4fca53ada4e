//! Winograd's short convolutions along the first axis alone, of a forward convolution.
//!
//! A row of the source at a point is a combination of rows, so that nothing is turned: a pixel's product is with a run of
//! neighbouring elements, as many as a row of the kernel has. All points' sums of some pixels are made at a time and
//! never leave the registers before they are outputs. Taps of a stride phase beyond those of a tile are groups of their
//! own: products of all groups are added at the points that they share.

mod plan;
mod tile;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tconv_shape::ConvShape;

use self::plan::{Plan, UNIT};
use self::tile::{PackStrip, Rows};
use super::super::direct::{self, Shared};
use super::super::{Call, Pack, Pass, thin as conv_thin};
use super::plan::Layout;
use super::{split, supports as has_tiles, thin};
use crate::Threads;
use crate::gemm::{aligned, alignment, strip_width};
use crate::simd::{Float, InstructionSet};

/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: f64 = 1e5;
/// A result of fewer terms might be much smaller than its neighbours, whose rounding it takes over: these are but
/// two or three.
const LEAST_TERMS: usize = 24;

pub(in crate::conv) fn supports<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    pass == Pass::Forward
        && Plan::new::<T>(shape).is_some()
        && thin::least_terms(pass, shape) >= LEAST_TERMS
}

pub(in crate::conv) fn pays<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    /// What an element of the packed filter takes, counted in multiplications: it may change each time.
    const PACK: f64 = 6.0;
    /// What a multiplication takes beside those of others: pixels in lanes ...
    const THIN: f64 = 1.35;
    /// ... and tiles of two axes.
    const TILES: f64 = 1.1;
    let Some(plan) = Plan::new::<T>(shape) else {
        return false;
    };
    let packed = PACK * plan.packed_len::<T>() as f64;
    let (all, filled) = (plan.work(1) + packed, plan.work(UNIT) + packed);
    let winograd = || Layout::new::<T>(pass, shape, true).cost();
    let thin_tiles = || thin::cost::<T>(pass, shape);
    all < 0.95 * direct::work::<T>(pass, shape)
        && (!conv_thin::supports::<T>(pass, shape)
            || filled < THIN * conv_thin::work::<T>(pass, shape))
        && (!has_tiles(pass, shape)
            || !super::pays::<T>(pass, shape)
            || filled < TILES * winograd().iter().sum::<f64>())
        && (!thin::supports::<T>(pass, shape) || filled < 0.95 * thin_tiles())
}

pub(in crate::conv) fn packed_len<T: Float>(_: Pass, shape: &ConvShape) -> usize {
    Plan::new::<T>(shape).map_or(0, |plan| plan.packed_len::<T>() + alignment::<T>())
}

pub(in crate::conv) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let Some(plan) = Plan::new::<T>(shape) else {
        return 0;
    };
    let all = plan
        .room()
        .saturating_mul(threads)
        .saturating_add(plan.packed_len::<T>() + 2 * alignment::<T>());
    all.max(direct::scratch::<T>(pass, shape, threads))
}

pub(in crate::conv) fn pack<T: Float>(call: Pack<'_, T>) {
    let Some(plan) = Plan::new::<T>(call.shape) else {
        return;
    };
    let skip = aligned(call.out);
    let out = &mut call.out[skip..][..plan.packed_len::<T>()];
    pack_into(call.set, call.threads, &plan, call.filter, out);
}

fn pack_into<T: Float>(
    set: InstructionSet,
    threads: &Threads,
    plan: &Plan,
    filter: &[T],
    out: &mut [T],
) {
    threads.for_each_piece(out, plan.strip_len::<T>(), |i, strip| {
        let work = PackStrip {
            plan,
            filter,
            channel: i * strip_width::<T>(),
            strip,
        };
        T::dispatch(set, work);
    });
}

pub(in crate::conv) fn compute<T: Float>(call: Call<'_, T>) {
    let finish = call.finish();
    let Call {
        set,
        threads,
        pass,
        shape,
        a,
        b,
        packed,
        out,
        scratch,
        ..
    } = call;
    let Some(plan) = &Plan::new::<T>(shape) else {
        return;
    };
    let few = match plan.work(1) < SERIAL_WORK {
        true => &Threads::ONE,
        false => threads,
    };
    let [filter, rooms] = split(scratch, [plan.packed_len::<T>(), plan.room() * few.count()]);
    let filter = match packed {
        Some(packed) => &packed[aligned(packed)..],
        None => {
            pack_into(set, few, plan, b, filter);
            filter
        }
    };
    let target = Shared(out.as_mut_ptr(), out.len());
    let target = &target;
    let (next, finite) = (AtomicUsize::new(0), AtomicBool::new(true));
    let tiles = plan.line.tiles;
    few.for_each_piece(rooms, plan.room(), |_, room| {
        room.fill(T::default());
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            let image = task / tiles;
            if image >= plan.batch {
                return;
            }
            let (from, to) = (plan.source.batch, plan.target.batch);
            assert!((image + 1) * to <= target.1);
            let rows = Rows {
                plan,
                source: &a[image * from..][..from],
                tile: task % tiles,
                filter,
                room: &mut *room,
                target: target.0.wrapping_add(image * to),
                target_len: to,
                finish: &finish,
            };
            if !T::dispatch(set, rows) {
                finite.store(false, Ordering::Relaxed);
            }
        }
    });
    if !finite.into_inner() {
        direct::anew(
            (set, threads),
            (pass, shape),
            [a, b],
            finish.stages(),
            (out, scratch),
        );
    }
}

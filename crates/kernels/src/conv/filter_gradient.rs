//! The filter's gradient where the channels come last: each tile of it is summed over the windows in registers,
//! from the tensors as they are. What a tap (or a row of taps) sees of the input lies side by side, and so do
//! the output's channels.

mod bands;
mod plan;
mod task;
mod tile;
mod transform;
pub(super) mod winograd;

use std::sync::atomic::AtomicUsize;

use tconv_shape::{ConvShape, DataFormat};

use self::plan::Plan;
use self::task::{Crew, Share, Shared};
use super::{Call, Pass, implicit};
use crate::simd::Float;

pub(super) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    pass == Pass::BackpropFilter && shape.format == DataFormat::ChannelsLast && shape.groups == 1
}

pub(super) fn pays<T>(_: Pass, shape: &ConvShape) -> bool {
    let plan = Plan::new::<T>(shape);
    // Narrow bands leave the tiles' sums waiting for each other.
    plan.bands.width() >= 4 || plan.bands.count() == 1
}

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let plan = Plan::new::<T>(shape);
    let own = plan
        .room::<T>()
        .saturating_mul(if plan.serial() { 1 } else { threads });
    let own = own.saturating_add(plan.partial_sums());
    match plan.crops() {
        true => own.max(implicit::scratch::<T>(pass, shape, threads)),
        false => own,
    }
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    let plan = Plan::new::<T>(call.shape);
    // The zeros of the padding make NaN of what is not finite.
    if plan.crops() && !plan.cropped_are_finite(call.threads, call.b) {
        return implicit::compute(call);
    }
    let Call {
        set,
        threads,
        a,
        b,
        out,
        scratch,
        ..
    } = call;
    let threads = plan.threads(threads);
    let (partial, scratch) = scratch.split_at_mut(plan.partial_sums());
    let target = if partial.is_empty() {
        &mut *out
    } else {
        &mut *partial
    };
    let crew = Crew {
        plan,
        input: a,
        gradient: b,
        target: Shared(target.as_mut_ptr()),
        next: AtomicUsize::new(0),
    };
    let room = plan.room::<T>();
    let scratch = &mut scratch[..room * threads.count()];
    threads.for_each_piece(scratch, room, |_, room| {
        T::dispatch(set, Share { crew: &crew, room });
    });
    if !partial.is_empty() {
        plan.add_slices(threads, partial, out);
    }
}

//! Channels first, by an algorithm that wants them last: what a block of the result sees is turned, and so is the
//! block once it is computed.
//!
//! Blocks are rows of an image or whole images. A filter that is large when packed is packed for each block where it was
//! not before, so then they are as few as the scratch allows: whole images are computed in the result's own memory.
//! The filter's gradient is the sum of the blocks'.

mod plan;
mod turn;

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use self::plan::{Block, Plan, inner, lens};
use self::turn::{Planes, to_first, to_last};
use super::winograd::split;
use super::{Call, Element, Pack, Pass, direct, thin};
use crate::gemm::alignment;
use crate::simd::Float;
use crate::stage::{self, Epilogue, Stage};

pub(super) fn supports<T: Float + Element>(pass: Pass, shape: &ConvShape) -> bool {
    // No window is behind the input: a part of an axis could not begin with it.
    let sees = |axis: &ConvAxis| (axis.output - 1) * axis.stride < axis.pad_before + axis.input;
    shape.format == DataFormat::ChannelsFirst
        && !pass.lens(shape).contains(&0)
        && shape.axes.iter().all(sees)
        && inner::<T>(pass, shape).next().is_some()
}

pub(super) fn pays<T: Float + Element>(pass: Pass, shape: &ConvShape) -> bool {
    /// What turning an element is worth, counted in multiplications.
    const TURN: f64 = 96.0;
    let plan = Plan::<T>::new(pass, shape);
    if pass == Pass::BackpropFilter {
        return plan.fits();
    }
    let [source, target, _] = lens(pass, shape);
    // Planes are read as they are where one pixel is seen, and pixels are lanes for few channels.
    let pixel = shape.axes.iter().all(|axis| axis.kernel == 1);
    let few = thin::supports::<T>(pass, shape) && thin::pays::<T>(pass, shape);
    direct::work::<T>(pass, &plan.shape) >= TURN * (source as f64 + target as f64)
        && !pixel
        && !(few && plan.inner.name == "direct")
        && plan.fits()
}

pub(super) fn scratch<T: Float + Element>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let plan = Plan::<T>::new(pass, shape);
    let inner = |block: Block| (plan.inner.scratch)(pass, &block.shape, threads);
    let inner = plan.blocks().map(inner).max().unwrap_or(0);
    let [source, target, packed] = plan.rooms();
    let rooms = source.saturating_add(target).saturating_add(packed) + 3 * alignment::<T>();
    let all = rooms.saturating_add(inner);
    match plan.in_place {
        true => all.max(plan.image_len()),
        false => all,
    }
}

pub(super) fn packed_len<T: Float + Element>(pass: Pass, shape: &ConvShape) -> usize {
    let plan = Plan::<T>::new(pass, shape);
    (plan.inner.packed_len)(pass, &plan.shape)
}

pub(super) fn pack<T: Float + Element>(call: Pack<'_, T>) {
    let plan = Plan::<T>::new(call.pass, call.shape);
    (plan.inner.pack)(Pack {
        shape: &plan.shape,
        ..call
    });
}

pub(super) fn compute<T: Float + Element>(call: Call<'_, T>) {
    if call.pass == Pass::BackpropFilter {
        return gradient(call);
    }
    let finish = call.finish();
    let mut stages = [Stage::Relu; 2];
    for (to, &stage) in stages.iter_mut().zip(finish.stages()) {
        *to = match stage {
            Stage::Bias { bias, .. } => Stage::Bias { bias, inner: 1 },
            other => other,
        };
    }
    let stages = &stages[..finish.stages().len()];
    let Call {
        set,
        threads,
        pass,
        shape,
        a,
        b,
        out,
        scratch,
        ..
    } = call;
    let plan = &Plan::<T>::new(pass, shape);
    let [source_len, target_len, packed_len] = plan.rooms();
    let rooms = [source_len, target_len, packed_len];
    let rooms_len = rooms.iter().sum::<usize>() + 3 * alignment::<T>();
    if call.packed.is_none() && packed_len > 0 {
        let [_, _, out] = split(&mut scratch[..rooms_len], rooms);
        (plan.inner.pack)(Pack {
            set,
            threads,
            pass,
            shape: &plan.shape,
            filter: b,
            out,
        });
    }
    for block in plan.blocks() {
        let [source_len, target_len, _] = lens(pass, &block.shape);
        let [source_at, target_at] = plan.planes(&block);
        let (used, rest) = scratch.split_at_mut(rooms_len);
        let [source, room, own] = split(used, rooms);
        let source = &mut source[..source_len];
        to_last(set, threads, (a, &source_at), source);
        let own = (packed_len > 0).then_some(&*own);
        let needed = (plan.inner.scratch)(pass, &block.shape, threads.count());
        let target = match plan.in_place {
            true => &mut out[target_at.start..][..target_len],
            false => &mut room[..target_len],
        };
        let epilogue = Epilogue::new(stages);
        (plan.inner.compute)(Call {
            set,
            threads,
            pass,
            shape: &block.shape,
            a: source,
            b,
            packed: call.packed.or(own),
            out: &mut *target,
            scratch: &mut rest[..needed],
            epilogue: &epilogue,
        });
        stage::apply_all(threads, epilogue.take(), target);
        if !plan.in_place {
            to_first(set, threads, &room[..target_len], (out, &target_at));
            continue;
        }
        // Image by image, so that the copy stays in the cache.
        let image_len = plan.image_len();
        for image in 0..target_at.images {
            let start = target_at.start + image * image_len;
            let copy = &mut scratch[..image_len];
            let from = &out[start..][..image_len];
            threads.for_each_piece(copy, PIECE, |i, copy| {
                copy.copy_from_slice(&from[i * PIECE..][..copy.len()]);
            });
            let at = Planes {
                images: 1,
                start,
                ..target_at
            };
            to_first(set, threads, copy, (out, &at));
        }
    }
}

/// The filter's gradient: each block's is added.
fn gradient<T: Float + Element>(call: Call<'_, T>) {
    let plan = &Plan::<T>::new(call.pass, call.shape);
    let (set, threads, out) = (call.set, call.threads, call.out);
    let rooms = plan.rooms();
    let rooms_len = rooms.iter().sum::<usize>() + 3 * alignment::<T>();
    let (used, scratch) = call.scratch.split_at_mut(rooms_len);
    let [input, output, share] = split(used, rooms);
    for (index, block) in plan.blocks().enumerate() {
        let [input_len, output_len, _] = lens(call.pass, &block.shape);
        let (input, output) = (&mut input[..input_len], &mut output[..output_len]);
        let [input_at, output_at] = plan.planes(&block);
        to_last(set, threads, (call.a, &input_at), input);
        to_last(set, threads, (call.b, &output_at), output);
        let needed = (plan.inner.scratch)(call.pass, &block.shape, threads.count());
        (plan.inner.compute)(Call {
            set,
            threads,
            pass: call.pass,
            shape: &block.shape,
            a: input,
            b: output,
            packed: None,
            out: if index == 0 { &mut *out } else { &mut *share },
            scratch: &mut scratch[..needed],
            epilogue: &Epilogue::new(&[]),
        });
        if index > 0 {
            let share = &*share;
            threads.for_each_piece(out, PIECE, |i, out| {
                let pairs = out.iter_mut().zip(&share[i * PIECE..]);
                pairs.for_each(|(sum, &share)| *sum += share);
            });
        }
    }
}

/// Elements that a thread copies at a time.
const PIECE: usize = 1 << 14;

//! The kernels that take over where six products of parts would not be exact.

use tconv_shape::ConvShape;

use super::super::{Call, Pass, direct, filter_gradient, implicit};
use super::block::Block;
use super::is_exact;
use super::plan::Plan;
use super::split::greatest_seen;
use crate::stage::{Epilogue, Finish};

enum Kernel {
    Direct,
    Gradient,
    Implicit,
}

fn kernel(pass: Pass, shape: &ConvShape) -> Kernel {
    match (
        direct::supports(pass, shape),
        filter_gradient::supports(pass, shape),
    ) {
        (true, _) => Kernel::Direct,
        (_, true) => Kernel::Gradient,
        _ => Kernel::Implicit,
    }
}

/// A convolution of so many of its images.
fn of_images(shape: &ConvShape, images: usize) -> ConvShape {
    ConvShape {
        batch: images,
        ..shape.clone()
    }
}

/// What they need for all images, and for those of any block.
pub(super) fn scratch(plan: &Plan, shape: &ConvShape, threads: usize) -> usize {
    let pass = plan.pass;
    let needed = |shape: &ConvShape| match kernel(pass, shape) {
        Kernel::Direct => direct::scratch::<f32>(pass, shape, threads),
        Kernel::Gradient => filter_gradient::scratch::<f32>(pass, shape, threads),
        Kernel::Implicit => implicit::scratch::<f32>(pass, shape, threads),
    };
    if pass == Pass::BackpropFilter {
        return needed(shape);
    }
    let last = match shape.batch % plan.images() {
        0 => plan.images(),
        rest => rest,
    };
    let images = [plan.images(), last].map(|images| needed(&of_images(shape, images)));
    needed(shape).max(images[0]).max(images[1])
}

/// Computes all images.
pub(super) fn all(call: Call<'_, f32>) {
    let call = Call {
        packed: None,
        ..call
    };
    match kernel(call.pass, call.shape) {
        Kernel::Direct => direct::compute(call),
        Kernel::Gradient => filter_gradient::compute(call),
        Kernel::Implicit => implicit::compute(call),
    }
}

/// Computes the images anew of which a block was left out.
pub(super) fn inexact(call: Call<'_, f32>, plan: &Plan, filter: u32, finish: &Finish<'_, f32>) {
    let [source, _, target] = Pass::lens(call.pass, call.shape);
    let [source, target] = [source, target].map(|len| len / call.shape.batch);
    let mut blocks = (0..plan.blocks())
        .map(|index| plan.nth_block(index))
        .peekable();
    while let Some(first) = blocks.next() {
        let images = first.images.clone();
        let is_left_out = |block: &Block| {
            let mut groups = 0..plan.groups;
            groups.any(|group| {
                let source = greatest_seen(plan, block, group, call.a);
                !is_exact(source, filter, plan.terms())
            })
        };
        let mut left_out = is_left_out(&first);
        while let Some(block) = blocks.next_if(|block| block.images == images) {
            left_out = left_out || is_left_out(&block);
        }
        if !left_out {
            continue;
        }
        all(Call {
            shape: &of_images(call.shape, images.len()),
            a: &call.a[images.start * source..images.end * source],
            out: &mut call.out[images.start * target..images.end * target],
            scratch: &mut *call.scratch,
            epilogue: &Epilogue::new(finish.stages()),
            ..call
        });
    }
}

//! How a result is cut into blocks: by the geometry alone.

use std::ops::Range;

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use super::super::filter_gradient::winograd::FEW_WINDOWS;
use super::super::{Algorithm, Element, Pass};
use super::turn::Planes;
use crate::simd::Float;

/// The most bytes of scratch, beside a tenth of the larger tensor.
const SCRATCH_BYTES: usize = 8_000_000;
/// The most bytes of a packed filter that has a place in the scratch ...
const PACKED_BYTES: usize = if cfg!(test) { 1 << 13 } else { 2 << 20 };
/// ... and of a block then, with what it sees: they should stay in the cache.
const BLOCK_BYTES: usize = 3 << 20;
/// Rows of a block, for each step of the stride: a multiple of what tiles have.
const UNIT: usize = 6;

/// A part of the result.
pub(super) struct Block {
    images: Range<usize>,
    /// Rows along the axis that is cut, and those of the source that they see.
    rows: Range<usize>,
    seen: Range<usize>,
    /// The convolution that computes it.
    pub(super) shape: ConvShape,
}

/// How it is cut.
pub(super) struct Plan<T: 'static> {
    pass: Pass,
    /// With the channels last.
    pub(super) shape: ConvShape,
    pub(super) inner: &'static Algorithm<T>,
    /// The axis that is cut, and the units of rows that it has.
    axis: usize,
    unit: usize,
    units: usize,
    /// Images of a block, and how many blocks an image is cut into.
    images: usize,
    cuts: usize,
    /// Whether the filter is packed once where it was not before.
    packs: bool,
    /// Whether blocks are computed where their result belongs.
    pub(super) in_place: bool,
}

/// The same with the channels there.
fn arranged(shape: &ConvShape, format: DataFormat) -> ConvShape {
    ConvShape {
        format,
        ..shape.clone()
    }
}

/// The algorithms that pay with the channels last, of those that want them there.
pub(super) fn inner<T: Element>(
    pass: Pass,
    shape: &ConvShape,
) -> impl Iterator<Item = &'static Algorithm<T>> {
    let last = arranged(shape, DataFormat::ChannelsLast);
    T::algorithms().iter().filter(move |one| {
        (one.supports)(pass, &last) && !(one.supports)(pass, shape) && (one.pays)(pass, &last)
    })
}

/// How many elements of an axis a block sees and has: the filter's gradient is cut as the output is.
fn sizes(pass: Pass, axis: &ConvAxis) -> [usize; 2] {
    match pass {
        Pass::BackpropInput => [axis.output, axis.input],
        _ => [axis.input, axis.output],
    }
}

/// The elements of the tensor that blocks see, of the one that they are cut from, and of the filter.
pub(super) fn lens(pass: Pass, shape: &ConvShape) -> [usize; 3] {
    let [a, b, out] = pass.lens(shape);
    match pass {
        Pass::BackpropFilter => [a, b, out],
        _ => [a, out, b],
    }
}

/// The most bytes of scratch.
fn limit<T>(pass: Pass, shape: &ConvShape) -> usize {
    let [a, b, out] = pass.lens(shape);
    let larger = match pass {
        Pass::BackpropFilter => a.max(b).max(out),
        _ => a.max(out),
    };
    SCRATCH_BYTES + larger.saturating_mul(size_of::<T>()) / 10
}

impl<T: Float + Element> Plan<T> {
    pub(super) fn new(pass: Pass, shape: &ConvShape) -> Plan<T> {
        let last = arranged(shape, DataFormat::ChannelsLast);
        let bytes = |len: usize| len.saturating_mul(size_of::<T>());
        let [source, target, filter] = lens(pass, shape).map(bytes);
        // What an algorithm leaves of the scratch.
        let room = |one: &Algorithm<T>| match cfg!(test) {
            true => 1 << 9,
            false => {
                let own = bytes((one.scratch)(pass, &last, 2));
                limit::<T>(pass, shape).saturating_sub(own).max(BLOCK_BYTES)
            }
        };
        // A block's share of the filter's gradient may take too much of it.
        let fits = |one: &&Algorithm<T>| {
            let room = room(one);
            let all = source.saturating_add(target) <= room;
            pass != Pass::BackpropFilter || all || filter + BLOCK_BYTES / 3 <= room
        };
        let found = inner(pass, shape).find(fits);
        let inner = found.or_else(|| inner(pass, shape).next());
        let inner = inner.expect("asked only where there is one");
        let room = room(inner);
        let long = |axis: &ConvAxis| sizes(pass, axis) != [1, 1];
        let axis = last.axes.iter().position(long).unwrap_or(0);
        let cut = last.axes[axis];
        let rows = sizes(pass, &cut)[1];
        // The filter's gradient is less exact where it sums over few windows; one window alone would be taken for the
        // only one.
        let outputs = |axes: &[ConvAxis]| axes.iter().map(|axis| axis.output).product::<usize>();
        let (stride, few) = match pass {
            Pass::BackpropInput => (cut.stride, 2),
            Pass::Forward => (1, 2),
            Pass::BackpropFilter => (1, FEW_WINDOWS.div_ceil(outputs(&last.axes[axis + 1..]))),
        };
        let unit = UNIT.max(few) * stride;
        let mut plan = Plan {
            pass,
            inner,
            axis,
            unit,
            units: ((rows + unit - few) / unit).max(1),
            images: 1,
            cuts: 1,
            packs: false,
            in_place: false,
            shape: last,
        };
        let shape = &plan.shape;
        let whole = source.saturating_add(target);
        let image = whole / shape.batch;
        let [image, most] = if pass == Pass::BackpropFilter {
            let share = if whole > room { filter } else { 0 };
            [image, room.saturating_sub(share)]
        } else {
            let packed = bytes((inner.packed_len)(pass, shape));
            let in_place = [source, target].map(|len| len / shape.batch);
            plan.packs = 0 < packed && packed <= PACKED_BYTES;
            plan.in_place = packed > PACKED_BYTES
                && in_place[0] <= room
                && in_place[1] <= limit::<T>(pass, shape);
            match (plan.in_place, plan.packs) {
                (true, _) => [in_place[0], room],
                (_, true) => [image, room.saturating_sub(packed).min(BLOCK_BYTES)],
                _ => [image, room],
            }
        };
        // Along the last axis phases that have as many positions are packed side by side.
        let even = pass != Pass::BackpropInput || rows.is_multiple_of(cut.stride);
        let is_last = shape.axes.iter().rposition(long) == Some(axis);
        if image <= most {
            let blocks = shape.batch.div_ceil(most / image);
            plan.images = shape.batch.div_ceil(blocks);
            if pass == Pass::BackpropFilter {
                let few = FEW_WINDOWS.div_ceil(outputs(&shape.axes));
                plan.images = plan.images.max(few);
            }
        } else if cut.output > 1 && (even || !is_last) {
            let most = most / (image / rows).saturating_mul(unit).max(1);
            plan.cuts = plan.units.div_ceil(most.max(1));
        }
        plan
    }

    /// Whether the scratch is not too large, but for what the algorithm within takes.
    pub(super) fn fits(&self) -> bool {
        let rooms = self.rooms().into_iter().fold(0, usize::saturating_add);
        rooms.saturating_mul(size_of::<T>()) <= limit::<T>(self.pass, &self.shape)
    }

    /// The room for what a block sees, for the block, and for the filter if it is packed once for all, or for a
    /// block's share of its gradient.
    pub(super) fn rooms(&self) -> [usize; 3] {
        let [mut source, mut target] = [0, 0];
        for block in self.blocks() {
            let [seen, own, _] = lens(self.pass, &block.shape);
            (source, target) = (source.max(seen), target.max(own));
        }
        let several = self.images < self.shape.batch || self.cuts > 1;
        let filter = match self.pass {
            Pass::BackpropFilter if several => lens(self.pass, &self.shape)[2],
            Pass::BackpropFilter => 0,
            _ if self.packs => (self.inner.packed_len)(self.pass, &self.shape),
            _ => 0,
        };
        [source, if self.in_place { 0 } else { target }, filter]
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = Block> {
        let axis = self.shape.axes[self.axis];
        let all = sizes(self.pass, &axis)[1];
        let images = (0..self.shape.batch).step_by(self.images);
        images.flat_map(move |first| {
            (0..self.cuts).map(move |cut| {
                let [start, end] = [cut, cut + 1].map(|cut| match cut == self.cuts {
                    true => all,
                    false => self.units * cut / self.cuts * self.unit,
                });
                let rows = start..end;
                let images = first..self.shape.batch.min(first + self.images);
                let (part, seen) = part(self.pass, &axis, &rows);
                let mut shape = ConvShape {
                    batch: images.len(),
                    ..self.shape.clone()
                };
                shape.axes[self.axis] = part;
                Block {
                    images,
                    rows,
                    seen,
                    shape,
                }
            })
        })
    }

    /// The elements of an image of the result.
    pub(super) fn image_len(&self) -> usize {
        lens(self.pass, &self.shape)[1] / self.shape.batch
    }

    /// Where the block and what it sees are.
    pub(super) fn planes(&self, block: &Block) -> [Planes; 2] {
        let channels = match self.pass {
            Pass::BackpropInput => [self.shape.out_channels, self.shape.in_channels],
            _ => [self.shape.in_channels, self.shape.out_channels],
        };
        let rows = [&block.seen, &block.rows];
        std::array::from_fn(|i| {
            let size = |axis: &ConvAxis| sizes(self.pass, axis)[i];
            let row: usize = self.shape.axes[self.axis + 1..].iter().map(size).product();
            let plane = size(&self.shape.axes[self.axis]) * row;
            Planes {
                images: block.images.len(),
                channels: channels[i],
                pixels: rows[i].len() * row,
                start: block.images.start * channels[i] * plane + rows[i].start * row,
                plane,
            }
        })
    }
}

/// The part of an axis that computes some of the result's rows, and the source's rows that it sees.
fn part(pass: Pass, axis: &ConvAxis, rows: &Range<usize>) -> (ConvAxis, Range<usize>) {
    let reach = (axis.kernel - 1) * axis.dilation;
    let mut part = *axis;
    if rows.len() == sizes(pass, axis)[1] {
        return (part, 0..sizes(pass, axis)[0]);
    }
    if pass != Pass::BackpropInput {
        let first = rows.start * axis.stride;
        let end = (rows.end - 1) * axis.stride + reach + 1;
        let start = first.saturating_sub(axis.pad_before);
        let end = end
            .saturating_sub(axis.pad_before)
            .clamp(start + 1, axis.input);
        part.input = end - start;
        part.output = rows.len();
        part.pad_before = axis.pad_before + start - first;
        return (part, start..end);
    }
    // Positions with the padding; two windows at least, so that one alone is not taken for the only one.
    let padded = [rows.start, rows.end - 1].map(|row| row + axis.pad_before);
    let windows = (padded[1] / axis.stride + 1).min(axis.output);
    let start = padded[0].saturating_sub(reach).div_ceil(axis.stride);
    let start = start
        .min(padded[0] / axis.stride)
        .min(windows.saturating_sub(2));
    let end = windows.max(start + 2).min(axis.output);
    part.input = rows.len();
    part.output = end - start;
    part.pad_before = padded[0] - start * axis.stride;
    (part, start..end)
}

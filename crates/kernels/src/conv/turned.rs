//! Channels first, by an algorithm that wants them last: what a block of the result sees is turned, and so is the
//! block once it is computed.
//!
//! Blocks are rows of an image or whole images. A filter that is large when packed is packed for each block where it was
//! not before, so then they are as few as the scratch allows: whole images are computed in the result's own memory.

mod turn;

use std::ops::Range;

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use self::turn::{Planes, to_first, to_last};
use super::winograd::split;
use super::{Algorithm, Call, Element, Pack, Pass, direct, thin};
use crate::gemm::alignment;
use crate::simd::Float;
use crate::stage::Epilogue;

/// The most bytes of scratch, beside a tenth of the larger tensor.
const SCRATCH_BYTES: usize = 8_000_000;
/// The most bytes of a packed filter that has a place in the scratch ...
const PACKED_BYTES: usize = if cfg!(test) { 1 << 13 } else { 2 << 20 };
/// ... and of a block then, with what it sees: they should stay in the cache.
const BLOCK_BYTES: usize = 3 << 20;
/// Rows of a block, for each step of the stride: a multiple of what tiles have.
const UNIT: usize = 6;

pub(super) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    // No window is behind the input: a part of an axis could not begin with it.
    let sees = |axis: &ConvAxis| (axis.output - 1) * axis.stride < axis.pad_before + axis.input;
    pass != Pass::BackpropFilter
        && shape.format == DataFormat::ChannelsFirst
        && !pass.lens(shape).contains(&0)
        && shape.axes.iter().all(sees)
}

pub(super) fn pays<T: Float + Element>(pass: Pass, shape: &ConvShape) -> bool {
    /// What turning an element is worth, counted in multiplications.
    const TURN: f64 = 96.0;
    let plan = Plan::<T>::new(pass, shape);
    let [source, _, target] = pass.lens(shape);
    let [from, to, _] = plan.rooms();
    let room = (from + to).saturating_mul(size_of::<T>());
    let work = direct::work::<T>(pass, &plan.shape);
    // Planes are read as they are where one pixel is seen, and pixels are lanes for few channels.
    let pixel = shape.axes.iter().all(|axis| axis.kernel == 1);
    let few = || thin::supports::<T>(pass, shape) && thin::pays::<T>(pass, shape);
    work >= TURN * (source + target) as f64
        && room <= SCRATCH_BYTES + source.max(target) * size_of::<T>() / 10
        && !pixel
        && (plan.inner.name != "direct" || !few())
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
    let Call {
        set,
        threads,
        pass,
        shape,
        a,
        b,
        out,
        scratch,
        epilogue,
        ..
    } = call;
    let plan = &Plan::<T>::new(pass, shape);
    let [source_len, target_len, packed_len] = plan.rooms();
    let rooms = [source_len, target_len, packed_len];
    let rooms_len = rooms.iter().sum::<usize>() + 3 * alignment::<T>();
    let stages = epilogue.take();
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
        let [source_len, _, target_len] = pass.lens(&block.shape);
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
        (plan.inner.compute)(Call {
            set,
            threads,
            pass,
            shape: &block.shape,
            a: source,
            b,
            packed: call.packed.or(own),
            out: target,
            scratch: &mut rest[..needed],
            epilogue: &Epilogue::new(&[]),
        });
        if !plan.in_place {
            to_first(set, threads, &room[..target_len], (out, &target_at), stages);
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
            to_first(set, threads, copy, (out, &at), stages);
        }
    }
}

/// Elements that a thread copies at a time.
const PIECE: usize = 1 << 14;

/// A part of the result.
struct Block {
    images: Range<usize>,
    /// Rows of the result along the axis that is cut, and those of the source that they see.
    rows: Range<usize>,
    seen: Range<usize>,
    /// The convolution that computes it.
    shape: ConvShape,
}

/// How the result is cut into blocks: by the geometry alone.
struct Plan<T: 'static> {
    pass: Pass,
    /// With the channels last.
    shape: ConvShape,
    inner: &'static Algorithm<T>,
    /// The axis that is cut.
    axis: usize,
    /// Images of a block, and how many blocks an image is cut into, of which each has so many rows or more.
    images: usize,
    cuts: usize,
    unit: usize,
    /// Whether the filter is packed once where it was not before.
    packs: bool,
    /// Whether blocks are computed where their result belongs.
    in_place: bool,
}

/// How many elements of an axis the pass reads and writes.
fn sizes(pass: Pass, axis: &ConvAxis) -> [usize; 2] {
    match pass {
        Pass::Forward => [axis.input, axis.output],
        _ => [axis.output, axis.input],
    }
}

impl<T: Float + Element> Plan<T> {
    fn new(pass: Pass, shape: &ConvShape) -> Plan<T> {
        let last = ConvShape {
            format: DataFormat::ChannelsLast,
            ..shape.clone()
        };
        let inner = T::algorithms().iter().find(|one| {
            (one.supports)(pass, &last) && !(one.supports)(pass, shape) && (one.pays)(pass, &last)
        });
        let inner = inner.expect("direct computes all with channels last");
        let long = |axis: &ConvAxis| sizes(pass, axis) != [1, 1];
        let axis = last.axes.iter().position(long).unwrap_or(0);
        let cut = last.axes[axis];
        let rows = sizes(pass, &cut)[1];
        let stride = if pass == Pass::Forward { 1 } else { cut.stride };
        // Along the last axis phases that have as many positions are packed side by side.
        let even = pass == Pass::Forward || rows.is_multiple_of(cut.stride);
        let is_last = last.axes.iter().rposition(long) == Some(axis);
        let parts = cut.output > 1 && (even || !is_last);
        let mut plan = Plan {
            pass,
            inner,
            axis,
            images: 1,
            cuts: 1,
            unit: (UNIT * stride).min(rows),
            packs: false,
            in_place: false,
            shape: last,
        };
        let shape = &plan.shape;
        let bytes = |elements: usize| elements.saturating_mul(size_of::<T>());
        let packed = bytes((inner.packed_len)(pass, shape));
        plan.packs = 0 < packed && packed <= PACKED_BYTES;
        let inner = bytes((inner.scratch)(pass, shape, 2));
        let [source, _, target] = pass.lens(shape).map(|len| bytes(len / shape.batch));
        let room = match cfg!(test) {
            true => 1 << 12,
            false => {
                SCRATCH_BYTES.saturating_sub(inner).max(BLOCK_BYTES)
                    + shape.batch * source.max(target) / 10
            }
        };
        plan.in_place = packed > PACKED_BYTES && source <= room && target <= room + inner;
        let [image, most] = if plan.in_place {
            [source, room]
        } else if plan.packs {
            [
                source + target,
                room.saturating_sub(packed).min(BLOCK_BYTES),
            ]
        } else {
            [source + target, room]
        };
        if image <= most {
            let blocks = shape.batch.div_ceil(most / image);
            plan.images = shape.batch.div_ceil(blocks);
        } else if parts {
            let units = (rows / plan.unit).max(1);
            let most = most / (image / rows * plan.unit).max(1);
            plan.cuts = units.div_ceil(most.max(1));
        }
        plan
    }

    /// The room for what a block sees, for the block, and for the filter if it is packed once for all.
    fn rooms(&self) -> [usize; 3] {
        let mut most = [0; 2];
        for block in self.blocks() {
            let [source, _, target] = self.pass.lens(&block.shape);
            most = [most[0].max(source), most[1].max(target)];
        }
        let packed = match self.packs {
            true => (self.inner.packed_len)(self.pass, &self.shape),
            false => 0,
        };
        let target = if self.in_place { 0 } else { most[1] };
        [most[0], target, packed]
    }

    fn blocks(&self) -> impl Iterator<Item = Block> {
        let axis = self.shape.axes[self.axis];
        let rows = sizes(self.pass, &axis)[1];
        let units = (rows / self.unit).max(1);
        let images = (0..self.shape.batch).step_by(self.images);
        images.flat_map(move |first| {
            (0..self.cuts).map(move |cut| {
                let [start, end] = [cut, cut + 1].map(|cut| match cut == self.cuts {
                    true => rows,
                    false => units * cut / self.cuts * self.unit,
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
    fn image_len(&self) -> usize {
        let [.., target] = self.pass.lens(&self.shape);
        target / self.shape.batch
    }

    /// Where the block and what it sees are.
    fn planes(&self, block: &Block) -> [Planes; 2] {
        let channels = match self.pass {
            Pass::Forward => [self.shape.in_channels, self.shape.out_channels],
            _ => [self.shape.out_channels, self.shape.in_channels],
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
    if pass == Pass::Forward {
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

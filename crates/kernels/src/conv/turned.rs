//! Channels first, by an algorithm that wants them last: what a block of the result sees is turned, and so is the
//! block once it is computed. Blocks are whole images or rows of one.

use std::ops::Range;

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use super::direct::Shared;
use super::thin::Turn;
use super::winograd::split;
use super::{Algorithm, Call, Element, Pack, Pass};
use crate::gemm::alignment;
use crate::simd::{Float, InstructionSet};
use crate::stage::{self, Epilogue, Stage};
use crate::Threads;

/// The most bytes of a block and of what it sees, unless its smallest has more.
const BLOCK_BYTES: usize = if cfg!(test) { 1 << 12 } else { 3 << 20 };
/// The most bytes of a filter that is packed once for all blocks; a larger one is packed for each.
const PACKED_BYTES: usize = 1 << 20;
/// Pixels and channels of what is turned at once.
const PIXELS: usize = 512;
const CHANNELS: usize = 16;

pub(super) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    pass != Pass::BackpropFilter
        && shape.format == DataFormat::ChannelsFirst
        && !pass.lens(shape).contains(&0)
        // No window is behind the input.
        && shape.axes.iter().all(|axis| (axis.output - 1) * axis.stride < axis.pad_before + axis.input)
}

pub(super) fn pays<T: Float + Element>(pass: Pass, shape: &ConvShape) -> bool {
    let _ = (pass, shape);
    true
}

pub(super) fn scratch<T: Float + Element>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let plan = Plan::<T>::new(pass, shape);
    let inner = plan.blocks().map(|block| (plan.inner.scratch)(pass, &block.shape, threads));
    let [source, target, packed] = plan.rooms();
    inner.max().unwrap_or(0) + source + target + packed + 3 * alignment::<T>()
}

pub(super) fn packed_len<T: Float + Element>(pass: Pass, shape: &ConvShape) -> usize {
    let plan = Plan::<T>::new(pass, shape);
    (plan.inner.packed_len)(pass, &plan.shape)
}

pub(super) fn pack<T: Float + Element>(call: Pack<'_, T>) {
    let plan = Plan::<T>::new(call.pass, call.shape);
    (plan.inner.pack)(Pack { shape: &plan.shape, ..call });
}

pub(super) fn compute<T: Float + Element>(call: Call<'_, T>) {
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
        epilogue,
    } = call;
    let plan = &Plan::<T>::new(pass, shape);
    let [source_len, target_len, packed_len] = plan.rooms();
    let used = source_len + target_len + packed_len + 3 * alignment::<T>();
    let (rooms, scratch) = scratch.split_at_mut(used);
    let [source, target, own] = split(rooms, [source_len, target_len, packed_len]);
    let packed = match packed {
        None if packed_len > 0 => {
            (plan.inner.pack)(Pack { set, threads, pass, shape: &plan.shape, filter: b, out: &mut *own });
            Some(&*own)
        }
        packed => packed,
    };
    let stages = epilogue.take();
    let out = &Shared(out.as_mut_ptr(), out.len());
    for block in plan.blocks() {
        let [source_len, _, target_len] = pass.lens(&block.shape);
        let (source, target) = (&mut source[..source_len], &mut target[..target_len]);
        let [source_at, target_at] = plan.planes(&block);
        to_last(set, threads, (a, source_at), source);
        let needed = (plan.inner.scratch)(pass, &block.shape, threads.count());
        (plan.inner.compute)(Call {
            set,
            threads,
            pass,
            shape: &block.shape,
            a: source,
            b,
            packed,
            out: target,
            scratch: &mut scratch[..needed],
            epilogue: &Epilogue::new(&[]),
        });
        to_first(set, threads, target, (out, target_at), stages);
    }
}

/// A part of the result.
struct Block {
    images: Range<usize>,
    /// Rows of the result along the axis that is cut, and those of the source that they see.
    rows: Range<usize>,
    seen: Range<usize>,
    /// The convolution that computes it.
    shape: ConvShape,
}

/// Some pixels of some images with the channels first.
struct Planes {
    images: usize,
    channels: usize,
    pixels: usize,
    /// The first pixel, and how far it is to the next channel's.
    start: usize,
    plane: usize,
}

/// How the result is cut into blocks: by the geometry alone.
struct Plan<T: 'static> {
    pass: Pass,
    /// With the channels last.
    shape: ConvShape,
    inner: &'static Algorithm<T>,
    /// The axis that is cut.
    axis: usize,
    images: usize,
    rows: usize,
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
        let last = ConvShape { format: DataFormat::ChannelsLast, ..shape.clone() };
        let inner = T::algorithms().iter().find(|one| {
            (one.supports)(pass, &last) && !(one.supports)(pass, shape) && (one.pays)(pass, &last)
        });
        let inner = inner.expect("direct computes all with channels last");
        let long = |axis: &ConvAxis| sizes(pass, axis) != [1, 1];
        let axis = last.axes.iter().position(long).unwrap_or(0);
        let [source, _, target] = pass.lens(&last);
        let room = BLOCK_BYTES / size_of::<T>();
        let image = (source + target) / last.batch;
        let cut = &last.axes[axis];
        let rows = sizes(pass, cut)[1];
        let [mut images, mut part] = [1, rows];
        if image <= room {
            let blocks = last.batch.div_ceil(room / image);
            images = last.batch.div_ceil(blocks);
        } else {
            // Stride phases and tiles begin anew with each block.
            let unit = match pass {
                Pass::Forward => 6,
                _ => 6 * cut.stride,
            };
            let most = (room / (image / rows).max(1)) / unit * unit;
            let blocks = rows.div_ceil(most.max(unit));
            part = rows.div_ceil(blocks).next_multiple_of(unit);
        }
        Plan { pass, inner, axis, images, rows: part, shape: last }
    }

    /// The room for a block and for what it sees, and for the filter if it is packed once for all.
    fn rooms(&self) -> [usize; 3] {
        let mut most = [0; 2];
        for block in self.blocks() {
            let [source, _, target] = self.pass.lens(&block.shape);
            most = [most[0].max(source), most[1].max(target)];
        }
        let packed = (self.inner.packed_len)(self.pass, &self.shape);
        let small = packed * size_of::<T>() <= PACKED_BYTES;
        [most[0], most[1], if small { packed } else { 0 }]
    }

    fn blocks(&self) -> impl Iterator<Item = Block> {
        let axis = self.shape.axes[self.axis];
        let rows = sizes(self.pass, &axis)[1];
        let cuts = (rows / self.rows).max(1);
        let images = (0..self.shape.batch).step_by(self.images);
        images.flat_map(move |first| {
            (0..cuts).map(move |cut| {
                let end = if cut + 1 == cuts { rows } else { (cut + 1) * self.rows };
                let rows = cut * self.rows..end;
                let images = first..self.shape.batch.min(first + self.images);
                let (part, seen) = part(self.pass, &axis, &rows);
                let mut shape = ConvShape { batch: images.len(), ..self.shape.clone() };
                shape.axes[self.axis] = part;
                Block { images, rows, seen, shape }
            })
        })
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
        let end = end.saturating_sub(axis.pad_before).clamp(start + 1, axis.input);
        part.input = end - start;
        part.output = rows.len();
        part.pad_before = axis.pad_before + start - first;
        return (part, start..end);
    }
    // Positions with the padding; two windows at least, so that one alone is not taken for the only one.
    let padded = [rows.start, rows.end - 1].map(|row| row + axis.pad_before);
    let windows = (padded[1] / axis.stride + 1).min(axis.output);
    let start = padded[0].saturating_sub(reach).div_ceil(axis.stride);
    let start = start.min(padded[0] / axis.stride).min(windows.saturating_sub(2));
    let end = windows.max(start + 2).min(axis.output);
    part.input = rows.len();
    part.output = end - start;
    part.pad_before = padded[0] - start * axis.stride;
    (part, start..end)
}

/// Turns images with the channels first.
fn to_last<T: Float>(
    set: InstructionSet,
    threads: &Threads,
    (from, at): (&[T], Planes),
    to: &mut [T],
) {
    let pieces = at.pixels.div_ceil(PIXELS);
    let to = &Shared(to.as_mut_ptr(), to.len());
    threads.for_each(at.images * pieces, |task| {
        let (image, first) = (task / pieces, task % pieces * PIXELS);
        let count = PIXELS.min(at.pixels - first);
        let place = (image * at.pixels + first) * at.channels;
        let turn = Turn {
            from: &from[image * at.channels * at.plane + at.start + first..],
            to: to.0.wrapping_add(place),
            room: to.1 - place,
            pitches: [at.plane, at.channels],
            rows: at.channels,
            columns: count,
            count: 1,
            steps: [0; 2],
            far: true,
        };
        T::dispatch(set, turn);
    });
}

/// Turns images with the channels last, and does what is to be done to each element.
fn to_first<T: Float + Element>(
    set: InstructionSet,
    threads: &Threads,
    from: &[T],
    (to, at): (&Shared<T>, Planes),
    stages: &[Stage<'_, T>],
) {
    let pieces = [at.pixels.div_ceil(PIXELS), at.channels.div_ceil(CHANNELS)];
    threads.for_each(at.images * pieces[0] * pieces[1], |task| {
        let (image, task) = (task / (pieces[0] * pieces[1]), task % (pieces[0] * pieces[1]));
        let (first, channel) = (task / pieces[1] * PIXELS, task % pieces[1] * CHANNELS);
        let [pixels, channels] = [PIXELS.min(at.pixels - first), CHANNELS.min(at.channels - channel)];
        let place = (image * at.channels + channel) * at.plane + at.start + first;
        let turn = Turn {
            from: &from[(image * at.pixels + first) * at.channels + channel..],
            to: to.0.wrapping_add(place),
            room: to.1 - place,
            pitches: [at.channels, at.plane],
            rows: pixels,
            columns: channels,
            count: 1,
            steps: [0; 2],
            far: false,
        };
        T::dispatch(set, turn);
        if !stages.is_empty() {
            for channel in 0..channels {
                let place = place + channel * at.plane;
                assert!(place + pixels <= to.1);
                // SAFETY: inside the result, as was checked; tasks have no element in common.
                let run = unsafe { std::slice::from_raw_parts_mut(to.0.add(place), pixels) };
                stage::apply(stages, place, run);
            }
        }
    });
}

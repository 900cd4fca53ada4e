//! Pixels in vector lanes, for few channels.
//!
//! A block of the source is gathered once, into planes of one channel each (where the convolution strides over the
//! source, of one channel and one position in a cell each), so that what neighbouring results see at a tap are
//! neighbours, whatever the tap. The results' rows are channels and stride phases: phases that see the same share what
//! they read, and no lane is wasted, however few channels there are. The filter's elements are broadcast.

mod lanes;
mod lattice;
mod line;
mod pack;
mod plan;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use tconv_shape::ConvShape;

use self::lanes::{Clear, Multiply, Turn};
use self::lattice::{Lattice, TILE, pieces};
use self::pack::{pack_into, tile_rows};
use self::plan::Plan;
use super::{Call, Pack, Pass, direct, implicit};
use crate::Threads;
use crate::simd::{Float, InstructionSet};
use crate::stage::{self, Finish};

/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: usize = 1 << 18;

/// The most channels that are few: as many lanes would be wasted otherwise.
const FEW: usize = 32;
/// The most bytes of a filter: packing it takes as many of the scratch.
const FILTER_BYTES: usize = 6 << 20;
/// How many outputs are turned in the time in which a run of pixels is gathered.
const RUN: usize = 9;
/// Fewer pixels than this do not fill the lanes.
const PIXELS: usize = 24;

pub(super) fn supports<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    pass != Pass::BackpropFilter
        && [shape.in_channels, shape.out_channels, shape.batch]
            .iter()
            .all(|&n| n > 0)
        && shape
            .axes
            .iter()
            .all(|axis| axis.input > 0 && axis.output > 0)
        && Lattice::new::<T>(pass, shape).fits()
}

pub(super) fn pays<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    pays_beside::<T>((RUN, false), pass, shape)
}

/// Whether it pays where as many outputs are turned in the time in which a run of pixels is gathered, beside products
/// that waste no lanes, or whose strips do not.
pub(super) fn pays_beside<T: Float>(
    (cost, strips): (usize, bool),
    pass: Pass,
    shape: &ConvShape,
) -> bool {
    let inputs = shape.in_channels / shape.groups;
    let outputs = shape.out_channels / shape.groups;
    let pixels: usize = shape.axes.iter().map(|axis| axis.output).product();
    let few = match pass {
        Pass::Forward => inputs.min(outputs),
        _ => inputs,
    };
    // What the direct algorithm gathers for a pixel, in runs, costs less than turning so many outputs.
    let gathers = || {
        let (last, outer) = shape.axes.split_last()?;
        let runs = outer.iter().map(|axis| axis.kernel).product::<usize>();
        (last.dilation == 1 && shape.groups == 1).then_some(runs.saturating_mul(cost))
    };
    let direct = pass == Pass::BackpropInput || gathers().is_some_and(|cost| cost <= outputs);
    few <= FEW
        && pixels >= PIXELS
        && pass.lens(shape)[1] * size_of::<T>() <= FILTER_BYTES
        && !(direct && direct::fills::<T>(pass, shape, strips))
}

pub(super) fn packed_len<T: Float>(pass: Pass, shape: &ConvShape) -> usize {
    Plan::len(&Lattice::new::<T>(pass, shape)) + pass.lens(shape)[1]
}

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let lattice = Lattice::new::<T>(pass, shape);
    let crew = if lattice.work() < SERIAL_WORK {
        1
    } else {
        threads
    };
    let own = (lattice.panel_len() + lattice.sums_len()) * crew;
    let all = packed_len::<T>(pass, shape) + own;
    match pass {
        Pass::BackpropInput => all.max(implicit::scratch::<T>(pass, shape, threads)),
        _ => all,
    }
}

/// How many multiplications it takes.
pub(super) fn work<T: Float>(pass: Pass, shape: &ConvShape) -> f64 {
    Lattice::new::<T>(pass, shape).work() as f64
}

pub(super) fn pack<T: Float>(pack: Pack<'_, T>) {
    let Pack {
        threads,
        pass,
        shape,
        filter,
        out,
        ..
    } = pack;
    let lattice = Lattice::new::<T>(pass, shape);
    pack_into(&lattice, threads, (pass, shape), filter, out);
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    if call.pass == Pass::BackpropInput && !implicit::finite(call.b) {
        // Zeros around the source would make NaN of windows that do not exist.
        return implicit::compute(Call {
            packed: None,
            ..call
        });
    }
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
    let lattice = &Lattice::new::<T>(pass, shape);
    let serial = lattice.work() < SERIAL_WORK;
    let crew_threads = if serial { &Threads::ONE } else { threads };
    let own = lattice.panel_len() + lattice.sums_len();
    let (rooms, room) = scratch.split_at_mut(own * crew_threads.count());
    let (plan, filter) = Plan::read(match packed {
        Some(packed) => packed,
        None => {
            let room = &mut room[..packed_len::<T>(pass, shape)];
            pack_into(lattice, threads, (pass, shape), b, room);
            room
        }
    });
    let crew = Crew {
        set,
        lattice,
        source: a,
        filter,
        plan,
        target: Target(out.as_mut_ptr(), out.len()),
        finish,
        next: AtomicUsize::new(0),
    };
    crew_threads.for_each_piece(rooms, own, |_, own| crew.work(own));
}

/// The result's memory, which the threads share.
struct Target<T>(*mut T, usize);

// SAFETY: each element is written by one thread only: blocks have no cell in common.
unsafe impl<T: Send> Sync for Target<T> {}

/// What all threads work at.
struct Crew<'a, T> {
    set: InstructionSet,
    lattice: &'a Lattice,
    source: &'a [T],
    filter: &'a [T],
    plan: Plan<'a>,
    target: Target<T>,
    finish: Finish<'a, T>,
    next: AtomicUsize,
}

/// A block of the result: its first cell, and how many cells it has along the two last axes.
#[derive(Clone, Copy)]
struct Block {
    batch: usize,
    group: usize,
    start: [usize; 3],
    cells: [usize; 2],
}

impl<T: Float> Crew<'_, T> {
    /// Takes one block after the other until none is left.
    fn work(&self, scratch: &mut [T]) {
        let lattice = self.lattice;
        let (panel, sums) = scratch.split_at_mut(lattice.panel_len());
        if lattice.is_one_block_wide() {
            // No block writes what is beside the source.
            let [_, tall, wide] = lattice.lines;
            let rows = 0..lattice.block[0] + tall.span;
            let (low, high) = lattice.inside(wide.low);
            self.clear_panel(panel, lattice.panel_planes(), rows, (low, high));
        }
        let mut gaps = None;
        while let Some(block) = self.next_block() {
            if lattice.lines[2].leaves_gaps() && gaps != Some(block.group) {
                // The rows of positions that no tap leads to.
                gaps = Some(block.group);
                let channels = lattice.result_channels;
                for (plane, sums) in sums.chunks_mut(lattice.sums).enumerate() {
                    let channel = block.group * channels + plane % channels;
                    let bias = self.finish.bias(channel);
                    sums.fill(self.finish.one(T::default(), bias));
                }
            }
            let channels = block.group * lattice.source_channels;
            let channels = channels..channels + lattice.source_channels;
            self.gather(block, channels, panel);
            self.compute(block, panel, sums);
            self.clear_gaps(block);
        }
    }

    /// The next block that no thread has taken.
    fn next_block(&self) -> Option<Block> {
        let lattice = self.lattice;
        let [z, y, x] = lattice.blocks();
        let task = self.next.fetch_add(1, Ordering::Relaxed);
        let image = task / (z * y * x);
        let start = [
            task / (y * x) % z,
            task / x % y * lattice.block[0],
            task % x * lattice.block[1],
        ];
        let cells = |axis: usize| {
            let left = lattice.lines[axis].cells - start[axis];
            lattice.block[axis - 1].min(left)
        };
        (image < lattice.batch * lattice.groups).then(|| Block {
            batch: image / lattice.groups,
            group: image % lattice.groups,
            start,
            cells: [cells(1), cells(2)],
        })
    }

    /// Fills the panel with what the block sees of some channels.
    fn gather(&self, block: Block, channels: Range<usize>, panel: &mut [T]) {
        let lattice = self.lattice;
        let [deep, tall, wide] = lattice.lines;
        let first: [isize; 3] =
            std::array::from_fn(|i| block.start[i] as isize + lattice.lines[i].low);
        let row_planes = wide.source.step * lattice.source_channels;
        let (low, high) = lattice.inside(first[2]);
        let (size, step) = (wide.source.size, wide.source.step);
        // Whether a cell that is cut off follows.
        let cut = size % step;
        let has_cut =
            cut > 0 && high < lattice.row && first[2] + high as isize == (size / step) as isize;
        let rows = block.cells[0] + tall.span;
        for (slice, places) in
            (0..lattice.slices()).flat_map(|i| lattice.seen().map(move |p| (i, p)))
        {
            let plane = slice * lattice.planes() + lattice.plane_of(places);
            let to = &mut panel[plane * lattice.plane..];
            let z = (first[0] + slice as isize) * deep.source.step as isize + places[0] as isize;
            let z = usize::try_from(z).ok().filter(|&z| z < deep.source.size);
            // The rows that are inside the source: those with 0 <= y + row * step < size.
            let y = first[1] * tall.source.step as isize + places[1] as isize;
            let inside = |from: isize| {
                let from = usize::try_from(from).unwrap_or(0);
                from.div_ceil(tall.source.step).min(rows)
            };
            let (top, bottom) = match z {
                Some(_) => (inside(-y), inside(tall.source.size as isize - y)),
                None => (rows, rows),
            };
            let bottom = bottom.max(top);
            // What this writes too much is written over, or is behind the last row.
            let outside = (lattice.row, lattice.row);
            self.clear_panel(to, row_planes, 0..top, outside);
            if !lattice.is_one_block_wide() {
                self.clear_panel(to, row_planes, top..bottom, (low, high));
            }
            self.clear_panel(to, row_planes, bottom..rows, outside);
            let (Some(z), true) = (z, top < bottom) else {
                continue;
            };
            let y = (y + (top * tall.source.step) as isize) as usize;
            let pitch = step * lattice.source.axes[2];
            let start = lattice.source.place(block.batch, [z, y, 0], 0);
            for piece in pieces(&lattice.source, (step, cut), channels.clone()) {
                let mut turn = |cells: Range<usize>, len: usize| {
                    if cells.is_empty() || len == 0 {
                        return;
                    }
                    let cell = (first[2] + cells.start as isize) as usize;
                    let place = piece.plane * lattice.plane + top * lattice.row + cells.start;
                    let to = &mut to[place..];
                    let turn = Turn {
                        from: &self.source[start + cell * pitch + piece.place..],
                        room: to.len(),
                        to: to.as_mut_ptr(),
                        pitches: [pitch, piece.plane_step * lattice.plane],
                        rows: cells.len(),
                        columns: len,
                        count: bottom - top,
                        steps: [tall.source.step * lattice.source.axes[1], lattice.row],
                        far: true,
                    };
                    T::dispatch(self.set, turn);
                };
                turn(low..high, piece.len);
                turn(high..high + usize::from(has_cut), piece.cut_len);
            }
        }
    }

    /// Writes zeros into some rows of planes, left and right of what is `inside`.
    fn clear_panel(
        &self,
        to: &mut [T],
        planes: usize,
        rows: Range<usize>,
        (low, high): (usize, usize),
    ) {
        if rows.is_empty() {
            return;
        }
        let clear = Clear {
            to,
            planes,
            pitch: self.lattice.plane,
            rows,
            row: self.lattice.row,
            low,
            high,
        };
        T::dispatch(self.set, clear);
    }

    /// Computes the block's results from its panel.
    fn compute(&self, block: Block, panel: &[T], sums: &mut [T]) {
        let lattice = self.lattice;
        let cells = (block.cells[0] - 1) * lattice.row + block.cells[1];
        let group_len = self.filter.len() / lattice.groups;
        let mut filter = &self.filter[block.group * group_len..];
        let (step, channels) = (lattice.lines[2].result.step, lattice.result_channels);
        let mut bands = self.plan.bands;
        while !bands.is_empty() {
            let (z, y) = (bands.number(), bands.list());
            for _ in 0..bands.number() {
                let (x, terms) = (bands.list(), bands.list());
                let positions = (0..y.len())
                    .flat_map(|y| x.iter().map(move |&x| (y * step + x as usize) * channels));
                let mut planes = positions.flat_map(|first| (0..channels).map(move |c| (first, c)));
                let mut left = y.len() * x.len() * channels;
                while left > 0 {
                    let rows = tile_rows(left);
                    left -= rows;
                    let (elements, rest) = filter.split_at(rows * terms.len());
                    filter = rest;
                    let (mut places, mut biases) = ([0; TILE], [T::default(); TILE]);
                    for (i, (first, channel)) in (0..rows).zip(&mut planes) {
                        places[i] = (first + channel) * lattice.sums;
                        if !self.finish.stages().is_empty() {
                            biases[i] = self.finish.bias(block.group * channels + channel);
                        }
                    }
                    let multiply = Multiply {
                        panel,
                        offsets: terms,
                        filter: elements,
                        rows,
                        cells,
                        sums,
                        places,
                        finish: &self.finish,
                        biases,
                    };
                    // SAFETY: a term's offset leads at most the spans' rows and cells and the last plane further,
                    // and the block's cells end before those of a plane do; behind the last
                    // plane there is room for a vector.
                    unsafe { multiply.compute(self.set) };
                }
            }
            self.scatter(block, (z, y), sums);
        }
    }

    /// Stores a band's sums where they belong.
    fn scatter(&self, block: Block, (z, y): (usize, &[u32]), sums: &[T]) {
        let lattice = self.lattice;
        let [deep, tall, wide] = lattice.lines;
        let z = block.start[0] * deep.result.step + z;
        if z >= deep.result.size {
            return;
        }
        let (size, step) = (wide.result.size, wide.result.step);
        let whole =
            (size / step).clamp(block.start[2], block.start[2] + block.cells[1]) - block.start[2];
        let (cut, has_cut) = (size % step, whole < block.cells[1]);
        let channels = block.group * lattice.result_channels;
        let channels = channels..channels + lattice.result_channels;
        let pitch = step * lattice.result.axes[2];
        for (phase, &y) in y.iter().enumerate() {
            let at = block.start[1] * tall.result.step + y as usize;
            let count = tall
                .result
                .size
                .saturating_sub(at)
                .div_ceil(tall.result.step);
            let from = &sums[phase * lattice.row_planes() * lattice.sums..];
            let place = lattice
                .result
                .place(block.batch, [z, at, block.start[2] * step], 0);
            for piece in pieces(&lattice.result, (step, cut), channels.clone()) {
                let turn = |cells: Range<usize>, len: usize| {
                    let place = place + cells.start * pitch + piece.place;
                    if cells.is_empty() || place >= self.target.1 {
                        return;
                    }
                    let turn = Turn {
                        from: &from[piece.plane * lattice.sums + cells.start..],
                        // Inside, as checked.
                        to: self.target.0.wrapping_add(place),
                        room: self.target.1 - place,
                        pitches: [piece.plane_step * lattice.sums, pitch],
                        rows: len,
                        columns: cells.len(),
                        count: count.min(block.cells[0]),
                        steps: [lattice.row, tall.result.step * lattice.result.axes[1]],
                        far: false,
                    };
                    T::dispatch(self.set, turn);
                };
                turn(0..whole, piece.len);
                turn(whole..whole + usize::from(has_cut), piece.cut_len);
            }
        }
    }

    /// Writes zeros where no tap leads to along the first two axes.
    fn clear_gaps(&self, block: Block) {
        let [deep, tall, wide] = self.lattice.lines;
        let z = block.start[0] * deep.result.step;
        let y = block.start[1] * tall.result.step;
        let end = tall.result.size.min(y + block.cells[0] * tall.result.step);
        let mut made = None;
        let mut clear = |z: usize, y: usize| {
            let start = block.start[2] * wide.result.step;
            let end = start + block.cells[1] * wide.result.step;
            let pixels = wide.result.size.min(end) - start;
            self.clear(block, [z, y, start], pixels, &mut made);
        };
        let [deep_gaps, deep, tall_gaps] =
            [self.plan.deep_gaps, self.plan.deep, self.plan.tall_gaps]
                .map(|places| places.iter().map(|&place| place as usize));
        let size = self.lattice.lines[0].result.size;
        for place in deep_gaps.filter(|place| z + place < size) {
            (y..end).for_each(|y| clear(z + place, y));
        }
        for place in tall_gaps {
            for y in (y + place..end).step_by(tall.result.step) {
                let planes = deep.clone().map(|place| z + place);
                planes.filter(|&z| z < size).for_each(|z| clear(z, y));
            }
        }
    }

    /// Writes zeros to so many neighbouring pixels of the block's group, finished, or what others were `made`.
    fn clear(&self, block: Block, at: [usize; 3], pixels: usize, made: &mut Option<usize>) {
        let strides = &self.lattice.result;
        let channels = self.lattice.result_channels;
        let first = strides.place(block.batch, at, block.group * channels);
        let (count, len, step) = match strides.channels_last {
            true if channels == strides.channels => (1, pixels * channels, 0),
            true => (pixels, channels, strides.axes[2]),
            false => (channels, pixels, strides.channel),
        };
        for i in 0..count {
            let place = first + i * step;
            assert!(place + len <= self.target.1);
            // SAFETY: inside the result, and no other block has these cells; what was made is as long.
            unsafe {
                let to = self.target.0.add(place);
                if let Some(made) = *made {
                    to.copy_from_nonoverlapping(self.target.0.add(made + i * step), len);
                    continue;
                }
                to.write_bytes(0, len);
                let run = std::slice::from_raw_parts_mut(to, len);
                stage::apply(self.finish.stages(), place, run);
            }
        }
        if !self.finish.stages().is_empty() {
            *made = Some(first);
        }
    }
}

use std::ops::Range;

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use super::super::Pass;
use super::super::grid::{Strides, Walk, axes};
use super::super::phase::{Phase, tap_period};
use crate::gemm::{DEPTH, DEPTH_PITCH, ROWS_UNIT, strip_width};

/// Channels are padded to a multiple of this, which every instruction set's vectors divide.
pub(super) const CHANNELS_UNIT: usize = 16;
/// The most taps of a phase that are transformed.
pub(super) const MOST_TAPS: usize = 3;
/// The most taps of a phase of the outermost axis.
const MOST_DEEP: usize = 5;
/// The most points of an axis.
pub(super) const MOST_POINTS: usize = 4;
/// The most bytes of scratch for small tensors; large ones may take a tenth of their own size more.
const SCRATCH_BYTES: usize = 8 << 20;
/// As many threads' rooms are counted.
const ROOMS: usize = 2;
/// The most rows of tiles that threads share, whose products with a strip a thread keeps.
const MOST_SHARED_ROWS: usize = if cfg!(test) { 2 } else { 40 } * ROWS_UNIT;
/// The most rows that are multiplied before the next point: their products with a strip stay in the second-level cache.
pub(super) const MOST_ROWS: usize = 8 * ROWS_UNIT;
/// What a thread's own transformed tiles may take: about the second-level cache.
const TILES_BYTES: usize = 850 << 10;
/// With more filters than this all threads share transformed tiles, as many as there is room for: so filters are read
/// from memory, or packed on the way, as few times as possible.
const MANY_FILTERS_BYTES: usize = if cfg!(test) { 256 << 10 } else { 12 << 20 };
const MANY_FRESH_BYTES: usize = if cfg!(test) { 64 << 10 } else { 4 << 20 };
/// As many tasks as keep many threads busy to the end.
const ENOUGH_TASKS: usize = 12;

/// What an element of a transform takes, counted in multiplications of the products.
const TRANSFORM: f64 = 6.0;
/// What an element of a filter takes that is packed each time, counted likewise.
const PACK: f64 = 3.0;

/// How many outputs of an axis a tile makes from phases of so many taps and fewer. Of two taps it may make as many as there
/// are, with three points, or one more, with four: see [`pair`].
fn outputs(taps: usize, pair: usize) -> usize {
    match taps {
        1 => 1,
        2 => pair,
        _ => 2,
    }
}

/// The more outputs of two taps.
const MOST_OF_PAIR: usize = 3;

/// How many outputs tiles make of two taps, on both axes: as is best for the last one. The packed filter depends on it,
/// and whoever cuts a convolution into blocks packs it once: so it may not depend on what blocks differ in, which is the
/// size of the first axis that has one.
fn pair(pass: Pass, axes: &[ConvAxis; 3], channels: usize) -> usize {
    let [z, y, x] = axes;
    let long = |axis: &ConvAxis| [axis.input, axis.output] != [1, 1];
    let cost = |pair| -> f64 {
        let lines = Line::all(pass, x, (pair, channels));
        lines.map(|line| line.cost(channels)).sum()
    };
    match (long(z) || long(y)) && cost(2) <= cost(MOST_OF_PAIR) {
        true => 2,
        false => MOST_OF_PAIR,
    }
}

/// A stride phase of one axis: of the result's positions, or of a forward convolution's input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sub {
    /// The kernel's elements: the first, how far to the next, how many.
    pub(super) first_tap: usize,
    pub(super) tap_step: isize,
    pub(super) taps: usize,
    /// Where tap 0 of the result's position 0 is in the source.
    pub(super) base: isize,
    /// The source: where its first element is, how far to the next, how many there are.
    pub(super) source_first: usize,
    pub(super) source_step: usize,
    pub(super) source_size: usize,
    /// The result: likewise.
    pub(super) target_first: usize,
    pub(super) target_step: usize,
    pub(super) target_size: usize,
}

impl Sub {
    pub(super) fn tap(&self, index: usize) -> usize {
        self.first_tap
            .wrapping_add_signed(index as isize * self.tap_step)
    }

    fn new(pass: Pass, axis: &ConvAxis, index: usize) -> Sub {
        if pass == Pass::BackpropInput {
            let phase = Phase::new(axis, index);
            return Sub {
                first_tap: phase.first_tap,
                tap_step: phase.tap_step,
                taps: phase.patch.taps,
                base: phase.patch.base,
                source_first: 0,
                source_step: 1,
                source_size: phase.patch.size,
                target_first: phase.first,
                target_step: phase.step,
                target_size: phase.patch.windows,
            };
        }
        // The taps that lead to equal positions modulo the stride see the input's positions that are.
        let period = tap_period(axis);
        let at = (index * axis.dilation) as isize - axis.pad_before as isize;
        let first = at.rem_euclid(axis.stride as isize) as usize;
        Sub {
            first_tap: index,
            tap_step: period as isize,
            taps: (axis.kernel - index).div_ceil(period),
            base: at.div_euclid(axis.stride as isize),
            source_first: first,
            source_step: axis.stride,
            source_size: axis.input.saturating_sub(first).div_ceil(axis.stride),
            target_first: 0,
            target_step: 1,
            target_size: axis.output,
        }
    }
}

/// Stride phases of one axis that are computed together, in tiles of the same size.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pass: Pass,
    axis: ConvAxis,
    pub(super) phases: Range<usize>,
    /// Outputs and points of a tile.
    pub(super) outputs: usize,
    pub(super) points: usize,
    /// How far the taps of a phase are apart, and the outputs of a tile: a tile's neighbours lie between them.
    pub(super) step: usize,
    /// The source's position that the first tile of a phase that starts here begins with.
    origin: isize,
    pub(super) tiles: usize,
    /// How many of the phases have the most taps, the first ones; the others have one less.
    pub(super) full: usize,
}

impl Line {
    /// The lines of an axis: for a forward convolution one, for the input's gradient those that make the result of so many
    /// channels cheapest. Phases with equally many taps may share transformed tiles, but their positions in the source
    /// begin apart, so that together they may need a tile more than each alone.
    fn all(
        pass: Pass,
        axis: &ConvAxis,
        (pair, channels): (usize, usize),
    ) -> impl Iterator<Item = Line> {
        let axis = *axis;
        let count = Phase::count(&axis);
        let mut next = 0;
        std::iter::from_fn(move || {
            let start = next;
            if start == count {
                return None;
            }
            let taps = |index| Sub::new(pass, &axis, index).taps;
            let outputs = outputs(taps(start), pair);
            let line = |phases| Line::of(pass, axis, phases, outputs);
            if pass == Pass::Forward {
                next = count;
                return Some(line(0..count));
            }
            let alike = (start..count).take_while(|&i| taps(i) == taps(start));
            let end = start + alike.count();
            let alone: f64 = (start..end).map(|i| line(i..i + 1).cost(channels)).sum();
            let together = line(start..end);
            if together.cost(channels) <= alone {
                next = end;
                return Some(together);
            }
            next = start + 1;
            Some(line(start..next))
        })
    }

    /// Multiplications along this axis of what leads to a channel of the result, and those that the transforms are worth.
    fn cost(&self, channels: usize) -> f64 {
        let sharing = (0..self.points).map(|point| self.sharing(point));
        let products = self.targets().len() * sharing.sum::<usize>();
        let transforms = TRANSFORM * (self.points * self.sources().len()) as f64;
        self.tiles as f64 * (products as f64 + transforms / channels.max(1) as f64)
    }

    /// The line of all phases, in tiles of four points for those with the most taps.
    pub(super) fn whole(pass: Pass, axis: &ConvAxis) -> Line {
        let outputs = outputs(Sub::new(pass, axis, 0).taps, MOST_OF_PAIR);
        Line::of(pass, *axis, 0..Phase::count(axis), outputs)
    }

    /// A forward convolution's line, in tiles of so many outputs.
    pub(super) fn forward(axis: &ConvAxis, outputs: usize) -> Line {
        Line::of(Pass::Forward, *axis, 0..Phase::count(axis), outputs)
    }

    /// The line of some phases, the first of which has the most taps, in tiles of so many outputs.
    fn of(pass: Pass, axis: ConvAxis, phases: Range<usize>, outputs: usize) -> Line {
        let sub = |index| Sub::new(pass, &axis, index);
        let taps = sub(phases.start).taps;
        let mut line = Line {
            pass,
            axis,
            outputs,
            points: outputs + taps - 1,
            step: tap_period(&axis) * axis.dilation / axis.stride,
            origin: phases.clone().map(|i| sub(i).base).min().unwrap_or(0),
            tiles: 0,
            full: phases.clone().take_while(|&i| sub(i).taps == taps).count(),
            phases,
        };
        let sizes = line.phases.clone().map(sub);
        let sizes = sizes.map(|sub| sub.target_size + line.shift(&sub));
        let (size, neighbours) = (sizes.max().unwrap_or(0), line.step);
        let whole = size / (outputs * neighbours);
        let rest = size % (outputs * neighbours);
        line.tiles = whole * neighbours + rest.min(neighbours);
        line
    }

    /// Where a tile's first output is, seen from that of the first tile.
    pub(super) fn place(&self, tile: usize) -> usize {
        match self.step {
            1 => tile * self.outputs,
            step => tile / step * step * self.outputs + tile % step,
        }
    }

    pub(super) fn sub(&self, index: usize) -> Sub {
        Sub::new(self.pass, &self.axis, index)
    }

    /// How many outputs of a phase's first tile are before its first position.
    pub(super) fn shift(&self, sub: &Sub) -> usize {
        match self.pass {
            Pass::Forward => 0,
            _ => (sub.base - self.origin) as usize,
        }
    }

    /// The source's position that a tile of a phase sees as its neighbour `index`, if there is one.
    pub(super) fn pixel(&self, sub: &Sub, tile: usize, index: usize) -> Option<usize> {
        let start = match self.pass {
            Pass::Forward => sub.base,
            _ => self.origin,
        };
        let at = (self.place(tile) + index * self.step) as isize + start;
        let at = usize::try_from(at)
            .ok()
            .filter(|&at| at < sub.source_size)?;
        Some(sub.source_first + at * sub.source_step)
    }

    /// The phases that are read.
    pub(super) fn sources(&self) -> Range<usize> {
        match self.pass {
            Pass::Forward => self.phases.clone(),
            _ => self.phases.start..self.phases.start + 1,
        }
    }

    /// The phases that are written.
    pub(super) fn targets(&self) -> Range<usize> {
        match self.pass {
            Pass::Forward => self.phases.start..self.phases.start + 1,
            _ => self.phases.clone(),
        }
    }

    /// The points of a phase that is read: with fewer taps than the others they are fewer.
    pub(super) fn points_of(&self, sub: &Sub) -> usize {
        self.outputs + sub.taps - 1
    }

    /// Which of the line's points is point `index` of a phase with so many: they are 0, 1, -1 and infinity, and
    /// with three -1 is left out, with two 1 as well.
    pub(super) fn point(&self, points: usize, index: usize) -> usize {
        if index + 1 == points {
            self.points - 1
        } else {
            index
        }
    }

    /// How many of the phases that are read have a point: they are the first ones.
    pub(super) fn sharing(&self, point: usize) -> usize {
        let sources = self.sources().len();
        // What has one tap less lacks the point before the last.
        if point + 2 == self.points && self.outputs > 1 {
            sources.min(self.full)
        } else {
            sources
        }
    }
}

/// What is computed together: lines of two axes, all their phases, and a phase of the outermost axis, whose taps are
/// no more than depth.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) deep: Phase,
    pub(super) lines: [Line; 2],
    /// All tiles of all images.
    pub(super) rows: usize,
    /// Rows of a chunk, which are transformed at once; even, as the products need them.
    pub(super) chunk: usize,
    /// Whether all threads share a chunk's tiles; else each has its own chunk, and all filters are packed before.
    pub(super) shared: bool,
    /// Its place in the packed filter.
    pub(super) packed: usize,
}

impl Set {
    pub(super) fn points(&self) -> usize {
        self.lines[0].points * self.lines[1].points
    }

    /// The rows that so many points' products have room for.
    pub(super) fn products(&self, points: usize) -> usize {
        points
            * match self.shared {
                true => self.chunk,
                false => MOST_ROWS,
            }
    }

    /// From a tile on: a position of the outermost axis' phase, and tiles of the others.
    pub(super) fn walk(&self, first: usize) -> Walk {
        let [y, x] = &self.lines;
        Walk::new([self.deep.patch.windows, y.tiles, x.tiles], first)
    }

    /// What a point's product sums over, in channels' units of depth.
    pub(super) fn sharing(&self, point: usize) -> usize {
        let [y, x] = &self.lines;
        self.deep.patch.taps * y.sharing(point / x.points) * x.sharing(point % x.points)
    }

    /// What is read: a tap of the outermost axis, and phases of the others.
    pub(super) fn sources(&self) -> impl Iterator<Item = [usize; 3]> {
        let [y, x] = self.lines.each_ref().map(Line::sources);
        (0..self.deep.patch.taps).flat_map(move |z| {
            let x = x.clone();
            y.clone()
                .flat_map(move |y| x.clone().map(move |x| [z, y, x]))
        })
    }

    /// The place among a point's depths of what is read.
    pub(super) fn share(&self, point: usize, [z, y, x]: [usize; 3]) -> usize {
        let [tall, wide] = &self.lines;
        let before = |line: &Line, phase: usize| phase - line.sources().start;
        let rows = z * tall.sharing(point / wide.points) + before(tall, y);
        rows * wide.sharing(point % wide.points) + before(wide, x)
    }
}

/// How a convolution is cut: by its geometry alone.
pub(super) struct Layout {
    pub(super) pass: Pass,
    pub(super) axes: [ConvAxis; 3],
    pub(super) source: Strides,
    pub(super) target: Strides,
    batch: usize,
    /// The elements of the larger of both.
    larger: usize,
    /// Channels that are summed over, padded.
    pub(super) depth: usize,
    /// How many outputs tiles make of two taps.
    pair: usize,
    strip: usize,
    bytes: usize,
    /// Whether the filter was packed ahead.
    pub(super) packed: bool,
}

/// Whether the transforms can compute a kernel at all. A result that is exactly zero, since all its taps are in the
/// padding, would not stay so.
pub(in crate::conv) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    let [z, y, x] = axes(shape);
    let taps = |axis: &ConvAxis| axis.kernel.div_ceil(tap_period(axis));
    let plain = |axis: &ConvAxis| {
        axis.kernel > 0
            && taps(axis) <= MOST_TAPS
            && Phase::all(pass, axis).all(|phase| phase.sees_all())
    };
    let few = |phase: Phase| phase.patch.taps <= MOST_DEEP;
    pass != Pass::BackpropFilter
        && shape.format == DataFormat::ChannelsLast
        && shape.groups == 1
        && z.kernel > 0
        && Phase::all(pass, &z).all(few)
        && plain(&y)
        && plain(&x)
        && taps(&y).max(taps(&x)) > 1
}

impl Layout {
    pub(super) fn new<T>(pass: Pass, shape: &ConvShape, packed: bool) -> Layout {
        let input = Strides::new(shape, shape.in_channels, |axis| axis.input);
        let output = Strides::new(shape, shape.out_channels, |axis| axis.output);
        let (source, target) = match pass {
            Pass::Forward => (input, output),
            _ => (output, input),
        };
        let axes = axes(shape);
        Layout {
            pass,
            pair: pair(pass, &axes, target.channels),
            axes,
            depth: source.channels.next_multiple_of(CHANNELS_UNIT),
            source,
            target,
            batch: shape.batch,
            larger: {
                let [source, _, target] = pass.lens(shape);
                source.max(target)
            },
            strip: strip_width::<T>(),
            bytes: size_of::<T>(),
            packed,
        }
    }

    /// The place of a tap in the filter, seen in taps.
    pub(super) fn tap(&self, [z, y, x]: [usize; 3]) -> usize {
        (z * self.axes[1].kernel + y) * self.axes[2].kernel + x
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = Set> {
        let mut packed = 0;
        let [z, y, x] = &self.axes;
        let all = |axis| Line::all(self.pass, axis, (self.pair, self.target.channels));
        // The last axis' lines come first, so that a packed filter does not depend on those of the other.
        let sets = Phase::all(self.pass, z).flat_map(move |deep| {
            all(x).flat_map(move |wide| all(y).map(move |tall| (deep, [tall, wide.clone()])))
        });
        sets.map(move |(deep, lines)| {
            let mut set = self.set(deep, lines);
            set.packed = packed;
            packed += self.strips(&set) * self.strip_len(&set);
            let filters = self.strips(&set) * self.strip_len(&set) * self.bytes;
            set.shared = filters
                > match self.packed {
                    true => MANY_FILTERS_BYTES,
                    false => MANY_FRESH_BYTES,
                };
            let row = self.row_len(&set);
            let most = if set.shared {
                let products = set.points() * self.strip;
                let taken = ROOMS * self.packing(&set) + DEPTH_PITCH;
                let most = self.most_scratch().saturating_sub(taken) / (row + ROOMS * products);
                most.min(MOST_SHARED_ROWS)
            } else {
                TILES_BYTES / self.bytes / row
            };
            let most = (most / ROWS_UNIT * ROWS_UNIT).max(2 * ROWS_UNIT);
            let chunks = set.rows.div_ceil(most).max(1);
            // Two threads or four should be done at the same time.
            let chunks = match chunks > 2 && !set.shared {
                true => chunks.next_multiple_of(4),
                false => chunks,
            };
            set.chunk = set.rows.div_ceil(chunks).max(1).next_multiple_of(2);
            set
        })
    }

    /// What lines compute, not cut into chunks yet.
    fn set(&self, deep: Phase, lines: [Line; 2]) -> Set {
        Set {
            deep,
            rows: self.batch * deep.patch.windows * lines[0].tiles * lines[1].tiles,
            lines,
            chunk: 0,
            shared: false,
            packed: 0,
        }
    }

    /// All phases of a convolution whose outermost axis has one, computed together.
    pub(super) fn whole(&self) -> Set {
        let [z, y, x] = &self.axes;
        let deep = match self.pass {
            Pass::Forward => Phase::forward(z),
            _ => Phase::new(z, 0),
        };
        self.set(deep, [y, x].map(|axis| Line::whole(self.pass, axis)))
    }

    /// How many parts a set's strips are cut into, so that there are tasks enough.
    pub(super) fn parts(&self, set: &Set) -> usize {
        let (strips, chunks) = (self.strips(set), set.rows.div_ceil(set.chunk));
        ENOUGH_TASKS
            .div_ceil(chunks)
            .min(if chunks < ENOUGH_TASKS / 2 { strips } else { 1 })
    }

    /// The scratch that the layout may take.
    pub(super) fn most_scratch(&self) -> usize {
        SCRATCH_BYTES / self.bytes + self.larger / 10
    }

    /// Room for some depth of a strip that is packed on the way.
    fn packing(&self, set: &Set) -> usize {
        match self.packed {
            true => 0,
            false => set.points() * DEPTH * self.strip,
        }
    }

    /// How many strips a set's filters have.
    pub(super) fn strips(&self, set: &Set) -> usize {
        let phases: usize = set.lines.iter().map(|line| line.targets().len()).product();
        phases * self.target.channels.div_ceil(self.strip)
    }

    /// The phases that a strip writes, and its first channel.
    pub(super) fn strip_at(&self, set: &Set, strip: usize) -> ([usize; 2], usize) {
        let per_phase = self.target.channels.div_ceil(self.strip);
        let (phase, start) = (strip / per_phase, strip % per_phase);
        let [y, x] = set.lines.each_ref().map(Line::targets);
        (
            [y.start + phase / x.len(), x.start + phase % x.len()],
            start * self.strip,
        )
    }

    /// The elements of a strip: for each point its depth.
    pub(super) fn strip_len(&self, set: &Set) -> usize {
        self.plane(set, set.points()) * self.strip
    }

    /// The steps of depth of the points before one.
    pub(super) fn plane(&self, set: &Set, point: usize) -> usize {
        (0..point)
            .map(|point| set.sharing(point) * self.depth)
            .sum()
    }

    /// The elements of a transformed tile: for each point whole pieces of depth.
    pub(super) fn row_len(&self, set: &Set) -> usize {
        self.row_plane(set, set.points())
    }

    /// Those of the points before one.
    pub(super) fn row_plane(&self, set: &Set, point: usize) -> usize {
        let pieces = |point| (set.sharing(point) * self.depth).div_ceil(DEPTH);
        (0..point).map(pieces).sum::<usize>() * DEPTH_PITCH
    }

    /// The elements of the whole packed filter.
    pub(super) fn packed_len(&self) -> usize {
        self.sets()
            .map(|set| self.strips(&set) * self.strip_len(&set))
            .sum()
    }

    /// Room for what the threads share (tiles, or filters that are not packed yet), and each thread's: tiles, or some
    /// depth of a strip; products with a strip.
    pub(super) fn rooms(&self) -> [usize; 3] {
        let mut rooms = [0; 3];
        for set in self.sets() {
            let tiles = self.row_len(&set) * set.chunk + DEPTH_PITCH;
            let filters = match self.packed {
                true => 0,
                false => self.strips(&set) * self.strip_len(&set),
            };
            let products = set.products(set.points()) * self.strip;
            let needed = match set.shared {
                true => [tiles, self.packing(&set), products],
                false => [filters, tiles, products],
            };
            for (room, needed) in rooms.iter_mut().zip(needed) {
                *room = needed.max(*room).next_multiple_of(CHANNELS_UNIT);
            }
        }
        rooms
    }

    /// Multiplications of the transformed tiles, and those that the transforms are worth.
    pub(super) fn cost(&self) -> [f64; 2] {
        let mut cost = [0.0; 2];
        for set in self.sets() {
            let columns = (self.strips(&set) * self.strip) as f64;
            let plane = self.plane(&set, set.points()) as f64;
            let rows = set.rows as f64;
            cost[0] += rows * plane * columns;
            cost[1] += TRANSFORM * rows * (plane + columns * set.points() as f64);
            // A filter may change each time.
            cost[1] += PACK * plane * columns;
        }
        cost
    }
}

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use super::super::Pass;
use super::super::grid::{Strides, Walk, axes};
use super::super::phase::{Phase, tap_period};
use super::line::{Line, TRANSFORM, pair};
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
const SCRATCH_BYTES: usize = 8_000_000;
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

/// What an element of a filter takes that is packed each time, counted in multiplications of the products.
const PACK: f64 = 3.0;

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

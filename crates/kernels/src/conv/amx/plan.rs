use std::ops::Range;

use tconv_shape::{ConvAxis, ConvShape};

use super::super::Pass;
use super::super::grid::{Strides, axes};
use super::super::phase::Phase;
use super::block::{Along, Block};
use super::number::Number;
use crate::tiles::{DEPTH, SIDE, TILE};

/// The columns that are multiplied at once: two tiles.
pub(super) const COLUMNS: usize = 2 * SIDE;
/// The lanes that are multiplied at once: two tiles.
pub(super) const ROWS: usize = 2 * SIDE;
/// The most pairs of tiles that a block's lanes take.
pub(super) const MOST_PAIRS: usize = 128;
/// The steps of depth, of one part, whose part of the filter stays in the second-level cache, whatever the lanes.
pub(super) const CHUNK: usize = 108;
/// The bytes of a block's split source, which stays in the second-level cache ...
const BLOCK_BYTES: usize = 800 << 10;
/// ... and those beyond which a single row of tiles does not.
const MOST_BLOCK_BYTES: usize = 1600 << 10;
/// As many pairs of tiles as are worth the reading of the filter ...
const LEAST_PAIRS: usize = 8;
/// ... and as many blocks of channels as are worth adding to results that have been written.
const LEAST_CHUNK: usize = 4;
/// The columns that are worth the splitting of the source.
const PART_COLUMNS: usize = 512;
/// As many tasks as keep a few threads busy to the end.
const ENOUGH_TASKS: usize = 8;
/// The most bytes of packed filter, or of the output's gradient, that threads share.
const PANEL_BYTES: usize = 5 << 20;
/// ... but for a single panel.
const MOST_SHARED_BYTES: usize = 6 << 20;

/// How a convolution is cut into blocks of windows and panels of columns: by its geometry alone.
pub(in crate::conv) struct Plan {
    pub(super) pass: Pass,
    /// The bf16 parts that a number is split into, each the one nearest to what the others leave.
    pub(super) split: usize,
    /// Whether sums are kept apart until they are whole, since the result has no room for them.
    apart: bool,
    pub(super) axes: [ConvAxis; 3],
    pub(super) along: [Along; 3],
    pub(super) batch: usize,
    pub(super) groups: usize,
    pub(super) source: Strides,
    pub(super) target: Strides,
    /// The images of a block.
    images: usize,
    /// The windows of a block.
    windows: [usize; 3],
    flat: bool,
    /// The blocks of channels that are split at once.
    pub(super) chunk: usize,
    /// The parts that a block's panels are cut into.
    pub(super) parts: usize,
}

/// A stride phase, the columns that are computed at once, and where the filter for them is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) phases: [Phase; 3],
    /// The parts of a number.
    split: usize,
    pub(super) group: usize,
    /// The first column, in the group.
    pub(super) column: usize,
    pub(super) columns: usize,
    /// Its place in the packed filter.
    pub(super) packed: usize,
    /// The steps of depth: blocks of channels, and for each the taps.
    pub(super) steps: usize,
}

impl Panel {
    /// The tiles of columns.
    pub(super) fn tiles(&self) -> usize {
        self.columns.div_ceil(SIDE)
    }

    /// The elements of the filter for one step of depth.
    pub(super) fn step_len(&self) -> usize {
        self.split * self.tiles() * TILE
    }

    /// The elements of its filter.
    pub(super) fn len(&self) -> usize {
        self.steps * self.step_len()
    }

    /// How many taps there are along each axis.
    pub(super) fn taps(&self) -> [usize; 3] {
        self.phases.map(|phase| phase.patch.taps)
    }
}

/// Some panels of a group.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) group: usize,
    pub(super) panels: Range<usize>,
    /// Their place in the packed filter.
    pub(super) packed: usize,
    /// The elements of their filter.
    pub(super) len: usize,
}

impl Plan {
    /// For numbers of this type, split into so many parts.
    pub(super) fn new<T: Number>(pass: Pass, shape: &ConvShape, split: usize) -> Plan {
        let input = Strides::new(shape, shape.in_channels, |axis| axis.input);
        let output = Strides::new(shape, shape.out_channels, |axis| axis.output);
        let (source, target) = match pass {
            Pass::BackpropInput => (output, input),
            _ => (input, output),
        };
        let axes = axes(shape);
        let mut plan = Plan {
            pass,
            split,
            apart: !T::WIDE,
            along: axes.each_ref().map(|axis| Along::new(pass, axis)),
            axes,
            batch: shape.batch,
            groups: shape.groups,
            source,
            target,
            images: 1,
            windows: [1; 3],
            flat: false,
            chunk: 1,
            parts: 1,
        };
        let shared = plan
            .target
            .channels
            .saturating_mul(split * size_of::<u16>());
        if pass == Pass::BackpropFilter {
            // What all threads read of the output's gradient has a limit too.
            let lanes = BLOCK_BYTES / plan.lane_bytes();
            plan.cut(lanes.min(PANEL_BYTES / shared.max(1)));
            plan.parts = ENOUGH_TASKS.div_ceil(plan.depth_blocks());
            return plan;
        }
        // The filter is read once for each block: better for many lanes and some of the channels at a time.
        plan.chunk = plan.depth_blocks();
        loop {
            plan.cut(BLOCK_BYTES / plan.lane_bytes());
            let few = plan.block(0, [0; 3]).tiles() < 2 * LEAST_PAIRS;
            if !few || plan.chunk <= LEAST_CHUNK || plan.blocks() == 1 || plan.apart {
                break;
            }
            plan.chunk = plan.chunk.div_ceil(2);
        }
        // Each part splits the source for itself, so smaller blocks are better where it has few columns.
        let panels = plan.panels(0).count();
        let most = (panels * COLUMNS / PART_COLUMNS).max(1);
        let mut bytes = BLOCK_BYTES;
        while plan.blocks() * most < ENOUGH_TASKS && bytes > BLOCK_BYTES / 4 {
            bytes /= 2;
            plan.cut(bytes / plan.lane_bytes());
        }
        plan.parts = ENOUGH_TASKS.div_ceil(plan.blocks()).min(most);
        plan
    }

    /// Chooses the blocks: of as many windows as so many lanes allow, and with as few tiles as possible.
    fn cut(&mut self, most: usize) {
        let most = most.max(1);
        let wide = self.along[2].windows;
        let images: &[usize] = if wide < ROWS {
            &[1, 2, 4, 8, 16, 32]
        } else {
            &[1]
        };
        let mut best = (f64::INFINITY, self.images, self.windows, self.flat);
        for &images in images.iter().filter(|&&images| images <= self.batch) {
            for flat in [false, true] {
                (self.images, self.flat) = (images, flat);
                self.windows = [1; 3];
                for i in [2, 1, 0] {
                    let all = self.along[i].windows;
                    let fits = |plan: &Plan| {
                        let block = plan.block(0, [0; 3]);
                        let one = block.whole_pairs() == 1;
                        (block.lanes() <= most || one) && plan.pairs(&block) <= MOST_PAIRS
                    };
                    // The windows of equal pieces, as few pieces as fit.
                    let mut pieces = 1;
                    self.windows[i] = all;
                    while !fits(self) && pieces < all {
                        pieces += pieces.div_ceil(8);
                        self.windows[i] = all.div_ceil(pieces);
                    }
                }
                let whole = self.block(0, [0; 3]);
                // Taps that a whole tile sees in the padding are left out.
                let skipped = |i: usize| match i {
                    2 => images % SIDE == 0,
                    _ => !flat,
                };
                let real = (0..3).filter(|&i| skipped(i)).map(|i| self.along[i].real);
                let tiles = 2.0 * self.pairs(&whole) as f64 * real.product::<f64>();
                let windows = whole.windows.iter().product::<usize>() * images;
                // What all lanes take to be split counts a little.
                let cost = (tiles + whole.lanes() as f64 / 256.0) / windows as f64;
                if cost < 0.99 * best.0 {
                    best = (cost, images, self.windows, flat);
                }
            }
        }
        (_, self.images, self.windows, self.flat) = best;
    }

    /// How many pairs of tiles a block has. For the filter's gradient those of a pair are side by side.
    pub(super) fn pairs(&self, block: &Block) -> usize {
        match self.pass {
            Pass::BackpropFilter => block.whole_pairs(),
            _ => block.tiles().div_ceil(2),
        }
    }

    /// How many products are summed.
    pub(super) fn terms(&self) -> usize {
        let taps = |i: usize| {
            let phases = Phase::all(self.pass, &self.axes[i]);
            phases.map(|phase| phase.patch.taps).max().unwrap_or(1)
        };
        match self.pass {
            Pass::BackpropFilter => {
                let windows = self.along.iter().map(|along| along.windows);
                windows.fold(self.batch, usize::saturating_mul)
            }
            _ => (0..3).map(taps).product::<usize>() * self.depth(),
        }
    }

    /// The channels that are summed over.
    pub(super) fn depth(&self) -> usize {
        self.source.channels / self.groups
    }

    /// The blocks of channels that a step of depth takes.
    pub(super) fn depth_blocks(&self) -> usize {
        self.depth().div_ceil(DEPTH)
    }

    /// A group's channels of the result.
    pub(super) fn columns(&self) -> usize {
        self.target.channels / self.groups
    }

    /// The bytes of split source for a lane.
    fn lane_bytes(&self) -> usize {
        self.chunk * self.split * DEPTH * size_of::<u16>()
    }

    fn counts(&self) -> [usize; 4] {
        let along = |i: usize| self.along[i].windows.div_ceil(self.windows[i]);
        [
            self.batch.div_ceil(self.images),
            along(0),
            along(1),
            along(2),
        ]
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.counts().iter().product()
    }

    /// Block `index`; those of the same images come one after the other.
    pub(super) fn nth_block(&self, index: usize) -> Block {
        let [_, z, y, x] = self.counts();
        let at = [index / x / y % z, index / x % y, index % x];
        self.block(index / x / y / z, at)
    }

    fn block(&self, images: usize, at: [usize; 3]) -> Block {
        let start = images * self.images;
        let first: [usize; 3] = std::array::from_fn(|i| at[i] * self.windows[i]);
        let windows: [usize; 3] =
            std::array::from_fn(|i| self.windows[i].min(self.along[i].windows - first[i]));
        Block {
            images: start..self.batch.min(start + self.images),
            first,
            windows,
            seen: std::array::from_fn(|i| self.along[i].seen(windows[i])),
            residues: self.along.map(|along| along.residues),
            flat: self.flat,
        }
    }

    /// From one channel's lanes to the next one's, where they are side by side: no power of two, so that many rows find
    /// room in the cache.
    pub(super) fn row_pitch(&self, block: &Block) -> usize {
        ((block.lanes() + ROWS).div_ceil(DEPTH) | 1) * DEPTH
    }

    /// The elements of any block's split source.
    pub(super) fn room(&self) -> usize {
        if self.pass == Pass::BackpropFilter {
            let pitch = self.row_pitch(&self.block(0, [0; 3]));
            return pitch.saturating_mul(self.split * DEPTH);
        }
        let lanes = self.block(0, [0; 3]).lanes();
        let all = lanes.saturating_mul(self.split * self.chunk);
        // A tile may be read that begins with the last lane.
        (all + ROWS).saturating_mul(DEPTH)
    }

    /// The steps of depth that are multiplied with all lanes before the next ones are.
    pub(super) fn steps(&self) -> usize {
        CHUNK / self.split
    }

    /// The sums of any block and panel that are kept apart.
    pub(super) fn sums(&self) -> usize {
        let steps = || self.panels(0).map(|panel| panel.steps).max();
        match self.apart && steps() > Some(self.steps()) {
            true => self.pairs(&self.block(0, [0; 3])) * ROWS * COLUMNS,
            false => 0,
        }
    }

    /// The panels of a group.
    pub(super) fn panels(&self, group: usize) -> impl Iterator<Item = Panel> {
        let mut packed = match group {
            0 => 0,
            _ => group * self.group_len(),
        };
        let phases = |i: usize| {
            let all = Phase::all(self.pass, &self.axes[i]);
            all.filter(|phase| phase.patch.windows > 0)
        };
        phases(0)
            .flat_map(move |z| phases(1).flat_map(move |y| phases(2).map(move |x| [z, y, x])))
            .flat_map(move |phases| {
                let starts = (0..self.columns()).step_by(COLUMNS);
                starts.map(move |column| (phases, column))
            })
            .map(move |(phases, column)| {
                let taps: usize = phases.iter().map(|phase| phase.patch.taps).product();
                let panel = Panel {
                    phases,
                    split: self.split,
                    group,
                    column,
                    columns: COLUMNS.min(self.columns() - column),
                    packed,
                    steps: taps * self.depth_blocks(),
                };
                packed += panel.len();
                panel
            })
    }

    /// The elements of a group's packed filter.
    fn group_len(&self) -> usize {
        self.panels(0).map(|panel| panel.len()).sum()
    }

    /// A group's panels: all, or as many as may be packed on the way.
    pub(super) fn units(&self, group: usize, packed: bool) -> impl Iterator<Item = Unit> {
        let most = match packed {
            true => usize::MAX,
            false => PANEL_BYTES / size_of::<u16>(),
        };
        let mut panels = self.panels(group).enumerate().peekable();
        std::iter::from_fn(move || {
            let (start, first) = panels.next()?;
            let mut unit = Unit {
                group,
                panels: start..start + 1,
                packed: first.packed,
                len: first.len(),
            };
            while let Some((_, panel)) = panels.next_if(|(_, panel)| unit.len + panel.len() <= most)
            {
                unit.panels.end += 1;
                unit.len += panel.len();
            }
            Some(unit)
        })
    }

    /// The elements of the packed filter.
    pub(super) fn packed(&self) -> usize {
        self.groups * self.group_len()
    }

    /// The elements of any block's split output gradient, for the filter's gradient.
    pub(super) fn gradient_room(&self) -> usize {
        let tiles = self.columns().div_ceil(SIDE) * self.split * self.groups;
        let pairs = self.pairs(&self.block(0, [0; 3]));
        pairs.saturating_mul(tiles.saturating_mul(TILE))
    }

    /// The elements of the largest unit that is packed on the way.
    pub(super) fn panel_room(&self) -> usize {
        let units = self.units(0, false);
        units.map(|unit| unit.len).max().unwrap_or(0)
    }

    /// How many images a block has.
    pub(super) fn images(&self) -> usize {
        self.images
    }

    /// Whether there is a window along each axis, and a block fits the cache at all.
    pub(super) fn fits(&self) -> bool {
        let lanes = self.block(0, [0; 3]).lanes();
        let shared = match self.pass {
            Pass::BackpropFilter => self.gradient_room().saturating_mul(size_of::<u16>()),
            _ => 0,
        };
        self.panels(0).next().is_some()
            && lanes.saturating_mul(self.lane_bytes()) <= MOST_BLOCK_BYTES
            && shared <= MOST_SHARED_BYTES
    }

    /// Which part of the products is of use: the others are of lanes and channels that fill tiles up.
    pub(super) fn efficiency(&self) -> f64 {
        let block = self.block(0, [0; 3]);
        let windows = block.windows.iter().product::<usize>() * self.images;
        let part = |used: usize, unit: usize| used as f64 / used.next_multiple_of(unit) as f64;
        let lanes = windows as f64 / (self.pairs(&block) * ROWS) as f64;
        // A single tile of columns takes more than half the time of two: its sums wait for one another.
        let columns = match (self.columns() / COLUMNS * COLUMNS, self.columns() % COLUMNS) {
            (whole, 0) => whole,
            (whole, 1..=SIDE) => whole + COLUMNS - SIDE / 2,
            (whole, _) => whole + COLUMNS,
        };
        lanes * part(self.depth(), DEPTH) * self.columns() as f64 / columns as f64
    }
}

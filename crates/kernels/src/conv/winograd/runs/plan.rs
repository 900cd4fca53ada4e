use std::ops::Range;

use tconv_shape::ConvShape;

use super::super::line::{Line, Sub};
use super::super::thin::pack::transform;
use super::super::thin::{LEAST_TERMS, least_terms};
use crate::conv::Pass;
use crate::conv::grid::plane;
use crate::conv::phase::{Phase, tap_period};
use crate::simd::{Float, Vectors};

/// The points of a tile of rows.
pub(super) const POINTS: usize = 4;
/// The most pixels of a tile of products, and what the parts of a row are multiples of, but for the last.
pub(super) const TALL: usize = 8;
/// The most pixels of a row whose runs are added at a time: with theirs the filter's columns stay near.
const PART: usize = 40;
/// Columns come in so many: whole vectors of every instruction set, or with the widest ones half of one.
pub(super) const UNIT: usize = 8;
/// The most columns of a point: more than what pays.
const COLUMNS: usize = 128;
/// The most elements of the rows that a thread adds to.
const SUMS: usize = 1 << 15;
/// The most elements of a packed filter.
const FILTER: usize = 1 << 19;
/// As many tasks as keep many threads busy to the end ...
const ENOUGH_TASKS: usize = 16;
/// ... if each has so many multiplications.
const LEAST_WORK: usize = 1 << 17;
/// No vector has more lanes.
pub(super) const LANES: usize = 16;

/// A convolution's gradient towards its input, by tiles of rows of that: the result.
#[derive(Debug)]
pub(super) struct Plan {
    batch: usize,
    /// The tiles, and how many phases they have.
    pub(super) line: Line,
    pub(super) phases: usize,
    /// The source's sizes.
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) depth: usize,
    pub(super) result_height: usize,
    /// Elements of a row of the result.
    pub(super) result_row: usize,
    /// Elements of a row that are cut off before the result.
    pub(super) cut: usize,
    /// Elements of the kernel's row, and from one pixel of the source to the next.
    pub(super) run: usize,
    pub(super) step: usize,
    /// The parts of a row whose runs are added one after the other.
    pub(super) parts: usize,
    /// Elements of each of the rows that are added to, with room for a vector.
    pub(super) row: usize,
    /// Tiles of a block.
    block: usize,
}

impl Plan {
    /// Of a shape that was checked, if it is one of these.
    pub(super) fn new(shape: &ConvShape) -> Option<Plan> {
        let pass = Pass::BackpropInput;
        let [tall, wide] = plane(shape)?;
        let channels = shape.in_channels;
        let fits = (2..=3).contains(&tall.kernel.div_ceil(tap_period(&tall)))
            && !Phase::leaves_gaps(&tall)
            && least_terms(pass, shape) >= LEAST_TERMS
            // A result that is exactly zero, since all its taps are in the padding, would not stay so.
            && Phase::all(pass, &tall).all(|phase| phase.sees_all());
        if !fits {
            return None;
        }
        let line = Line::whole(pass, &tall);
        let phases = line.targets().len();
        let run = wide.kernel.checked_mul(channels)?;
        run.checked_mul(phases).filter(|&n| n <= COLUMNS)?;
        let reach = (wide.output - 1) * wide.stride + wide.kernel.max(wide.stride);
        let reach = reach.max(wide.pad_before + wide.input);
        let row = reach.checked_mul(channels)?.checked_add(2 * LANES)?;
        row.checked_mul(POINTS * phases).filter(|&n| n <= SUMS)?;
        let mut plan = Plan {
            batch: shape.batch,
            phases,
            height: tall.output,
            width: wide.output,
            depth: shape.out_channels,
            result_height: tall.input,
            result_row: wide.input * channels,
            cut: wide.pad_before * channels,
            run,
            step: wide.stride * channels,
            parts: wide.output.div_ceil(PART),
            row,
            block: line.tiles,
            line,
        };
        plan.depth
            .checked_mul(plan.filter_columns(POINTS))
            .filter(|&n| n <= FILTER)?;
        let tiles = plan.line.tiles;
        let wanted = ENOUGH_TASKS.div_ceil(plan.batch);
        let least = LEAST_WORK.div_ceil((plan.work() / plan.batch / tiles).max(1));
        let blocks = (tiles / least).clamp(1, wanted);
        plan.block = tiles.div_ceil(blocks);
        Some(plan)
    }

    /// What it takes, counted in multiplications: the transform of a pixel at all points is a vector's product, and ten
    /// are a run's vector that is added.
    pub(super) fn cost(&self) -> f64 {
        let width = self.width.next_multiple_of(TALL);
        let runs = (POINTS - 1) * self.phases + self.line.full;
        let added = 10 * runs * self.run.div_ceil(LANES);
        let products = 1.03 * (self.depth * self.filter_columns(POINTS)) as f64;
        let pixel = products + (LANES * (self.depth + added)) as f64;
        (self.batch * self.line.tiles * width) as f64 * pixel
    }

    /// What it takes by `rows`.
    pub(super) fn rows_cost(&self) -> f64 {
        let taps = (0..self.phases).map(|phase| self.line.sub(phase).taps);
        let columns = taps.sum::<usize>() * self.run;
        self.source() * (columns.next_multiple_of(LANES) as f64 + 7.0)
    }

    /// What it takes by `thin` beside the products.
    pub(super) fn thin_rest(&self) -> f64 {
        self.source() * 4.0
    }

    /// The elements of the source.
    fn source(&self) -> f64 {
        (self.batch * self.height * self.width * self.depth) as f64
    }

    /// How many multiplications it takes.
    pub(super) fn work(&self) -> usize {
        let columns = self.filter_columns(POINTS);
        [self.line.tiles, self.width, self.depth, columns]
            .iter()
            .fold(self.batch, |product, &n| product.saturating_mul(n))
    }

    /// The phases that have a point: those with fewer taps than others lack the last.
    pub(super) fn sharing(&self, point: usize) -> usize {
        match point + 1 == POINTS {
            true => self.line.full,
            false => self.phases,
        }
    }

    /// The runs of a point's phases, filled up.
    pub(super) fn columns(&self, point: usize) -> usize {
        let columns = (self.sharing(point) * self.run).next_multiple_of(UNIT);
        columns.max(LANES)
    }

    /// Those of all points before one.
    pub(super) fn filter_columns(&self, point: usize) -> usize {
        (0..point).map(|point| self.columns(point)).sum()
    }

    pub(super) fn packed_len(&self) -> usize {
        self.depth * self.filter_columns(POINTS)
    }

    /// The filter at the points: for each and each channel of the source the phases' runs, zeros behind them.
    pub(super) fn pack<T: Float>(&self, filter: &[T], out: &mut [T]) {
        out.fill(T::default());
        let columns = [0, 1, 2, 3].map(|point| self.columns(point));
        let starts = [0, 1, 2, 3].map(|point| self.filter_columns(point) * self.depth);
        for phase in 0..self.phases {
            let sub = self.line.sub(phase);
            let last = phase < self.sharing(POINTS - 1);
            for at in 0..self.run {
                let taps = [0, 1, 2].map(|index| match index < sub.taps {
                    true => &filter[(sub.tap(index) * self.run + at) * self.depth..][..self.depth],
                    false => &[],
                });
                for channel in 0..self.depth {
                    let taps = taps.map(|tap| tap.get(channel).copied().unwrap_or_default());
                    let count = POINTS + 1 - self.line.outputs;
                    let values = transform(taps, count, POINTS);
                    for point in 0..POINTS - usize::from(!last) {
                        let place = starts[point] + channel * columns[point];
                        out[place + phase * self.run + at] = values[point];
                    }
                }
            }
        }
    }

    /// The pixels of a part.
    pub(super) fn part(&self, index: usize) -> Range<usize> {
        let start = |index: usize| index * self.width / self.parts / TALL * TALL;
        let end = match index + 1 < self.parts {
            true => start(index + 1),
            false => self.width,
        };
        start(index)..end
    }

    /// The pixels of a tile of products, and the most vectors of columns.
    #[inline(always)]
    pub(super) fn tile<T, S: Vectors<T>>(&self) -> [usize; 2] {
        let [tall, wide] = match S::TILE_ROWS < 12 {
            true => [S::TILE_ROWS, 2],
            false => [TALL, 3],
        };
        let tall = match self.width {
            1..4 => 1,
            width if width < tall => 4,
            _ => tall,
        };
        [tall, wide]
    }

    /// The elements of a tile's pixels.
    pub(super) fn pixels_len(&self) -> usize {
        (TALL * self.depth).next_multiple_of(LANES)
    }

    /// The elements of scratch that a thread takes: biases and zeros, a row of sums for each point and phase, runs of
    /// a part's pixels with a vector behind them, and the pixels of two tiles.
    pub(super) fn rooms(&self) -> [usize; 5] {
        let part = self.width.div_ceil(self.parts) + TALL;
        [
            self.row,
            self.pixels_len(),
            self.row * POINTS * self.phases,
            part * self.filter_columns(POINTS) + LANES,
            2 * self.pixels_len(),
        ]
        .map(|len| len.next_multiple_of(LANES))
    }

    /// A block by its number, if there are so many: an image and its tiles.
    pub(super) fn block(&self, number: usize) -> Option<(usize, Range<usize>)> {
        let blocks = self.line.tiles.div_ceil(self.block);
        let (image, start) = (number / blocks, number % blocks * self.block);
        let end = self.line.tiles.min(start + self.block);
        (image < self.batch).then_some((image, start..end))
    }

    /// The row of the result that is output `index` of a phase's tile, if there is one.
    pub(super) fn target(&self, sub: &Sub, tile: usize, index: usize) -> Option<usize> {
        let place = self.line.place(tile) + index * self.line.step;
        let at = place.checked_sub(self.line.shift(sub))?;
        (at < sub.target_size).then(|| sub.target_first + at * sub.target_step)
    }
}

/// A tile of products: some pixels at a point.
#[derive(Clone)]
pub(super) struct Place {
    /// The tile of rows.
    pub(super) tile: usize,
    /// The part of the row, and its pixels.
    pub(super) part: usize,
    pub(super) pixels: Range<usize>,
    pub(super) point: usize,
    /// The tile's first pixel.
    pub(super) first: usize,
}

impl Place {
    /// The next one before tile `end` of rows.
    #[inline(always)]
    pub(super) fn next(&self, plan: &Plan, tall: usize, end: usize) -> Option<Place> {
        let mut next = self.clone();
        next.first += tall;
        if next.first < self.pixels.end {
            // The last tile has pixels of the one before again.
            next.first = next.first.min(self.pixels.end - tall);
            return Some(next);
        }
        next.point += 1;
        if next.point == POINTS {
            next.point = 0;
            next.part += 1;
            if next.part == plan.parts {
                next.part = 0;
                next.tile += 1;
            }
            next.pixels = plan.part(next.part);
        }
        next.first = next.pixels.start;
        (next.tile < end).then_some(next)
    }
}

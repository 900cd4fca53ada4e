use tconv_shape::ConvShape;

use super::super::super::Pass;
use super::super::super::grid::{Strides, plane};
use super::super::super::phase::Phase;
use super::super::line::{Line, Sub};
use super::super::plan::MOST_POINTS;
use crate::gemm::strip_width;

/// The pixels of a tile of products: their sums at a point and their operands fill the registers of few.
pub(super) const TALL: usize = 4;
/// The most rows of a kernel.
const MOST_KERNEL: usize = 16;
/// The most elements of a thread's rows, of a packed filter and of one of its strips, which is read for each few pixels.
const ROOM: usize = 1 << 17;
const FILTER: usize = 1 << 20;
const STRIP: usize = 160 << 10;
/// The columns of a vector of the widest kind, and as many numbers are behind a row, so that whole ones may be written.
pub(super) const UNIT: usize = 16;

/// Neighbouring taps of a stride phase of the source's rows, which are transformed together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub(super) phase: usize,
    /// The first, among those of the phase, and how many.
    pub(super) first: usize,
    pub(super) taps: usize,
}

/// A forward convolution by rows of the source, of which a tile has a few at the points.
pub(super) struct Plan {
    pub(super) line: Line,
    groups: [Group; MOST_KERNEL],
    count: usize,
    /// How many of the groups have each point: the first ones.
    pub(super) sharing: [usize; MOST_POINTS],
    pub(super) batch: usize,
    /// The result's sizes.
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) source: Strides,
    pub(super) target: Strides,
    /// Elements of a row of the kernel, and from one pixel's in the source to the next one's.
    pub(super) run: usize,
    pub(super) step: usize,
    /// Zeros before a row, the elements of the source that it has, and from one row to the next.
    pub(super) cut: usize,
    pub(super) used: usize,
    pub(super) pitch: usize,
}

impl Plan {
    /// Of a shape that was checked, if it is one of these: each row of the result has a tap inside the source, and some
    /// phase has taps enough.
    pub(super) fn new<T>(shape: &ConvShape) -> Option<Plan> {
        let plans = [2, 3].map(|outputs| Plan::of(shape, outputs));
        // By the kernel alone: one filter may be packed for many heights.
        let cost = |plan: &Plan| plan.slots() * (6 / plan.line.outputs);
        let plan = plans.into_iter().flatten().min_by_key(cost)?;
        (plan.groups[0].taps > 1 && plan.fits::<T>()).then_some(plan)
    }

    /// Whether its rooms are not too large.
    fn fits<T>(&self) -> bool {
        let product = |sizes: [usize; 3]| sizes.into_iter().fold(1, usize::saturating_mul);
        let strip = product([self.slots(), self.run, strip_width::<T>()]);
        let strips = self.target.channels.div_ceil(strip_width::<T>());
        product([self.slots() + 1, self.pitch, 1]) <= ROOM
            && strip <= STRIP
            && product([strips, strip, 1]) <= FILTER
    }

    /// In tiles of so many rows of the result.
    fn of(shape: &ConvShape, outputs: usize) -> Option<Plan> {
        let [tall, wide] = plane(shape)?;
        let channels = shape.in_channels;
        let fits = tall.kernel <= MOST_KERNEL
            && Phase::all(Pass::Forward, &tall).all(|phase| phase.sees_all());
        if !fits {
            return None;
        }
        let run = wide.kernel.checked_mul(channels)?;
        let step = wide.stride.checked_mul(channels)?;
        let cut = wide.pad_before.checked_mul(channels)?;
        let pixels = wide.output.next_multiple_of(TALL);
        let row = (pixels - 1).checked_mul(step)?.checked_add(run)?;
        let mut plan = Plan {
            line: Line::forward(&tall, outputs),
            groups: [Group::default(); MOST_KERNEL],
            count: 0,
            sharing: [0; MOST_POINTS],
            batch: shape.batch,
            height: tall.output,
            width: wide.output,
            source: Strides::new(shape, channels, |axis| axis.input),
            target: Strides::new(shape, shape.out_channels, |axis| axis.output),
            run,
            step,
            cut,
            used: row.saturating_sub(cut).min(wide.input * channels),
            pitch: row.checked_add(UNIT)?,
        };
        plan.group();
        Some(plan)
    }

    /// Cuts the phases' taps into groups, those with the most first.
    fn group(&mut self) {
        let most = MOST_POINTS + 1 - self.line.outputs;
        for taps in (1..=most).rev() {
            for phase in self.line.phases.clone() {
                let all = self.line.sub(phase).taps;
                let firsts = match taps == most {
                    true => 0..all / most,
                    false if all % most == taps => all / most..all / most + 1,
                    false => 0..0,
                };
                for first in firsts {
                    self.groups[self.count] = Group {
                        phase,
                        first: first * most,
                        taps,
                    };
                    self.count += 1;
                }
            }
        }
        for (i, group) in self.groups[..self.count].iter().enumerate() {
            for index in 0..self.points(group) {
                self.sharing[self.point(group, index)] = i + 1;
            }
        }
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups[..self.count]
    }

    /// How many points a group has, and which of the tile's they are: these are 0, 1, -1 and infinity, and with three -1 is
    /// left out, with two 1 as well.
    pub(super) fn points(&self, group: &Group) -> usize {
        self.line.outputs + group.taps - 1
    }

    fn point(&self, group: &Group, index: usize) -> usize {
        match index + 1 == self.points(group) {
            true => MOST_POINTS - 1,
            false => index,
        }
    }

    /// The row of a tile that a group, by its number, has at its point `index`.
    pub(super) fn slot(&self, number: usize, index: usize) -> usize {
        let point = self.point(&self.groups[number], index);
        self.sharing[..point].iter().sum::<usize>() + number
    }

    /// The rows of a tile.
    pub(super) fn slots(&self) -> usize {
        self.sharing.iter().sum()
    }

    pub(super) fn sub(&self, group: &Group) -> Sub {
        self.line.sub(group.phase)
    }

    /// The place in the result of a row of a tile, if there is one.
    pub(super) fn row(&self, tile: usize, index: usize) -> Option<usize> {
        let row = self.line.place(tile) + index * self.line.step;
        (row < self.height).then_some(row)
    }

    /// How many multiplications there are, with the channels filled up to a multiple.
    pub(super) fn work(&self, unit: usize) -> f64 {
        let pixels = self.width.next_multiple_of(TALL);
        let columns = self.target.channels.next_multiple_of(unit);
        [self.line.tiles, self.slots(), self.run, pixels, columns]
            .iter()
            .fold(self.batch as f64, |product, &n| product * n as f64)
    }

    /// Elements of a strip of the packed filter.
    pub(super) fn strip_len<T>(&self) -> usize {
        self.slots() * self.run * strip_width::<T>()
    }

    pub(super) fn packed_len<T>(&self) -> usize {
        self.target.channels.div_ceil(strip_width::<T>()) * self.strip_len::<T>()
    }

    /// Elements of a thread's rows, a row of zeros among them.
    pub(super) fn room(&self) -> usize {
        (self.slots() + 1) * self.pitch
    }
}

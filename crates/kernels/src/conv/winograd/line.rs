//! How the stride phases of an axis are cut into tiles.

use std::ops::Range;

use tconv_shape::ConvAxis;

use super::super::Pass;
use super::super::phase::{Phase, tap_period};

/// What an element of a transform takes, counted in multiplications of the products.
pub(super) const TRANSFORM: f64 = 6.0;

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
pub(super) fn pair(pass: Pass, axes: &[ConvAxis; 3], channels: usize) -> usize {
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
    pub(super) fn all(
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
    pub(super) fn cost(&self, channels: usize) -> f64 {
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

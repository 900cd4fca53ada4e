use std::ops::Range;

use tconv_shape::ConvShape;

use super::super::line::{Line, Sub};
use super::super::plan::{CHANNELS_UNIT, Layout, MOST_POINTS, Set};
use crate::conv::Pass;

/// The points of a tile.
pub(super) const POINTS: usize = MOST_POINTS * MOST_POINTS;
/// As many rows of results as make it worth to transform the tiles.
const ROWS: usize = 24;
/// The most rows that are computed together.
pub(super) const MOST_ROWS: usize = 256;
/// No vector has more elements.
pub(super) const LANES: usize = 16;

/// How the results of a tile are computed.
pub(super) struct Plan {
    pub(super) layout: Layout,
    pub(super) set: Set,
    /// How many phases of the first of two axes are written together.
    tall: usize,
    /// Where the first tile's positions begin in the result, which may be before it.
    pub(super) origin: [isize; 2],
    /// The result's sizes.
    pub(super) sizes: [usize; 2],
}

/// Phases of the first axis that are written together.
pub(super) struct Band {
    pub(super) phases: Range<usize>,
    /// Their results: phases of both axes, and channels.
    pub(super) rows: usize,
    /// Where its filter starts.
    pub(super) filter: usize,
}

/// A phase that is read, and some of its channels.
pub(super) struct Piece {
    pub(super) from: [usize; 3],
    pub(super) channels: Range<usize>,
    /// How many points it has along each axis, and which they are.
    pub(super) sides: [usize; 2],
    pub(super) points: [usize; POINTS],
}

impl Piece {
    /// The tile's points that it has.
    pub(super) fn points(&self) -> &[usize] {
        &self.points[..self.sides[0] * self.sides[1]]
    }
}

/// The first of the positions of a phase that the first tile leads to.
fn first(line: &Line, sub: &Sub) -> isize {
    sub.target_first as isize - (line.shift(sub) * sub.target_step) as isize
}

impl Plan {
    pub(super) fn new<T>(pass: Pass, shape: &ConvShape) -> Plan {
        let layout = Layout::new::<T>(pass, shape, true);
        let set = layout.whole();
        let [_, y, x] = layout.axes;
        let origin = set.lines.each_ref().map(|line| {
            let places = line.targets().map(|i| first(line, &line.sub(i)));
            places.min().unwrap_or(0)
        });
        let mut plan = Plan {
            sizes: [y, x].map(|axis| match pass {
                Pass::Forward => axis.output,
                _ => axis.input,
            }),
            layout,
            set,
            tall: 1,
            origin,
        };
        plan.tall = (ROWS / plan.row().max(1)).max(1);
        plan
    }

    /// Results of a phase of the first axis: phases of the other, and channels.
    fn row(&self) -> usize {
        self.set.lines[1].targets().len() * self.layout.target.channels
    }

    /// All rows.
    fn rows(&self) -> usize {
        self.set.lines[0].targets().len() * self.row()
    }

    /// The most rows of a band.
    pub(super) fn band_rows(&self) -> usize {
        self.row() * self.tall.min(self.set.lines[0].targets().len())
    }

    pub(super) fn bands(&self) -> impl Iterator<Item = Band> {
        let all = self.set.lines[0].targets();
        let (row, each) = (self.row(), self.terms());
        all.clone().step_by(self.tall).map(move |start| {
            let phases = start..all.end.min(start + self.tall);
            Band {
                rows: phases.len() * row,
                filter: (start - all.start) * row * each,
                phases,
            }
        })
    }

    /// The phases and the channel that a row of a band is.
    pub(super) fn row_at(&self, band: &Band, row: usize) -> ([usize; 2], usize) {
        let channels = self.layout.target.channels;
        let (phase, channel) = (row / channels, row % channels);
        let wide = self.set.lines[1].targets();
        let phases = [
            band.phases.start + phase / wide.len(),
            wide.start + phase % wide.len(),
        ];
        (phases, channel)
    }

    /// What is summed over.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece> {
        let channels = self.layout.source.channels;
        let [tall, wide] = &self.set.lines;
        self.set.sources().flat_map(move |from| {
            let sides = [
                tall.points_of(&tall.sub(from[1])),
                wide.points_of(&wide.sub(from[2])),
            ];
            let mut points = [0; POINTS];
            for (i, point) in points[..sides[0] * sides[1]].iter_mut().enumerate() {
                let [y, x] = [i / sides[1], i % sides[1]];
                *point = tall.point(sides[0], y) * wide.points + wide.point(sides[1], x);
            }
            (0..channels)
                .step_by(CHANNELS_UNIT)
                .map(move |start| Piece {
                    from,
                    channels: start..channels.min(start + CHANNELS_UNIT),
                    sides,
                    points,
                })
        })
    }

    /// How many terms the products of all points have.
    fn terms(&self) -> usize {
        let sharing = (0..self.set.points()).map(|point| self.set.sharing(point));
        sharing.sum::<usize>() * self.layout.source.channels
    }

    /// The place of a phase's first result in a tile's positions, along an axis.
    pub(super) fn place(&self, axis: usize, phase: usize) -> usize {
        let line = &self.set.lines[axis];
        (first(line, &line.sub(phase)) - self.origin[axis]) as usize
    }

    /// The result's positions that a tile has along an axis.
    pub(super) fn positions(&self, axis: usize) -> usize {
        self.set.lines[axis].outputs * self.set.lines[axis].targets().len()
    }

    /// From a tile's first pixel in the source to the next tile's, along the last axis.
    pub(super) fn step(&self) -> usize {
        let line = &self.set.lines[1];
        line.outputs * line.sub(line.phases.start).source_step
    }

    /// The results of a tile in a row of its positions.
    pub(super) fn wide(&self) -> usize {
        self.positions(1) * self.layout.target.channels
    }

    /// The results of a tile's band.
    pub(super) fn results(&self) -> usize {
        let [tall, wide] = self.set.lines.each_ref().map(|line| line.outputs);
        self.band_rows() * tall * wide
    }

    /// From one tile's results to the next one's.
    pub(super) fn pitch(&self) -> usize {
        self.results().next_multiple_of(LANES)
    }

    /// The elements of the packed filter.
    pub(super) fn packed_len(&self) -> usize {
        self.rows() * self.terms()
    }

    /// The room of a thread: a vector of tiles at the points, products, results, and these tile by tile.
    pub(super) fn rooms(&self) -> [usize; 4] {
        let points = self.set.points() * LANES;
        let results = self.pitch() * LANES;
        [
            points * CHANNELS_UNIT,
            points * self.band_rows(),
            results,
            results,
        ]
    }

    /// Multiplications of the transformed tiles, and the elements of the transforms.
    pub(super) fn cost(&self) -> [f64; 2] {
        let tiles = self.set.rows as f64;
        let results = (self.rows() * self.set.points()) as f64;
        let depth = self.set.sources().count() * self.layout.depth;
        [
            tiles * self.packed_len() as f64,
            tiles * (results + (depth * self.set.points()) as f64),
        ]
    }
}

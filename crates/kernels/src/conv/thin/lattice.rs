//! The geometry of pixels in lanes: both tensors are seen as lattices of cells.
//!
//! A cell of an axis is `step` neighbouring positions. Where the convolution strides over a tensor its cells are as
//! long as the stride, in the other tensor a cell is one position. Then every tap leads from a cell of the result to
//! the cell so many further in the source, whatever the cell: a shift.

use std::ops::Range;

use tconv_shape::ConvShape;

use super::super::Pass;
use super::super::grid::{Strides, axes};
use super::line::{Line, Run};

/// Results that see the same of the source, and are computed together: their rows are the phases and
/// the group's channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) runs: [Run; 3],
    pub(super) rows: usize,
    pub(super) depth: usize,
}

/// How many channels of the source are taken through all taps before the next: what they see of a block stays in
/// the first-level cache.
const CHANNELS: usize = 16;

/// The rows of a tile of results.
pub(super) const TILE: usize = 12;

/// As many result rows of different positions along the second axis as are computed together.
const ROWS: usize = 24;

/// A convolution as lattices, and how it is cut into blocks.
#[derive(Clone, Debug)]
pub(super) struct Lattice {
    pub(super) lines: [Line; 3],
    pub(super) batch: usize,
    pub(super) groups: usize,
    /// Channels of a group.
    pub(super) source_channels: usize,
    pub(super) result_channels: usize,
    pub(super) source: Strides,
    pub(super) result: Strides,
    /// The most phases of the second axis in a class.
    tall: usize,
    /// Cells of a block along the two last axes; the last block may have fewer.
    pub(super) block: [usize; 2],
    /// From one row of cells to the next, in the panel and in the sums.
    pub(super) row: usize,
    /// From one plane of the panel to the next.
    pub(super) plane: usize,
    /// From one row of sums to the next.
    pub(super) sums: usize,
}

/// What a block holds is meant to stay in the second-level cache, which has at least so many bytes for it.
const BLOCK_BYTES: usize = 384 << 10;
/// No block may need more elements.
const MOST: usize = 1 << 18;
/// As many tasks as keep many threads busy to the end ...
const ENOUGH_TASKS: usize = 16;
/// ... if each has so many multiplications.
const LEAST_WORK: usize = 1 << 18;
/// Read behind the last plane by the last vectors.
const OVERHANG: usize = 64;

impl Lattice {
    pub(super) fn new<T>(pass: Pass, shape: &ConvShape) -> Lattice {
        let lines = axes(shape).map(|axis| Line::new(axis, pass));
        let inputs = Strides::new(shape, shape.in_channels, |axis| axis.input);
        let outputs = Strides::new(shape, shape.out_channels, |axis| axis.output);
        let (source, result) = match pass {
            Pass::Forward => (inputs, outputs),
            _ => (outputs, inputs),
        };
        let mut lattice = Lattice {
            lines,
            batch: shape.batch,
            groups: shape.groups,
            source_channels: source.channels / shape.groups,
            result_channels: result.channels / shape.groups,
            source,
            result,
            tall: 1,
            block: [1; 2],
            row: 0,
            plane: 0,
            sums: 0,
        };
        lattice.tall = (ROWS / lattice.row_planes()).max(1);
        lattice.cut::<T>();
        lattice
    }

    // Sizes are multiplied saturating: a geometry whose block does not fit is not supported.

    fn cut<T>(&mut self) {
        let [_, tall, wide] = self.lines;
        let cells = self.lines.iter().map(|line| line.cells).product::<usize>();
        let cells = self.batch * self.groups * cells;
        let rows = self.panel_planes().saturating_add(self.sum_rows());
        let most = BLOCK_BYTES / size_of::<T>() / rows.max(1);
        let enough = (cells / ENOUGH_TASKS).max(LEAST_WORK / self.work_of_cell().max(1));
        let most = most.min(enough).max(1);
        let balanced = |cells: usize, most: usize| cells.div_ceil(cells.div_ceil(most.max(1)));
        let x = balanced(wide.cells, (2 * most.isqrt()).clamp(24, 128));
        let y = balanced(tall.cells, most / (x + wide.span));
        self.block = [y, x];
        self.row = x + wide.span;
        // An odd number of half pairs of cache lines, so that planes do not meet in one cache set, and room for the
        // last vector of a row.
        let pitch = |rows: usize| rows.saturating_mul(self.row).min(MOST).next_multiple_of(32) + 16;
        (self.plane, self.sums) = (pitch(y + tall.span), pitch(y));
    }

    /// Whether a block fits.
    pub(super) fn fits(&self) -> bool {
        let panel = self.panel_planes().saturating_mul(self.plane);
        let sums = self.sum_rows().saturating_mul(self.sums);
        let steps = self.lines.iter().map(|line| line.result.step);
        panel.saturating_add(sums) < MOST && steps.max() <= Some(u32::MAX as usize)
    }

    /// Slices of cells, along the first axis, that a block sees.
    pub(super) fn slices(&self) -> usize {
        self.lines[0].span + 1
    }

    /// Planes of the panel for each slice: the positions in a cell and the group's channels.
    pub(super) fn planes(&self) -> usize {
        let steps = self.lines.iter().map(|line| line.source.step);
        steps.fold(self.source_channels, usize::saturating_mul)
    }

    pub(super) fn panel_planes(&self) -> usize {
        self.planes().saturating_mul(self.slices())
    }

    pub(super) fn panel_len(&self) -> usize {
        self.panel_planes() * self.plane + OVERHANG
    }

    /// Rows of sums for one position along the second axis.
    pub(super) fn row_planes(&self) -> usize {
        let step = self.lines[2].result.step;
        step.saturating_mul(self.result_channels)
    }

    fn sum_rows(&self) -> usize {
        let positions = self.tall.min(self.lines[1].phases());
        self.row_planes().saturating_mul(positions)
    }

    pub(super) fn sums_len(&self) -> usize {
        self.sum_rows() * self.sums
    }

    /// Multiplications for a cell of the result.
    fn work_of_cell(&self) -> usize {
        let taps = self.lines.iter().map(|line| line.axis.kernel);
        taps.fold(
            self.source_channels * self.result_channels,
            usize::saturating_mul,
        )
    }

    /// All multiplications.
    pub(super) fn work(&self) -> usize {
        let cells = self.lines.iter().map(|line| line.cells);
        let work = cells.fold(self.work_of_cell(), usize::saturating_mul);
        work.saturating_mul(self.batch * self.groups)
    }

    /// Blocks along each axis.
    pub(super) fn blocks(&self) -> [usize; 3] {
        let [z, y, x] = self.lines.map(|line| line.cells);
        [z, y.div_ceil(self.block[0]), x.div_ceil(self.block[1])]
    }

    /// Whether all blocks have the same cells along the last axis.
    pub(super) fn is_one_block_wide(&self) -> bool {
        self.block[1] == self.lines[2].cells
    }

    /// Of a row of the panel that starts at this cell of the source, where the cells that are whole in the source
    /// begin and end.
    pub(super) fn inside(&self, first: isize) -> (usize, usize) {
        let inside = |cell: usize| (cell as isize - first).clamp(0, self.row as isize) as usize;
        let side = &self.lines[2].source;
        (inside(0), inside(side.size / side.step))
    }

    /// The runs of phases of the first two axes, whose sums are stored at once.
    pub(super) fn bands(&self) -> impl Iterator<Item = [Run; 2]> + use<> {
        let [z, y, _] = self.lines;
        let tall = self.tall;
        z.runs(1)
            .flat_map(move |z| y.runs(tall).map(move |y| [z, y]))
    }

    /// The classes of a band.
    pub(super) fn classes(&self, [z, y]: [Run; 2]) -> impl Iterator<Item = Class> {
        let (sources, results) = (self.source_channels, self.result_channels);
        self.lines[2].runs(usize::MAX).map(move |x| Class {
            runs: [z, y, x],
            rows: z.len * y.len * x.len * results,
            depth: z.taps() * y.taps() * x.taps() * sources,
        })
    }

    /// What a class sums over, in its order: the taps and the group's channel.
    pub(super) fn terms(&self, class: Class) -> impl Iterator<Item = ([usize; 3], usize)> + use<> {
        let [z, y, x] = class.runs.map(|run| run.taps());
        let channels = self.source_channels;
        (0..channels).step_by(CHANNELS).flat_map(move |start| {
            let end = channels.min(start + CHANNELS);
            (0..z * y * x).flat_map(move |tap| {
                let taps = [tap / x / y, tap / x % y, tap % x];
                (start..end).map(move |channel| (taps, channel))
            })
        })
    }

    /// Where in the panel, seen from a cell, the term is.
    pub(super) fn offset(&self, class: &Class, taps: [usize; 3], channel: usize) -> usize {
        let mut places = [0; 3];
        let mut cells = [0; 3];
        for i in 0..3 {
            let (shift, place) = class.runs[i].seen(taps[i]);
            cells[i] = (shift - self.lines[i].low) as usize;
            places[i] = place;
        }
        let plane =
            self.plane_of([places[0], places[1]]) + places[2] * self.source_channels + channel;
        (cells[0] * self.planes() + plane) * self.plane + cells[1] * self.row + cells[2]
    }

    /// The first plane of a slice that holds these positions along the first two axes.
    pub(super) fn plane_of(&self, [z, y]: [usize; 2]) -> usize {
        let [_, tall, wide] = self.lines.map(|line| line.source.step);
        (z * tall + y) * wide * self.source_channels
    }

    /// The positions in a cell, along the first two axes, that are seen.
    pub(super) fn seen(&self) -> impl Iterator<Item = [usize; 2]> {
        let [z, y, _] = self.lines;
        z.seen().flat_map(move |z| y.seen().map(move |y| [z, y]))
    }
}

/// A part of a row of cells whose elements lie side by side in the tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Where it starts in a cell of the tensor.
    pub(super) place: usize,
    /// Its first plane, and from one element's plane to the next.
    pub(super) plane: usize,
    pub(super) plane_step: usize,
    /// How many elements it has in a cell.
    pub(super) len: usize,
    /// How many it has in a cell that is cut off.
    pub(super) cut_len: usize,
}

/// The pieces of a row of cells of `step` positions, of which a cell that is cut off has `cut`, in a group of so
/// many channels.
pub(super) fn pieces(
    strides: &Strides,
    (step, cut): (usize, usize),
    channels: Range<usize>,
) -> impl Iterator<Item = Piece> {
    let (last, whole) = (strides.channels_last, channels.len() == strides.channels);
    let (count, all) = (channels.len(), strides.channels);
    let (origin, channel) = (channels.start, strides.channel);
    let pieces = match (last, whole) {
        (true, true) => 1,
        (true, false) => step,
        (false, _) => count,
    };
    (0..pieces).map(move |i| match (last, whole) {
        (true, true) => Piece {
            place: 0,
            plane: 0,
            plane_step: 1,
            len: step * count,
            cut_len: cut * count,
        },
        (true, false) => Piece {
            place: i * all + origin,
            plane: i * count,
            plane_step: 1,
            len: count,
            cut_len: if i < cut { count } else { 0 },
        },
        (false, _) => Piece {
            place: (origin + i) * channel,
            plane: i,
            plane_step: count,
            len: step,
            cut_len: cut,
        },
    })
}

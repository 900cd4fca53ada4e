use tconv_shape::{ConvAxis, ConvShape};

use super::super::bands::seeing;
use super::super::plan::{GAP, LINE};
use crate::conv::grid::{Strides, axes, unravel};

/// The most rows and columns of a block of products.
pub(super) const ROWS: usize = 32;
pub(super) const COLUMNS: usize = 128;

/// The most bytes that a channel has in a chunk of tiles.
pub(super) const CHUNK_BYTES: usize = 1280;

/// An axis, cut into tiles of windows.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) axis: ConvAxis,
    /// Windows of a tile.
    pub(super) windows: usize,
    /// The most points of a phase.
    pub(super) points: usize,
    pub(super) tiles: usize,
}

impl Line {
    pub(super) fn new(axis: ConvAxis) -> Line {
        let [two, three] = [2, 3].map(|windows| axis.output.div_ceil(windows));
        let (windows, points) = match axis.kernel > 2 * axis.stride {
            true => (2, 4),
            false if 4 * three <= 3 * two => (3, 4),
            false => (2, 3),
        };
        Line {
            axis,
            windows,
            points,
            tiles: axis.output.div_ceil(windows),
        }
    }

    pub(super) fn supports(axis: &ConvAxis) -> bool {
        // A tap that hardly a window sees would be less exact than its own few products are.
        let often = |tap| 2 * seeing(axis, tap).len() >= axis.output;
        axis.dilation == 1
            && (2 * axis.stride..=3 * axis.stride).contains(&axis.kernel)
            && (0..axis.kernel).all(often)
    }

    /// The taps of a phase.
    pub(super) fn taps(&self, phase: usize) -> usize {
        (self.axis.kernel - phase).div_ceil(self.axis.stride)
    }

    /// The points of a phase, which are also the neighbours of the input that a tile sees.
    pub(super) fn points_of(&self, phase: usize) -> usize {
        self.windows + self.taps(phase) - 1
    }

    /// The index among all points of a phase's point; a phase of three has not the third of four.
    pub(super) fn point(&self, phase: usize, index: usize) -> usize {
        if self.points_of(phase) < self.points && index == 2 {
            3
        } else {
            index
        }
    }

    /// Multiplications of all phases and tiles, and those of the definition without padding.
    pub(super) fn cost(&self) -> [f64; 2] {
        let points: usize = (0..self.axis.stride)
            .map(|phase| self.points_of(phase))
            .sum();
        let windows = (0..self.axis.kernel).map(|tap| seeing(&self.axis, tap).len());
        [points * self.tiles, windows.sum()].map(|count| count as f64)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) lines: [Line; 2],
    pub(super) input: Strides,
    pub(super) output: Strides,
    /// All tiles, and those of a chunk.
    pub(super) tiles: usize,
    pub(super) chunk: usize,
}

impl Plan {
    pub(super) fn new<T>(shape: &ConvShape) -> Plan {
        let [_, y, x] = axes(shape);
        let lines = [y, x].map(Line::new);
        let tiles = shape.batch * lines[0].tiles * lines[1].tiles;
        let chunks = tiles.div_ceil(CHUNK_BYTES / size_of::<T>());
        Plan {
            lines,
            input: Strides::new(shape, shape.in_channels, |axis| axis.input),
            output: Strides::new(shape, shape.out_channels, |axis| axis.output),
            tiles,
            chunk: tiles.div_ceil(chunks.max(1)),
        }
    }

    pub(super) fn points(&self) -> usize {
        self.lines[0].points * self.lines[1].points
    }

    pub(super) fn phases(&self) -> usize {
        self.lines[0].axis.stride * self.lines[1].axis.stride
    }

    pub(super) fn phase(&self, index: usize) -> [usize; 2] {
        let wide = self.lines[1].axis.stride;
        [index / wide, index % wide]
    }

    pub(super) fn columns(&self) -> usize {
        COLUMNS.min(self.output.channels)
    }

    /// A tile's image and its place in it.
    pub(super) fn tile(&self, index: usize) -> [usize; 3] {
        unravel(
            index,
            [usize::MAX, self.lines[0].tiles, self.lines[1].tiles],
        )
    }

    /// From one row of the input's tiles at a point to the next, so that they do not meet in one cache set.
    pub(super) fn pitch(&self) -> usize {
        ROWS + GAP
    }

    /// From one panel of the gradient at a point to the next, in tiles.
    pub(super) fn depth(&self) -> usize {
        self.chunk + 1
    }

    /// The room for the gradient at the points, which all threads share, and a thread's for the input and for products.
    pub(super) fn rooms<T>(&self) -> [usize; 3] {
        let line = LINE / size_of::<T>();
        [
            self.points() * self.depth() * self.columns() + line,
            self.points() * self.chunk * self.pitch() + line,
            self.points() * ROWS * self.columns() + line,
        ]
    }
}

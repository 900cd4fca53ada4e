use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use tconv_shape::ConvShape;

use super::super::grid::{Strides, axes, unravel};
use super::bands::{Bands, always_seeing};
use crate::Threads;
use crate::simd::Float;

/// The most rows that a tile has on any instruction set.
pub(super) const MOST_TILE_ROWS: usize = 12;

/// The least distance of the copies of two tiles' rows, so that they do not meet in one cache set; a vector or
/// more.
pub(super) const GAP: usize = 16;

/// A cache line, in bytes.
pub(super) const LINE: usize = 64;

/// The columns of a panel: whole tiles on every instruction set, in bytes.
pub(super) const PANEL_BYTES: usize = 128;

/// The most windows that a tile sums over before it is written.
pub(super) const DEPTH: usize = 256;

/// The most strips of windows among them.
pub(super) const STRIPS: usize = 64;

/// The most rows and columns of a block. The rows are whole tiles on every instruction set.
pub(super) const ROWS: usize = 192;
pub(super) const COLUMNS: usize = 256;

/// The rows of blocks that a task has together, at least, if there are several.
pub(super) const TOGETHER: usize = 384;

/// The fewest channels whose taps are bands by themselves; with fewer, a row of the kernel is one.
pub(super) const FEW_CHANNELS: usize = 24;

/// The widest row of the kernel that is one band.
pub(super) const JOINED: usize = 1024;

/// For so many columns, rows are copied before they are read.
pub(super) const COPIED: usize = 48;

/// How many tasks are wanted, if they are cut into slices of windows for it.
pub(super) const TASKS: usize = 32;

/// The fewest windows in a slice, and in one of more slices than [`FEW_SLICES`]: what a task reads first is not
/// fetched ahead.
pub(super) const SLICE: usize = 128;
pub(super) const LONG_SLICE: usize = 4 * DEPTH;
pub(super) const FEW_SLICES: usize = 4;

/// The most bytes of partial sums.
pub(super) const PARTIAL_SUMS: usize = 4 << 20;

/// Below so many multiplications one thread does the work.
pub(super) const SERIAL: usize = 1 << 18;

/// How the work is cut. Only the geometry decides.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) bands: Bands,
    /// Whether the input's channels are the tiles' columns, the output's their rows.
    pub(super) turned: bool,
    /// Windows of a strip, which is a part of a line of windows, and how many strips a line has.
    pub(super) strip: usize,
    pub(super) per_line: usize,
    /// All strips, and those of a slice: a task's share of them.
    pub(super) strips: usize,
    pub(super) slice: usize,
    /// Rows of a block of a band, blocks of a band, blocks of a task.
    pub(super) rows: usize,
    pub(super) row_blocks: usize,
    pub(super) together: usize,
    /// Columns of a block.
    pub(super) columns: usize,
    /// Whether the output's gradient is copied into panels.
    pub(super) packed: bool,
    /// Whether the rows of a block are copied, since they are read many times.
    pub(super) copied: bool,
}

impl Plan {
    pub(super) fn new<T>(shape: &ConvShape) -> Plan {
        let axes = axes(shape);
        let wide = &axes[2];
        let row = wide.kernel.saturating_mul(shape.in_channels);
        let bands = Bands {
            axes,
            input: Strides::new(shape, shape.in_channels, |axis| axis.input),
            output: Strides::new(shape, shape.out_channels, |axis| axis.output),
            joined: wide.kernel > 1
                && wide.dilation == 1
                && shape.in_channels < FEW_CHANNELS
                && row <= JOINED,
        };
        let lanes = LINE / size_of::<T>();
        let (width, outputs) = (bands.width(), shape.out_channels);
        let turned = width >= lanes
            && outputs < COLUMNS
            && outputs * width.next_multiple_of(lanes) < outputs.next_multiple_of(lanes) * width;
        let per_line = wide.output.div_ceil(DEPTH).max(1);
        let strip = wide.output.div_ceil(per_line).max(1);
        let per_line = wide.output.div_ceil(strip);
        let strips = shape.batch * axes[0].output * axes[1].output * per_line;
        let unit = PANEL_BYTES / size_of::<T>();
        let columns = outputs
            .div_ceil(outputs.div_ceil(COLUMNS).max(1))
            .next_multiple_of(unit);
        let row_blocks = if turned {
            1
        } else {
            width.div_ceil(ROWS).max(1)
        };
        let rows = width.div_ceil(row_blocks).next_multiple_of(MOST_TILE_ROWS);
        let together = (TOGETHER / rows.max(1)).max(1);
        let mut plan = Plan {
            bands,
            turned,
            strip,
            per_line,
            strips,
            slice: strips.max(1),
            rows,
            row_blocks,
            together,
            columns,
            packed: !(turned || bands.joined && outputs.is_multiple_of(unit)),
            copied: !turned && !bands.joined && columns >= COPIED,
        };
        let windows = strips * strip;
        let slices = TASKS
            .div_ceil(plan.tasks().max(1))
            .min(PARTIAL_SUMS / size_of::<T>() / plan.result().max(1))
            .min((windows / LONG_SLICE).max(FEW_SLICES.min(windows / SLICE)))
            .max(1);
        plan.slice = strips.div_ceil(slices).max(1);
        plan
    }

    /// Elements of the filter.
    pub(super) fn result(&self) -> usize {
        self.filter_rows() * self.bands.output.channels
    }

    /// Elements of the filter without the output's channel.
    pub(super) fn filter_rows(&self) -> usize {
        self.bands.count() * self.bands.width()
    }

    pub(super) fn slices(&self) -> usize {
        self.strips.div_ceil(self.slice)
    }

    pub(super) fn column_blocks(&self) -> usize {
        if self.turned {
            1
        } else {
            self.bands.output.channels.div_ceil(self.columns)
        }
    }

    pub(super) fn blocks(&self) -> usize {
        self.bands.count() * self.row_blocks
    }

    pub(super) fn tasks(&self) -> usize {
        self.blocks().div_ceil(self.together) * self.column_blocks() * self.slices()
    }

    pub(super) fn serial(&self) -> bool {
        self.result().saturating_mul(self.strips * self.strip) < SERIAL
    }

    pub(super) fn threads<'a>(&self, threads: &'a Threads) -> &'a Threads {
        if self.serial() {
            &Threads::ONE
        } else {
            threads
        }
    }

    /// The windows that no band leaves out.
    pub(super) fn kept(&self) -> [Range<usize>; 3] {
        let mut kept = self.bands.axes.each_ref().map(always_seeing);
        if self.bands.joined {
            kept[2] = 0..self.bands.axes[2].output;
        }
        kept
    }

    /// Whether there are windows that some band leaves out, since they see only padding.
    pub(super) fn crops(&self) -> bool {
        let mut axes = self.bands.axes.iter().zip(self.kept());
        axes.any(|(axis, kept)| kept.len() < axis.output)
    }

    /// Whether the gradient is finite in all windows that some band leaves out.
    pub(super) fn cropped_are_finite<T: Float>(&self, threads: &Threads, gradient: &[T]) -> bool {
        const PIECE: usize = 1 << 14;
        let kept = self.kept();
        let outputs = self.bands.axes.map(|axis| axis.output);
        let channels = self.bands.output.channels;
        let line_len = outputs[2] * channels;
        let all = AtomicBool::new(true);
        // Without a branch in it, the inner loop is vectorised.
        let sound = |x: &[T]| x.iter().fold(true, |all, x| all & x.to_f64().is_finite());
        let lines = gradient.len() / line_len;
        let some = PIECE.div_ceil(line_len);
        let threads = self.threads(threads);
        threads.for_each(lines.div_ceil(some), |task| {
            for line in task * some..lines.min((task + 1) * some) {
                let [_, z, y] = unravel(line, [usize::MAX, outputs[0], outputs[1]]);
                let values = &gradient[line * line_len..][..line_len];
                let inner = match kept[0].contains(&z) && kept[1].contains(&y) {
                    true => kept[2].start * channels..kept[2].end * channels,
                    false => 0..0,
                };
                let rest = values[inner.end..].chunks(1024);
                if !sound(&values[..inner.start]) || !rest.into_iter().all(sound) {
                    all.store(false, Ordering::Relaxed);
                }
            }
        });
        all.into_inner()
    }

    /// The scratch for partial sums.
    pub(super) fn partial_sums(&self) -> usize {
        match self.slices() {
            1 if !self.turned => 0,
            slices => slices * self.result(),
        }
    }

    /// Strips that are summed over at once.
    pub(super) fn chunk(&self) -> usize {
        (DEPTH / self.strip).clamp(1, STRIPS)
    }

    /// From one panel to the next, in windows; one more than there are, so that panels do not meet in one cache
    /// set.
    pub(super) fn depth(&self) -> usize {
        self.chunk() * self.strip + 1
    }

    /// The room for panels of the output's gradient.
    pub(super) fn panels(&self) -> usize {
        if self.packed {
            self.depth() * self.columns
        } else {
            0
        }
    }

    /// A thread's scratch.
    pub(super) fn room<T>(&self) -> usize {
        // A band's copies are still read while those of the next one are made.
        let border = 2 * self.bands.border(self.strip) * self.chunk();
        self.panels() + self.copies() + border + LINE / size_of::<T>()
    }

    /// The room for copies of a block's rows.
    pub(super) fn copies(&self) -> usize {
        match self.copied {
            true => self.chunk() * self.strip * (self.rows + MOST_TILE_ROWS) + self.rows * GAP,
            false => 0,
        }
    }

    /// The line and the windows of a strip.
    pub(super) fn windows(&self, strip: usize) -> (usize, Range<usize>) {
        let start = strip % self.per_line * self.strip;
        let end = (start + self.strip).min(self.bands.axes[2].output);
        (strip / self.per_line, start..end)
    }

    /// The first window of a strip, of all lines.
    pub(super) fn first_window(&self, strip: usize) -> usize {
        strip / self.per_line * self.bands.axes[2].output + strip % self.per_line * self.strip
    }

    /// Writes the sums of the slices, in their order.
    pub(super) fn add_slices<T: Float>(&self, threads: &Threads, partial: &[T], out: &mut [T]) {
        const ROWS: usize = 32;
        let (columns, rows) = (self.bands.output.channels, self.filter_rows());
        let threads = self.threads(threads);
        threads.for_each_piece(out, ROWS * columns, |i, out| {
            let first = i * ROWS;
            for (index, slice) in partial.chunks_exact(rows * columns).enumerate() {
                if self.turned {
                    for (c, sums) in slice.chunks_exact(rows).enumerate() {
                        let to = out.iter_mut().skip(c).step_by(columns);
                        for (to, &x) in to.zip(&sums[first..]) {
                            *to = if index == 0 { x } else { *to + x };
                        }
                    }
                } else {
                    let sums = &slice[first * columns..][..out.len()];
                    for (to, &x) in out.iter_mut().zip(sums) {
                        *to = if index == 0 { x } else { *to + x };
                    }
                }
            }
        });
    }
}

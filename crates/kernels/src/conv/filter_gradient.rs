//! The filter's gradient where the channels come last: each tile of it is summed over the windows in registers,
//! from the tensors as they are. What a tap (or a row of taps) sees of the input lies side by side, and so do
//! the output's channels.

mod bands;
mod tile;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tconv_shape::{ConvShape, DataFormat};

use self::bands::{Bands, always_seeing};
use self::tile::{Segment, Target, multiply};
use super::grid::{Strides, axes, unravel};
use super::{Call, Pass, implicit};
use crate::Threads;
use crate::simd::{Float, TILE_VECTORS, Vectors, Work};

/// The most rows that a tile has on any instruction set.
const MOST_TILE_ROWS: usize = 12;

/// The least distance of the copies of two tiles' rows, so that they do not meet in one cache set; a vector or
/// more.
const GAP: usize = 16;

/// A cache line, in bytes.
const LINE: usize = 64;

/// The columns of a panel: whole tiles on every instruction set, in bytes.
const PANEL_BYTES: usize = 128;

/// The most windows that a tile sums over before it is written.
const DEPTH: usize = 256;

/// The most strips of windows among them.
const STRIPS: usize = 128;

/// The most rows and columns of a block. The rows are whole tiles on every instruction set.
const ROWS: usize = 192;
const COLUMNS: usize = 256;

/// The fewest channels whose taps are bands by themselves; with fewer, a row of the kernel is one.
const FEW_CHANNELS: usize = 24;

/// The widest row of the kernel that is one band.
const JOINED: usize = 1024;

/// For so many columns, rows are copied before they are read.
const COPIED: usize = 48;

/// How many tasks are wanted, if they are cut into slices of windows for it.
const TASKS: usize = 32;

/// The fewest windows in a slice.
const SLICE: usize = 128;

/// The most bytes of partial sums.
const PARTIAL_SUMS: usize = 4 << 20;

/// Below so many multiplications one thread does the work.
const SERIAL: usize = 1 << 18;

pub(super) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    pass == Pass::BackpropFilter && shape.format == DataFormat::ChannelsLast && shape.groups == 1
}

pub(super) fn pays<T>(_: Pass, shape: &ConvShape) -> bool {
    let plan = Plan::new::<T>(shape);
    // Narrow bands leave the tiles' sums waiting for each other.
    plan.bands.width() >= 4 || plan.bands.count() == 1
}

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let plan = Plan::new::<T>(shape);
    let own = plan
        .room::<T>()
        .saturating_mul(if plan.serial() { 1 } else { threads });
    let own = own.saturating_add(plan.partial_sums());
    match plan.crops() {
        true => own.max(implicit::scratch::<T>(pass, shape, threads)),
        false => own,
    }
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    let plan = Plan::new::<T>(call.shape);
    // The zeros of the padding make NaN of what is not finite.
    if plan.crops() && !plan.cropped_are_finite(call.threads, call.b) {
        return implicit::compute(call);
    }
    let Call {
        set,
        threads,
        a,
        b,
        out,
        scratch,
        ..
    } = call;
    let threads = plan.threads(threads);
    let (partial, scratch) = scratch.split_at_mut(plan.partial_sums());
    let target = if partial.is_empty() {
        &mut *out
    } else {
        &mut *partial
    };
    let crew = Crew {
        plan,
        input: a,
        gradient: b,
        target: Shared(target.as_mut_ptr()),
        next: AtomicUsize::new(0),
    };
    let room = plan.room::<T>();
    let scratch = &mut scratch[..room * threads.count()];
    threads.for_each_piece(scratch, room, |_, room| {
        T::dispatch(set, Share { crew: &crew, room });
    });
    if !partial.is_empty() {
        plan.add_slices(threads, partial, out);
    }
}

/// How the work is cut. Only the geometry decides.
#[derive(Clone, Copy)]
struct Plan {
    bands: Bands,
    /// Whether the input's channels are the tiles' columns, the output's their rows.
    turned: bool,
    /// Windows of a strip, which is a part of a line of windows, and how many strips a line has.
    strip: usize,
    per_line: usize,
    /// All strips, and those of a slice: a task's share of them.
    strips: usize,
    slice: usize,
    /// Rows of a block of a band, blocks of a band, blocks of a task.
    rows: usize,
    row_blocks: usize,
    together: usize,
    /// Columns of a block.
    columns: usize,
    /// Whether the rows of a block are copied, since they are read many times.
    copied: bool,
}

impl Plan {
    fn new<T>(shape: &ConvShape) -> Plan {
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
        let together = (COLUMNS / rows.max(1)).max(1);
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
            copied: !turned && !bands.joined && columns >= COPIED,
        };
        let windows = strips * strip;
        let slices = TASKS
            .div_ceil(plan.tasks().max(1))
            .min(PARTIAL_SUMS / size_of::<T>() / plan.result().max(1))
            .min(windows / SLICE)
            .max(1);
        plan.slice = strips.div_ceil(slices).max(1);
        plan
    }

    /// Elements of the filter.
    fn result(&self) -> usize {
        self.filter_rows() * self.bands.output.channels
    }

    /// Elements of the filter without the output's channel.
    fn filter_rows(&self) -> usize {
        self.bands.count() * self.bands.width()
    }

    fn slices(&self) -> usize {
        self.strips.div_ceil(self.slice)
    }

    fn column_blocks(&self) -> usize {
        if self.turned {
            1
        } else {
            self.bands.output.channels.div_ceil(self.columns)
        }
    }

    fn blocks(&self) -> usize {
        self.bands.count() * self.row_blocks
    }

    fn tasks(&self) -> usize {
        self.blocks().div_ceil(self.together) * self.column_blocks() * self.slices()
    }

    fn serial(&self) -> bool {
        self.result().saturating_mul(self.strips * self.strip) < SERIAL
    }

    fn threads<'a>(&self, threads: &'a Threads) -> &'a Threads {
        if self.serial() {
            &Threads::ONE
        } else {
            threads
        }
    }

    /// The windows that no band leaves out.
    fn kept(&self) -> [Range<usize>; 3] {
        let mut kept = self.bands.axes.each_ref().map(always_seeing);
        if self.bands.joined {
            kept[2] = 0..self.bands.axes[2].output;
        }
        kept
    }

    /// Whether there are windows that some band leaves out, since they see only padding.
    fn crops(&self) -> bool {
        let mut axes = self.bands.axes.iter().zip(self.kept());
        axes.any(|(axis, kept)| kept.len() < axis.output)
    }

    /// Whether the gradient is finite in all windows that some band leaves out.
    fn cropped_are_finite<T: Float>(&self, threads: &Threads, gradient: &[T]) -> bool {
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
    fn partial_sums(&self) -> usize {
        match self.slices() {
            1 if !self.turned => 0,
            slices => slices * self.result(),
        }
    }

    /// Strips that are summed over at once.
    fn chunk(&self) -> usize {
        (DEPTH / self.strip).clamp(1, STRIPS)
    }

    /// The room for panels of the output's gradient.
    fn panels(&self) -> usize {
        if self.turned {
            0
        } else {
            (self.chunk() * self.strip + 1) * self.columns
        }
    }

    /// A thread's scratch.
    fn room<T>(&self) -> usize {
        let border = self.bands.border(self.strip) * self.chunk();
        self.panels() + self.copies() + border + LINE / size_of::<T>()
    }

    /// The room for copies of a block's rows.
    fn copies(&self) -> usize {
        match self.copied {
            true => self.chunk() * self.strip * (self.rows + MOST_TILE_ROWS) + self.rows * GAP,
            false => 0,
        }
    }

    /// The line and the windows of a strip.
    fn windows(&self, strip: usize) -> (usize, Range<usize>) {
        let start = strip % self.per_line * self.strip;
        let end = (start + self.strip).min(self.bands.axes[2].output);
        (strip / self.per_line, start..end)
    }

    /// Writes the sums of the slices, in their order.
    fn add_slices<T: Float>(&self, threads: &Threads, partial: &[T], out: &mut [T]) {
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

/// The result's memory, which the threads share.
struct Shared<T>(*mut T);

// SAFETY: each element is written by one task only, and nobody reads them meanwhile.
unsafe impl<T: Send> Sync for Shared<T> {}

/// What all threads work at.
struct Crew<'a, T> {
    plan: Plan,
    input: &'a [T],
    gradient: &'a [T],
    target: Shared<T>,
    next: AtomicUsize,
}

/// A thread's share of the work: one task after the other until none is left.
struct Share<'a, T> {
    crew: &'a Crew<'a, T>,
    room: &'a mut [T],
}

impl<T: Float> Work<T> for Share<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let Share { crew, room } = self;
        let plan = &crew.plan;
        let skip = room.as_ptr().align_offset(LINE).min(LINE / size_of::<T>());
        let (panels, rest) = room[skip..].split_at_mut(plan.panels());
        let (copies, border) = rest.split_at_mut(plan.copies());
        loop {
            let task = crew.next.fetch_add(1, Ordering::Relaxed);
            if task >= plan.tasks() {
                return;
            }
            let (slice, task) = (task % plan.slices(), task / plan.slices());
            let columns = task % plan.column_blocks() * plan.columns;
            let first = task / plan.column_blocks() * plan.together;
            let blocks = first..(first + plan.together).min(plan.blocks());
            let strips = slice * plan.slice..plan.strips.min((slice + 1) * plan.slice);
            let mut start = strips.start;
            while start < strips.end {
                let end = strips.end.min(start + plan.chunk());
                let chunk = Chunk {
                    crew,
                    strips: start..end,
                    slice,
                    first: start == strips.start,
                    columns: columns..plan.bands.output.channels.min(columns + plan.columns),
                };
                chunk.compute(simd, blocks.clone(), panels, copies, border);
                start = end;
            }
        }
    }
}

/// The windows that a task sums over at once.
struct Chunk<'a, T> {
    crew: &'a Crew<'a, T>,
    strips: Range<usize>,
    slice: usize,
    first: bool,
    columns: Range<usize>,
}

impl<T: Float> Chunk<'_, T> {
    #[inline(always)]
    fn compute<S: Vectors<T>>(
        &self,
        simd: S,
        blocks: Range<usize>,
        panels: &mut [T],
        copies: &mut [T],
        border: &mut [T],
    ) {
        let plan = &self.crew.plan;
        let depth = plan.chunk() * plan.strip + 1;
        if !plan.turned {
            self.pack(simd, panels, depth);
        }
        let mut segments = [Segment::EMPTY; 3 * STRIPS];
        let mut band = None;
        let mut count = 0;
        for block in blocks {
            if plan.copied || band != Some(block / plan.row_blocks) {
                band = Some(block / plan.row_blocks);
                count = self.segments(block / plan.row_blocks, panels, border, &mut segments);
            }
            let start = block % plan.row_blocks * plan.rows;
            let rows = start..plan.bands.width().min(start + plan.rows);
            let segments = &mut segments[..count];
            let band = block / plan.row_blocks;
            if plan.turned {
                self.turned(simd, band, segments);
            } else if plan.copied {
                let step = tile_rows(rows.len(), S::TILE_ROWS);
                let apart = self.copy(simd, rows.clone(), step, segments, copies);
                let lefts = |tile| tile * apart;
                self.straight(simd, band, rows, lefts, segments, depth);
            } else {
                let step = tile_rows(rows.len(), S::TILE_ROWS);
                let lefts = |tile| rows.start + tile * step;
                self.straight(simd, band, rows.clone(), lefts, segments, depth);
            }
        }
    }

    /// Copies the gradient's columns into panels of `depth` windows.
    #[inline(always)]
    fn pack<S: Vectors<T>>(&self, simd: S, panels: &mut [T], depth: usize) {
        let (plan, unit) = (&self.crew.plan, PANEL_BYTES / size_of::<T>());
        let channels = plan.bands.output.channels;
        let mut at = 0;
        for strip in self.strips.clone() {
            let (line, windows) = plan.windows(strip);
            let first = line * plan.bands.axes[2].output + windows.start;
            let from = &self.crew.gradient[first * channels..][..windows.len() * channels];
            for pixel in from.chunks_exact(channels) {
                for (panel, from) in pixel[self.columns.clone()].chunks(unit).enumerate() {
                    let to = &mut panels[(panel * depth + at) * unit..][..unit];
                    if from.len() == unit {
                        for v in (0..unit).step_by(S::LANES) {
                            // SAFETY: both have `unit` elements, which are whole vectors.
                            unsafe {
                                let x = simd.load(from.as_ptr().add(v));
                                simd.store(to.as_mut_ptr().add(v), x);
                            }
                        }
                    } else {
                        to[..from.len()].copy_from_slice(from);
                    }
                }
                at += 1;
            }
        }
    }

    /// Copies the rows that the segments see, tile by tile, directs the segments there and returns how far apart
    /// the tiles' copies are.
    #[inline(always)]
    fn copy<S: Vectors<T>>(
        &self,
        simd: S,
        rows: Range<usize>,
        step: usize,
        segments: &mut [Segment<T>],
        copies: &mut [T],
    ) -> usize {
        let windows: usize = segments.iter().map(|segment| segment.count).sum();
        let (tiles, apart) = (rows.len().div_ceil(step), windows * step + GAP);
        let vectors = step.div_ceil(S::LANES);
        // A copy writes whole vectors: into the next window's place, which is written later, or into the gap.
        assert!(tiles * apart <= copies.len() && S::LANES <= GAP);
        let reach = (tiles - 1) * step + vectors * S::LANES;
        let end = self.crew.input.as_ptr_range().end;
        let mut to = copies.as_mut_ptr();
        for segment in segments {
            let mut from = segment.left.wrapping_add(rows.start);
            let from_step = std::mem::replace(&mut segment.left_step, step);
            segment.left = to;
            for _ in 0..segment.count {
                let whole = from.wrapping_add(reach) <= end;
                for tile in 0..tiles {
                    let (from, to) = (
                        from.wrapping_add(tile * step),
                        to.wrapping_add(tile * apart),
                    );
                    // SAFETY: the window sees the rows; there is room for them and a vector more, and as many
                    // elements can be read.
                    unsafe {
                        if whole {
                            for v in 0..vectors {
                                simd.store(to.add(v * S::LANES), simd.load(from.add(v * S::LANES)));
                            }
                        } else {
                            to.copy_from_nonoverlapping(from, step.min(rows.len() - tile * step));
                        }
                    }
                }
                from = from.wrapping_add(from_step);
                to = to.wrapping_add(step);
            }
        }
        apart
    }

    /// Writes the segments of a band and says how many there are.
    #[inline(always)]
    fn segments(
        &self,
        band: usize,
        panels: &[T],
        border: &mut [T],
        segments: &mut [Segment<T>],
    ) -> usize {
        let plan = &self.crew.plan;
        let (unit, channels) = (PANEL_BYTES / size_of::<T>(), plan.bands.output.channels);
        let mut border = border;
        let (mut count, mut at) = (0, 0);
        for strip in self.strips.clone() {
            let (line, windows) = plan.windows(strip);
            let first = line * plan.bands.axes[2].output + windows.start;
            let output = match plan.turned {
                true => (self.crew.gradient[first * channels..].as_ptr(), channels),
                false => (panels[at * unit..].as_ptr(), unit),
            };
            at += windows.len();
            let add = |segment: Segment<T>| {
                if count == 0 || !segments[count - 1].joins(&segment) {
                    segments[count] = segment;
                    count += 1;
                }
            };
            border =
                plan.bands
                    .segments(band, (line, windows), self.crew.input, output, border, add);
        }
        if plan.turned {
            for segment in &mut segments[..count] {
                *segment = segment.turned();
            }
        }
        count
    }

    fn target(&self, row: usize, pitch: usize, column: usize) -> *mut T {
        let slice = self.slice * self.crew.plan.result();
        self.crew
            .target
            .0
            .wrapping_add(slice + row * pitch + column)
    }

    /// A block of a band: the input's channels are rows.
    #[inline(always)]
    fn straight<S: Vectors<T>>(
        &self,
        simd: S,
        band: usize,
        rows: Range<usize>,
        lefts: impl Fn(usize) -> usize,
        segments: &[Segment<T>],
        depth: usize,
    ) {
        let (plan, unit) = (&self.crew.plan, PANEL_BYTES / size_of::<T>());
        let (width, pitch) = (S::LANES * TILE_VECTORS, plan.bands.output.channels);
        let step = tile_rows(rows.len(), S::TILE_ROWS);
        for (tile, row) in rows.clone().step_by(step).enumerate() {
            for column in self.columns.clone().step_by(width) {
                let within = column - self.columns.start;
                let right = within / unit * unit * depth + within % unit;
                let target = Target {
                    at: self.target(band * plan.bands.width() + row, pitch, column),
                    pitch,
                    columns: (0, width.min(self.columns.end - column)),
                    first: self.first,
                };
                let tile = (lefts(tile), step.min(rows.end - row));
                // SAFETY: a window sees the rows of the band side by side, a panel has whole vectors; no other
                // task has this block of this slice.
                unsafe { multiply(simd, segments, tile, right, target) };
            }
        }
    }

    /// A band whose elements are the columns, and the output's channels the rows.
    #[inline(always)]
    fn turned<S: Vectors<T>>(&self, simd: S, band: usize, segments: &[Segment<T>]) {
        let plan = &self.crew.plan;
        let (width, pitch) = (plan.bands.width(), plan.filter_rows());
        let rows = plan.bands.output.channels;
        let step = tile_rows(rows, S::TILE_ROWS);
        let mut done = 0;
        while done < width {
            let columns = match width - done >= S::LANES * TILE_VECTORS {
                true => S::LANES * TILE_VECTORS,
                false => S::LANES,
            };
            // The last vector may begin with what the one before it had.
            let start = done.min(width - columns);
            for row in (0..rows).step_by(step) {
                let target = Target {
                    at: self.target(row, pitch, band * width + start),
                    pitch,
                    columns: (done - start, columns),
                    first: self.first,
                };
                let tile = (row, step.min(rows - row));
                // SAFETY: a window sees the columns of the band side by side, and they are a vector or more; the
                // gradient's channels are side by side; no other task has this block of this slice.
                unsafe { multiply(simd, segments, tile, start, target) };
            }
            done = start + columns;
        }
    }
}

/// The rows of a tile, so that tiles are of equal size.
fn tile_rows(rows: usize, most: usize) -> usize {
    rows.div_ceil(rows.div_ceil(most))
}

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::plan::{GAP, LINE, PANEL_BYTES, Plan, STRIPS};
use super::tile::{Ahead, Segment, Target, multiply};
use crate::simd::{Float, TILE_VECTORS, Vectors, Work};

/// The result's memory, which the threads share.
pub(super) struct Shared<T>(pub(super) *mut T);

// SAFETY: each element is written by one task only, and nobody reads them meanwhile.
unsafe impl<T: Send> Sync for Shared<T> {}

/// What all threads work at.
pub(super) struct Crew<'a, T> {
    pub(super) plan: Plan,
    pub(super) input: &'a [T],
    pub(super) gradient: &'a [T],
    pub(super) target: Shared<T>,
    pub(super) next: AtomicUsize,
}

/// A thread's share of the work: one task after the other until none is left.
pub(super) struct Share<'a, T> {
    pub(super) crew: &'a Crew<'a, T>,
    pub(super) room: &'a mut [T],
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
            let task = Task {
                crew,
                slice,
                strips: slice * plan.slice..plan.strips.min((slice + 1) * plan.slice),
                blocks: first..(first + plan.together).min(plan.blocks()),
                columns: columns..plan.bands.output.channels.min(columns + plan.columns),
            };
            task.compute(simd, panels, copies, border);
        }
    }
}

/// Some blocks of the result, summed over a slice of the windows.
struct Task<'a, T> {
    crew: &'a Crew<'a, T>,
    slice: usize,
    strips: Range<usize>,
    blocks: Range<usize>,
    columns: Range<usize>,
}

/// A block's segments.
struct Segments<T> {
    all: [Segment<T>; 3 * STRIPS],
    count: usize,
}

impl<T: Float> Task<'_, T> {
    #[inline(always)]
    fn compute<S: Vectors<T>>(
        &self,
        simd: S,
        panels: &mut [T],
        copies: &mut [T],
        border: &mut [T],
    ) {
        let plan = &self.crew.plan;
        let mut lists = [const {
            Segments {
                all: [Segment::EMPTY; 3 * STRIPS],
                count: 0,
            }
        }; 2];
        let steps = self.strips.len().div_ceil(plan.chunk()) * self.blocks.len();
        let (even, odd) = border.split_at_mut(border.len() / 2);
        let borders = [even, odd];
        let mut fetch = Fetch {
            rows: 0..0,
            columns: 0..0,
            gradient_step: plan.bands.output.channels,
            input_step: plan.bands.step(),
            line: LINE / size_of::<T>(),
        };
        self.segments(0, panels, borders[0], &mut lists[0]);
        for step in 0..steps {
            if step % self.blocks.len() == 0 {
                let more = step + self.blocks.len() < steps;
                fetch.columns = if more { self.columns.clone() } else { 0..0 };
                if plan.packed {
                    self.pack(simd, self.chunk(step), panels);
                }
            }
            let [even, odd] = &mut lists;
            let (list, next) = if step % 2 == 0 {
                (even, odd)
            } else {
                (odd, even)
            };
            next.count = 0;
            if step + 1 < steps {
                self.segments(step + 1, panels, borders[(step + 1) % 2], next);
            }
            let segments = &mut list.all[..list.count];
            for (segment, next) in segments.iter_mut().zip(&next.all[..next.count]) {
                segment.ahead[0] = if plan.turned { next.right } else { next.left };
            }
            fetch.rows = if next.count == 0 {
                0..0
            } else {
                self.block(step + 1).1
            };
            let (band, rows) = self.block(step);
            let place = Place {
                band,
                first: step < self.blocks.len(),
            };
            if plan.turned {
                self.turned(simd, place, segments, &mut fetch);
            } else {
                let step = tile_rows(rows.len(), S::TILE_ROWS);
                let (start, apart) = match plan.copied {
                    true => (0, self.copy(simd, rows.clone(), step, segments, copies)),
                    false => (rows.start, step),
                };
                let rows = Rows {
                    all: rows,
                    step,
                    start,
                    apart,
                };
                self.straight(simd, place, rows, segments, &mut fetch);
            }
        }
    }

    /// The strips of a step, one block of one chunk.
    fn chunk(&self, step: usize) -> Range<usize> {
        let start = self.strips.start + step / self.blocks.len() * self.crew.plan.chunk();
        start..self.strips.end.min(start + self.crew.plan.chunk())
    }

    /// The band of a step, and its rows.
    fn block(&self, step: usize) -> (usize, Range<usize>) {
        let plan = &self.crew.plan;
        let block = self.blocks.start + step % self.blocks.len();
        let start = block % plan.row_blocks * plan.rows;
        let width = plan.bands.width();
        let rows = if plan.turned {
            0..width
        } else {
            start..width.min(start + plan.rows)
        };
        (block / plan.row_blocks, rows)
    }

    /// Copies the gradient's columns into panels.
    #[inline(always)]
    fn pack<S: Vectors<T>>(&self, simd: S, strips: Range<usize>, panels: &mut [T]) {
        let (plan, unit) = (&self.crew.plan, PANEL_BYTES / size_of::<T>());
        let (channels, depth) = (plan.bands.output.channels, plan.depth());
        let mut at = 0;
        for strip in strips {
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

    /// Lists the segments of a step.
    #[inline(always)]
    fn segments(&self, step: usize, panels: &[T], mut border: &mut [T], list: &mut Segments<T>) {
        let plan = &self.crew.plan;
        let (unit, channels) = (PANEL_BYTES / size_of::<T>(), plan.bands.output.channels);
        let (strips, (band, _)) = (self.chunk(step), self.block(step));
        // The gradient of the next chunk's windows follows that of these.
        let chunk = plan.first_window(strips.end) - plan.first_window(strips.start);
        let gradient = self.crew.gradient.as_ptr();
        let mut at = 0;
        list.count = 0;
        for strip in strips {
            let (line, windows) = plan.windows(strip);
            let first = plan.first_window(strip);
            let here = gradient.wrapping_add(first * channels + self.columns.start);
            let output = match plan.packed {
                true => (panels[at * unit..].as_ptr(), unit),
                false => (here, channels),
            };
            let follows = gradient.wrapping_add((first + chunk) * channels);
            let add = |(skip, mut segment): (usize, Segment<T>)| {
                segment.ahead[1] = follows.wrapping_add(skip * channels);
                if plan.turned {
                    segment = segment.turned();
                }
                if list.count == 0 || !list.all[list.count - 1].joins(&segment) {
                    list.all[list.count] = segment;
                    list.count += 1;
                }
            };
            at += windows.len();
            border =
                plan.bands
                    .segments(band, (line, windows), self.crew.input, output, border, add);
        }
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
        place: Place,
        rows: Rows,
        segments: &[Segment<T>],
        fetch: &mut Fetch,
    ) {
        let (plan, unit) = (&self.crew.plan, PANEL_BYTES / size_of::<T>());
        let (width, pitch) = (S::LANES * TILE_VECTORS, plan.bands.output.channels);
        let depth = plan.depth();
        for (tile, row) in rows.all.clone().step_by(rows.step).enumerate() {
            for column in self.columns.clone().step_by(width) {
                let within = column - self.columns.start;
                let right = match plan.packed {
                    true => within / unit * unit * depth + within % unit,
                    false => within,
                };
                let target = Target {
                    at: self.target(place.band * plan.bands.width() + row, pitch, column),
                    pitch,
                    columns: (0, width.min(self.columns.end - column)),
                    first: place.first,
                };
                let tile = (
                    rows.start + tile * rows.apart,
                    rows.step.min(rows.all.end - row),
                );
                // SAFETY: a window sees the rows of the band side by side, a panel has whole vectors; no other
                // task has this block of this slice.
                unsafe { multiply(simd, segments, tile, right, target, fetch.next()) };
            }
        }
    }

    /// A band whose elements are the columns, and the output's channels the rows.
    #[inline(always)]
    fn turned<S: Vectors<T>>(
        &self,
        simd: S,
        place: Place,
        segments: &[Segment<T>],
        fetch: &mut Fetch,
    ) {
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
                    at: self.target(row, pitch, place.band * width + start),
                    pitch,
                    columns: (done - start, columns),
                    first: place.first,
                };
                let tile = (row, step.min(rows - row));
                // SAFETY: a window sees the columns of the band side by side, and they are a vector or more; the
                // gradient's channels are side by side; no other task has this block of this slice.
                unsafe { multiply(simd, segments, tile, start, target, fetch.next()) };
            }
            done = start + columns;
        }
    }
}

/// A band, and whether its tiles are written, not added to.
struct Place {
    band: usize,
    first: bool,
}

/// The rows of a block, so many in a tile; the left operand of the first tile is at `start`, the next `apart`.
struct Rows {
    all: Range<usize>,
    step: usize,
    start: usize,
    apart: usize,
}

/// What is to be fetched while tiles are computed: the next block's rows, then the next chunk's columns.
struct Fetch {
    rows: Range<usize>,
    input_step: usize,
    columns: Range<usize>,
    gradient_step: usize,
    line: usize,
}

impl Fetch {
    /// A cache line of each window.
    fn next(&mut self) -> Ahead {
        for (which, wanted, step) in [
            (0, &mut self.rows, self.input_step),
            (1, &mut self.columns, self.gradient_step),
        ] {
            if wanted.start < wanted.end {
                let skip = wanted.start;
                wanted.start += self.line;
                return Ahead { which, skip, step };
            }
        }
        Ahead {
            which: 0,
            skip: 0,
            step: 0,
        }
    }
}

/// The rows of a tile, so that tiles are of equal size.
pub(super) fn tile_rows(rows: usize, most: usize) -> usize {
    rows.div_ceil(rows.div_ceil(most))
}

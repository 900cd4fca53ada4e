//! A forward convolution from few channels, as a network's first is.
//!
//! What a pixel of the result sees of a row of the source is a run of neighbours: the kernel's row, all channels. It is
//! read as it lies, nothing is gathered or turned: its numbers are broadcast to the result's channels, which are in
//! vector lanes. Only pixels at the borders are computed from a copy, with the padding's zeros.

mod tile;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use tconv_shape::ConvShape;

use self::tile::Tile;
use super::direct::Shared;
use super::grid::plane;
use super::{Call, Pass};
use crate::Threads;
use crate::gemm::{aligned, alignment};
use crate::simd::{Float, InstructionSet, Vectors, Work};
use crate::stage::Finish;

/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: usize = 1 << 18;
/// A task smaller than this many multiplications is not worth another thread.
const LEAST_WORK: usize = 1 << 15;
/// A sum of more terms should be cut into pieces.
const MOST_TERMS: usize = 1024;
/// The most elements of the filter's copy ...
const MOST_FILTER: usize = 1 << 18;
/// ... and of one of the source's.
const MOST_COPIED: usize = 1 << 15;
/// The pixels of a tile: as many as waste the fewest.
const TALL: [usize; 3] = [6, 5, 4];
/// The most whole vectors of a tile's columns.
const WIDE: usize = 2;
/// Room for the last vector of a row, in the filter and in copies.
const UNIT: usize = 16;

/// How a convolution is computed: by its geometry alone.
struct Plan {
    /// The source's rows, and a row's elements.
    source: [usize; 2],
    /// The result's rows, in an image and in all, and a row's pixels.
    height: usize,
    rows: usize,
    width: usize,
    /// The kernel's rows, and a row's elements.
    taps: usize,
    run: usize,
    /// From one tap to the next, in rows.
    dilation: usize,
    /// From one window to the next, in rows and in elements.
    steps: [usize; 2],
    /// Zeros before the source, in rows and in elements.
    before: [usize; 2],
    /// The result's channels, and the room for them in the filter.
    channels: usize,
    columns: usize,
    tall: usize,
    /// From one row of a copy to the next.
    pitch: usize,
    /// Multiplications for a row.
    work: usize,
}

impl Plan {
    fn new(shape: &ConvShape) -> Option<Plan> {
        let [tall, wide] = plane(shape)?;
        let depth = shape.in_channels;
        let run = wide.kernel.checked_mul(depth)?;
        let terms = run.checked_mul(tall.kernel)?;
        let cost = |&tall: &usize| wide.output.div_ceil(tall) * (2 * tall + 1);
        let pixels = TALL.into_iter().filter(|&tall| tall <= wide.output);
        let pixels = pixels.min_by_key(cost)?;
        let step = wide.stride.checked_mul(depth)?;
        let span = step.checked_mul(pixels - 1)?.checked_add(run)?;
        let pitch = span.checked_next_multiple_of(UNIT)?;
        let columns = shape.out_channels.checked_next_multiple_of(UNIT)?;
        let fits = terms <= MOST_TERMS
            && columns.checked_mul(terms + 1)? <= MOST_FILTER
            && pitch.checked_mul(tall.kernel)? <= MOST_COPIED;
        fits.then_some(Plan {
            source: [tall.input, wide.input.checked_mul(depth)?],
            height: tall.output,
            rows: shape.batch.checked_mul(tall.output)?,
            width: wide.output,
            taps: tall.kernel,
            run,
            dilation: tall.dilation,
            steps: [tall.stride, step],
            before: [tall.pad_before, wide.pad_before.checked_mul(depth)?],
            channels: shape.out_channels,
            columns,
            tall: pixels,
            pitch,
            work: terms
                .saturating_mul(wide.output)
                .saturating_mul(shape.out_channels),
        })
    }

    /// The filter's rows, and one of biases.
    fn filter_len(&self) -> usize {
        (self.taps * self.run + 1) * self.columns
    }

    fn copy_len(&self) -> usize {
        self.taps * self.pitch
    }

    /// Whether the caller's thread does it alone.
    fn serial(&self) -> bool {
        self.work.saturating_mul(self.rows) < SERIAL_WORK
    }
}

pub(super) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    pass == Pass::Forward && Plan::new(shape).is_some()
}

pub(super) fn pays(_: Pass, shape: &ConvShape) -> bool {
    /// Fewer channels are too few lanes.
    const LEAST_CHANNELS: usize = 12;
    /// A run of more elements is worth being gathered or turned, for more channels it is soon.
    const MOST_RUN: usize = 24;
    const MOST_CHANNELS: usize = 96;
    /// The most elements of a filter that stays in the first-level cache.
    const NEAR: usize = 8192;
    Plan::new(shape).is_some_and(|plan| {
        let (channels, lanes) = (plan.channels, plan.channels.next_multiple_of(8));
        (LEAST_CHANNELS..=MOST_CHANNELS).contains(&channels)
            && 4 * channels >= 3 * lanes
            && plan.run <= MOST_RUN
            && plan.filter_len() <= NEAR
    })
}

/// Whether it is done before others have prepared anything.
pub(super) fn is_small(shape: &ConvShape) -> bool {
    Plan::new(shape).is_some_and(|plan| plan.serial())
}

pub(super) fn scratch<T: Float>(_: Pass, shape: &ConvShape, threads: usize) -> usize {
    Plan::new(shape).map_or(0, |plan| {
        let threads = if plan.serial() { 1 } else { threads };
        plan.filter_len() + plan.copy_len() * threads + alignment::<T>()
    })
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    let Some(plan) = Plan::new(call.shape) else {
        return;
    };
    let finish = call.finish();
    let threads = match plan.serial() {
        true => &Threads::ONE,
        false => call.threads,
    };
    let skip = aligned(call.scratch);
    let (filter, copies) = call.scratch[skip..].split_at_mut(plan.filter_len());
    let (channels, columns) = (plan.channels, plan.columns);
    filter.fill(T::default());
    for (from, to) in call.b.chunks(channels).zip(filter.chunks_mut(columns)) {
        to[..channels].copy_from_slice(from);
    }
    let biases = plan.filter_len() - columns;
    finish.biases(0, &mut filter[biases..][..channels]);
    let crew = Crew {
        plan: &plan,
        source: call.a,
        filter,
        target: Shared(call.out.as_mut_ptr(), call.out.len()),
        finish,
        next: AtomicUsize::new(0),
    };
    let copies = &mut copies[..plan.copy_len() * threads.count()];
    threads.for_each_piece(copies, plan.copy_len(), |_, copy| crew.work(call.set, copy));
}

/// What all threads work at.
struct Crew<'a, T> {
    plan: &'a Plan,
    source: &'a [T],
    filter: &'a [T],
    target: Shared<T>,
    finish: Finish<'a, T>,
    next: AtomicUsize,
}

impl<T: Float> Crew<'_, T> {
    /// Takes some rows after the other until none is left.
    fn work(&self, set: InstructionSet, copy: &mut [T]) {
        let rows = self.plan.rows;
        let count = LEAST_WORK.div_ceil(self.plan.work).min(rows);
        loop {
            let first = self.next.fetch_add(1, Ordering::Relaxed) * count;
            if first >= rows {
                return;
            }
            let work = Rows {
                crew: self,
                rows: first..rows.min(first + count),
                copy: &mut *copy,
            };
            T::dispatch(set, work);
        }
    }
}

/// Some rows of the result, of all images.
struct Rows<'a, T> {
    crew: &'a Crew<'a, T>,
    rows: Range<usize>,
    copy: &'a mut [T],
}

impl<T: Float> Work<T> for Rows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let Rows { crew, rows, copy } = self;
        let plan = crew.plan;
        let [height, len] = plan.source;
        let row_len = plan.width * plan.channels;
        assert!(plan.columns.is_multiple_of(S::LANES) && plan.pitch.is_multiple_of(S::LANES));
        assert!(crew.filter.len() >= plan.filter_len() && copy.len() >= plan.copy_len());
        assert!(rows.end <= plan.rows && crew.target.1 >= plan.rows * row_len);
        assert!(crew.source.len() >= plan.rows / plan.height * height * len);
        let narrow = S::Narrow::LANES;
        let (vectors, rest) = (plan.channels / S::LANES, plan.channels % S::LANES);
        let half = narrow < S::LANES && (1..=narrow).contains(&rest);
        let vectors = vectors + usize::from(rest > 0 && !half);
        let groups = vectors.div_ceil(WIDE).max(1);
        // The elements behind the last channel that a whole last vector writes.
        let room = vectors * S::LANES + if half { narrow } else { 0 };
        let end = rows.end * row_len;
        for row in rows {
            let y = (row % plan.height * plan.steps[0]) as isize - plan.before[0] as isize;
            let last = y + ((plan.taps - 1) * plan.dilation) as isize;
            let whole = y >= 0 && last < height as isize;
            let image = row / plan.height * height * len;
            for x in (0..plan.width).step_by(plan.tall) {
                // The last tile has pixels of the one before again.
                let x = x.min(plan.width - plan.tall);
                let from = (x * plan.steps[1]) as isize - plan.before[1] as isize;
                let span = (plan.tall - 1) * plan.steps[1] + plan.run;
                let inside = whole && from >= 0 && from + span as isize <= len as isize;
                let (source, pitch) = if inside {
                    let place = image + y as usize * len + from as usize;
                    (crew.source[place..].as_ptr(), plan.dilation * len)
                } else {
                    let source = &crew.source[image..][..height * len];
                    // SAFETY: the copy has room, as checked.
                    unsafe { plan.copy(simd, source, (y, from), copy) };
                    (copy.as_ptr(), plan.pitch)
                };
                let place = row * row_len + x * plan.channels;
                // What is written behind a pixel's channels is written over by the next.
                let over = place + (plan.tall - 1) * plan.channels + room <= end;
                // So the last group of columns comes first.
                for group in (0..groups).rev() {
                    let column = group * WIDE * S::LANES;
                    let ends = group + 1 == groups;
                    let (half, wide) = (half && ends, (vectors - group * WIDE).min(WIDE));
                    let lanes = if half { narrow } else { S::LANES };
                    let tile = Tile {
                        plan,
                        source,
                        pitch,
                        filter: crew.filter[column..].as_ptr(),
                        target: crew.target.0.wrapping_add(place + column),
                        last: match ends && !over && rest > 0 {
                            true => lanes - (room - plan.channels),
                            false => lanes,
                        },
                        finish: &crew.finish,
                    };
                    macro_rules! sizes {
                        ($($tall:literal x $wide:literal $half:literal)*) => {
                            match (plan.tall, wide, half) {
                                // SAFETY: the source or the copy has the pixels' runs of all taps, the filter the
                                // columns, and the task's rows of the result have what is written.
                                $(($tall, $wide, $half) => unsafe {
                                    tile.run::<S, $tall, $wide, $half>(simd);
                                },)*
                                _ => unreachable!(),
                            }
                        };
                    }
                    sizes!(
                        4 x 0 true 5 x 0 true 6 x 0 true
                        4 x 1 true 5 x 1 true 6 x 1 true
                        4 x 2 true 5 x 2 true 6 x 2 true
                        4 x 1 false 5 x 1 false 6 x 1 false
                        4 x 2 false 5 x 2 false 6 x 2 false
                    );
                }
            }
        }
    }
}

impl Plan {
    /// Copies what a tile sees of an image, from a row and an element of it on, with the padding's zeros.
    ///
    /// # Safety
    /// The copy is as long as it should be.
    #[inline(always)]
    unsafe fn copy<T: Float, S: Vectors<T>>(
        &self,
        simd: S,
        image: &[T],
        (y, from): (isize, isize),
        copy: &mut [T],
    ) {
        let [height, len] = self.source;
        let inside = |at: isize| usize::try_from(at).unwrap_or(0).min(self.pitch);
        let (low, high) = (inside(-from), inside(len as isize - from));
        for tap in 0..self.taps {
            let row = y + (tap * self.dilation) as isize;
            let to = copy[tap * self.pitch..][..self.pitch].as_mut_ptr();
            let mut at = 0;
            // SAFETY: a copy's row has whole vectors; what is read is inside the image's row.
            unsafe {
                while at < self.pitch {
                    simd.store(to.add(at), simd.splat(T::default()));
                    at += S::LANES;
                }
                if row < 0 || row >= height as isize || low >= high {
                    continue;
                }
                let place = row as usize * len + (from + low as isize) as usize;
                let (from, to) = (image[place..][..high - low].as_ptr(), to.add(low));
                at = 0;
                while at + S::LANES <= high - low {
                    simd.store(to.add(at), simd.load(from.add(at)));
                    at += S::LANES;
                }
                let left = high - low - at;
                if left > 0 {
                    simd.store_some(to.add(at), simd.load_some(from.add(at), left), left);
                }
            }
        }
    }
}

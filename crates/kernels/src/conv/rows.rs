//! Runs of the result in vector lanes, for few channels of the result.
//!
//! What a pixel of the source adds to a row of the result is a run of neighbours: the kernel's row, all channels. The
//! runs of all kernel rows are computed together for some pixels, as a matrix product: the pixels are read as they lie,
//! and only the last vector of all the runs has idle lanes. Then they are added to rows of the result that stay in the
//! first-level cache until nothing more is added to them.

mod plan;

use std::sync::atomic::{AtomicUsize, Ordering};

use tconv_shape::ConvShape;

use self::plan::{Block, Plan};
use super::{Call, Pack, Pass, thin};
use crate::Threads;
use crate::simd::{Float, InstructionSet, Vectors, Work};
use crate::stage::Finish;

/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: usize = 1 << 18;

/// A source of more bytes is not in the second-level cache.
const FAR: usize = 1 << 19;
/// The bytes of a cache line.
const LINE: usize = 64;

pub(super) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    pass == Pass::BackpropInput && Plan::new(shape).is_some()
}

pub(super) fn pays<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    Plan::new(shape).is_some_and(|plan| plan.pays()) && thin::pays::<T>(pass, shape)
}

pub(super) fn packed_len(_: Pass, shape: &ConvShape) -> usize {
    Plan::new(shape).map_or(0, |plan| plan.packed_len())
}

pub(super) fn scratch(_: Pass, shape: &ConvShape, threads: usize) -> usize {
    Plan::new(shape).map_or(0, |plan| {
        plan.packed_len() + plan.own_len() * crew(&plan, threads)
    })
}

/// How many threads are at work.
fn crew(plan: &Plan, threads: usize) -> usize {
    match plan.work() < SERIAL_WORK {
        true => 1,
        false => threads,
    }
}

pub(super) fn pack<T: Float>(pack: Pack<'_, T>) {
    if let Some(plan) = Plan::new(pack.shape) {
        plan.pack(pack.filter, pack.out);
    }
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    let Some(plan) = Plan::new(call.shape) else {
        return;
    };
    let finish = call.finish();
    let threads = match crew(&plan, call.threads.count()) {
        1 => &Threads::ONE,
        _ => call.threads,
    };
    let own = plan.own_len();
    let (rooms, room) = call.scratch.split_at_mut(own * threads.count());
    let filter = match call.packed {
        Some(packed) => packed,
        None => {
            let room = &mut room[..plan.packed_len()];
            plan.pack(call.b, room);
            room
        }
    };
    let crew = Crew {
        plan: &plan,
        source: call.a,
        filter,
        result: Target(call.out.as_mut_ptr(), call.out.len()),
        finish,
        next: AtomicUsize::new(0),
    };
    threads.for_each_piece(rooms, own, |_, own| crew.work(call.set, own));
}

/// The result's memory, which the threads share.
struct Target<T>(*mut T, usize);

// SAFETY: each row is written by one thread only: blocks have none in common.
unsafe impl<T: Send> Sync for Target<T> {}

/// What all threads work at.
struct Crew<'a, T> {
    plan: &'a Plan,
    source: &'a [T],
    filter: &'a [T],
    result: Target<T>,
    finish: Finish<'a, T>,
    next: AtomicUsize,
}

impl<T: Float> Crew<'_, T> {
    /// Takes one block after the other until none is left.
    fn work(&self, set: InstructionSet, own: &mut [T]) {
        let plan = self.plan;
        let (biases, rest) = own.split_at_mut(plan.row);
        let (ring, runs) = rest.split_at_mut(plan.row * plan.ring);
        let row = plan.result_row;
        self.finish.biases(0, &mut biases[..row]);
        while let Some(block) = plan.block(self.next.fetch_add(1, Ordering::Relaxed)) {
            let work = Rows {
                crew: self,
                block,
                biases: &biases[..row],
                ring: &mut *ring,
                runs: &mut *runs,
            };
            T::dispatch(set, work);
        }
    }
}

/// A block of the result.
struct Rows<'a, T> {
    crew: &'a Crew<'a, T>,
    block: Block,
    /// For a row of the result.
    biases: &'a [T],
    /// Rows of the result that something is still added to: of row `p`, seen from the first tap of the first pixel, the
    /// place is `p % plan.ring`.
    ring: &'a mut [T],
    /// The runs of some pixels, behind room for a tile.
    runs: &'a mut [T],
}

impl<T: Float> Work<T> for Rows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(mut self, simd: S) {
        let plan = self.crew.plan;
        assert!(self.crew.filter.len() >= plan.packed_len());
        assert!(self.runs.len() >= plan.runs_len() && self.ring.len() >= plan.ring * plan.row);
        let block = self.block.clone();
        let width = plan.width;
        let pixels = (block.source.end - block.source.start) * width;
        let first_pixel = (block.image * plan.height + block.source.start) * width;
        let source = &self.crew.source[first_pixel * plan.depth..][..pixels * plan.depth];
        let vectors = plan.columns / S::LANES;
        let most = if S::TILE_ROWS < 12 { 2 } else { 5 };
        let wide = vectors.div_ceil(vectors.div_ceil(most));
        let tall = match (S::TILE_ROWS < 12, wide) {
            (true, 1) => 8,
            (true, _) => 6,
            (false, 1 | 2) => 12,
            (false, 3) => 8,
            (false, 4) => 6,
            (false, _) => 4,
        };
        let tall = if pixels < tall { 1 } else { tall };
        let far = size_of_val(self.crew.source) > FAR;
        if plan.apart {
            self.ring.fill(T::default());
        }
        // Rows that are cleared, and those that are written.
        let mut ready = block.source.start * plan.stride;
        let mut written = block.result.start;
        // The pixels whose runs are there.
        let (mut first, mut end) = (0, 0);
        while first < pixels {
            // The last tile has pixels of the one before again.
            let start = end.min(pixels - tall);
            if far {
                let next = source.as_ptr().wrapping_add(end * plan.depth);
                let next = next.wrapping_add(tall * plan.depth);
                for at in (0..tall * plan.depth).step_by(LINE / size_of::<T>()) {
                    simd.prefetch(next.wrapping_add(at));
                }
            }
            let mut column = 0;
            while column < vectors {
                // So have the last vectors.
                let at = column.min(vectors - wide) * S::LANES;
                let slot = plan::TALL + start - first;
                let tile = Tile {
                    source: source[start * plan.depth..].as_ptr(),
                    depth: plan.depth,
                    filter: self.crew.filter[at..].as_ptr(),
                    columns: plan.columns,
                    runs: self.runs[slot * plan.columns + at..].as_mut_ptr(),
                };
                macro_rules! sizes {
                    ($($tall:literal x $wide:literal)*) => {
                        match (tall, wide) {
                            // SAFETY: so many pixels are left, and so many vectors of columns; the runs have room
                            // for the pixels of a row's part and two tiles.
                            $(($tall, $wide) => unsafe { tile.run::<S, $tall, $wide, false>(simd, ()) },)*
                            _ => unreachable!(),
                        }
                    };
                }
                if S::TILE_ROWS < 12 {
                    sizes!(8 x 1 6 x 2 1 x 1 1 x 2);
                } else {
                    sizes!(12 x 1 12 x 2 8 x 3 6 x 4 4 x 5 1 x 1 1 x 2 1 x 3 1 x 4 1 x 5);
                }
                column += wide;
            }
            end = start + tall;
            let begin = first;
            while first < pixels {
                let (y, x) = (block.source.start + first / width, first % width);
                let count = (width - x).min(plan.part);
                if end - first < count {
                    break;
                }
                let row = y * plan.stride;
                if x == 0 {
                    // Nothing more is added to rows before; what was added last is in the cache by now.
                    ready = ready.max(row);
                    self.write(simd, &mut written, row.min(block.result.end));
                    if !plan.apart {
                        self.clear(&mut ready, row + plan.ring);
                    }
                }
                // SAFETY: the runs of these pixels are there.
                unsafe { self.add(simd, first - begin, (row, x, count)) };
                first += count;
            }
            if begin < first && first < end {
                let from = (plan::TALL + first - begin) * plan.columns;
                let len = (end - first) * plan.columns;
                self.runs
                    .copy_within(from..from + len, plan::TALL * plan.columns);
            }
        }
        ready = ready.max(block.source.end * plan.stride);
        while written < block.result.end {
            let next = written + 1;
            self.clear(&mut ready, next);
            self.write(simd, &mut written, next);
        }
    }
}

impl<T: Float> Rows<'_, T> {
    /// Clears the rows from `ready` on.
    fn clear(&mut self, ready: &mut usize, end: usize) {
        let plan = self.crew.plan;
        while *ready < end {
            self.ring[*ready % plan.ring * plan.row..][..plan.row].fill(T::default());
            *ready += 1;
        }
    }

    /// Adds the runs of `count` pixels, from number `slot` on, which are those from `x` on of a row whose first tap leads
    /// to `row`.
    ///
    /// # Safety
    /// The runs have so many, and the pixels are in a row of the source.
    #[inline(always)]
    unsafe fn add<S: Vectors<T>>(
        &mut self,
        simd: S,
        slot: usize,
        (row, x, count): (usize, usize, usize),
    ) {
        let plan = self.crew.plan;
        let runs = self.runs[(plan::TALL + slot) * plan.columns..].as_ptr();
        let steps = plan.run.div_ceil(S::LANES);
        let last = plan.run - (steps - 1) * S::LANES;
        // Pixels so far apart have no vector in common.
        let apart = if plan.apart {
            1
        } else {
            (steps * S::LANES).div_ceil(plan.step)
        };
        for phase in 0..apart.min(count) {
            let pixels = (count - phase).div_ceil(apart);
            let mut place = row % plan.ring;
            for tap in 0..plan.taps {
                let at = place * plan.row + (x + phase) * plan.step;
                let to = self.ring[at..].as_mut_ptr();
                place += plan.dilation;
                while place >= plan.ring {
                    place -= plan.ring;
                }
                let from = runs.wrapping_add(phase * plan.columns + tap * plan.run);
                let mut line = Line {
                    from,
                    to,
                    pitches: [apart * plan.columns, apart * plan.step],
                    pixels,
                    last,
                };
                // SAFETY: the last pixel's vectors end in its row, which has room for a vector behind, and so have the
                // runs.
                unsafe {
                    if !plan.apart {
                        for step in 0..steps {
                            match step + 1 < steps || last == S::LANES {
                                true => line.run::<S, true, true>(simd),
                                false => line.run::<S, false, true>(simd),
                            }
                            line.from = line.from.wrapping_add(S::LANES);
                            line.to = line.to.wrapping_add(S::LANES);
                        }
                    } else if steps == 1 && last < S::LANES {
                        line.run::<S, false, false>(simd);
                    } else {
                        // Zeros behind a run are written over by the next pixel's.
                        line.pixels = 1;
                        for pixel in 0..pixels {
                            line.from = from.wrapping_add(pixel * plan.columns);
                            line.to = to.wrapping_add(pixel * plan.step);
                            for step in 0..steps {
                                match step + 1 < steps || last == S::LANES {
                                    true => line.run::<S, true, false>(simd),
                                    false => line.run::<S, false, false>(simd),
                                }
                                line.from = line.from.wrapping_add(S::LANES);
                                line.to = line.to.wrapping_add(S::LANES);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Finishes rows, from `written` on, and writes them.
    #[inline(always)]
    fn write<S: Vectors<T>>(&mut self, simd: S, written: &mut usize, end: usize) {
        let crew = self.crew;
        let plan = crew.plan;
        let len = plan.result_row;
        while *written < end {
            let row = self.block.image * plan.result_height + *written - plan.before;
            let place = row * len;
            assert!(place + len <= crew.result.1);
            let from = &self.ring[*written % plan.ring * plan.row + plan.cut..][..len];
            *written += 1;
            if crew.finish.stages().is_empty() {
                // SAFETY: the row is inside the result, as checked, and no other thread has it.
                unsafe {
                    let to = crew.result.0.add(place);
                    to.copy_from_nonoverlapping(from.as_ptr(), len);
                }
                continue;
            }
            let mut at = 0;
            while at < len {
                let count = (len - at).min(S::LANES);
                // SAFETY: so many elements are in the row, in the ring, the biases and the result, whose rows no other
                // thread has.
                unsafe {
                    let (from, biases) = (from.as_ptr().add(at), self.biases.as_ptr().add(at));
                    let to = crew.result.0.add(place + at);
                    if count == S::LANES {
                        let mut sums = [[simd.load(from)]];
                        crew.finish.columns(simd, &mut sums, [simd.load(biases)]);
                        simd.store(to, sums[0][0]);
                    } else {
                        let mut sums = [[simd.load_some(from, count)]];
                        let biases = [simd.load_some(biases, count)];
                        crew.finish.columns(simd, &mut sums, biases);
                        simd.store_some(to, sums[0][0], count);
                    }
                }
                at += count;
            }
        }
    }
}

/// A vector of each of some pixels' runs.
pub(super) struct Line<T> {
    pub(super) from: *const T,
    pub(super) to: *mut T,
    /// From one pixel to the next, in both.
    pub(super) pitches: [usize; 2],
    pub(super) pixels: usize,
    /// The lanes that count where the vector is not whole.
    pub(super) last: usize,
}

impl<T: Float> Line<T> {
    /// Adds or copies the vectors, zeros in the lanes that do not count.
    ///
    /// # Safety
    /// They are there in whole.
    #[inline(always)]
    pub(super) unsafe fn run<S: Vectors<T>, const WHOLE: bool, const ADD: bool>(&self, simd: S) {
        let (mut from, mut to) = (self.from, self.to);
        for _ in 0..self.pixels {
            // SAFETY: the caller's.
            unsafe {
                let mut sums = match WHOLE {
                    true => simd.load(from),
                    false => simd.load_some(from, self.last),
                };
                if ADD {
                    sums = simd.add(simd.load(to), sums);
                }
                simd.store(to, sums);
            }
            from = from.wrapping_add(self.pitches[0]);
            to = to.wrapping_add(self.pitches[1]);
        }
    }
}

/// What is done beside a tile's products, a step for each channel of the source.
pub(super) trait Beside<T> {
    /// # Safety
    /// As what is done asks for.
    unsafe fn step<S: Vectors<T>, const TALL: usize>(&mut self, simd: S, channel: usize);
}

impl<T> Beside<T> for () {
    #[inline(always)]
    unsafe fn step<S: Vectors<T>, const TALL: usize>(&mut self, _: S, _: usize) {}
}

/// Some pixels times some vectors of columns.
#[derive(Clone, Copy)]
pub(super) struct Tile<T> {
    pub(super) source: *const T,
    /// A pixel's channels.
    pub(super) depth: usize,
    pub(super) filter: *const T,
    pub(super) columns: usize,
    pub(super) runs: *mut T,
}

impl<T: Float> Tile<T> {
    /// With `HALF` there is a narrow vector of columns behind the others.
    ///
    /// # Safety
    /// There are `TALL` pixels in the source and in the runs, and `WIDE` vectors of columns in the filter and in the runs,
    /// and with `HALF` half of one; and what is done beside is safe.
    #[inline(always)]
    pub(super) unsafe fn run<
        S: Vectors<T>,
        const TALL: usize,
        const WIDE: usize,
        const HALF: bool,
    >(
        self,
        simd: S,
        mut beside: impl Beside<T>,
    ) {
        let narrow = simd.narrow();
        let mut sums = [[simd.splat(T::default()); WIDE]; TALL];
        let mut halves = [narrow.splat(T::default()); TALL];
        let (mut source, mut filter) = (self.source, self.filter);
        // SAFETY: the caller's.
        unsafe {
            for channel in 0..self.depth {
                beside.step::<S, TALL>(simd, channel);
                let mut columns = [simd.splat(T::default()); WIDE];
                for (v, column) in columns.iter_mut().enumerate() {
                    *column = simd.load(filter.add(v * S::LANES));
                }
                let mut half = narrow.splat(T::default());
                if HALF {
                    half = narrow.load(filter.add(WIDE * S::LANES));
                }
                for pixel in 0..TALL {
                    let x = simd.splat(*source.add(pixel * self.depth));
                    for (sum, &column) in sums[pixel].iter_mut().zip(&columns) {
                        *sum = simd.mul_add(x, column, *sum);
                    }
                    if HALF {
                        halves[pixel] = narrow.mul_add(simd.first(x), half, halves[pixel]);
                    }
                }
                source = source.add(1);
                filter = filter.wrapping_add(self.columns);
            }
            for pixel in 0..TALL {
                let runs = self.runs.add(pixel * self.columns);
                for (v, &sum) in sums[pixel].iter().enumerate() {
                    simd.store(runs.add(v * S::LANES), sum);
                }
                if HALF {
                    narrow.store(runs.add(WIDE * S::LANES), halves[pixel]);
                }
            }
        }
    }
}

//! Winograd's short convolutions along the first axis alone, for few channels of a gradient towards the input.
//!
//! Whole rows of the source are transformed, so that nothing is turned; what a pixel adds to a row at a point is a run of
//! neighbours: the kernel's row, all channels. The runs of all phases are computed together, in vector lanes, and added up
//! for each point before the rows are transformed back.

mod plan;
mod transform;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tconv_shape::ConvShape;

use self::plan::{LANES, POINTS, Place, Plan, UNIT};
use self::transform::Transform;
use super::super::direct::{self, Shared};
use super::super::rows::{Line, Tile};
use super::super::{Call, Pack, Pass, thin};
use super::line::Sub;
use crate::Threads;
use crate::simd::{Float, InstructionSet, Vectors, Work};
use crate::stage::Finish;

/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: usize = 1 << 18;

pub(in crate::conv) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    pass == Pass::BackpropInput && Plan::new(shape).is_some()
}

pub(in crate::conv) fn pays<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    /// What a multiplication takes by `thin`, and what counts as one by tiles in lanes.
    const THIN: f64 = 1.15;
    const TILES: f64 = 1.1;
    let Some(plan) = Plan::new(shape) else {
        return false;
    };
    let cost = plan.cost();
    thin::pays_beside::<T>((super::thin::RUN, true), pass, shape)
        && cost < plan.rows_cost()
        && cost < THIN * thin::work::<T>(pass, shape) + plan.thin_rest()
        && (!super::thin::supports::<T>(pass, shape)
            || cost < TILES * super::thin::cost::<T>(pass, shape))
}

pub(in crate::conv) fn packed_len(_: Pass, shape: &ConvShape) -> usize {
    Plan::new(shape).map_or(0, |plan| plan.packed_len())
}

pub(in crate::conv) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let own = |plan: Plan| {
        let own = plan.rooms().iter().sum::<usize>();
        plan.packed_len() + own * crew(&plan, threads)
    };
    let own = Plan::new(shape).map_or(0, own);
    own.max(direct::scratch::<T>(pass, shape, threads))
}

/// How many threads are at work.
fn crew(plan: &Plan, threads: usize) -> usize {
    match plan.work() < SERIAL_WORK {
        true => 1,
        false => threads,
    }
}

pub(in crate::conv) fn pack<T: Float>(pack: Pack<'_, T>) {
    if let Some(plan) = Plan::new(pack.shape) {
        plan.pack(pack.filter, pack.out);
    }
}

pub(in crate::conv) fn compute<T: Float>(call: Call<'_, T>) {
    let Some(plan) = &Plan::new(call.shape) else {
        return;
    };
    let finish = call.finish();
    let threads = match crew(plan, call.threads.count()) {
        1 => &Threads::ONE,
        _ => call.threads,
    };
    let Call {
        set,
        pass,
        shape,
        a,
        b,
        packed,
        out,
        scratch,
        ..
    } = call;
    let (filter, rooms) = scratch.split_at_mut(plan.packed_len());
    let filter = match packed {
        Some(packed) => packed,
        None => {
            plan.pack(b, filter);
            filter
        }
    };
    let crew = Crew {
        plan,
        source: a,
        filter,
        result: Shared(out.as_mut_ptr(), out.len()),
        finish,
        next: AtomicUsize::new(0),
        finite: AtomicBool::new(true),
    };
    let own = plan.rooms().iter().sum::<usize>();
    threads.for_each_piece(&mut rooms[..own * threads.count()], own, |_, own| {
        crew.work(set, own)
    });
    if !crew.finite.into_inner() {
        direct::anew(
            (set, threads),
            (pass, shape),
            [a, b],
            finish.stages(),
            (out, scratch),
        );
    }
}

/// What all threads work at.
struct Crew<'a, T> {
    plan: &'a Plan,
    source: &'a [T],
    filter: &'a [T],
    result: Shared<T>,
    finish: Finish<'a, T>,
    next: AtomicUsize,
    finite: AtomicBool,
}

impl<T: Float> Crew<'_, T> {
    /// Takes one block after the other until none is left.
    fn work(&self, set: InstructionSet, own: &mut [T]) {
        let [biases, zeros, sums, runs, _] = self.plan.rooms();
        let (biases, rest) = own.split_at_mut(biases);
        let (zeros, rest) = rest.split_at_mut(zeros);
        let (sums, rest) = rest.split_at_mut(sums);
        let (runs, pixels) = rest.split_at_mut(runs);
        let row = self.plan.result_row;
        self.finish.biases(0, &mut biases[..row]);
        zeros.fill(T::default());
        let mut finite = true;
        while let Some((image, tiles)) = self.plan.block(self.next.fetch_add(1, Ordering::Relaxed))
        {
            let work = Rows {
                crew: self,
                image,
                tiles,
                sub: self.plan.line.sub(0),
                biases: &biases[..row],
                zeros: &*zeros,
                sums: &mut *sums,
                runs: &mut *runs,
                pixels: &mut *pixels,
            };
            finite &= T::dispatch(set, work);
        }
        if !finite {
            self.finite.store(false, Ordering::Relaxed);
        }
    }
}

/// Some tiles of rows of the result.
struct Rows<'a, T> {
    crew: &'a Crew<'a, T>,
    image: usize,
    tiles: Range<usize>,
    /// The phase that is read: all see the same.
    sub: Sub,
    /// For a row of the result.
    biases: &'a [T],
    /// In place of a tile of pixels that the source does not have.
    zeros: &'a [T],
    /// For each point and phase a row.
    sums: &'a mut [T],
    /// For each point the runs of a part's pixels.
    runs: &'a mut [T],
    /// The pixels of a tile of products at a point, and those of the next.
    pixels: &'a mut [T],
}

impl<T: Float> Work<T> for Rows<'_, T> {
    /// Whether all results are finite.
    type Output = bool;
    #[inline(always)]
    fn run<S: Vectors<T>>(mut self, simd: S) -> bool {
        let plan = self.crew.plan;
        let [_, zeros, sums, runs, pixels] = plan.rooms();
        assert!(self.crew.filter.len() >= plan.packed_len());
        assert!(self.zeros.len() == zeros && self.sums.len() == sums);
        assert!(self.runs.len() >= runs && self.pixels.len() >= pixels);
        let [tall, _] = plan.tile::<T, S>();
        let mut finite = simd.splat(T::default());
        let mut now = Place {
            tile: self.tiles.start,
            part: 0,
            pixels: plan.part(0),
            point: 0,
            first: 0,
        };
        let mut slot = 0;
        let first = self.transform(&now, tall, slot);
        // SAFETY: it is inside the pixels.
        unsafe { first.finish(simd) };
        loop {
            if (now.part, now.point, now.first) == (0, 0, 0) {
                self.sums.fill(T::default());
            }
            let next = now.next(plan, tall, self.tiles.end);
            let beside = match &next {
                Some(next) => self.transform(next, tall, 1 - slot),
                None => Transform::NONE,
            };
            self.products(simd, &now, slot, beside);
            let [row, part] = match &next {
                Some(next) => [next.tile != now.tile, next.pixels != now.pixels],
                None => [true, true],
            };
            if row || part {
                self.add(simd, now.pixels.start, now.pixels.len());
            }
            if row {
                finite = match plan.line.outputs {
                    2 => self.write::<S, 2>(simd, now.tile, finite),
                    _ => self.write::<S, 3>(simd, now.tile, finite),
                };
            }
            let Some(next) = next else { break };
            now = next;
            slot = 1 - slot;
        }
        let mut all = [T::default(); LANES];
        // SAFETY: no vector has more elements.
        unsafe { simd.store(all.as_mut_ptr(), finite) };
        all.iter().all(|x| x.to_f64() == 0.0)
    }
}

impl<T: Float> Rows<'_, T> {
    /// How pixels get to a point: those of two rows, added or subtracted.
    #[inline(always)]
    fn transform(&mut self, place: &Place, tall: usize, slot: usize) -> Transform<T> {
        let plan = self.crew.plan;
        let (rows, sum) = match place.point {
            0 => ([0, 2], false),
            1 => ([1, 2], true),
            2 => ([2, 1], false),
            _ => ([3, 1], false),
        };
        let len = tall * plan.depth;
        let room = plan.pixels_len();
        let mut from = [self.zeros[..len].as_ptr(); 2];
        for (from, row) in from.iter_mut().zip(rows) {
            if let Some(row) = plan.line.pixel(&self.sub, place.tile, row) {
                let pixel = (self.image * plan.height + row) * plan.width + place.first;
                *from = self.crew.source[pixel * plan.depth..][..len].as_ptr();
            }
        }
        Transform {
            from,
            sum,
            to: self.pixels[slot * room..][..room].as_mut_ptr(),
            at: 0,
            len,
        }
    }

    /// The runs of a tile's pixels, and the next tile's transform beside them.
    #[inline(always)]
    fn products<S: Vectors<T>>(
        &mut self,
        simd: S,
        place: &Place,
        slot: usize,
        mut beside: Transform<T>,
    ) {
        let plan = self.crew.plan;
        let [tall, most] = plan.tile::<T, S>();
        let before = plan.filter_columns(place.point);
        let columns = plan.columns(place.point);
        let runs = before * place.pixels.len() + (place.first - place.pixels.start) * columns;
        let runs = &mut self.runs[runs..][..tall * columns];
        let filter = &self.crew.filter[before * plan.depth..][..plan.depth * columns];
        let pixels = &self.pixels[slot * plan.pixels_len()..];
        let mut tile = Tile {
            source: pixels.as_ptr(),
            depth: plan.depth,
            filter: filter.as_ptr(),
            columns,
            runs: runs.as_mut_ptr(),
        };
        let mut left = columns;
        while left > 0 {
            let (vectors, half) = (left / S::LANES, !left.is_multiple_of(S::LANES));
            // Half a vector goes with one or two.
            let groups = (vectors + usize::from(half)).div_ceil(most);
            let wide = vectors.div_ceil(groups);
            let half = half && groups == 1;
            macro_rules! sizes {
                ($($tall:literal x $wide:literal $half:literal)*) => {
                    match (tall, wide, half) {
                        // SAFETY: so many pixels, and so many vectors of columns are left; what is beside is inside
                        // the pixels, apart from these.
                        $(($tall, $wide, $half) => unsafe {
                            tile.run::<S, $tall, $wide, $half>(simd, &mut beside);
                        },)*
                        _ => unreachable!("a tile has no other sizes"),
                    }
                };
            }
            match S::TILE_ROWS {
                12 => sizes!(
                    8 x 1 false 8 x 2 false 8 x 3 false 8 x 1 true 8 x 2 true
                    4 x 1 false 4 x 2 false 4 x 3 false 4 x 1 true 4 x 2 true
                    1 x 1 false 1 x 2 false 1 x 3 false 1 x 1 true 1 x 2 true
                ),
                6 => {
                    sizes!(6 x 1 false 6 x 2 false 4 x 1 false 4 x 2 false 1 x 1 false 1 x 2 false)
                }
                _ => sizes!(4 x 1 false 4 x 2 false 1 x 1 false 1 x 2 false),
            }
            let done = wide * S::LANES + usize::from(half) * UNIT;
            left -= done;
            tile.filter = tile.filter.wrapping_add(done);
            tile.runs = tile.runs.wrapping_add(done);
        }
        // SAFETY: inside the pixels.
        unsafe { beside.finish(simd) };
    }

    /// Adds the runs of `count` pixels from `start` on.
    #[inline(always)]
    fn add<S: Vectors<T>>(&mut self, simd: S, start: usize, count: usize) {
        let plan = self.crew.plan;
        let steps = plan.run.div_ceil(S::LANES);
        let last = plan.run - (steps - 1) * S::LANES;
        // Pixels so far apart have no vector in common.
        let apart = (steps * S::LANES).div_ceil(plan.step);
        for first in 0..apart.min(count) {
            let mut runs = self.runs.as_ptr();
            for point in 0..POINTS {
                let columns = plan.columns(point);
                for phase in 0..plan.sharing(point) {
                    let at = (point * plan.phases + phase) * plan.row + (start + first) * plan.step;
                    let mut line = Line {
                        from: runs.wrapping_add(first * columns + phase * plan.run),
                        to: self.sums[at..].as_mut_ptr(),
                        pitches: [apart * columns, apart * plan.step],
                        pixels: (count - first).div_ceil(apart),
                        last,
                    };
                    // SAFETY: the last pixel's vectors end in its row, which has room for a vector behind, and so have
                    // the runs.
                    unsafe {
                        for step in 0..steps {
                            match step + 1 < steps || last == S::LANES {
                                true => line.run::<S, true, true>(simd),
                                false => line.run::<S, false, true>(simd),
                            }
                            line.from = line.from.wrapping_add(S::LANES);
                            line.to = line.to.wrapping_add(S::LANES);
                        }
                    }
                }
                runs = runs.wrapping_add(columns * count);
            }
        }
    }

    /// Transforms a tile's rows back, finishes and writes them. What is not finite stays in the vector that is given back.
    #[inline(always)]
    fn write<S: Vectors<T>, const OUTPUTS: usize>(
        &mut self,
        simd: S,
        tile: usize,
        mut finite: S::Vector,
    ) -> S::Vector {
        let crew = self.crew;
        let plan = crew.plan;
        let len = plan.result_row;
        let zero = simd.splat(T::default());
        for phase in 0..plan.phases {
            let sub = plan.line.sub(phase);
            let mut to = [None; OUTPUTS];
            for (i, to) in to.iter_mut().enumerate() {
                if let Some(row) = plan.target(&sub, tile, i) {
                    let place = (self.image * plan.result_height + row) * len;
                    assert!(place + len <= crew.result.1);
                    *to = Some(crew.result.0.wrapping_add(place));
                }
            }
            let from = &self.sums[phase * plan.row + plan.cut..];
            let pitch = plan.phases * plan.row;
            assert!(from.len() >= (POINTS - 1) * pitch + len + LANES);
            let from = from.as_ptr();
            for at in (0..len).step_by(S::LANES) {
                let count = (len - at).min(S::LANES);
                // SAFETY: so many elements are in the rows, the biases and the result, whose rows no other thread has;
                // behind a row there is room for a vector.
                unsafe {
                    let mut points = [zero; POINTS];
                    for (i, point) in points.iter_mut().enumerate() {
                        *point = simd.load(from.add(i * pitch + at));
                    }
                    let out = super::transform::output::<T, S, POINTS, OUTPUTS>(simd, points);
                    let biases = match count == S::LANES {
                        true => simd.load(self.biases.as_ptr().add(at)),
                        false => simd.load_some(self.biases.as_ptr().add(at), count),
                    };
                    for (&out, &to) in out.iter().zip(&to) {
                        let Some(to) = to else { continue };
                        // Infinity or NaN times zero is NaN, which stays.
                        finite = simd.mul_add(out, zero, finite);
                        let mut sums = [[out]];
                        crew.finish.columns(simd, &mut sums, [biases]);
                        match count == S::LANES {
                            true => simd.store(to.add(at), sums[0][0]),
                            false => simd.store_some(to.add(at), sums[0][0], count),
                        }
                    }
                }
            }
        }
        finite
    }
}

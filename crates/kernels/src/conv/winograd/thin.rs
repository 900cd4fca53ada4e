//! Winograd's short convolutions with tiles in vector lanes, for few channels: of the result, so that no lane of the
//! products is wasted, or of the source.
//!
//! All phases are computed together, in tiles for those with the most taps. What a tile has at the points is turned, so
//! that as many tiles as a vector has lie side by side, and the filter's elements are broadcast.

pub(super) mod pack;
mod plan;
mod tiles;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tconv_shape::{ConvAxis, ConvShape};

use self::plan::{Band, LANES, MOST_ROWS, POINTS, Plan};
use self::tiles::{Lanes, Outputs, Points, Products, Stores};
use super::super::direct::{self, Shared};
use super::super::phase::Phase;
use super::super::{Call, Pack, Pass, thin};
use crate::Threads;
use crate::simd::{Float, InstructionSet};
use crate::stage::Finish;

/// The most tiles that a thread takes at once, and as many tasks as keep many threads busy to the end.
const CHUNK: usize = 64;
const ENOUGH_TASKS: usize = 32;
/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: f64 = 1e5;
/// What a thread's products may take, in elements.
const ROOM: usize = 1 << 18;
/// As that of `thin`, higher where transforms leave fewer products.
pub(super) const RUN: usize = 20;
/// A result of fewer terms might be much smaller than its neighbours, whose rounding it takes over.
pub(super) const LEAST_TERMS: usize = 32;

pub(in crate::conv) fn supports<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    let fits = || {
        let plan = Plan::new::<T>(pass, shape);
        plan.band_rows() <= MOST_ROWS && plan.rooms().iter().sum::<usize>() <= ROOM
    };
    let gaps = |axis: &ConvAxis| pass == Pass::BackpropInput && Phase::leaves_gaps(axis);
    super::supports(pass, shape)
        && crate::conv::grid::axes(shape)[0].kernel == 1
        && shape
            .axes
            .iter()
            .all(|axis| axis.dilation == 1 && !gaps(axis))
        && least_terms(pass, shape) >= LEAST_TERMS
        && fits()
}

/// The terms of those results that have the fewest.
pub(super) fn least_terms(pass: Pass, shape: &ConvShape) -> usize {
    let (taps, channels): (fn(&ConvAxis) -> usize, _) = match pass {
        Pass::Forward => (|axis| axis.kernel, shape.in_channels),
        _ => (|axis| axis.kernel / axis.stride, shape.out_channels),
    };
    shape
        .axes
        .iter()
        .map(taps)
        .fold(channels, usize::saturating_mul)
}

pub(in crate::conv) fn pays<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    /// What a multiplication takes without transforms, as they have overheads of their own.
    const PLAIN: f64 = 1.25;
    thin::pays_beside::<T>((RUN, true), pass, shape)
        && cost::<T>(pass, shape) < PLAIN * thin::work::<T>(pass, shape)
}

/// What it takes, counted in multiplications.
pub(super) fn cost<T: Float>(pass: Pass, shape: &ConvShape) -> f64 {
    /// What an element of a transform takes.
    const TRANSFORM: f64 = 15.0;
    let [products, transforms] = Plan::new::<T>(pass, shape).cost();
    products + TRANSFORM * transforms
}

pub(in crate::conv) fn packed_len<T: Float>(pass: Pass, shape: &ConvShape) -> usize {
    Plan::new::<T>(pass, shape).packed_len()
}

pub(in crate::conv) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let plan = Plan::new::<T>(pass, shape);
    let rooms = plan.rooms().iter().sum::<usize>().saturating_mul(threads);
    let all = plan.packed_len().saturating_add(rooms);
    all.max(direct::scratch::<T>(pass, shape, threads))
}

pub(in crate::conv) fn pack<T: Float>(pack: Pack<'_, T>) {
    let plan = Plan::new::<T>(pack.pass, pack.shape);
    pack::pack_into(&plan, pack.threads, pack.filter, pack.out);
}

pub(in crate::conv) fn compute<T: Float>(call: Call<'_, T>) {
    let finish = call.finish();
    let Call {
        set,
        threads,
        pass,
        shape,
        a,
        b,
        packed,
        out,
        scratch,
        ..
    } = call;
    let plan = &Plan::new::<T>(pass, shape);
    let (filter, rest) = scratch.split_at_mut(plan.packed_len());
    let filter = match packed {
        Some(packed) => packed,
        None => {
            pack::pack_into(plan, threads, b, filter);
            filter
        }
    };
    let few = match plan.cost()[0] < SERIAL_WORK {
        true => &Threads::ONE,
        false => threads,
    };
    let crew = Crew {
        set,
        plan,
        source: a,
        filter,
        target: Shared(out.as_mut_ptr(), out.len()),
        finish,
        next: AtomicUsize::new(0),
        finite: AtomicBool::new(true),
    };
    let own = plan.rooms().iter().sum::<usize>();
    few.for_each_piece(&mut rest[..own * few.count()], own, |_, room| {
        crew.work(room)
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
    set: InstructionSet,
    plan: &'a Plan,
    source: &'a [T],
    filter: &'a [T],
    target: Shared<T>,
    finish: Finish<'a, T>,
    next: AtomicUsize,
    finite: AtomicBool,
}

impl<T: Float> Crew<'_, T> {
    /// Takes one chunk of tiles after the other until none is left.
    fn work(&self, room: &mut [T]) {
        let rows = self.plan.set.rows;
        let lanes = T::dispatch(self.set, Lanes);
        let chunk = (rows / ENOUGH_TASKS)
            .next_multiple_of(LANES)
            .clamp(LANES, CHUNK);
        let mut finite = true;
        loop {
            let start = self.next.fetch_add(1, Ordering::Relaxed) * chunk;
            if start >= rows {
                break;
            }
            let end = rows.min(start + chunk);
            for first in (start..end).step_by(lanes) {
                for band in self.plan.bands() {
                    finite &= self.band(&band, first, lanes.min(end - first), room);
                }
            }
        }
        if !finite {
            self.finite.store(false, Ordering::Relaxed);
        }
    }

    /// Computes a band's results of a vector of tiles; whether they are finite.
    fn band(&self, band: &Band, first: usize, count: usize, room: &mut [T]) -> bool {
        let (plan, set) = (self.plan, self.set);
        let [points, products, results, _] = plan.rooms();
        let (points, rest) = room.split_at_mut(points);
        let (products, rest) = rest.split_at_mut(products);
        let (results, turned) = rest.split_at_mut(results);
        let mut filter = &self.filter[band.filter..];
        let mut places = [[tiles::NONE; POINTS]; LANES];
        for (i, piece) in plan.pieces().enumerate() {
            if piece.channels.start == 0 {
                tiles::places(plan, &piece, first, count, &mut places);
            }
            // The next channels of these tiles, or the first ones of the next tiles in the row.
            let strides = &plan.layout.source;
            let ahead = match piece.channels.end == strides.channels {
                false => piece.channels.len() as isize,
                true => {
                    let next = count * plan.step() * strides.axes[2];
                    next as isize - piece.channels.start as isize
                }
            };
            let work = Points {
                piece: &piece,
                ahead,
                source: self.source,
                places: &places[..count],
                target: points,
            };
            T::dispatch(set, work);
            let len = piece.points().len() * piece.channels.len() * band.rows;
            let (now, rest) = filter.split_at(len);
            filter = rest;
            let work = Products {
                piece: &piece,
                rows: band.rows,
                tiles: points,
                filter: now,
                sums: products,
                // The first phase has all points.
                start: i == 0,
            };
            T::dispatch(set, work);
        }
        let channels = plan.layout.target.channels;
        let lines = &plan.set.lines;
        let mut results_of = [0; MOST_ROWS];
        for (row, place) in results_of[..band.rows].iter_mut().enumerate() {
            let (phase, channel) = plan.row_at(band, row);
            let tall = (phase[0] - band.phases.start) * lines[0].outputs;
            *place = tall * plan.wide() + plan.place(1, phase[1]) * channels + channel;
        }
        let rows = band.phases.len() * lines[0].outputs;
        let finite = T::dispatch(
            set,
            Outputs {
                plan,
                products,
                finish: &self.finish,
                places: &results_of[..band.rows],
                steps: [plan.wide(), lines[1].targets().len() * channels],
                tiles: count,
                count: rows * plan.wide(),
                results,
                turned,
            },
        );
        let mut tall = [0; MOST_ROWS];
        let slots = band
            .phases
            .clone()
            .flat_map(|phase| (0..lines[0].outputs).map(move |i| (phase, i)));
        for (place, (phase, i)) in tall.iter_mut().zip(slots) {
            *place = plan.place(0, phase) + i * lines[0].targets().len();
        }
        let stores = Stores {
            plan,
            first,
            tiles: count,
            rows: &tall[..rows],
            results: turned,
            target: self.target.0,
            target_len: self.target.1,
        };
        T::dispatch(set, stores);
        finite
    }
}

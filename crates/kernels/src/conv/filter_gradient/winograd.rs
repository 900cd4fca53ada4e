//! The filter's gradient by Winograd's short convolutions: the two or three taps of a stride phase and two or three
//! neighbouring windows take 3 or 4 multiplications an axis. The products of all tiles are summed up at the points and
//! transformed to taps once. What is not finite would spread: then all is computed anew by the direct algorithm.

mod plan;
mod tiles;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tconv_shape::{ConvShape, DataFormat};

use self::plan::{COLUMNS, Line, Plan, ROWS};
use self::tiles::{Gradient, Sums, Tiles};
use super::plan::{LINE, PANEL_BYTES};
use super::task::{Shared, tile_rows};
use super::tile::{Ahead, Segment, Target, multiply};
use crate::conv::{Call, Pass};
use crate::simd::{Float, TILE_VECTORS, Vectors, Work};

/// With fewer windows the sums are too short to be as exact as they should be.
pub(in crate::conv) const FEW_WINDOWS: usize = 32;

/// Tiles of the output's gradient that are transformed by one task.
const TILES: usize = 16;

/// Channels are whole vectors of the input's and whole panels of the output's.
pub(in crate::conv) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    pass == Pass::BackpropFilter
        && shape.format == DataFormat::ChannelsLast
        && shape.groups == 1
        && shape.axes.len() == 2
        && shape.axes.iter().all(Line::supports)
        && shape.batch * shape.axes.iter().map(|axis| axis.output).product::<usize>() >= FEW_WINDOWS
        && shape.in_channels.is_multiple_of(16)
        && shape.out_channels.is_multiple_of(32)
}

pub(in crate::conv) fn pays<T>(_: Pass, shape: &ConvShape) -> bool {
    /// What a number of a transform takes, counted in multiplications of the products.
    const TRANSFORM: f64 = 6.0;
    let plan = Plan::new::<T>(shape);
    let [y, x] = plan.lines.map(|line| line.cost());
    let [inputs, outputs] = [shape.in_channels, shape.out_channels].map(|n| n as f64);
    let batch = shape.batch as f64;
    let columns = plan.columns() as f64;
    let chunks = plan.tiles.div_ceil(plan.chunk.max(1)) as f64;
    let products = batch * y[0] * x[0] * inputs * outputs;
    let transforms = batch * y[0] * x[0] * (inputs * outputs / columns + outputs)
        + chunks * products / plan.tiles as f64;
    products + TRANSFORM * transforms < 0.85 * batch * y[1] * x[1] * inputs * outputs
}

pub(in crate::conv) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let [gradient, input, products] = Plan::new::<T>(shape).rooms::<T>();
    let own = (input + products)
        .saturating_mul(threads)
        .saturating_add(gradient);
    own.max(super::scratch::<T>(pass, shape, threads))
}

pub(in crate::conv) fn compute<T: Float>(call: Call<'_, T>) {
    let plan = Plan::new::<T>(call.shape);
    let [gradient_room, input_room, products_room] = plan.rooms::<T>();
    let crew = Crew {
        plan,
        input: call.a,
        gradient: call.b,
        target: Shared(call.out.as_mut_ptr()),
        finite: AtomicBool::new(true),
    };
    let (set, threads) = (call.set, call.threads);
    let each = input_room + products_room;
    let (points, rooms) = call.scratch.split_at_mut(gradient_room);
    let skip = points
        .as_ptr()
        .align_offset(LINE)
        .min(LINE / size_of::<T>());
    let points = &mut points[skip..];
    let rooms = &mut rooms[..each * threads.count()];
    let outputs = plan.output.channels;
    for columns in (0..outputs).step_by(COLUMNS) {
        let columns = columns..outputs.min(columns + COLUMNS);
        for first in (0..plan.tiles).step_by(plan.chunk) {
            let tiles = first..plan.tiles.min(first + plan.chunk);
            let target = Shared(points.as_mut_ptr());
            let target = &target;
            threads.for_each(tiles.len().div_ceil(TILES), |task| {
                let first = task * TILES;
                T::dispatch(
                    set,
                    Gradient {
                        crew: &crew,
                        tiles: &tiles,
                        some: first..tiles.len().min(first + TILES),
                        columns: &columns,
                        target: target.0,
                    },
                );
            });
            let next = AtomicUsize::new(0);
            let blocks = plan.input.channels.div_ceil(ROWS);
            let points = &*points;
            threads.for_each_piece(rooms, each, |_, room| {
                loop {
                    let task = next.fetch_add(1, Ordering::Relaxed);
                    if task >= blocks * plan.phases() {
                        return;
                    }
                    let row = task % blocks * ROWS;
                    let block = Block {
                        crew: &crew,
                        phase: plan.phase(task / blocks),
                        rows: row..plan.input.channels.min(row + ROWS),
                        columns: &columns,
                        tiles: &tiles,
                    };
                    block.compute(set, points, room.split_at_mut(input_room));
                }
            });
        }
    }
    if !crew.finite.into_inner() {
        super::compute(call);
    }
}

/// What all threads work at.
struct Crew<'a, T> {
    plan: Plan,
    input: &'a [T],
    gradient: &'a [T],
    target: Shared<T>,
    finite: AtomicBool,
}

/// Some channels of the input, some of the output and the taps of a phase.
struct Block<'a, T> {
    crew: &'a Crew<'a, T>,
    phase: [usize; 2],
    rows: Range<usize>,
    columns: &'a Range<usize>,
    tiles: &'a Range<usize>,
}

impl<T: Float> Block<'_, T> {
    fn compute(
        &self,
        set: crate::simd::InstructionSet,
        gradient: &[T],
        (input, products): (&mut [T], &mut [T]),
    ) {
        let skip = |room: &[T]| room.as_ptr().align_offset(LINE).min(LINE / size_of::<T>());
        let (input_skip, products_skip) = (skip(input), skip(products));
        let (input, products) = (&mut input[input_skip..], &mut products[products_skip..]);
        T::dispatch(set, Tiles(self, input));
        T::dispatch(
            set,
            Products {
                block: self,
                input,
                gradient,
                products,
            },
        );
        if !T::dispatch(set, Sums(self, products)) {
            self.crew.finite.store(false, Ordering::Relaxed);
        }
    }

    fn points(&self) -> [usize; 2] {
        let lines = &self.crew.plan.lines;
        [0, 1].map(|i| lines[i].points_of(self.phase[i]))
    }
}

/// Multiplies the block's tiles, point by point.
struct Products<'a, T> {
    block: &'a Block<'a, T>,
    input: &'a [T],
    gradient: &'a [T],
    products: &'a mut [T],
}

impl<T: Float> Work<T> for Products<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let block = self.block;
        let plan = &block.crew.plan;
        let [tall, wide] = &plan.lines;
        let unit = PANEL_BYTES / size_of::<T>();
        let (rows, columns) = (block.rows.len(), block.columns.len());
        let [_, x_points] = block.points();
        let points = block.points().iter().product::<usize>();
        let step = tile_rows(rows, S::TILE_ROWS);
        assert!(points * plan.chunk * plan.pitch() <= self.input.len());
        assert!(plan.points() * plan.depth() * plan.columns() <= self.gradient.len());
        assert!(points * rows * plan.columns() <= self.products.len());
        for point in 0..points {
            let left = self.input[point * plan.chunk * plan.pitch()..].as_ptr();
            let y = tall.point(block.phase[0], point / x_points);
            let x = wide.point(block.phase[1], point % x_points);
            let plane = (y * wide.points + x) * plan.depth() * plan.columns();
            let segment = Segment {
                left,
                left_step: plan.pitch(),
                right: self.gradient[plane..].as_ptr(),
                right_step: unit,
                count: block.tiles.len(),
                ahead: [left; 2],
            };
            for column in (0..columns).step_by(S::LANES * TILE_VECTORS) {
                let right = column / unit * unit * plan.depth() + column % unit;
                for row in (0..rows).step_by(step) {
                    let place = (point * rows + row) * plan.columns() + column;
                    let target = Target {
                        at: self.products[place..].as_mut_ptr(),
                        pitch: plan.columns(),
                        columns: (0, S::LANES * TILE_VECTORS),
                        first: true,
                    };
                    let tile = (row, step.min(rows - row));
                    let ahead = Ahead {
                        which: 0,
                        skip: 0,
                        step: 0,
                    };
                    // SAFETY: inside the rooms, which were checked; the columns are whole tiles.
                    unsafe { multiply(simd, &[segment], tile, right, target, ahead) };
                }
            }
        }
    }
}

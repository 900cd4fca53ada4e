//! The filter's gradient by Winograd's short convolutions: the two or three taps of a stride phase and two or three
//! neighbouring windows take 3 or 4 multiplications an axis. The products of all tiles are summed up at the points and
//! transformed to taps once. What is not finite would spread: then all is computed anew by the direct algorithm.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use super::bands::{seeing, seen};
use super::plan::{GAP, LINE, PANEL_BYTES};
use super::task::{Shared, tile_rows};
use super::tile::{Ahead, Segment, Target, multiply};
use super::transform::{Input, Taps, Windows, both};
use crate::conv::grid::{Strides, axes, unravel};
use crate::conv::{Call, Pass};
use crate::simd::{Float, TILE_VECTORS, Vectors, Work};

/// The most rows and columns of a block of products.
const ROWS: usize = 32;
const COLUMNS: usize = 128;

/// The most bytes that a channel has in a chunk of tiles.
const CHUNK_BYTES: usize = 1280;

/// With fewer windows the sums are too short to be as exact as they should be.
const FEW_WINDOWS: usize = 32;

/// Tiles of the output's gradient that are transformed by one task.
const TILES: usize = 16;

/// An axis, cut into tiles of windows.
#[derive(Clone, Copy)]
struct Line {
    axis: ConvAxis,
    /// Windows of a tile.
    windows: usize,
    /// The most points of a phase.
    points: usize,
    tiles: usize,
}

impl Line {
    fn new(axis: ConvAxis) -> Line {
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

    fn supports(axis: &ConvAxis) -> bool {
        // A tap that hardly a window sees would be less exact than its own few products are.
        let often = |tap| 2 * seeing(axis, tap).len() >= axis.output;
        axis.dilation == 1
            && (2 * axis.stride..=3 * axis.stride).contains(&axis.kernel)
            && (0..axis.kernel).all(often)
    }

    /// The taps of a phase.
    fn taps(&self, phase: usize) -> usize {
        (self.axis.kernel - phase).div_ceil(self.axis.stride)
    }

    /// The points of a phase, which are also the neighbours of the input that a tile sees.
    fn points_of(&self, phase: usize) -> usize {
        self.windows + self.taps(phase) - 1
    }

    /// The index among all points of a phase's point; a phase of three has not the third of four.
    fn point(&self, phase: usize, index: usize) -> usize {
        if self.points_of(phase) < self.points && index == 2 {
            3
        } else {
            index
        }
    }

    /// Multiplications of all phases and tiles, and those of the definition without padding.
    fn cost(&self) -> [f64; 2] {
        let points: usize = (0..self.axis.stride)
            .map(|phase| self.points_of(phase))
            .sum();
        let windows = (0..self.axis.kernel).map(|tap| seeing(&self.axis, tap).len());
        [points * self.tiles, windows.sum()].map(|count| count as f64)
    }
}

#[derive(Clone, Copy)]
struct Plan {
    lines: [Line; 2],
    input: Strides,
    output: Strides,
    /// All tiles, and those of a chunk.
    tiles: usize,
    chunk: usize,
}

impl Plan {
    fn new<T>(shape: &ConvShape) -> Plan {
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

    fn points(&self) -> usize {
        self.lines[0].points * self.lines[1].points
    }

    fn phases(&self) -> usize {
        self.lines[0].axis.stride * self.lines[1].axis.stride
    }

    fn phase(&self, index: usize) -> [usize; 2] {
        let wide = self.lines[1].axis.stride;
        [index / wide, index % wide]
    }

    fn columns(&self) -> usize {
        COLUMNS.min(self.output.channels)
    }

    /// A tile's image and its place in it.
    fn tile(&self, index: usize) -> [usize; 3] {
        unravel(
            index,
            [usize::MAX, self.lines[0].tiles, self.lines[1].tiles],
        )
    }

    /// From one row of the input's tiles at a point to the next, so that they do not meet in one cache set.
    fn pitch(&self) -> usize {
        ROWS + GAP
    }

    /// From one panel of the gradient at a point to the next, in tiles.
    fn depth(&self) -> usize {
        self.chunk + 1
    }

    /// The room for the gradient at the points, which all threads share, and a thread's for the input and for products.
    fn rooms<T>(&self) -> [usize; 3] {
        let line = LINE / size_of::<T>();
        [
            self.points() * self.depth() * self.columns() + line,
            self.points() * self.chunk * self.pitch() + line,
            self.points() * ROWS * self.columns() + line,
        ]
    }
}

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

/// Brings some tiles of the output's gradient to the points.
struct Gradient<'a, T> {
    crew: &'a Crew<'a, T>,
    /// The chunk, and the tiles of it.
    tiles: &'a Range<usize>,
    some: Range<usize>,
    columns: &'a Range<usize>,
    target: *mut T,
}

/// Calls a method with two constants for each of two axes.
macro_rules! choose {
    ($value:expr, $self:ident.$method:ident($argument:expr), $($a:literal $b:literal),*) => {
        choose!(@ $value, $self, $method, ($argument), [$($a $b),*], $($a $b),*)
    };
    (@ $value:expr, $self:ident, $method:ident, $arguments:tt, $all:tt, $($a:literal $b:literal),*) => {
        match $value {
            $([[$a, $b], x] => choose!(@@ x, $self, $method, $arguments, $a $b, $all),)*
            _ => unreachable!("the tiles and points of an axis are few"),
        }
    };
    (@@ $x:ident, $self:ident, $method:ident, ($argument:expr), $a:literal $b:literal, [$($c:literal $d:literal),*]) => {
        match $x {
            $([$c, $d] => $self.$method::<S, $a, $c, $b, $d>($argument),)*
            _ => unreachable!("the tiles and points of an axis are few"),
        }
    };
}

impl<T: Float> Work<T> for Gradient<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let lines = self.crew.plan.lines.map(|line| [line.windows, line.points]);
        choose!(lines, self.transform(simd), 2 3, 2 4, 3 4)
    }
}

impl<T: Float> Gradient<'_, T> {
    #[inline(always)]
    fn transform<S, const MY: usize, const MX: usize, const Y: usize, const X: usize>(self, simd: S)
    where
        S: Vectors<T>,
    {
        let plan = &self.crew.plan;
        let unit = PANEL_BYTES / size_of::<T>();
        let plane = plan.depth() * plan.columns();
        for index in self.some.clone() {
            let [batch, y, x] = plan.tile(self.tiles.start + index);
            let mut places = [[None; MX]; MY];
            for (i, places) in places.iter_mut().enumerate() {
                for (j, place) in places.iter_mut().enumerate() {
                    let at = [0, y * MY + i, x * MX + j];
                    if at[1] < plan.lines[0].axis.output && at[2] < plan.lines[1].axis.output {
                        *place = Some(plan.output.place(batch, at, 0));
                    }
                }
            }
            for column in (0..self.columns.len()).step_by(S::LANES) {
                let mut d = [[simd.splat(T::default()); MX]; MY];
                for (d, places) in d.iter_mut().zip(&places) {
                    for (d, place) in d.iter_mut().zip(places) {
                        if let Some(place) = place {
                            let from = &self.crew.gradient[place + self.columns.start + column..];
                            // SAFETY: the channels are whole vectors.
                            *d = unsafe { simd.load(from[..S::LANES].as_ptr()) };
                        }
                    }
                }
                let out = both::<Windows, T, S, MY, MX, Y, X>(simd, &d);
                let panel = (column / unit * plan.depth() + index) * unit + column % unit;
                for (i, out) in out.iter().enumerate() {
                    for (j, &out) in out.iter().enumerate() {
                        let to = self.target.wrapping_add((i * X + j) * plane + panel);
                        // SAFETY: inside the plane of the point, which has room for the columns of all tiles; each
                        // tile has one writer.
                        unsafe { simd.store(to, out) };
                    }
                }
            }
        }
    }
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

/// Brings the block's tiles of the input to the points.
struct Tiles<'a, T>(&'a Block<'a, T>, &'a mut [T]);

impl<T: Float> Work<T> for Tiles<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let points = self.0.points().map(|points| [points, points]);
        choose!(points, self.transform(simd), 3 3, 4 4)
    }
}

impl<T: Float> Tiles<'_, T> {
    #[inline(always)]
    fn transform<S, const Y: usize, const X: usize, const YO: usize, const XO: usize>(self, simd: S)
    where
        S: Vectors<T>,
    {
        let Tiles(block, room) = self;
        let plan = &block.crew.plan;
        let [tall, wide] = &plan.lines;
        let plane = plan.chunk * plan.pitch();
        assert!(Y * X * plane <= room.len() && block.tiles.len() <= plan.chunk);
        for (index, tile) in block.tiles.clone().enumerate() {
            let [batch, y, x] = plan.tile(tile);
            let mut places = [[None; X]; Y];
            for (i, places) in places.iter_mut().enumerate() {
                let y = seen(&tall.axis, y * tall.windows + i, block.phase[0]);
                for (j, place) in places.iter_mut().enumerate() {
                    let x = seen(&wide.axis, x * wide.windows + j, block.phase[1]);
                    *place = y.zip(x).map(|(y, x)| plan.input.place(batch, [0, y, x], 0));
                }
            }
            for row in (0..block.rows.len()).step_by(S::LANES) {
                let mut d = [[simd.splat(T::default()); X]; Y];
                for (d, places) in d.iter_mut().zip(&places) {
                    for (d, place) in d.iter_mut().zip(places) {
                        if let Some(place) = place {
                            let from = &block.crew.input[place + block.rows.start + row..];
                            // SAFETY: the channels are whole vectors.
                            *d = unsafe { simd.load(from[..S::LANES].as_ptr()) };
                        }
                    }
                }
                let out = both::<Input, T, S, Y, X, YO, XO>(simd, &d);
                for (i, out) in out.iter().enumerate() {
                    for (j, &out) in out.iter().enumerate() {
                        let at = (i * XO + j) * plane + index * plan.pitch() + row;
                        // SAFETY: inside the room, which was checked: a row has room for the block's rows.
                        unsafe { simd.store(room.as_mut_ptr().add(at), out) };
                    }
                }
            }
        }
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

/// Brings the block's products to the taps.
struct Sums<'a, T>(&'a Block<'a, T>, &'a [T]);

impl<T: Float> Work<T> for Sums<'_, T> {
    /// Whether all are finite.
    type Output = bool;
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) -> bool {
        let (block, points) = (self.0, self.0.points());
        let lines = [0, 1].map(|i| [points[i], block.crew.plan.lines[i].taps(block.phase[i])]);
        choose!(lines, self.transform(simd), 3 2, 4 2, 4 3)
    }
}

impl<T: Float> Sums<'_, T> {
    #[inline(always)]
    fn transform<S, const Y: usize, const X: usize, const RY: usize, const RX: usize>(
        self,
        simd: S,
    ) -> bool
    where
        S: Vectors<T>,
    {
        let Sums(block, products) = self;
        let plan = &block.crew.plan;
        let [tall, wide] = &plan.lines;
        let plane = block.rows.len() * plan.columns();
        assert!(Y * X * plane <= products.len());
        let zero = simd.splat(T::default());
        let mut finite = zero;
        for (index, row) in block.rows.clone().enumerate() {
            for column in (0..block.columns.len()).step_by(S::LANES) {
                let mut p = [[zero; X]; Y];
                for (i, p) in p.iter_mut().enumerate() {
                    for (j, p) in p.iter_mut().enumerate() {
                        let at = (i * X + j) * plane + index * plan.columns() + column;
                        // SAFETY: inside the products, which was checked.
                        *p = unsafe { simd.load(products.as_ptr().add(at)) };
                    }
                }
                let taps = both::<Taps, T, S, Y, X, RY, RX>(simd, &p);
                for (i, taps) in taps.iter().enumerate() {
                    let y = block.phase[0] + i * tall.axis.stride;
                    for (j, &sum) in taps.iter().enumerate() {
                        let x = block.phase[1] + j * wide.axis.stride;
                        let row = (y * wide.axis.kernel + x) * plan.input.channels + row;
                        let at = row * plan.output.channels + block.columns.start + column;
                        let to = block.crew.target.0.wrapping_add(at);
                        let mut sum = sum;
                        // SAFETY: inside the filter, since tap, row and column are; the block has one writer.
                        unsafe {
                            if block.tiles.start > 0 {
                                sum = simd.add(simd.load(to), sum);
                            }
                            simd.store(to, sum);
                        }
                        // Infinity or NaN times zero is NaN, which stays.
                        finite = simd.mul_add(sum, zero, finite);
                    }
                }
            }
        }
        let mut all = [T::default(); LINE];
        // SAFETY: no vector has more elements.
        unsafe { simd.store(all.as_mut_ptr(), finite) };
        all.iter().all(|x| x.to_f64() == 0.0)
    }
}

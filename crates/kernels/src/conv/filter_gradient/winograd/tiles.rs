//! Tiles to their points, and products to the taps.

use std::ops::Range;

use super::super::bands::seen;
use super::super::plan::{LINE, PANEL_BYTES};
use super::super::transform::{Input, Taps, Windows, both};
use super::{Block, Crew};
use crate::simd::{Float, Vectors, Work};

/// Brings some tiles of the output's gradient to the points.
pub(super) struct Gradient<'a, T> {
    pub(super) crew: &'a Crew<'a, T>,
    /// The chunk, and the tiles of it.
    pub(super) tiles: &'a Range<usize>,
    pub(super) some: Range<usize>,
    pub(super) columns: &'a Range<usize>,
    pub(super) target: *mut T,
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

/// Brings the block's tiles of the input to the points.
pub(super) struct Tiles<'a, T>(pub(super) &'a Block<'a, T>, pub(super) &'a mut [T]);

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

/// Brings the block's products to the taps.
pub(super) struct Sums<'a, T>(pub(super) &'a Block<'a, T>, pub(super) &'a [T]);

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

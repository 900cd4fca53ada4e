//! From the source to its tiles at the points, and from products to the result.

use super::line::Sub;
use super::plan::{CHANNELS_UNIT, Layout, Set};
use super::transform;
use crate::conv::grid::Walk;
use crate::gemm::{DEPTH, DEPTH_PITCH, strip_width};
use crate::simd::{Float, Vectors, Work};
use crate::stage::Finish;

/// The columns of the widest strip.
const STRIP: usize = strip_width::<f32>();

/// As many channels as are transformed before the next tile.
const BLOCK: usize = 256;

/// Transforms some tiles of one tap of the outermost axis and of one phase of the source.
pub(super) struct Tiles<'a, T> {
    pub(super) layout: &'a Layout,
    pub(super) set: &'a Set,
    pub(super) source: &'a [T],
    pub(super) from: [usize; 3],
    /// The first tile, which row of the chunk it is, and how many there are.
    pub(super) first: usize,
    pub(super) row: usize,
    pub(super) rows: usize,
    /// Room for the chunk.
    pub(super) target: *mut T,
    pub(super) target_len: usize,
}

impl<T: Float> Work<T> for Tiles<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let [y, x] = &self.set.lines;
        let subs = [y.sub(self.from[1]), x.sub(self.from[2])];
        let points = (y.points_of(&subs[0]), x.points_of(&subs[1]));
        macro_rules! points {
            ($($y:literal $x:literal),*) => {
                match points {
                    $(($y, $x) => self.transform::<S, $y, $x>(simd, &subs),)*
                    _ => unreachable!("a tile has one to four points an axis"),
                }
            };
        }
        points!(1 1, 1 2, 1 3, 1 4, 2 1, 2 2, 2 3, 2 4, 3 1, 3 2, 3 3, 3 4, 4 1, 4 2, 4 3, 4 4);
    }
}

impl<T: Float> Tiles<'_, T> {
    #[inline(always)]
    fn transform<S: Vectors<T>, const Y: usize, const X: usize>(self, simd: S, subs: &[Sub; 2]) {
        let (layout, set, strides) = (self.layout, self.set, &self.layout.source);
        let [y, x] = &set.lines;
        let piece = set.chunk * DEPTH_PITCH;
        assert!(layout.row_len(set) * set.chunk <= self.target_len);
        assert!(self.row + self.rows <= set.chunk);
        let zeros = [T::default(); BLOCK];
        for start in (0..layout.depth).step_by(BLOCK) {
            let units = BLOCK.min(layout.depth - start) / CHANNELS_UNIT;
            // Where a row's points of some channels go.
            let mut places = [[[0; X]; Y]; BLOCK / CHANNELS_UNIT];
            for i in 0..Y {
                for j in 0..X {
                    let point = y.point(Y, i) * x.points + x.point(X, j);
                    let plane = layout.row_plane(set, point) * set.chunk;
                    let depth = set.share(point, self.from) * layout.depth + start;
                    for (unit, places) in places[..units].iter_mut().enumerate() {
                        let depth = depth + unit * CHANNELS_UNIT;
                        places[i][j] = plane + depth / DEPTH * piece + depth % DEPTH;
                    }
                }
            }
            let mut walk = set.walk(self.first);
            for row in 0..self.rows {
                let from = self.pixels::<Y, X>(&walk, subs, start, &zeros);
                walk.advance(1);
                for (unit, places) in places[..units].iter().enumerate() {
                    for at in (0..CHANNELS_UNIT).step_by(S::LANES) {
                        let skip = unit * CHANNELS_UNIT + at;
                        let left = strides.channels.saturating_sub(start + skip);
                        let mut d = [[simd.splat(T::default()); X]; Y];
                        for i in 0..Y {
                            for j in 0..X {
                                // SAFETY: the pixel has so many channels left.
                                d[i][j] = unsafe { load(simd, from[i][j].add(skip), left) };
                            }
                        }
                        transform::input_tile::<T, S, Y, X>(simd, &mut d);
                        for i in 0..Y {
                            for j in 0..X {
                                let place = places[i][j] + (self.row + row) * DEPTH_PITCH + at;
                                // SAFETY: inside the chunk's room, which was checked: the plane's pieces hold its
                                // depth, and a piece's depth is a multiple of every vector's. A row has one writer.
                                unsafe { simd.store(self.target.add(place), d[i][j]) };
                            }
                        }
                    }
                }
            }
        }
    }

    /// The pixels of a tile, from channel `start` on; zeros for those that the source lacks.
    #[inline(always)]
    fn pixels<const Y: usize, const X: usize>(
        &self,
        walk: &Walk,
        subs: &[Sub; 2],
        start: usize,
        zeros: &[T; BLOCK],
    ) -> [[*const T; X]; Y] {
        let strides = &self.layout.source;
        let [y, x] = &self.set.lines;
        let deep = self.set.deep.patch.position(walk.at[0], self.from[0]);
        let image = deep.map(|deep| strides.place(walk.batch, [deep, 0, 0], start));
        let mut columns = [None; X];
        for (j, column) in columns.iter_mut().enumerate() {
            *column = x.pixel(&subs[1], walk.at[2], j);
        }
        let mut pixels = [[zeros.as_ptr(); X]; Y];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            let Some((image, row)) = image.zip(y.pixel(&subs[0], walk.at[1], i)) else {
                continue;
            };
            for (pixel, column) in pixels.iter_mut().zip(columns) {
                let Some(column) = column else { continue };
                let place = image + row * strides.axes[1] + column * strides.axes[2];
                *pixel = self.source[place..].as_ptr();
                assert!(strides.channels - start <= self.source.len() - place);
            }
        }
        pixels
    }
}

/// Reads a vector, or as many numbers as are left and zeros.
///
/// # Safety
/// So many must be readable.
#[inline(always)]
pub(super) unsafe fn load<T: Float, S: Vectors<T>>(
    simd: S,
    from: *const T,
    left: usize,
) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        match left >= S::LANES {
            true => simd.load(from),
            false => simd.load_some(from, left),
        }
    }
}

/// Writes the outputs of some tiles' products with a strip.
pub(super) struct Outputs<'a, T> {
    pub(super) layout: &'a Layout,
    pub(super) set: &'a Set,
    pub(super) strip: usize,
    /// The first tile.
    pub(super) first: usize,
    pub(super) rows: usize,
    /// For each point rows of a strip's width, from the first tile's on.
    pub(super) products: &'a [T],
    pub(super) finish: &'a Finish<'a, T>,
    pub(super) target: *mut T,
    pub(super) target_len: usize,
}

impl<T: Float> Work<T> for Outputs<'_, T> {
    /// Whether all outputs are finite.
    type Output = bool;
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) -> bool {
        let [y, x] = &self.set.lines;
        let tile = [y, x].map(|line| (line.outputs, line.points));
        macro_rules! tiles {
            ($($y:literal $py:literal $x:literal $px:literal),*) => {
                match tile {
                    $([($y, $py), ($x, $px)] => self.write::<S, $py, $px, $y, $x>(simd),)*
                    _ => unreachable!("a tile has one to three outputs an axis, and one to four points"),
                }
            };
        }
        tiles!(
            1 1 1 1, 1 1 2 3, 1 1 2 4, 1 1 3 4, 2 3 1 1, 2 3 2 3, 2 3 2 4, 2 3 3 4,
            2 4 1 1, 2 4 2 3, 2 4 2 4, 2 4 3 4, 3 4 1 1, 3 4 2 3, 3 4 2 4, 3 4 3 4
        )
    }
}

impl<T: Float> Outputs<'_, T> {
    #[inline(always)]
    fn write<S: Vectors<T>, const PY: usize, const PX: usize, const Y: usize, const X: usize>(
        self,
        simd: S,
    ) -> bool {
        let (layout, set) = (self.layout, self.set);
        let [y, x] = &set.lines;
        let (phase, channel) = layout.strip_at(set, self.strip);
        let subs = [y.sub(phase[0]), x.sub(phase[1])];
        let shifts = [y.shift(&subs[0]), x.shift(&subs[1])];
        let strides = &layout.target;
        let width = strip_width::<T>();
        let columns = width.min(strides.channels - channel);
        let mut biases = [T::default(); STRIP];
        self.finish.biases(channel, &mut biases[..columns]);
        let zero = simd.splat(T::default());
        let mut finite = zero;
        let pitch = set.products(1);
        assert!(self.rows <= pitch && set.products(PY * PX) * width <= self.products.len());
        let mut walk = set.walk(self.first);
        for row in 0..self.rows {
            let deep = set.deep.first + walk.at[0] * set.deep.step;
            let image = strides.place(walk.batch, [deep, 0, 0], channel);
            let tile = [y.place(walk.at[1]), x.place(walk.at[2])];
            walk.advance(1);
            // The places of those of the tile's outputs that the result has.
            let mut places = [[None; X]; Y];
            for (i, places) in places.iter_mut().enumerate() {
                for (j, place) in places.iter_mut().enumerate() {
                    let mut at = Some(image);
                    for (k, (sub, index)) in subs
                        .iter()
                        .zip([tile[0] + i * y.step, tile[1] + j * x.step])
                        .enumerate()
                    {
                        let index = index.checked_sub(shifts[k]);
                        let index = index.filter(|&index| index < sub.target_size);
                        at = at.zip(index).map(|(at, index)| {
                            at + (sub.target_first + index * sub.target_step) * strides.axes[k + 1]
                        });
                    }
                    *place = at;
                    assert!(at.is_none_or(|at| at + columns <= self.target_len));
                }
            }
            for column in (0..columns).step_by(S::LANES) {
                let mut products = [[zero; PX]; PY];
                for (py, products) in products.iter_mut().enumerate() {
                    for (px, product) in products.iter_mut().enumerate() {
                        let at = ((py * PX + px) * pitch + row) * width + column;
                        // SAFETY: inside the products, whose room was checked.
                        *product = unsafe { simd.load(self.products.as_ptr().add(at)) };
                    }
                }
                let mut out = transform::output_tile::<T, S, PY, PX, Y, X>(simd, &products);
                for (out, places) in out.iter().zip(&places) {
                    for (&out, place) in out.iter().zip(places) {
                        if place.is_some() {
                            // Infinity or NaN times zero is NaN, which stays.
                            finite = simd.mul_add(out, zero, finite);
                        }
                    }
                }
                // SAFETY: as many biases as the widest strip has columns.
                let bias = unsafe { simd.load(biases.as_ptr().add(column)) };
                self.finish.columns(simd, &mut out, [bias; X]);
                let some = S::LANES.min(columns - column);
                for (out, places) in out.iter().zip(&places) {
                    for (&out, place) in out.iter().zip(places) {
                        let Some(place) = place else { continue };
                        // SAFETY: inside the target, which was checked; each output has one writer.
                        unsafe {
                            let to = self.target.add(place + column);
                            if some == S::LANES {
                                simd.store(to, out);
                            } else {
                                let mut all = [T::default(); 16];
                                simd.store(all.as_mut_ptr(), out);
                                to.copy_from_nonoverlapping(all.as_ptr(), some);
                            }
                        }
                    }
                }
            }
        }
        let mut all = [T::default(); 16];
        // SAFETY: no vector has more elements.
        unsafe { simd.store(all.as_mut_ptr(), finite) };
        all.iter().all(|x| x.to_f64() == 0.0)
    }
}

use super::super::plan::{CHANNELS_UNIT, MOST_POINTS};
use super::super::tiles::load;
use super::super::transform;
use super::pack::{self, TILE};
use super::plan::{LANES, POINTS, Piece, Plan};
use crate::simd::{Float, Vectors, Work};
use crate::stage::Finish;

/// How many tiles a vector has.
pub(super) struct Lanes;

impl<T: Float> Work<T> for Lanes {
    type Output = usize;
    #[inline(always)]
    fn run<S: Vectors<T>>(self, _: S) -> usize {
        S::LANES
    }
}

/// Where the pixels of some tiles are that a phase reads, for each of its points; [`NONE`] where the source has none.
pub(super) type Places = [[usize; POINTS]; LANES];

/// In [`Places`]: a zero.
pub(super) const NONE: usize = usize::MAX;

/// Finds them, for `count` tiles from `first` on.
pub(super) fn places(plan: &Plan, piece: &Piece, first: usize, count: usize, places: &mut Places) {
    let (set, strides) = (&plan.set, &plan.layout.source);
    let [y, x] = &set.lines;
    let subs = [y.sub(piece.from[1]), x.sub(piece.from[2])];
    let [tall, wide] = piece.sides;
    let mut walk = set.walk(first);
    for places in &mut places[..count] {
        let deep = set.deep.patch.position(walk.at[0], piece.from[0]);
        let mut columns = [None; MOST_POINTS];
        for (j, column) in columns[..wide].iter_mut().enumerate() {
            *column = x.pixel(&subs[1], walk.at[2], j);
        }
        for i in 0..tall {
            let row = deep.zip(y.pixel(&subs[0], walk.at[1], i));
            let row = row.map(|(z, y)| strides.place(walk.batch, [z, y, 0], 0));
            for j in 0..wide {
                let place = row.zip(columns[j]);
                let place = place.map(|(row, column)| row + column * strides.axes[2]);
                places[i * wide + j] = place.unwrap_or(NONE);
            }
        }
        walk.advance(1);
    }
}

/// Some channels of as many tiles as a vector has, at the points: for each of the piece's points the tiles.
pub(super) struct Points<'a, T> {
    pub(super) piece: &'a Piece,
    pub(super) source: &'a [T],
    pub(super) places: &'a [[usize; POINTS]],
    /// How far what is read next is, from what is read.
    pub(super) ahead: isize,
    pub(super) target: &'a mut [T],
}

impl<T: Float> Work<T> for Points<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        macro_rules! points {
            ($($y:literal $x:literal),*) => {
                match self.piece.sides {
                    $([$y, $x] => self.transform::<S, $y, $x>(simd),)*
                    _ => unreachable!("a tile has one to four points an axis"),
                }
            };
        }
        points!(1 1, 1 2, 1 3, 1 4, 2 1, 2 2, 2 3, 2 4, 3 1, 3 2, 3 3, 3 4, 4 1, 4 2, 4 3, 4 4);
    }
}

impl<T: Float> Points<'_, T> {
    #[inline(always)]
    fn transform<S: Vectors<T>, const Y: usize, const X: usize>(self, simd: S) {
        let point = S::LANES * CHANNELS_UNIT;
        assert!(self.places.len() <= S::LANES && Y * X * point <= self.target.len());
        let zeros = [T::default(); CHANNELS_UNIT];
        let channels = self.piece.channels.clone();
        for (row, places) in self.places.iter().enumerate() {
            let mut from = [[zeros.as_ptr(); X]; Y];
            for (from, &place) in from.as_flattened_mut().iter_mut().zip(places) {
                if place != NONE {
                    assert!(place + channels.end <= self.source.len());
                    *from = self.source.as_ptr().wrapping_add(place + channels.start);
                }
            }
            for from in from.as_flattened() {
                simd.prefetch(from.wrapping_offset(self.ahead));
            }
            for at in (0..channels.len()).step_by(S::LANES) {
                let left = channels.len() - at;
                let mut d = [[simd.splat(T::default()); X]; Y];
                for (d, from) in d.as_flattened_mut().iter_mut().zip(from.as_flattened()) {
                    // SAFETY: the pixel has so many channels left, and so have the zeros.
                    *d = unsafe { load(simd, from.add(at), left) };
                }
                transform::input_tile::<T, S, Y, X>(simd, &mut d);
                for (i, &d) in d.as_flattened().iter().enumerate() {
                    let place = i * point + row * CHANNELS_UNIT + at;
                    // SAFETY: inside the target, whose room was checked: at ends before the unit does.
                    unsafe { simd.store(self.target.as_mut_ptr().add(place), d) };
                }
            }
        }
    }
}

/// The products of a piece with rows of the filter.
pub(super) struct Products<'a, T> {
    pub(super) piece: &'a Piece,
    pub(super) rows: usize,
    /// What [`Points`] wrote.
    pub(super) tiles: &'a [T],
    /// For each of the piece's points and tile of rows the rows of each channel.
    pub(super) filter: &'a [T],
    /// For each of the tile's points a vector of each row.
    pub(super) sums: &'a mut [T],
    /// Whether the sums start here.
    pub(super) start: bool,
}

impl<T: Float> Work<T> for Products<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let points = self.piece.points();
        let terms = self.piece.channels.len();
        let tile = S::LANES * CHANNELS_UNIT;
        assert!(terms <= CHANNELS_UNIT && points.len() * tile <= self.tiles.len());
        assert!(points.len() * terms * self.rows <= self.filter.len());
        let mut filter = self.filter.as_ptr();
        // The tiles of a point, channel by channel.
        let mut turned = [T::default(); LANES * CHANNELS_UNIT];
        for (i, &point) in points.iter().enumerate() {
            for at in (0..terms).step_by(S::LANES) {
                // SAFETY: whole squares, inside the point's tiles and as many numbers, as checked.
                unsafe {
                    let from = self.tiles.as_ptr().add(i * tile + at);
                    let to = turned.as_mut_ptr().add(at * S::LANES);
                    simd.turn_lanes((from, CHANNELS_UNIT), (to, S::LANES));
                }
            }
            let sums = &mut self.sums[point * self.rows * S::LANES..][..self.rows * S::LANES];
            for (first, count) in pack::tiles(self.rows) {
                let tile = Tile {
                    terms,
                    left: turned.as_ptr(),
                    filter,
                    sums: sums[first * S::LANES..].as_mut_ptr(),
                    start: self.start,
                };
                macro_rules! sizes {
                    ($($rows:literal)*) => {
                        match count {
                            // SAFETY: as many rows from the first on have sums, the terms are turned, and the filter has
                            // the rows of each, as checked.
                            $($rows => unsafe { tile.run::<S, $rows>(simd) },)*
                            _ => unreachable!("a tile has no more rows"),
                        }
                    };
                }
                const { assert!(TILE == 12) }
                sizes!(1 2 3 4 5 6 7 8 9 10 11 12);
                filter = filter.wrapping_add(count * terms);
            }
        }
    }
}

/// The sums of a tile of rows.
struct Tile<T> {
    terms: usize,
    left: *const T,
    filter: *const T,
    sums: *mut T,
    start: bool,
}

impl<T: Float> Tile<T> {
    /// # Safety
    /// There are the terms' vectors in `left`, `ROWS` elements of the filter for each, and as many vectors of sums.
    #[inline(always)]
    unsafe fn run<S: Vectors<T>, const ROWS: usize>(&self, simd: S) {
        let mut sums = [simd.splat(T::default()); ROWS];
        // SAFETY: the caller's.
        unsafe {
            if !self.start {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.load(self.sums.add(i * S::LANES));
                }
            }
            let (mut left, mut filter) = (self.left, self.filter);
            for _ in 0..self.terms {
                let x = simd.load(left);
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.mul_add(simd.splat(*filter.add(i)), x, *sum);
                }
                left = left.wrapping_add(S::LANES);
                filter = filter.wrapping_add(ROWS);
            }
            for (i, &sum) in sums.iter().enumerate() {
                simd.store(self.sums.add(i * S::LANES), sum);
            }
        }
    }
}

/// Makes results of a vector of tiles' products, tile by tile.
pub(super) struct Outputs<'a, T> {
    pub(super) plan: &'a Plan,
    /// For each point a vector of each row.
    pub(super) products: &'a [T],
    pub(super) finish: &'a Finish<'a, T>,
    /// Which of a tile's results the first of each row is.
    pub(super) places: &'a [usize],
    /// From one result of a row to the next along the axes.
    pub(super) steps: [usize; 2],
    pub(super) tiles: usize,
    /// A tile's results of the band.
    pub(super) count: usize,
    pub(super) results: &'a mut [T],
    /// For each tile its results.
    pub(super) turned: &'a mut [T],
}

impl<T: Float> Work<T> for Outputs<'_, T> {
    /// Whether all results are finite.
    type Output = bool;
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) -> bool {
        let lines = &self.plan.set.lines;
        match lines.each_ref().map(|line| line.outputs) {
            [1, 2] => self.write::<S, 1, 4, 1, 2>(simd),
            [1, 3] => self.write::<S, 1, 4, 1, 3>(simd),
            [2, 1] => self.write::<S, 4, 1, 2, 1>(simd),
            [3, 1] => self.write::<S, 4, 1, 3, 1>(simd),
            [2, 2] => self.write::<S, 4, 4, 2, 2>(simd),
            [2, 3] => self.write::<S, 4, 4, 2, 3>(simd),
            [3, 2] => self.write::<S, 4, 4, 3, 2>(simd),
            [3, 3] => self.write::<S, 4, 4, 3, 3>(simd),
            _ => unreachable!("a tile has one to three outputs an axis"),
        }
    }
}

impl<T: Float> Outputs<'_, T> {
    #[inline(always)]
    fn write<S: Vectors<T>, const PY: usize, const PX: usize, const Y: usize, const X: usize>(
        self,
        simd: S,
    ) -> bool {
        const { assert!(PY * PX <= POINTS) }
        let point = self.places.len() * S::LANES;
        let pitch = self.plan.pitch();
        assert!(PY * PX * point <= self.products.len() && self.count <= pitch);
        assert!(pitch * S::LANES <= self.results.len() && pitch * S::LANES <= self.turned.len());
        let reach = (Y - 1) * self.steps[0] + (X - 1) * self.steps[1];
        let zero = simd.splat(T::default());
        let mut finite = zero;
        for (row, &place) in self.places.iter().enumerate() {
            assert!(place + reach < self.count);
            let mut products = [[zero; PX]; PY];
            for (i, product) in products.as_flattened_mut().iter_mut().enumerate() {
                let at = i * point + row * S::LANES;
                // SAFETY: inside the products, as checked.
                *product = unsafe { simd.load(self.products.as_ptr().add(at)) };
            }
            let mut out = transform::output_tile::<T, S, PY, PX, Y, X>(simd, &products);
            for &out in out.as_flattened() {
                // Infinity or NaN times zero is NaN, which stays.
                finite = simd.mul_add(out, zero, finite);
            }
            // Whole pixels are before a result's place, so it is its channel.
            self.finish
                .rows(simd, &mut out, &[self.finish.bias_at(place); Y]);
            for (y, out) in out.iter().enumerate() {
                for (x, &out) in out.iter().enumerate() {
                    let at = (place + y * self.steps[0] + x * self.steps[1]) * S::LANES;
                    // SAFETY: inside the results, as checked.
                    unsafe { simd.store(self.results.as_mut_ptr().add(at), out) };
                }
            }
        }
        for at in (0..self.count).step_by(S::LANES) {
            // SAFETY: whole squares, inside both, as checked.
            unsafe {
                let from = self.results.as_ptr().add(at * S::LANES);
                let to = self.turned.as_mut_ptr().add(at);
                simd.turn_lanes((from, S::LANES), (to, pitch));
            }
        }
        let mut all = [T::default(); LANES];
        // SAFETY: no vector has more elements.
        unsafe { simd.store(all.as_mut_ptr(), finite) };
        all[..self.tiles].iter().all(|x| x.to_f64() == 0.0)
    }
}

/// Stores the results of some tiles where they belong.
pub(super) struct Stores<'a, T> {
    pub(super) plan: &'a Plan,
    pub(super) first: usize,
    pub(super) tiles: usize,
    /// The places along the first axis of a tile's rows of results.
    pub(super) rows: &'a [usize],
    /// For each tile its results.
    pub(super) results: &'a [T],
    pub(super) target: *mut T,
    pub(super) target_len: usize,
}

impl<T: Float> Work<T> for Stores<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let plan = self.plan;
        let target = &plan.layout.target;
        let channels = target.channels;
        let (wide, pitch) = (plan.wide(), plan.pitch());
        assert!(self.rows.len() * wide <= pitch && self.tiles * pitch <= self.results.len());
        let steps = [plan.positions(0), plan.positions(1)];
        let mut walk = plan.set.walk(self.first);
        for tile in 0..self.tiles {
            let deep = plan.set.deep.first + walk.at[0] * plan.set.deep.step;
            let y = (walk.at[1] * steps[0]) as isize + plan.origin[0];
            let x = (walk.at[2] * steps[1]) as isize + plan.origin[1];
            let batch = walk.batch;
            walk.advance(1);
            // The positions inside the result.
            let skip = (-x).max(0) as usize;
            let end = (plan.sizes[1] as isize - x).clamp(skip as isize, steps[1] as isize) as usize;
            let len = (end - skip) * channels;
            if len == 0 {
                continue;
            }
            let x = (x + skip as isize) as usize;
            let from = tile * pitch + skip * channels;
            for (i, &row) in self.rows.iter().enumerate() {
                let y = y + row as isize;
                if y < 0 || y >= plan.sizes[0] as isize {
                    continue;
                }
                let place = target.place(batch, [deep, y as usize, x], 0);
                assert!(place + len <= self.target_len);
                // SAFETY: inside the results and the target, as checked; each element has one writer.
                unsafe {
                    let from = self.results.as_ptr().add(from + i * wide);
                    let to = self.target.add(place);
                    if len < S::LANES {
                        for j in 0..len {
                            *to.add(j) = *from.add(j);
                        }
                    } else {
                        for j in (0..len).step_by(S::LANES) {
                            let j = j.min(len - S::LANES);
                            simd.store(to.add(j), simd.load(from.add(j)));
                        }
                    }
                }
            }
        }
    }
}

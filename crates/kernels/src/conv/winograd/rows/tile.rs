use super::super::plan::MOST_POINTS;
use super::super::transform;
use super::plan::{Plan, TALL};
use crate::gemm::strip_width;
use crate::simd::{Float, TILE_VECTORS, Vectors, Work};
use crate::stage::Finish;

/// The columns of the widest strip.
const STRIP: usize = strip_width::<f32>();

/// Packs a strip of the filter at the points, from a channel on.
pub(super) struct PackStrip<'a, T> {
    pub(super) plan: &'a Plan,
    pub(super) filter: &'a [T],
    pub(super) channel: usize,
    pub(super) strip: &'a mut [T],
}

impl<T: Float> Work<T> for PackStrip<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let (plan, width) = (self.plan, strip_width::<T>());
        let channels = plan.target.channels;
        let columns = width.min(channels - self.channel);
        assert!(plan.strip_len::<T>() <= self.strip.len());
        let zero = simd.splat(T::default());
        let half = simd.splat(T::from_f64(0.5));
        for (number, group) in plan.groups().iter().enumerate() {
            let (sub, points) = (plan.sub(group), plan.points(group));
            for term in 0..plan.run {
                for at in (0..columns).step_by(S::LANES) {
                    let count = S::LANES.min(columns - at);
                    let mut taps = [zero; MOST_POINTS];
                    for (i, tap) in taps[..group.taps].iter_mut().enumerate() {
                        let row = sub.tap(group.first + i) * plan.run + term;
                        let from = &self.filter[row * channels + self.channel + at..][..count];
                        // SAFETY: so many elements are there.
                        *tap = unsafe {
                            match count == S::LANES {
                                true => simd.load(from.as_ptr()),
                                false => simd.load_some(from.as_ptr(), count),
                            }
                        };
                    }
                    let out = transform::filter_line(simd, half, &taps[..group.taps], points);
                    for (index, &out) in out[..points].iter().enumerate() {
                        let to = (plan.slot(number, index) * plan.run + term) * width + at;
                        let to = &mut self.strip[to..][..S::LANES];
                        // SAFETY: a vector's elements.
                        unsafe { simd.store(to.as_mut_ptr(), out) };
                    }
                }
            }
        }
    }
}

/// Computes a tile's rows of the result; returns whether all are finite.
pub(super) struct Rows<'a, T> {
    pub(super) plan: &'a Plan,
    /// The tile's image.
    pub(super) source: &'a [T],
    pub(super) tile: usize,
    pub(super) filter: &'a [T],
    /// Zeros, but for what another tile wrote.
    pub(super) room: &'a mut [T],
    /// The image's result, of which no other thread has the tile's rows.
    pub(super) target: *mut T,
    pub(super) target_len: usize,
    pub(super) finish: &'a Finish<'a, T>,
}

impl<T: Float> Work<T> for Rows<'_, T> {
    type Output = bool;
    #[inline(always)]
    fn run<S: Vectors<T>>(mut self, simd: S) -> bool {
        let (plan, width) = (self.plan, strip_width::<T>());
        assert!(plan.room() <= self.room.len());
        for number in 0..plan.groups().len() {
            match plan.points(&plan.groups()[number]) {
                2 => self.transform::<S, 2>(simd, number),
                3 => self.transform::<S, 3>(simd, number),
                _ => self.transform::<S, 4>(simd, number),
            }
        }
        let channels = plan.target.channels;
        let mut finite = true;
        for start in (0..channels).step_by(width) {
            let columns = width.min(channels - start);
            let filter = &self.filter[start / width * plan.strip_len::<T>()..];
            let filter = &filter[..plan.strip_len::<T>()];
            let most = S::LANES * TILE_VECTORS;
            for column in (0..columns).step_by(most) {
                let columns = most.min(columns - column);
                // What is left at the end takes a narrow vector, if it holds it.
                let left = columns % S::LANES;
                let narrow = <S::Narrow as Vectors<T>>::LANES;
                let left = match left <= narrow && narrow < S::LANES {
                    true => left,
                    false => 0,
                };
                let (wide, place) = (columns - left, (start + column, column));
                if wide > S::LANES {
                    finite &= self.columns::<S, 2>(simd, filter, place, wide);
                } else if wide > 0 {
                    finite &= self.columns::<S, 1>(simd, filter, place, wide);
                }
                if left > 0 {
                    let place = (place.0 + wide, place.1 + wide);
                    finite &= self.columns::<S::Narrow, 1>(simd.narrow(), filter, place, left);
                }
            }
        }
        finite
    }
}

impl<T: Float> Rows<'_, T> {
    /// Brings a group's rows to the points.
    #[inline(always)]
    fn transform<S: Vectors<T>, const N: usize>(&mut self, simd: S, number: usize) {
        let plan = self.plan;
        let group = &plan.groups()[number];
        let sub = plan.sub(group);
        let room = self.room.as_mut_ptr();
        // The last row is one of zeros.
        let zeros = room.wrapping_add(plan.slots() * plan.pitch).cast_const();
        let (mut from, mut to) = ([zeros; N], [room; N]);
        for i in 0..N {
            if let Some(row) = plan.line.pixel(&sub, self.tile, group.first + i) {
                from[i] = self.source[row * plan.source.axes[1]..][..plan.used].as_ptr();
            }
            to[i] = room.wrapping_add(plan.slot(number, i) * plan.pitch + plan.cut);
        }
        for at in (0..plan.used).step_by(S::LANES) {
            let count = S::LANES.min(plan.used - at);
            let mut rows = [simd.splat(T::default()); N];
            // SAFETY: so many elements are left in the source's rows, as checked, and in the zeros; behind what is used of
            // a row of the room is a whole vector.
            unsafe {
                for i in 0..N {
                    rows[i] = match count == S::LANES {
                        true => simd.load(from[i].wrapping_add(at)),
                        false => simd.load_some(from[i].wrapping_add(at), count),
                    };
                }
                let rows = transform::input::<T, S, N>(simd, rows);
                for i in 0..N {
                    simd.store(to[i].wrapping_add(at), rows[i]);
                }
            }
        }
    }

    /// Some columns of a strip, from a channel and its place in the strip on.
    #[inline(always)]
    fn columns<S: Vectors<T>, const V: usize>(
        &self,
        simd: S,
        filter: &[T],
        place: (usize, usize),
        columns: usize,
    ) -> bool {
        match self.plan.line.outputs {
            2 => self.tiles::<S, V, 2>(simd, filter, place, columns),
            _ => self.tiles::<S, V, 3>(simd, filter, place, columns),
        }
    }

    #[inline(always)]
    fn tiles<S: Vectors<T>, const V: usize, const M: usize>(
        &self,
        simd: S,
        filter: &[T],
        (channel, place): (usize, usize),
        columns: usize,
    ) -> bool {
        let plan = self.plan;
        let channels = plan.target.channels;
        let [_, row, pixel] = plan.target.axes;
        assert!(columns <= V * S::LANES && place + V * S::LANES <= strip_width::<T>());
        let zero = simd.splat(T::default());
        let mut all = [T::default(); STRIP];
        self.finish.biases(channel, &mut all[..columns]);
        let mut biases = [zero; V];
        for (v, bias) in biases.iter_mut().enumerate() {
            // SAFETY: a strip has no fewer columns.
            *bias = unsafe { simd.load(all.as_ptr().add(v * S::LANES)) };
        }
        let mut targets = [std::ptr::null_mut(); M];
        let mut rows = 0;
        while let Some(at) = (rows < M).then(|| plan.row(self.tile, rows)).flatten() {
            assert!(at * row + (plan.width - 1) * pixel + channels <= self.target_len);
            targets[rows] = self.target.wrapping_add(at * row + channel);
            rows += 1;
        }
        let whole = (rows, columns) == (M, V * S::LANES);
        // Of all outputs, as far as it tells whether they are finite.
        let mut total = zero;
        for start in (0..plan.width).step_by(TALL) {
            let pixels = TALL.min(plan.width - start);
            // What is written at the end is fetched meanwhile.
            for target in &targets[..rows] {
                for i in 0..pixels {
                    for v in 0..V {
                        simd.prefetch(target.wrapping_add((start + i) * pixel + v * S::LANES));
                    }
                }
            }
            let tile = Tile {
                plan,
                rows: self.room.as_ptr().wrapping_add(start * plan.step),
                filter: filter.as_ptr().wrapping_add(place),
            };
            // SAFETY: the room has the rows of as many pixels as a tile has, the strip as many columns.
            let sums = unsafe { tile.run::<S, V>(simd) };
            #[expect(clippy::needless_range_loop, reason = "a pixel at all points")]
            for i in 0..TALL {
                if i == pixels {
                    break;
                }
                let mut out = [[zero; V]; M];
                for v in 0..V {
                    let points = [sums[0][i][v], sums[1][i][v], sums[2][i][v], sums[3][i][v]];
                    let column = transform::output::<T, S, MOST_POINTS, M>(simd, points);
                    for y in 0..M {
                        // Infinity or NaN stays, or becomes the other.
                        total = simd.add(total, column[y]);
                        out[y][v] = column[y];
                    }
                }
                self.finish.columns(simd, &mut out, biases);
                for y in 0..M {
                    let to = targets[y].wrapping_add((start + i) * pixel);
                    for (v, &out) in out[y].iter().enumerate() {
                        let to = to.wrapping_add(v * S::LANES);
                        let left = columns - v * S::LANES;
                        // SAFETY: inside the target, as checked.
                        unsafe {
                            if whole || (y < rows && left >= S::LANES) {
                                simd.store(to, out);
                            } else if y < rows {
                                simd.store_some(to, out, left);
                            }
                        }
                    }
                }
            }
        }
        let mut all = [T::default(); STRIP];
        // SAFETY: no vector has more elements.
        unsafe { simd.store(all.as_mut_ptr(), total) };
        all.iter().all(|x| x.to_f64().is_finite())
    }
}

/// Some pixels times some vectors of columns, at all points.
struct Tile<'a, T> {
    plan: &'a Plan,
    rows: *const T,
    filter: *const T,
}

impl<T: Float> Tile<'_, T> {
    /// # Safety
    /// All rows have so many pixels, from the first on; the strip has so many columns.
    #[inline(always)]
    unsafe fn run<S: Vectors<T>, const V: usize>(
        &self,
        simd: S,
    ) -> [[[S::Vector; V]; TALL]; MOST_POINTS] {
        let (plan, width) = (self.plan, strip_width::<T>());
        let zero = simd.splat(T::default());
        let mut all = [[[zero; V]; TALL]; MOST_POINTS];
        let (mut row, mut filter) = (self.rows, self.filter);
        for (all, &sharing) in all.iter_mut().zip(&plan.sharing) {
            let mut sums = [[zero; V]; TALL];
            for _ in 0..sharing {
                let mut source = row;
                for _ in 0..plan.run {
                    // SAFETY: the caller's.
                    unsafe {
                        let mut columns = [zero; V];
                        for (v, column) in columns.iter_mut().enumerate() {
                            *column = simd.load(filter.wrapping_add(v * S::LANES));
                        }
                        for (i, sums) in sums.iter_mut().enumerate() {
                            let x = simd.splat(*source.wrapping_add(i * plan.step));
                            for (sum, &column) in sums.iter_mut().zip(&columns) {
                                *sum = simd.mul_add(x, column, *sum);
                            }
                        }
                    }
                    source = source.wrapping_add(1);
                    filter = filter.wrapping_add(width);
                }
                row = row.wrapping_add(plan.pitch);
            }
            *all = sums;
        }
        all
    }
}

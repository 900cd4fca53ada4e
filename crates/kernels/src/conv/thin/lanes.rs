use super::lattice::TILE;
use crate::simd::{Float, Vectors, Work, prefetch};
use crate::stage::Finish;

/// What is written to so many bytes at most is still in the second-level cache from the last time.
const CACHED: usize = 1 << 20;

/// Matrices turned: element (`r`, `c`) of each becomes element (`c`, `r`) of its place.
pub(super) struct Turn<'a, T> {
    pub(super) from: &'a [T],
    pub(super) to: *mut T,
    /// The elements that may be written.
    pub(super) room: usize,
    /// From one row to the next in `from`, from one column to the next in `to`.
    pub(super) pitches: [usize; 2],
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// How many matrices, and from one to the next in `from` and in `to`.
    pub(super) count: usize,
    pub(super) steps: [usize; 2],
    /// Whether `from` is not in the cache; else what is written is not.
    pub(super) far: bool,
}

impl<T: Float> Work<T> for Turn<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let (rows, columns) = (self.rows, self.columns);
        let (pitches, steps) = (self.pitches, self.steps);
        if self.count == 0 || rows == 0 || columns == 0 {
            return;
        }
        let last = self.count - 1;
        assert!(last * steps[0] + (rows - 1) * pitches[0] + columns <= self.from.len());
        assert!(last * steps[1] + (columns - 1) * pitches[1] + rows <= self.room);
        for i in 0..self.count {
            // SAFETY: the last element read and the last written are inside, as checked above.
            unsafe {
                let from = self.from.as_ptr().add(i * steps[0]);
                let to = self.to.add(i * steps[1]);
                let half = S::SIDE / 2;
                if rows >= half && columns >= half {
                    // What is not in the cache is walked through in order. What is left behind the whole squares
                    // takes smaller ones, the last of which overlaps others.
                    let (long, short) = if self.far {
                        (rows, columns)
                    } else {
                        (columns, rows)
                    };
                    let whole = [long - long % S::SIDE, short - short % S::SIDE];
                    let halves = |start: usize, end: usize| {
                        (start..end).step_by(half).map(move |at| at.min(end - half))
                    };
                    let place = |i: usize, j: usize| {
                        let (r, c) = if self.far { (i, j) } else { (j, i) };
                        let (from, to) = (from.add(r * pitches[0] + c), to.add(c * pitches[1] + r));
                        ((from, pitches[0]), (to, pitches[1]))
                    };
                    for i in (0..whole[0]).step_by(S::SIDE) {
                        // What comes soon: two squares on, or in the next matrix.
                        let ahead = if self.far {
                            Some(steps[0])
                        } else if self.room * size_of::<T>() < CACHED {
                            None
                        } else if i + 3 * S::SIDE <= long {
                            Some(2 * S::SIDE * pitches[1])
                        } else {
                            let first = (i + 2 * S::SIDE).saturating_sub(long);
                            Some(
                                steps[1]
                                    .wrapping_add(first * pitches[1])
                                    .wrapping_sub(i * pitches[1]),
                            )
                        };
                        for j in (0..whole[1]).step_by(S::SIDE) {
                            let (from, to) = place(i, j);
                            if let Some(ahead) = ahead {
                                let (at, pitch) = if self.far {
                                    (from.0.wrapping_add(ahead), pitches[0])
                                } else {
                                    (to.0.wrapping_add(ahead).cast_const(), pitches[1])
                                };
                                for i in 0..S::SIDE {
                                    prefetch(at.wrapping_add(i * pitch));
                                }
                            }
                            simd.turn(from, to);
                        }
                        for j in halves(whole[1], short) {
                            for i in [i, i + half] {
                                let (from, to) = place(i, j);
                                simd.turn_half(from, to);
                            }
                        }
                    }
                    for i in halves(whole[0], long) {
                        for j in halves(0, short) {
                            let (from, to) = place(i, j);
                            simd.turn_half(from, to);
                        }
                    }
                } else if columns == 1 && pitches[0] == 1 {
                    std::ptr::copy_nonoverlapping(from, to, rows);
                } else if rows == 1 && pitches[1] == 1 {
                    std::ptr::copy_nonoverlapping(from, to, columns);
                } else {
                    for r in 0..rows {
                        for c in 0..columns {
                            *to.add(c * pitches[1] + r) = *from.add(r * pitches[0] + c);
                        }
                    }
                }
            }
        }
    }
}

/// Writes zeros into rows of each plane, before `low` and from `high` on. It may write behind a row, less than a
/// vector, and behind `low`.
pub(super) struct Clear<'a, T> {
    pub(super) to: &'a mut [T],
    pub(super) planes: usize,
    /// From one plane to the next.
    pub(super) pitch: usize,
    pub(super) rows: std::ops::Range<usize>,
    /// From one row to the next.
    pub(super) row: usize,
    pub(super) low: usize,
    pub(super) high: usize,
}

impl<T: Float> Work<T> for Clear<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        if self.rows.is_empty() {
            return;
        }
        let last = (self.planes - 1) * self.pitch + self.rows.end * self.row + S::LANES;
        assert!(last <= self.to.len() && self.low <= self.row);
        let zeros = simd.splat(T::default());
        for plane in 0..self.planes {
            for row in self.rows.clone() {
                let to = self.to.as_mut_ptr();
                let to = to.wrapping_add(plane * self.pitch + row * self.row);
                let left = (0..self.low).step_by(S::LANES);
                for at in left.chain((self.high..self.row).step_by(S::LANES)) {
                    // SAFETY: it starts inside the row, and behind the last row there is room for a vector.
                    unsafe { simd.store(to.add(at), zeros) };
                }
            }
        }
    }
}

/// A tile of results: for each of its rows, the sum of filter elements times planes of the panel, for many cells.
pub(super) struct Multiply<'a, T> {
    pub(super) panel: &'a [T],
    /// Where in the panel the terms are, seen from the first cell.
    pub(super) offsets: &'a [u32],
    /// `rows` elements for each term.
    pub(super) filter: &'a [T],
    pub(super) rows: usize,
    pub(super) cells: usize,
    pub(super) sums: &'a mut [T],
    /// Where in `sums` the rows start.
    pub(super) places: [usize; TILE],
    pub(super) finish: &'a Finish<'a, T>,
    /// Those of the rows.
    pub(super) biases: [T; TILE],
}

impl<T: Float> Multiply<'_, T> {
    /// Computes it.
    ///
    /// # Safety
    /// Every offset leaves room in the panel for the cells, in whole vectors of any instruction set.
    pub(super) unsafe fn compute(self, set: crate::simd::InstructionSet) {
        T::dispatch(set, Unchecked(self));
    }
}

/// A [`Multiply`] whose offsets are vouched for.
struct Unchecked<'a, T>(Multiply<'a, T>);

impl<T: Float> Work<T> for Unchecked<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let Multiply {
            panel,
            offsets,
            filter,
            rows,
            cells,
            sums,
            places,
            finish,
            biases,
        } = self.0;
        assert!(rows <= TILE && filter.len() == rows * offsets.len());
        let room = cells.next_multiple_of(S::LANES);
        assert!(
            places[..rows]
                .iter()
                .all(|&place| place + room <= sums.len())
        );
        let mut strip = Strip {
            panel: panel.as_ptr(),
            offsets,
            filter: filter.as_ptr(),
            pitch: rows,
            cells,
            sums: sums.as_mut_ptr(),
            places: &places[..rows],
            finish,
            biases: &biases,
        };
        let parts = rows.div_ceil(S::TILE_ROWS);
        for part in 0..parts {
            let count = strip.places.len().div_ceil(parts - part);
            let (now, rest) = strip.places.split_at(count);
            strip.places = now;
            // As many accumulators as leave registers for their operands.
            macro_rules! sizes {
                ($($rows:literal x $vectors:literal)*) => {
                    match count {
                        // SAFETY: checked above; the offsets are vouched for.
                        $($rows => unsafe { strip.run::<S, $rows, $vectors>(simd) },)*
                        _ => unreachable!(),
                    }
                };
            }
            if S::TILE_ROWS < 12 {
                sizes!(1 x 8 2 x 4 3 x 4 4 x 2 5 x 2 6 x 2);
            } else {
                sizes!(1 x 8 2 x 8 3 x 8 4 x 6 5 x 5 6 x 4 7 x 3 8 x 3 9 x 3 10 x 2 11 x 2 12 x 2);
            }
            strip.places = rest;
            strip.filter = strip.filter.wrapping_add(count);
            strip.biases = &strip.biases[count..];
        }
    }
}

/// As many rows of results as the registers hold.
struct Strip<'a, T> {
    panel: *const T,
    offsets: &'a [u32],
    filter: *const T,
    pitch: usize,
    cells: usize,
    sums: *mut T,
    places: &'a [usize],
    finish: &'a Finish<'a, T>,
    biases: &'a [T],
}

impl<T: Float> Strip<'_, T> {
    /// # Safety
    /// There are `ROWS` places and biases. All offsets have room for the cells in whole vectors, in the panel, and so have the
    /// places in the sums; the filter has `ROWS` elements for each offset, `pitch` apart.
    #[inline(always)]
    unsafe fn run<S: Vectors<T>, const ROWS: usize, const VECTORS: usize>(&self, simd: S) {
        let vectors = self.cells.div_ceil(S::LANES);
        let mut done = 0;
        // SAFETY: the caller's.
        unsafe {
            while done + VECTORS <= vectors {
                self.tile::<S, ROWS, VECTORS>(simd, done * S::LANES);
                done += VECTORS;
            }
            while VECTORS > 2 && done + 2 <= vectors {
                self.tile::<S, ROWS, 2>(simd, done * S::LANES);
                done += 2;
            }
            while done < vectors {
                self.tile::<S, ROWS, 1>(simd, done * S::LANES);
                done += 1;
            }
        }
    }

    /// # Safety
    /// As [`Strip::run`]; the cells from `start` on that the vectors hold are among those.
    #[inline(always)]
    unsafe fn tile<S: Vectors<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        start: usize,
    ) {
        let mut sums = [[simd.splat(T::default()); VECTORS]; ROWS];
        // SAFETY: the caller's.
        unsafe {
            let panel = self.panel.add(start);
            let mut filter = self.filter;
            for &offset in self.offsets {
                let from = panel.add(offset as usize);
                if ROWS < VECTORS {
                    let scales: [_; ROWS] = std::array::from_fn(|r| simd.splat(*filter.add(r)));
                    for v in 0..VECTORS {
                        let x = simd.load(from.add(v * S::LANES));
                        for (sums, &scale) in sums.iter_mut().zip(&scales) {
                            sums[v] = simd.mul_add(scale, x, sums[v]);
                        }
                    }
                } else {
                    let x: [_; VECTORS] =
                        std::array::from_fn(|v| simd.load(from.add(v * S::LANES)));
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let scale = simd.splat(*filter.add(r));
                        for (sum, &x) in sums.iter_mut().zip(&x) {
                            *sum = simd.mul_add(scale, x, *sum);
                        }
                    }
                }
                filter = filter.wrapping_add(self.pitch);
            }
            let biases = &*self.biases.as_ptr().cast::<[T; ROWS]>();
            self.finish.rows(simd, &mut sums, biases);
            for (sums, &place) in sums.iter().zip(self.places) {
                for (v, &sum) in sums.iter().enumerate() {
                    simd.store(self.sums.add(place + start + v * S::LANES), sum);
                }
            }
        }
    }
}

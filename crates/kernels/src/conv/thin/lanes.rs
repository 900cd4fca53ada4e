use super::lattice::TILE;
use crate::simd::{Float, Vectors, Work};

/// A matrix turned: element (`r`, `c`) of `from` becomes element (`c`, `r`) of `to`.
pub(super) struct Turn<'a, T> {
    pub(super) from: &'a [T],
    pub(super) from_pitch: usize,
    pub(super) to: *mut T,
    /// The elements that may be written.
    pub(super) room: usize,
    pub(super) to_pitch: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// The side of the squares that are turned at once, by shuffles that the compiler finds.
const SIDE: usize = 4;

impl<T: Float> Work<T> for Turn<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, _: S) {
        let Turn {
            from,
            from_pitch,
            to,
            room,
            to_pitch,
            rows,
            columns,
        } = self;
        if rows == 0 || columns == 0 {
            return;
        }
        assert!((rows - 1) * from_pitch + columns <= from.len());
        assert!((columns - 1) * to_pitch + rows <= room);
        let from = from.as_ptr();
        // SAFETY: the last element read and the last written are inside, as checked above.
        unsafe {
            let single = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
                for c in columns {
                    for r in rows.clone() {
                        *to.add(c * to_pitch + r) = *from.add(r * from_pitch + c);
                    }
                }
            };
            let (whole_rows, whole_columns) = (rows - rows % SIDE, columns - columns % SIDE);
            for r in (0..whole_rows).step_by(SIDE) {
                for c in (0..whole_columns).step_by(SIDE) {
                    let square: [[T; SIDE]; SIDE] = std::array::from_fn(|i| {
                        from.add((r + i) * from_pitch + c)
                            .cast::<[T; SIDE]>()
                            .read()
                    });
                    for i in 0..SIDE {
                        let turned: [T; SIDE] = std::array::from_fn(|j| square[j][i]);
                        to.add((c + i) * to_pitch + r)
                            .cast::<[T; SIDE]>()
                            .write(turned);
                    }
                }
            }
            single(0..whole_rows, whole_columns..columns);
            single(whole_rows..rows, 0..columns);
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
}

impl<T: Float> Strip<'_, T> {
    /// # Safety
    /// There are `ROWS` places. All offsets have room for the cells in whole vectors, in the panel, and so have the
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
                        for r in 0..ROWS {
                            sums[r][v] = simd.mul_add(scales[r], x, sums[r][v]);
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
            for (sums, &place) in sums.iter().zip(self.places) {
                for (v, &sum) in sums.iter().enumerate() {
                    simd.store(self.sums.add(place + start + v * S::LANES), sum);
                }
            }
        }
    }
}

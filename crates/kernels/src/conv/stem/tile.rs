use super::Plan;
use crate::simd::{Float, Vectors};
use crate::stage::Finish;

/// Some pixels by some of their channels.
pub(super) struct Tile<'a, T> {
    pub(super) plan: &'a Plan,
    pub(super) source: *const T,
    /// From one tap's row to the next.
    pub(super) pitch: usize,
    pub(super) filter: *const T,
    pub(super) target: *mut T,
    /// The lanes of the last vector that are written.
    pub(super) last: usize,
    pub(super) finish: &'a Finish<'a, T>,
}

impl<T: Float> Tile<'_, T> {
    /// With `HALF` there is a narrow vector of columns behind the whole ones.
    ///
    /// # Safety
    /// There are the runs of `TALL` pixels in the source, and `WIDE` vectors of columns in the filter and the target.
    #[inline(always)]
    pub(super) unsafe fn run<
        S: Vectors<T>,
        const TALL: usize,
        const WIDE: usize,
        const HALF: bool,
    >(
        self,
        simd: S,
    ) {
        let plan = self.plan;
        let narrow = simd.narrow();
        let mut sums = [[simd.splat(T::default()); WIDE]; TALL];
        let mut halves = [[narrow.splat(T::default())]; TALL];
        let (mut row, mut filter) = (self.source, self.filter);
        // SAFETY: the caller's.
        unsafe {
            for _ in 0..plan.taps {
                let mut source = row;
                for _ in 0..plan.run {
                    let mut columns = [simd.splat(T::default()); WIDE];
                    for (v, column) in columns.iter_mut().enumerate() {
                        *column = simd.load(filter.add(v * S::LANES));
                    }
                    let mut half = narrow.splat(T::default());
                    if HALF {
                        half = narrow.load(filter.add(WIDE * S::LANES));
                    }
                    for pixel in 0..TALL {
                        let x = simd.splat(*source.add(pixel * plan.steps[1]));
                        for (sum, &column) in sums[pixel].iter_mut().zip(&columns) {
                            *sum = simd.mul_add(x, column, *sum);
                        }
                        if HALF {
                            let sum = &mut halves[pixel][0];
                            *sum = narrow.mul_add(simd.first(x), half, *sum);
                        }
                    }
                    source = source.add(1);
                    filter = filter.add(plan.columns);
                }
                row = row.wrapping_add(self.pitch);
            }
            // Biases are behind the filter.
            let mut biases = [simd.splat(T::default()); WIDE];
            for (v, bias) in biases.iter_mut().enumerate() {
                *bias = simd.load(filter.add(v * S::LANES));
            }
            self.finish.columns(simd, &mut sums, biases);
            if HALF {
                let bias = narrow.load(filter.add(WIDE * S::LANES));
                self.finish.columns(narrow, &mut halves, [bias]);
            }
            for pixel in 0..TALL {
                let to = self.target.add(pixel * plan.channels);
                for (v, &sum) in sums[pixel].iter().enumerate() {
                    let to = to.add(v * S::LANES);
                    if HALF || v + 1 < WIDE || self.last == S::LANES {
                        simd.store(to, sum);
                    } else {
                        simd.store_some(to, sum, self.last);
                    }
                }
                if HALF {
                    let (to, sum) = (to.add(WIDE * S::LANES), halves[pixel][0]);
                    if self.last == S::Narrow::LANES {
                        narrow.store(to, sum);
                    } else {
                        narrow.store_some(to, sum, self.last);
                    }
                }
            }
        }
    }
}

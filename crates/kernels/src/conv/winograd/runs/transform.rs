use crate::conv::rows::Beside;
use crate::simd::{Float, Vectors};

/// Elements of two rows, to be added or subtracted.
pub(super) struct Transform<T> {
    pub(super) from: [*const T; 2],
    pub(super) sum: bool,
    pub(super) to: *mut T,
    /// How many are done, of how many.
    pub(super) at: usize,
    pub(super) len: usize,
}

impl<T: Float> Transform<T> {
    /// Nothing.
    pub(super) const NONE: Self = Transform {
        from: [std::ptr::null(); 2],
        sum: false,
        to: std::ptr::null_mut(),
        at: 0,
        len: 0,
    };

    /// A vector of them.
    ///
    /// # Safety
    /// There are so many to be read, and there is room for a vector.
    #[inline(always)]
    unsafe fn vector<S: Vectors<T>, const WHOLE: bool>(&mut self, simd: S) {
        let [x, y] = self.from;
        let (x, y) = (x.wrapping_add(self.at), y.wrapping_add(self.at));
        let left = self.len - self.at;
        // SAFETY: the caller's.
        unsafe {
            let (x, y) = match WHOLE {
                true => (simd.load(x), simd.load(y)),
                false => (simd.load_some(x, left), simd.load_some(y, left)),
            };
            let made = match self.sum {
                true => simd.add(x, y),
                false => simd.sub(x, y),
            };
            simd.store(self.to.wrapping_add(self.at), made);
        }
        self.at += S::LANES;
    }

    /// All that is left.
    ///
    /// # Safety
    /// As [`Transform::vector`].
    #[inline(always)]
    pub(super) unsafe fn finish<S: Vectors<T>>(mut self, simd: S) {
        while self.at < self.len {
            // SAFETY: the caller's.
            unsafe {
                match self.at + S::LANES <= self.len {
                    true => self.vector::<S, true>(simd),
                    false => self.vector::<S, false>(simd),
                }
            }
        }
    }
}

impl<T: Float> Beside<T> for &mut Transform<T> {
    #[inline(always)]
    unsafe fn step<S: Vectors<T>, const TALL: usize>(&mut self, simd: S, channel: usize) {
        if !channel.is_multiple_of((S::LANES / TALL).max(1)) {
            return;
        }
        for _ in 0..TALL.div_ceil(S::LANES) {
            if self.at + S::LANES <= self.len {
                for from in self.from {
                    // The tile behind: the rows lie far apart, and one of them comes from afar.
                    simd.prefetch(from.wrapping_add(self.at + self.len));
                }
                // SAFETY: the caller's.
                unsafe { self.vector::<S, true>(simd) };
            }
        }
    }
}

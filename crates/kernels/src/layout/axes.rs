use std::ops::Range;

use crate::KernelError;

/// Elements that one task writes or reads: below this a kernel stays on the calling thread.
pub(crate) const PIECE: usize = 1 << 15;

/// The most axes left once those that move together are one.
pub(crate) const MAX_AXES: usize = 8;

/// The number of elements that `dims` describe.
pub(crate) fn elements(dims: &[usize]) -> Result<usize, KernelError> {
    if dims.contains(&0) {
        return Ok(0);
    }
    dims.iter()
        .try_fold(1usize, |product, &dim| product.checked_mul(dim))
        .filter(|&product| product <= isize::MAX as usize)
        .ok_or_else(|| KernelError::Sizes(format!("{dims:?} has too many elements")))
}

/// An index space walked in row-major order while `N` offsets move along; innermost axis first.
///
/// Axes of one element are dropped and neighbours that every offset crosses in one stride are joined, so
/// that the innermost axis is as long as it can be.
#[derive(Clone)]
pub(crate) struct Axes<const N: usize> {
    count: usize,
    dims: [usize; MAX_AXES],
    strides: [[isize; N]; MAX_AXES],
}

impl<const N: usize> Axes<N> {
    /// The space of one element.
    pub(crate) fn new() -> Axes<N> {
        Axes {
            count: 1,
            dims: [1; MAX_AXES],
            strides: [[1; N]; MAX_AXES],
        }
    }

    /// Puts an axis of at least one element around the others.
    pub(crate) fn push(&mut self, dim: usize, strides: [isize; N]) -> Result<(), KernelError> {
        if dim == 1 {
            return Ok(());
        }
        let last = self.count - 1;
        let (inner, inner_strides) = (self.dims[last], self.strides[last]);
        let joins = std::iter::zip(strides, inner_strides)
            .all(|(outer, stride)| stride.checked_mul(inner as isize) == Some(outer));
        if inner == 1 {
            (self.dims[last], self.strides[last]) = (dim, strides);
        } else if joins {
            // Wraps only around an axis of 0 elements; such a space is never walked.
            self.dims[last] = inner.wrapping_mul(dim);
        } else if self.count == MAX_AXES {
            let text = format!("more than {MAX_AXES} axes that cannot be joined");
            return Err(KernelError::Sizes(text));
        } else {
            (self.dims[last + 1], self.strides[last + 1]) = (dim, strides);
            self.count += 1;
        }
        Ok(())
    }

    /// How many axes there are, at least one.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The strides of the innermost axis.
    pub(crate) fn inner(&self) -> [isize; N] {
        self.strides[0]
    }

    /// The size of axis `axis`, counted from the innermost, and its strides.
    pub(crate) fn axis(&self, axis: usize) -> (usize, [isize; N]) {
        (self.dims[axis], self.strides[axis])
    }

    /// The outermost axis' size and strides.
    pub(crate) fn outermost(&self) -> (usize, [isize; N]) {
        self.axis(self.count - 1)
    }

    /// The space without its innermost axis.
    pub(crate) fn outer(&self) -> Axes<N> {
        let mut outer = self.clone();
        outer.dims.rotate_left(1);
        outer.strides.rotate_left(1);
        outer.dims[MAX_AXES - 1] = 1;
        outer.count = outer.count.max(2) - 1;
        outer
    }

    /// Walks the elements `range` and calls `run` for each stretch of the innermost axis, with the
    /// stretch's place within the range and the offsets of its first element.
    pub(crate) fn runs(&self, range: Range<usize>, run: &mut dyn FnMut(Range<usize>, [usize; N])) {
        let mut index = [0; MAX_AXES];
        let mut offsets = [0usize; N];
        // An offset may pass below zero on its way, never where it is used; hence the wrapping.
        let step = |offsets: &mut [usize; N], axis: usize, count: isize| {
            for (offset, stride) in offsets.iter_mut().zip(self.strides[axis]) {
                *offset = offset.wrapping_add_signed(stride.wrapping_mul(count));
            }
        };
        let mut rest = range.start;
        for (axis, index) in index.iter_mut().enumerate().take(self.count) {
            if rest == 0 {
                break;
            }
            *index = rest % self.dims[axis];
            rest /= self.dims[axis];
            step(&mut offsets, axis, *index as isize);
        }
        let (mut done, length) = (0, range.len());
        while done < length {
            let stretch = (self.dims[0] - index[0]).min(length - done);
            run(done..done + stretch, offsets);
            done += stretch;
            step(&mut offsets, 0, stretch as isize);
            index[0] += stretch;
            for axis in 0..self.count - 1 {
                if index[axis] < self.dims[axis] {
                    break;
                }
                step(&mut offsets, axis, -(self.dims[axis] as isize));
                step(&mut offsets, axis + 1, 1);
                index[axis] = 0;
                index[axis + 1] += 1;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A seeded source of test sizes and values (Marsaglia's xorshift64).
    pub(crate) struct Random(pub(crate) u64);

    impl Random {
        /// A number below `end`.
        pub(crate) fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 33) as usize % end
        }

        /// Sizes of zero to five axes, with zero and one among them.
        pub(crate) fn dims(&mut self) -> Vec<usize> {
            let rank = self.below(6);
            let sizes = [0, 1, 1, 2, 3, 4, 5, 7];
            // Zero is rare, or most of the cases would be empty.
            (0..rank)
                .map(|_| sizes[(1 + self.below(7)) * usize::from(self.below(16) > 0)])
                .collect()
        }

        /// Whole numbers from -8 to 8.
        pub(crate) fn values(&mut self, count: usize) -> Vec<f32> {
            (0..count).map(|_| self.below(17) as f32 - 8.0).collect()
        }
    }

    /// The index of element `linear` in an array of `dims`: the definition of row-major order.
    pub(crate) fn unravel(mut linear: usize, dims: &[usize]) -> Vec<usize> {
        let mut index = vec![0; dims.len()];
        for (i, &dim) in index.iter_mut().zip(dims).rev() {
            *i = linear % dim;
            linear /= dim;
        }
        index
    }

    #[test]
    fn axes_that_move_together_become_one() {
        let mut axes = Axes::<2>::new();
        for (dim, strides) in [(1, [9, 9]), (3, [1, 0]), (4, [3, 0]), (5, [12, 1])] {
            axes.push(dim, strides).unwrap();
        }
        assert_eq!(axes.axis(0), (12, [1, 0]));
        assert_eq!(axes.outermost(), (5, [12, 1]));
        let mut seen = Vec::new();
        axes.runs(10..30, &mut |run, offsets| seen.push((run, offsets)));
        assert_eq!(seen, [(0..2, [10, 0]), (2..14, [12, 1]), (14..20, [24, 2])]);
    }

    #[test]
    fn too_many_axes_or_elements_are_refused() {
        let mut axes = Axes::<1>::new();
        for axis in 0..MAX_AXES {
            axes.push(2, [axis as isize + 5]).unwrap();
        }
        assert!(axes.push(2, [1]).is_err());
        assert!(elements(&[usize::MAX, 2]).is_err());
        assert_eq!(elements(&[usize::MAX, 2, 0]), Ok(0));
        assert_eq!(elements(&[]), Ok(1));
    }
}

use crate::simd::{Float, TILE_VECTORS, Vectors, Work};

/// The most numbers in a row of a tile of any instruction set.
const TILE_WIDTH: usize = 32;

/// Windows that lie at equal distances in both operands.
#[derive(Clone, Copy)]
pub(super) struct Segment<T> {
    pub(super) left: *const T,
    pub(super) left_step: usize,
    pub(super) right: *const T,
    pub(super) right_step: usize,
    pub(super) count: usize,
    /// Where to fetch from meanwhile: what the next block sees, and the next chunk of the gradient.
    pub(super) ahead: [*const T; 2],
}

/// What to fetch for each window: so many elements behind one of [`Segment::ahead`].
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub(super) which: usize,
    pub(super) skip: usize,
    pub(super) step: usize,
}

impl<T> Segment<T> {
    /// No windows.
    pub(super) const EMPTY: Segment<T> = Segment {
        left: std::ptr::null(),
        left_step: 0,
        right: std::ptr::null(),
        right_step: 0,
        count: 0,
        ahead: [std::ptr::null(); 2],
    };

    /// With left and right exchanged.
    pub(super) fn turned(&self) -> Segment<T> {
        Segment {
            left: self.right,
            left_step: self.right_step,
            right: self.left,
            right_step: self.left_step,
            count: self.count,
            ahead: self.ahead,
        }
    }

    /// Takes in `next` if its windows go on where these end.
    pub(super) fn joins(&mut self, next: &Segment<T>) -> bool {
        let joins = self.left_step == next.left_step
            && self.right_step == next.right_step
            && self.left.wrapping_add(self.count * self.left_step) == next.left
            && self.right.wrapping_add(self.count * self.right_step) == next.right;
        if joins {
            self.count += next.count;
        }
        joins
    }
}

/// Where a tile of the result goes.
#[derive(Clone, Copy)]
pub(super) struct Target<T> {
    pub(super) at: *mut T,
    /// From one row to the next.
    pub(super) pitch: usize,
    /// The tile's columns that belong to the result.
    pub(super) columns: (usize, usize),
    /// Whether what is there is overwritten, not added to.
    pub(super) first: bool,
}

/// The sum over the windows of `rows` neighbours on the left times [`TILE_VECTORS`] vectors of neighbours on the
/// right, or one vector if the columns are no more.
///
/// # Safety
/// All that the segments' windows see must be readable, the rows on the left and whole vectors on the right,
/// and the target's columns writable by nobody else. `rows` is at most `TILE_ROWS`.
#[inline(always)]
pub(super) unsafe fn multiply<T: Float, S: Vectors<T>>(
    simd: S,
    segments: &[Segment<T>],
    (left, rows): (usize, usize),
    right: usize,
    target: Target<T>,
    ahead: Ahead,
) {
    macro_rules! sizes {
        ($($rows:literal)*) => {
            $(if rows == $rows && $rows <= S::TILE_ROWS {
                return if target.columns.1 <= S::LANES {
                    simd.run(Tile::<_, $rows, 1> { segments, left, right, target, ahead })
                } else {
                    simd.run(Tile::<_, $rows, 2> { segments, left, right, target, ahead })
                };
            })*
        };
    }
    sizes!(12 11 10 9 8 7 6 5 4 3 2 1);
}

/// A tile of one size, a function of its own so that its sums stay in registers.
struct Tile<'a, T, const ROWS: usize, const VECTORS: usize> {
    segments: &'a [Segment<T>],
    left: usize,
    right: usize,
    target: Target<T>,
    ahead: Ahead,
}

impl<T: Float, const ROWS: usize, const VECTORS: usize> Work<T> for Tile<'_, T, ROWS, VECTORS> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let Tile {
            segments,
            left,
            right,
            target,
            ahead,
        } = self;
        for r in 0..ROWS {
            for v in 0..VECTORS {
                simd.prefetch(target.at.wrapping_add(r * target.pitch + v * S::LANES));
            }
        }
        let mut sums = [[simd.splat(T::default()); VECTORS]; ROWS];
        // SAFETY: `multiply`'s caller vouches for all that is read and written.
        unsafe {
            for segment in segments {
                let mut left = segment.left.wrapping_add(left);
                let mut right = segment.right.wrapping_add(right);
                let mut fetched = segment.ahead[ahead.which].wrapping_add(ahead.skip);
                for _ in 0..segment.count {
                    simd.prefetch(fetched);
                    fetched = fetched.wrapping_add(ahead.step);
                    let columns: [_; VECTORS] =
                        std::array::from_fn(|v| simd.load(right.add(v * S::LANES)));
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let x = simd.splat(*left.add(r));
                        for (sum, &column) in sums.iter_mut().zip(&columns) {
                            *sum = simd.mul_add(x, column, *sum);
                        }
                    }
                    left = left.wrapping_add(segment.left_step);
                    right = right.wrapping_add(segment.right_step);
                }
            }
            let Target {
                at,
                pitch,
                columns,
                first,
            } = target;
            if columns == (0, VECTORS * S::LANES) {
                for (r, sums) in sums.iter().enumerate() {
                    for (v, &sum) in sums.iter().enumerate() {
                        let to = at.add(r * pitch + v * S::LANES);
                        let sum = if first {
                            sum
                        } else {
                            simd.add(simd.load(to), sum)
                        };
                        simd.store(to, sum);
                    }
                }
            } else {
                const { assert!(TILE_VECTORS * S::LANES <= TILE_WIDTH) };
                let mut row = [T::default(); TILE_WIDTH];
                for (r, sums) in sums.iter().enumerate() {
                    for (v, &sum) in sums.iter().enumerate() {
                        simd.store(row.as_mut_ptr().add(v * S::LANES), sum);
                    }
                    #[expect(
                        clippy::needless_range_loop,
                        reason = "as little as can be beside the sums"
                    )]
                    for c in columns.0..columns.1 {
                        let (x, to) = (row[c], at.add(r * pitch + c));
                        *to = if first { x } else { *to + x };
                    }
                }
            }
        }
    }
}

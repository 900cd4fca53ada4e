use super::{Vectors, Work};

/// Every machine has it: arrays that the compiler turns into whatever vectors the target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// Turns a square.
///
/// # Safety
/// As [`Vectors::turn`].
#[inline(always)]
unsafe fn turn<T: Copy, const SIDE: usize>(from: (*const T, usize), to: (*mut T, usize)) {
    // SAFETY: the caller's; an array has its elements' alignment.
    unsafe {
        let rows: [[T; SIDE]; SIDE] =
            std::array::from_fn(|i| from.0.add(i * from.1).cast::<[T; SIDE]>().read());
        (0..SIDE).for_each(|i| {
            let turned: [T; SIDE] = std::array::from_fn(|j| rows[j][i]);
            to.0.add(i * to.1).cast::<[T; SIDE]>().write(turned);
        });
    }
}

macro_rules! vectors {
    ($type:ty, $lanes:literal) => {
        impl Vectors<$type> for Portable {
            type Vector = [$type; $lanes];
            type Lanes = [u32; $lanes];
            type Narrow = Portable;
            const LANES: usize = $lanes;
            const TILE_ROWS: usize = 4;
            const SIDE: usize = 4;

            #[inline(always)]
            fn narrow(self) -> Self::Narrow {
                self
            }
            #[inline(always)]
            fn first(self, x: Self::Vector) -> Self::Vector {
                x
            }
            #[inline(always)]
            fn splat(self, x: $type) -> Self::Vector {
                [x; $lanes]
            }
            #[inline(always)]
            unsafe fn load(self, from: *const $type) -> Self::Vector {
                // SAFETY: the caller vouches for the elements; an array of them has their alignment.
                unsafe { from.cast::<Self::Vector>().read() }
            }
            #[inline(always)]
            unsafe fn load_some(self, from: *const $type, count: usize) -> Self::Vector {
                let mut all = [0.0; $lanes];
                for (i, x) in all.iter_mut().enumerate().take(count) {
                    // SAFETY: the caller vouches for the elements.
                    *x = unsafe { *from.add(i) };
                }
                all
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $type, x: Self::Vector) {
                // SAFETY: as above.
                unsafe { to.cast::<Self::Vector>().write(x) }
            }
            #[inline(always)]
            unsafe fn store_some(self, to: *mut $type, x: Self::Vector, count: usize) {
                for (i, x) in x.into_iter().enumerate().take(count) {
                    // SAFETY: as above.
                    unsafe { *to.add(i) = x };
                }
            }
            #[inline(always)]
            unsafe fn turn(self, from: (*const $type, usize), to: (*mut $type, usize)) {
                // SAFETY: the caller's.
                unsafe { turn::<$type, 4>(from, to) }
            }
            #[inline(always)]
            unsafe fn turn_half(self, from: (*const $type, usize), to: (*mut $type, usize)) {
                // SAFETY: the caller's.
                unsafe { turn::<$type, 2>(from, to) }
            }
            #[inline(always)]
            unsafe fn turn_lanes(self, from: (*const $type, usize), to: (*mut $type, usize)) {
                // SAFETY: the caller's.
                unsafe { turn::<$type, $lanes>(from, to) }
            }
            #[inline(always)]
            fn lanes(self, from: &[u32; 16]) -> Self::Lanes {
                std::array::from_fn(|i| from[i])
            }
            #[inline(always)]
            fn pick(self, x: Self::Vector, lanes: Self::Lanes) -> Self::Vector {
                lanes.map(|lane| x[lane as usize])
            }
            #[inline(always)]
            fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                // Not `f32::mul_add`, which is a library call where there is no such instruction.
                std::array::from_fn(|i| a[i] * b[i] + c[i])
            }
            #[inline(always)]
            fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                std::array::from_fn(|i| a[i] + b[i])
            }
            #[inline(always)]
            fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                std::array::from_fn(|i| a[i] - b[i])
            }
            #[inline(always)]
            fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                std::array::from_fn(|i| a[i] * b[i])
            }
            #[inline(always)]
            fn above_zero_or(self, x: Self::Vector, y: Self::Vector) -> Self::Vector {
                std::array::from_fn(|i| if x[i] <= 0.0 { y[i] } else { x[i] })
            }
            #[inline(always)]
            fn prefetch(self, _: *const $type) {}
            fn run<W: Work<$type>>(self, work: W) -> W::Output {
                work.run(self)
            }
        }
    };
}
vectors!(f32, 4);
vectors!(f64, 2);

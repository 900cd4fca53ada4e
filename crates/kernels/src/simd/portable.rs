use super::{Vectors, Work};

/// Every machine has it: arrays that the compiler turns into whatever vectors the target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

macro_rules! vectors {
    ($type:ty, $lanes:literal) => {
        impl Vectors<$type> for Portable {
            type Vector = [$type; $lanes];
            const LANES: usize = $lanes;
            const TILE_ROWS: usize = 4;

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
            unsafe fn store(self, to: *mut $type, x: Self::Vector) {
                // SAFETY: as above.
                unsafe { to.cast::<Self::Vector>().write(x) }
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
            fn run<W: Work<$type>>(self, work: W) -> W::Output {
                work.run(self)
            }
        }
    };
}
vectors!(f32, 4);
vectors!(f64, 2);

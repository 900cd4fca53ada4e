use half::{bf16, f16};

use super::Algorithm;
use super::table::{
    ALGORITHMS_BF16, ALGORITHMS_F16, ALGORITHMS_F32, ALGORITHMS_F64, ALGORITHMS_I32,
};

mod sealed {
    use super::Algorithm;
    use crate::reduce::Number;

    pub trait Sealed: Number + Default + 'static {
        /// What the definition sums in.
        type Sum: Copy + Default;
        /// `sum + x * y`.
        fn add_product(sum: Self::Sum, x: Self, y: Self) -> Self::Sum;
        /// The element nearest to a sum.
        fn from_sum(sum: Self::Sum) -> Self;
        /// The table of this type.
        fn algorithms() -> &'static [Algorithm<Self>];
    }
}
pub(super) use sealed::Sealed;

/// What convolutions are computed in: `f32`, `f64`, `i32`, which wraps around, and `bf16` and `f16` where that is
/// faster than to widen them: where an algorithm is chosen for them that is not the definition.
pub trait Element: Sealed {}

macro_rules! float {
    ($type:ty, $table:ident, $from_sum:expr) => {
        impl Element for $type {}
        impl Sealed for $type {
            type Sum = f64;
            fn add_product(sum: f64, x: Self, y: Self) -> f64 {
                sum + f64::from(x) * f64::from(y)
            }
            fn from_sum(sum: f64) -> Self {
                $from_sum(sum)
            }
            fn algorithms() -> &'static [Algorithm<Self>] {
                &$table
            }
        }
    };
}
float!(f32, ALGORITHMS_F32, |sum| sum as f32);
float!(f64, ALGORITHMS_F64, |sum| sum);
float!(bf16, ALGORITHMS_BF16, bf16::from_f64);
float!(f16, ALGORITHMS_F16, f16::from_f64);

impl Element for i32 {}
impl Sealed for i32 {
    type Sum = i32;
    fn add_product(sum: i32, x: i32, y: i32) -> i32 {
        sum.wrapping_add(x.wrapping_mul(y))
    }
    fn from_sum(sum: i32) -> i32 {
        sum
    }
    fn algorithms() -> &'static [Algorithm<i32>] {
        &ALGORITHMS_I32
    }
}

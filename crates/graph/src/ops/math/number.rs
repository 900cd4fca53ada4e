//! The arithmetic of the element types, as TensorFlow's kernels have it: integers wrap, the larger and the
//! smaller of two are NaN where one is.

use tconv_tensor::Element;

/// An element type that the arithmetic ops compute with.
pub(in crate::ops) trait Number: Element + Copy + PartialOrd {
    /// Zero.
    const ZERO: Self;
    /// The largest of no numbers.
    const LEAST: Self;
    /// The smallest of no numbers.
    const GREATEST: Self;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// The quotient, rounded down. No integer is divided by zero.
    fn floor_div(self, other: Self) -> Self;
    /// What [`Number::floor_div`] leaves: of the sign of `other`.
    fn floor_mod(self, other: Self) -> Self;
    /// `self` to the power `exponent`; an integer's is not negative.
    fn power(self, exponent: Self) -> Self;
    fn negated(self) -> Self;
    fn magnitude(self) -> Self;
    /// -1, 0 or 1; NaN of NaN.
    fn sign(self) -> Self;

    /// The larger one, NaN if one is; of two that are equal the second.
    fn larger(self, other: Self) -> Self {
        if self > other || self.is_nan() {
            self
        } else {
            other
        }
    }

    /// The smaller one, NaN if one is; of two that are equal the second.
    fn smaller(self, other: Self) -> Self {
        if self < other || self.is_nan() {
            self
        } else {
            other
        }
    }

    #[allow(clippy::eq_op)]
    fn is_nan(self) -> bool {
        self != self
    }
}

/// An element type of real numbers.
pub(super) trait Real: Number {
    fn divided_by(self, other: Self) -> Self;
    fn square_root(self) -> Self;
    fn exponential(self) -> Self;
    fn logarithm(self) -> Self;
    fn of(value: f64) -> Self;
}

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Number for $type {
            const ZERO: Self = 0.0;
            const LEAST: Self = <$type>::NEG_INFINITY;
            const GREATEST: Self = <$type>::INFINITY;

            fn plus(self, other: Self) -> Self {
                self + other
            }
            fn minus(self, other: Self) -> Self {
                self - other
            }
            fn times(self, other: Self) -> Self {
                self * other
            }
            fn floor_div(self, other: Self) -> Self {
                (self / other).floor()
            }
            fn floor_mod(self, other: Self) -> Self {
                let rest = self % other;
                let other_side = rest != 0.0 && (rest < 0.0) != (other < 0.0);
                if other_side { rest + other } else { rest }
            }
            fn power(self, exponent: Self) -> Self {
                self.powf(exponent)
            }
            fn negated(self) -> Self {
                -self
            }
            fn magnitude(self) -> Self {
                self.abs()
            }
            fn sign(self) -> Self {
                if self == 0.0 || self != self { self } else { self.signum() }
            }
        }

        impl Real for $type {
            fn divided_by(self, other: Self) -> Self {
                self / other
            }
            fn square_root(self) -> Self {
                self.sqrt()
            }
            fn exponential(self) -> Self {
                self.exp()
            }
            fn logarithm(self) -> Self {
                self.ln()
            }
            fn of(value: f64) -> Self {
                value as Self
            }
        }
    )*};
}
floats!(f32, f64);

macro_rules! integers {
    ($($type:ty: $magnitude:expr, $sign:expr, $floor_div:expr;)*) => {$(
        impl Number for $type {
            const ZERO: Self = 0;
            const LEAST: Self = <$type>::MIN;
            const GREATEST: Self = <$type>::MAX;

            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            fn floor_div(self, other: Self) -> Self {
                $floor_div(self, other)
            }
            fn floor_mod(self, other: Self) -> Self {
                self.wrapping_sub($floor_div(self, other).wrapping_mul(other))
            }
            fn power(self, exponent: Self) -> Self {
                let (mut base, mut rest, mut product) = (self, exponent, 1 as Self);
                while rest > 0 {
                    if rest & 1 == 1 {
                        product = product.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    rest >>= 1;
                }
                product
            }
            fn negated(self) -> Self {
                self.wrapping_neg()
            }
            fn magnitude(self) -> Self {
                $magnitude(self)
            }
            fn sign(self) -> Self {
                $sign(self)
            }
        }
    )*};
}
integers! {
    i32: i32::wrapping_abs, i32::signum, |x: i32, y: i32| {
        let quotient = x.wrapping_div(y);
        quotient - i32::from(x.wrapping_rem(y) != 0 && (x < 0) != (y < 0))
    };
    i64: i64::wrapping_abs, i64::signum, |x: i64, y: i64| {
        let quotient = x.wrapping_div(y);
        quotient - i64::from(x.wrapping_rem(y) != 0 && (x < 0) != (y < 0))
    };
    u8: |x| x, |x: u8| x.min(1), |x: u8, y: u8| x / y;
}

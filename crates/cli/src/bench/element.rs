//! The types of tensors that are timed.

use tconv::{Precision, bf16, f16};
use tconv_kernels::conv::Element;
use tconv_kernels::{KernelError, Threads, elementwise};

/// A type of number that convolutions are timed with.
pub trait Number: Element + Into<f64> {
    /// How exact products of `f32` must be, if numbers of this type were widened to it.
    const PRECISION: Precision;
    /// How far a result may be from the definition, in units of itself: it is rounded once.
    const ROUNDING: f64;
    /// How far its sum may be, in units of the sum of its terms' magnitudes.
    const TOLERANCE: f64;

    fn near(x: f32) -> Self;
    fn wide(self) -> f32;
}

macro_rules! numbers {
    ($($type:ty: $precision:ident, $rounding:expr, $tolerance:expr, $near:expr, $wide:expr;)*) => {$(
        impl Number for $type {
            const PRECISION: Precision = Precision::$precision;
            const ROUNDING: f64 = $rounding;
            const TOLERANCE: f64 = $tolerance;

            fn near(x: f32) -> Self {
                $near(x)
            }

            fn wide(self) -> f32 {
                $wide(self)
            }
        }
    )*};
}
numbers! {
    f32: Highest, 0.0, 4e-6, |x| x, |x| x;
    f64: Highest, 0.0, 1e-13, f64::from, |x| x as f32;
    bf16: Medium, 1.01 / 256.0, 4e-6, bf16::from_f32, bf16::to_f32;
    f16: High, 1.01 / 2048.0, 4e-6, f16::from_f32, f16::to_f32;
}

/// Tensors of another type than they are computed in: widened before each kernel, and its result rounded.
pub trait Widened<T> {
    /// Keeps operands; what they were rounded to is put in their place.
    fn keep(&mut self, values: &mut [Vec<T>; 3]);
    /// Widens operand `role`.
    fn widen(&self, role: usize, to: &mut [T], threads: &Threads) -> Result<(), KernelError>;
    /// Rounds the result of kernel `step`.
    fn narrow(&mut self, step: usize, from: &[T], threads: &Threads) -> Result<(), KernelError>;
    /// An element of it.
    fn result(&self, step: usize, index: usize) -> f64;
    /// How far that may be off, in units of itself.
    fn rounding(&self) -> f64;
}

/// Halves that are computed in `f32`.
#[derive(Default)]
pub struct Halves<T> {
    values: [Vec<T>; 3],
    results: Vec<Vec<T>>,
}

impl<T: Number> Widened<f32> for Halves<T> {
    fn keep(&mut self, values: &mut [Vec<f32>; 3]) {
        for (kept, values) in self.values.iter_mut().zip(values) {
            *kept = values.iter().map(|&x| T::near(x)).collect();
            *values = kept.iter().map(|x| x.wide()).collect();
        }
    }

    fn widen(&self, role: usize, to: &mut [f32], threads: &Threads) -> Result<(), KernelError> {
        elementwise::map(threads, &self.values[role], to, T::wide)
    }

    fn narrow(&mut self, step: usize, from: &[f32], threads: &Threads) -> Result<(), KernelError> {
        while self.results.len() <= step {
            self.results.push(Vec::new());
        }
        self.results[step].resize(from.len(), T::default());
        elementwise::map(threads, from, &mut self.results[step], T::near)
    }

    fn result(&self, step: usize, index: usize) -> f64 {
        let result = self.results.get(step).and_then(|result| result.get(index));
        result.map_or(f64::NAN, |&x| x.into())
    }

    fn rounding(&self) -> f64 {
        T::ROUNDING
    }
}

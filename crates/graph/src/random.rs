//! Random numbers as TensorFlow makes them: Philox streams and TensorFlow's rule for seeds.

mod distributions;
mod philox;

pub(crate) use distributions::{Distribution, fill_f32, fill_f64};
pub(crate) use philox::{Philox, seeds};

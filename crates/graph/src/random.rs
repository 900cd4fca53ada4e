//! Random numbers as TensorFlow makes them: its Philox streams, its rule for seeds, and the nodes that
//! `tf.random_normal`, `tf.random_uniform` and `tf.truncated_normal` make.
//!
//! A node's stream belongs to a session: each run goes on where the last one ended.

mod build;
mod distributions;
mod philox;

pub use build::{Normal, Uniform, normal, truncated_normal, uniform};
pub(crate) use distributions::{Distribution, fill_f32, fill_f64, fill_uniform_half};
pub(crate) use philox::{Philox, seeds};

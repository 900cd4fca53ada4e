//! TensorFlow's `conv2d_transpose`, and the graph system around it, in Rust.
//!
//! A [`Graph`] is built first and run later by a [`Session`]. Shapes are inferred and checked while it is
//! built, as far as they are known then, and while it runs where they are not.
//!
//! ```
//! use tconv::prelude::*;
//!
//! let g = Graph::new();
//! let value = g.placeholder_named::<f32>("value", [None, Some(3), Some(3), Some(1)])?;
//! let filter = g.get_variable("filter", [2, 2, 3, 1])?;
//! let s = value.shape()?;
//! let y = nn::conv2d_transpose(&value, &filter, sizes![s.at(0)?, 6, 6, 3]).strides(2).build()?;
//! assert_eq!(y.static_shape().to_string(), "(None, 6, 6, 3)");
//!
//! let session = Session::new(&g);
//! session.run(&g.global_variables_initializer())?;
//! let out = session.run_with(&y, feed![value => Tensor::full(&[2, 3, 3, 1], 1.0f32)?])?;
//! assert_eq!(out.shape(), [2, 6, 6, 3]);
//!
//! // A wrong size is found while the graph is built, with the numbers and the way to mend it.
//! let wrong = nn::conv2d_transpose(&value, &filter, [1, 7, 6, 3]).strides(2).build();
//! assert!(wrong.unwrap_err().to_string().contains("an input of 3 goes with 5 to 6"));
//! # Ok::<(), tconv::Error>(())
//! ```
//!
//! # Where things are
//! - [`nn`]: convolutions, activations, pooling; [`math`]: arithmetic and sums; [`array`](mod@array):
//!   shapes and their rearrangement; [`random`]: random numbers as TensorFlow makes them.
//! - [`slim`]: layers with their variables; [`optim`]: optimizers; [`gradients`]: reverse mode.
//! - [`checkpoint`]: variables' values in a file.
//! - [`Graph::add`]: any op by its registered name.
#![forbid(unsafe_code)]

pub use tconv_graph::*;

pub mod checkpoint;

/// What most programs use.
pub mod prelude {
    pub use crate::Padding::{Same, Valid};
    pub use crate::optim::{AdamOptimizer, GradientDescentOptimizer, MomentumOptimizer, Optimizer};
    pub use crate::{
        DType, DataFormat, Error, Feed, Graph, Initializer, Operation, Output, Padding, Result,
        Reuse, Session, Shape, Tensor, Variable, array, feed, gradients, gradients_with, math, nn,
        random, shape, sizes, slim,
    };
}

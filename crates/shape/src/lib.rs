//! Sizes, shapes, broadcasting and the geometry of convolutions: integers only.
//!
//! A [`Dim`] is one size, known or not; a [`Shape`] is a list of them, or of unknown rank. [`Window`]
//! holds the one formula of this project: how many windows of a forward convolution fit on an axis.
//! Inference calls it with unknown sizes, running code with known ones, and everything about the
//! transposed convolution (its legal output sizes, its padding, its refusals) is that formula read
//! backwards.
#![forbid(unsafe_code)]

mod condition;
mod conv;
mod dim;
mod error;
mod piecewise;
mod prove;
mod set;
mod shape;
mod text;
mod window;

pub use condition::{Condition, Given, Verdict};
pub use conv::{ConvAxis, ConvShape, DataFormat, Padding};
pub use dim::{Atom, Dim, Expr, Term, Unknown};
pub use error::{Result, ShapeError};
pub use set::SizeSet;
pub use shape::Shape;
pub use text::Names;
pub use window::{AxisPadding, Window};

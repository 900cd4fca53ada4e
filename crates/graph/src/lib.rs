//! TensorFlow's graph in Rust: ops, shape inference, gradients, sessions, optimizers.
#![forbid(unsafe_code)]

pub mod attrs;
mod diagnose;
pub mod diagnostic;
mod eager;
mod error;
mod feed;
mod fetch;
#[cfg(test)]
mod finite_differences;
mod gradients;
mod graph;
mod halves;
mod initializer;
mod location;
mod mends;
mod names;
mod need;
mod node;
mod op;
mod operand;
mod ops;
pub mod optim;
mod output;
mod proof;
pub mod random;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod recorded_random;
#[cfg(test)]
mod recorded_training;
mod requirements;
mod scopes;
mod session;
pub mod slim;
mod variable;
mod variable_scope;

pub use attrs::{AttrValue, Attrs};
pub use diagnostic::Diagnostic;
pub use eager::Eager;
pub use error::{Code, Error, Result};
pub use feed::Feed;
pub use fetch::{Fetch, Fetched};
pub use gradients::{Source, gradients, gradients_with};
pub use graph::Graph;
pub use initializer::{Distribution, Fan, InitialValue, Initializer, RandomInitializer};
pub use location::{Location, located};
pub use need::{Kind, Need, Says, Words};
pub use node::NodeBuilder;
pub use op::{Fact, Following, Op, OpDef, Stages};
pub use operand::{Operand, Size, apply};
pub use ops::find as op_def;
pub use ops::{array, math, nn};
pub use output::{Operation, Output};
pub use requirements::Requirement;
pub use scopes::Scopes;
pub use session::{Run, Session};
pub use tconv_kernels::Threads;
pub use tconv_kernels::conv::Precision;
pub use tconv_kernels::simd::InstructionSet;
pub use tconv_shape::{
    Condition, DataFormat, Dim, Names as SizeNames, Padding, Shape, ShapeError, SizeSet, Unknown,
    Verdict, shape,
};
pub use tconv_tensor::{
    DType, Element, Handle, Owner, Tensor, TensorError, bf16, f16, read_npy, write_npy,
};
pub use variable::{Variable, VariableBuilder};
pub use variable_scope::{Reuse, ScopeDefaults, VariableScope};

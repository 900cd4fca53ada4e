//! `Fill`.

use std::sync::Arc;

use tconv_tensor::{DType, Tensor};

use crate::op::{DATA, Fact, INDICES, Op, OpDef, no_gradient};
use crate::operand::apply;
use crate::{Error, Operand, Operation, Output, Result, Run};

pub(crate) static FILL: OpDef = OpDef {
    name: "Fill",
    inputs: &[("dims", "index_type"), ("value", "T")],
    types: &[("T", DATA), ("index_type", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(Fill)),
};

/// A tensor of this shape whose elements are all `value` (`tf.fill`).
///
/// # Errors
/// `Value` for a negative size or a value that is no scalar.
pub fn fill(dims: impl Operand, value: impl Operand) -> Result<Output> {
    Ok(apply("Fill", "Fill", &[&dims, &value], |node| node)?.output(0))
}

struct Fill;

impl Op for Fill {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(inputs[1].dtype, inputs[0].as_shape("Fill")?)])
    }

    fn eval(&self, _: &mut Run, _inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let _ = DType::Float32;
        Err(Error::value("not there yet"))
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        no_gradient(node)
    }
}

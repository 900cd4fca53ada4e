//! `Shape`.

use std::sync::Arc;

use tconv_shape::Dim;
use tconv_tensor::{DType, Tensor};

use crate::op::{DATA, Fact, INDICES, Op, OpDef, not_differentiable};
use crate::operand::{apply, integers};
use crate::{Operand, Operation, Output, Result, Run};

pub(crate) static SHAPE: OpDef = OpDef {
    name: "Shape",
    inputs: &[("input", "T")],
    types: &[("T", DATA), ("out_type", INDICES)],
    stateful: false,
    make: |attrs| Ok(Arc::new(ShapeOp(attrs.dtype_or("out_type", DType::Int32)?))),
};

/// The sizes of a tensor as an int32 vector (`tf.shape`).
///
/// # Errors
/// Those of the operand.
pub fn shape(input: impl Operand) -> Result<Output> {
    Ok(apply("Shape", "Shape", &[&input], |node| node.attr("out_type", DType::Int32))?.output(0))
}

struct ShapeOp(DType);

impl Op for ShapeOp {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![match inputs[0].shape.dims() {
            Some(dims) => Fact::vector_value(self.0, dims.to_vec()),
            None => Fact::new(self.0, vec![Dim::unknown("Shape[0]")]),
        }])
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let sizes: Vec<i64> = inputs[0].shape().iter().map(|&n| n as i64).collect();
        Ok(vec![integers(&[sizes.len()], &sizes, Some(self.0))?])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

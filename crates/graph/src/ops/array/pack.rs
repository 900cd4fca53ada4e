//! `Pack`.

use std::sync::Arc;

use tconv_tensor::Tensor;

use crate::op::{DATA, Fact, Op, OpDef, no_gradient};
use crate::{Error, Operation, Output, Result, Run};

pub(crate) static PACK: OpDef = OpDef {
    name: "Pack",
    inputs: &[("values", "N*T")],
    types: &[("T", DATA)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Pack { axis: attrs.int_or("axis", 0)?, count: attrs.int("N")? })),
};

/// Tensors of one shape as slices of a new one along a new axis (`tf.stack`).
///
/// # Errors
/// `Value` for an empty list, shapes that differ, an axis that is out of range.
pub fn pack(values: &[Output], axis: i64) -> Result<Output> {
    pack_named(values, axis, "stack")
}

/// [`pack`] under a name of the caller's.
pub(crate) fn pack_named(values: &[Output], axis: i64, name: &str) -> Result<Output> {
    let first = values.first().ok_or_else(|| Error::value("pack needs at least one tensor"))?;
    first.graph().add("Pack").name(name).inputs(values).attr("axis", axis).output()
}

struct Pack {
    axis: i64,
    count: i64,
}

impl Op for Pack {
    fn infer(&self, _inputs: &[Fact]) -> Result<Vec<Fact>> {
        let _ = (self.axis, self.count);
        Err(Error::value("not there yet"))
    }

    fn eval(&self, _: &mut Run, _inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Err(Error::value("not there yet"))
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        no_gradient(node)
    }
}

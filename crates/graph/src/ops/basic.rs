//! `Placeholder`, `Const`, `Identity`, `StopGradient`, `NoOp`.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Tensor};

use crate::op::{DATA, Fact, Op, OpDef, not_differentiable};
use crate::operand::apply;
use crate::{Error, Operand, Operation, Output, Result, Run};

pub(crate) static PLACEHOLDER: OpDef = OpDef {
    name: "Placeholder",
    inputs: &[],
    types: &[],
    stateful: true,
    make: |attrs| {
        Ok(Arc::new(Placeholder {
            dtype: attrs.dtype("dtype")?,
            shape: attrs.shape_or("shape", Shape::unknown())?,
        }))
    },
};

struct Placeholder {
    dtype: DType,
    shape: Shape,
}

impl Op for Placeholder {
    fn infer(&self, _: &[Fact]) -> Result<Vec<Fact>> {
        let known = self
            .shape
            .dims()
            .unwrap_or_default()
            .iter()
            .filter_map(Dim::known);
        match known.min() {
            Some(n) if n < 0 => Err(Error::value(format!("Dimension {n} must be >= 0"))
                .help("write None for a size that is known only when the graph runs")),
            _ => Ok(vec![Fact::new(self.dtype, &self.shape)]),
        }
    }

    fn eval(&self, _: &mut Run, _: Vec<Tensor>) -> Result<Vec<Tensor>> {
        // A plan refuses a placeholder that is not fed before anything runs.
        Err(Error::invalid(
            "You must feed a value for placeholder tensor",
        ))
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

pub(crate) static CONST: OpDef = OpDef {
    name: "Const",
    inputs: &[],
    types: &[],
    stateful: false,
    make: |attrs| {
        let value = attrs.tensor("value")?;
        let dtype = attrs.dtype_or("dtype", value.dtype())?;
        if dtype != value.dtype() {
            return Err(Error::type_(format!(
                "dtype is {dtype}, but the value's is {}",
                value.dtype()
            )));
        }
        Ok(Arc::new(Const(value)))
    },
};

struct Const(Tensor);

impl Op for Const {
    fn infer(&self, _: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::of(&self.0)])
    }

    fn eval(&self, _: &mut Run, _: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Ok(vec![self.0.clone()])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

pub(crate) static IDENTITY: OpDef = OpDef {
    name: "Identity",
    inputs: &[("input", "T")],
    types: &[("T", DATA)],
    stateful: false,
    make: |_| Ok(Arc::new(Identity)),
};

/// The tensor itself (`tf.identity`).
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn identity(input: impl Operand) -> Result<Output> {
    Ok(apply("Identity", "Identity", &[&input], |node| node)?.output(0))
}

pub(crate) static STOP_GRADIENT: OpDef = OpDef {
    name: "StopGradient",
    inputs: &[("input", "T")],
    types: &[("T", DATA)],
    stateful: false,
    make: |_| Ok(Arc::new(StopGradient)),
};

/// The tensor itself, through which no gradient flows (`tf.stop_gradient`).
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn stop_gradient(input: impl Operand) -> Result<Output> {
    Ok(apply("StopGradient", "StopGradient", &[&input], |node| node)?.output(0))
}

struct StopGradient;

impl Op for StopGradient {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(inputs.to_vec())
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Ok(inputs)
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

struct Identity;

impl Op for Identity {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(inputs.to_vec())
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Ok(inputs)
    }

    fn grad(&self, _: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        Ok(dy.to_vec())
    }
}

pub(crate) static NO_OP: OpDef = OpDef {
    name: "NoOp",
    inputs: &[],
    types: &[],
    stateful: true,
    make: |_| Ok(Arc::new(NoOp)),
};

struct NoOp;

impl Op for NoOp {
    fn infer(&self, _: &[Fact]) -> Result<Vec<Fact>> {
        Ok(Vec::new())
    }

    fn eval(&self, _: &mut Run, _: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Ok(Vec::new())
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

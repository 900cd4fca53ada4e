//! `Fill`.

use std::sync::Arc;

use tconv_tensor::{Tensor, bf16, f16};

use super::check::{brackets, check_rank, to_sizes};
use super::reshape::reshape;
use super::shape::shape;
use crate::op::{DATA, Fact, INDICES, Op, OpDef, take};
use crate::operand::apply;
use crate::ops::sizes;
use crate::{Error, Need, Operand, Operation, Output, Result, Run, dispatch, location};

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
#[track_caller]
pub fn fill(dims: impl Operand, value: impl Operand) -> Result<Output> {
    Ok(apply("Fill", "Fill", &[&dims, &value], |node| node)?.output(0))
}

/// Zeros of a tensor's dtype and shape (`tf.zeros_like`).
///
/// # Errors
/// None that a tensor can cause.
#[track_caller]
pub fn zeros_like(like: &Output) -> Result<Output> {
    let _from = location::caller();
    like.graph().op_scope("zeros_like", |own| {
        let (dims, zero) = (shape(like)?, Tensor::zeros(like.dtype(), &[])?);
        Ok(apply("Fill", own, &[&dims, &zero], |node| node)?.output(0))
    })
}

struct Fill;

impl Op for Fill {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [dims, value] = inputs else {
            return Ok(Vec::new());
        };
        check_rank(&dims.shape, 1)?;
        check_rank(&value.shape, 0)?;
        if let Some(n) = dims
            .value
            .iter()
            .flat_map(|v| v.iter())
            .filter_map(|d| d.known())
            .find(|&n| n < 0)
        {
            return Err(
                Error::value("Fill dimensions must be >= 0").help(format!("one of them is {n}"))
            );
        }
        let fact = Fact::new(value.dtype, dims.as_shape("Fill")?);
        let count = fact
            .shape
            .elements()
            .ok()
            .flatten()
            .and_then(|count| count.known());
        let repeated = value
            .value
            .as_deref()
            .zip(count)
            .and_then(|(value, count)| match value {
                [one] if count <= Fact::LONGEST_VALUE as i64 => {
                    Some(vec![one.clone(); count as usize].into())
                }
                _ => None,
            });
        Ok(vec![Fact {
            value: repeated,
            ..fact
        }])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::not_negative(inputs, 0)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        inputs[0]
            .known_values()
            .map_or(Ok(()), |dims| to_sizes(&dims).map(drop))
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [dims, value] = take(inputs)?;
        if dims.rank() != 1 {
            return Err(Error::invalid(format!(
                "dims must represent a vector, got shape {}",
                brackets(dims.shape())
            )));
        }
        if value.len() != 1 {
            return Err(Error::invalid(format!(
                "value must represent a scalar, got shape {}",
                brackets(value.shape())
            )));
        }
        let sizes = to_sizes(&dims.to_i64_vec()?)?;
        let filled = dispatch!(value.dtype(), T in [f16, bf16, f32, f64, i32, i64, u8, bool], {
            let mut filled = run.output(value.dtype(), &sizes)?;
            filled.make_mut::<T>()?.fill(value.item()?);
            filled
        });
        Ok(vec![filled])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None, None]);
        };
        let graph = node.graph();
        let (line, axis) = (reshape(dy, [-1i64])?, graph.constant(0i32)?);
        Ok(vec![
            None,
            Some(graph.add("Sum").input(&line).input(&axis).output()?),
        ])
    }
}

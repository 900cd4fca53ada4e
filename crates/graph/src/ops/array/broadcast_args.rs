//! `BroadcastGradientArgs`: over which axes a gradient is summed after broadcasting.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::check::{brackets, check_rank};
use crate::op::{Fact, INDICES, Op, OpDef, not_differentiable, take};
use crate::operand::integers;
use crate::ops::sizes::broadcast;
use crate::{Error, Need, Operation, Output, Result, Run};

pub(crate) static BROADCAST_GRADIENT_ARGS: OpDef = OpDef {
    name: "BroadcastGradientArgs",
    inputs: &[("s0", "T"), ("s1", "T")],
    types: &[("T", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(BroadcastGradientArgs)),
};

/// The axes of `x + y` along which `x`, and along which `y`, was stretched, from their shapes.
///
/// # Errors
/// `Value` for shapes that are no vectors.
pub(crate) fn broadcast_gradient_args(sx: &Output, sy: &Output) -> Result<(Output, Output)> {
    let node = sx
        .graph()
        .add("BroadcastGradientArgs")
        .input(sx)
        .input(sy)
        .build()?;
    Ok((node.output(0), node.output(1)))
}

struct BroadcastGradientArgs;

/// The axes for both; `None` where the shapes do not broadcast. An axis of size 1 counts as stretched
/// even where both have it, unless the shapes are the same: so does TensorFlow.
fn stretched(s0: &[i64], s1: &[i64]) -> Option<[Vec<i64>; 2]> {
    let mut axes = [Vec::new(), Vec::new()];
    if s0 == s1 {
        return Some(axes);
    }
    let rank = s0.len().max(s1.len());
    let size = |sizes: &[i64], axis: usize| {
        (axis + sizes.len())
            .checked_sub(rank)
            .map_or(1, |i| sizes[i])
    };
    for axis in 0..rank {
        let (a, b) = (size(s0, axis), size(s1, axis));
        if a != b && a != 1 && b != 1 {
            return None;
        }
        for (axes, size) in axes.iter_mut().zip([a, b]) {
            if size == 1 {
                axes.push(axis as i64);
            }
        }
    }
    Some(axes)
}

fn checked(s0: &[i64], s1: &[i64]) -> Result<[Vec<i64>; 2]> {
    stretched(s0, s1).ok_or_else(|| {
        Error::invalid(format!(
            "Incompatible shapes: {} vs. {}",
            brackets(s0),
            brackets(s1)
        ))
    })
}

impl Op for BroadcastGradientArgs {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [s0, s1] = inputs else {
            return Ok(Vec::new());
        };
        check_rank(&s0.shape, 1)?;
        check_rank(&s1.shape, 1)?;
        let axes = match (&s0.value, &s1.value) {
            (Some(a), Some(b)) if a == b => Some([Vec::new(), Vec::new()]),
            _ => s0
                .known_values()
                .zip(s1.known_values())
                .and_then(|(a, b)| stretched(&a, &b)),
        };
        Ok(match axes {
            Some(axes) => axes
                .map(|axes| {
                    Fact::vector_value(s0.dtype, axes.into_iter().map(Dim::Known).collect())
                })
                .into(),
            None => vec![Fact::new(s0.dtype, Shape::of_rank(1, "BroadcastGradientArgs")); 2],
        })
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let shape = |fact: &Fact| Some(Fact::new(fact.dtype, fact.value.clone()?.to_vec()));
        let shapes: Option<Vec<Fact>> = inputs.iter().map(shape).collect();
        shapes.map_or_else(Vec::new, |shapes| broadcast(&shapes))
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        match (inputs[0].known_values(), inputs[1].known_values()) {
            (Some(a), Some(b)) => checked(&a, &b).map(drop),
            _ => Ok(()),
        }
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [s0, s1] = take(inputs)?;
        for (i, shape) in [&s0, &s1].into_iter().enumerate() {
            if shape.rank() != 1 {
                return Err(Error::invalid(format!(
                    "In[{i}] must be a vector.{}",
                    brackets(shape.shape())
                )));
            }
        }
        let (a, b) = (s0.to_i64_vec()?, s1.to_i64_vec()?);
        checked(&a, &b)?
            .iter()
            .map(|axes| integers(&[axes.len()], axes, Some(s0.dtype())))
            .collect()
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

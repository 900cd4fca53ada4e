//! `Transpose` and `InvertPermutation`.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::check::{axes_of, axis_in, brackets, check_rank, check_size};
use super::moving::{gather, strides};
use crate::op::{DATA, Fact, INDICES, Op, OpDef, not_differentiable, take};
use crate::operand::{apply, integers};
use crate::ops::sizes::{open, open_shape};
use crate::{Error, Operand, Operation, Output, Result, Run, array, location, math};

pub(crate) static TRANSPOSE: OpDef = OpDef {
    name: "Transpose",
    inputs: &[("x", "T"), ("perm", "Tperm")],
    types: &[("T", DATA), ("Tperm", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(Transpose)),
};

/// The tensor with its axes in another order: axis `i` of the result is axis `perm[i]` of `x`
/// (`tf.transpose`).
///
/// # Errors
/// `Value` for a `perm` of another length than the rank or an axis that is out of range.
#[track_caller]
pub fn transpose(x: impl Operand, perm: impl Operand) -> Result<Output> {
    Ok(apply("Transpose", "transpose", &[&x, &perm], |node| node)?.output(0))
}

/// The tensor with its axes in reverse order (`tf.transpose` without `perm`).
///
/// # Errors
/// None that a tensor can cause.
#[track_caller]
pub fn reverse_axes(x: &Output) -> Result<Output> {
    let _from = location::caller();
    match x.static_shape().rank() {
        Some(rank) => transpose(x, (0..rank as i64).rev().collect::<Vec<_>>()),
        None => {
            let reversed = x.graph().unnamed(|| {
                let rank = array::rank(x)?;
                math::subtract(&rank, 1)? - math::range(0, rank, 1)?
            })?;
            transpose(x, reversed)
        }
    }
}

struct Transpose;

impl Op for Transpose {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [x, perm] = inputs else {
            return Ok(Vec::new());
        };
        let length = axes_of(&perm.shape)?;
        if let Some(rank) = length {
            // A perm of one element also stands beside a scalar whose rank is not known yet.
            if x.shape.rank().is_none() && rank < 2 {
                return Ok(vec![Fact::new(x.dtype, Shape::unknown())]);
            }
            if let Some(found) = x.shape.rank() {
                check_size(&Dim::Known(rank as i64), found)?;
            }
        }
        let Some(rank) = x.shape.rank().or(length) else {
            return Ok(vec![Fact::new(x.dtype, Shape::unknown())]);
        };
        let shape = match (x.shape.dims(), &perm.value) {
            (Some(dims), Some(perm)) => {
                let moved = |(axis, from): (usize, &Dim)| match from.known() {
                    Some(from) => axis_in(from, rank)
                        .map(|from| dims[from].clone())
                        .ok_or_else(|| {
                            Error::value(format!(
                                "perm dim {from} is out of range of input rank {rank}"
                            ))
                        }),
                    None => Ok(open(format!("transpose[{axis}]"))),
                };
                Shape::new(perm.iter().enumerate().map(moved).collect::<Result<_>>()?)
            }
            _ if rank < 2 => x.shape.clone(),
            _ => open_shape(rank, "transpose"),
        };
        let value = x.value.clone().filter(|_| rank < 2);
        Ok(vec![Fact {
            value,
            ..Fact::new(x.dtype, shape)
        }])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [x, perm] = take(inputs)?;
        let rank = x.rank();
        if perm.rank() != 1 {
            return Err(Error::invalid(format!(
                "perm must be rank 1, got shape {}",
                brackets(perm.shape())
            )));
        }
        if perm.len() != rank {
            return Err(Error::invalid(format!(
                "transpose expects a vector of size {rank}. But input(1) is a vector of size {}",
                perm.len()
            )));
        }
        let given = perm.to_i64_vec()?;
        let out_of_range = |n: i64| Error::invalid(format!("{n} is out of range [0 .. {rank})"));
        let perm: Vec<usize> = given
            .iter()
            .map(|&n| axis_in(n, rank).ok_or_else(|| out_of_range(n)))
            .collect::<Result<_>>()?;
        if let Some(axis) = (0..rank).find(|axis| !perm.contains(axis)) {
            let list: Vec<String> = given.iter().map(i64::to_string).collect();
            return Err(Error::invalid(format!(
                "{axis} is missing from {{{}}}.",
                list.join(",")
            )));
        }
        if perm.is_sorted() {
            return Ok(vec![x]);
        }
        let from = strides(x.shape());
        let sizes: Vec<usize> = perm.iter().map(|&axis| x.shape()[axis]).collect();
        let moved: Vec<isize> = perm.iter().map(|&axis| from[axis]).collect();
        Ok(vec![gather(run, &x, 0, &moved, &sizes)?])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None, None]);
        };
        let perm = node.input(1);
        let known = perm.fact().known_values().and_then(|perm| {
            let from_front = |&axis: &i64| axis_in(axis, perm.len()).map(|axis| axis as i64);
            invert(&perm.iter().map(from_front).collect::<Option<Vec<i64>>>()?).ok()
        });
        let inverse = match known {
            Some(inverse) => {
                let inverse = integers(&[inverse.len()], &inverse, Some(perm.dtype()))?;
                node.graph().constant(inverse)?
            }
            None => node
                .graph()
                .add("InvertPermutation")
                .input(&perm)
                .output()?,
        };
        Ok(vec![Some(transpose(dy, inverse)?), None])
    }
}

pub(crate) static INVERT_PERMUTATION: OpDef = OpDef {
    name: "InvertPermutation",
    inputs: &[("x", "T")],
    types: &[("T", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(InvertPermutation)),
};

struct InvertPermutation;

/// `y` with `y[x[i]] = i`.
fn invert(x: &[i64]) -> Result<Vec<i64>> {
    let mut y = vec![None; x.len()];
    for (i, &n) in x.iter().enumerate() {
        let place = usize::try_from(n).ok().and_then(|n| y.get_mut(n));
        let place =
            place.ok_or_else(|| Error::invalid(format!("{n} is not between 0 and {}", x.len())))?;
        if place.replace(i as i64).is_some() {
            return Err(Error::invalid(format!("{n} is duplicated in the input.")));
        }
    }
    // As many different places as elements: none is left open.
    Ok(y.into_iter().flatten().collect())
}

impl Op for InvertPermutation {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        check_rank(&inputs[0].shape, 1)?;
        let inverse = inputs[0].known_values().and_then(|x| invert(&x).ok());
        let value = inverse.map(|y| y.into_iter().map(Dim::Known).collect());
        Ok(vec![Fact {
            value,
            ..Fact::new(inputs[0].dtype, &inputs[0].shape)
        }])
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [x] = take(inputs)?;
        if x.rank() != 1 {
            return Err(Error::invalid("invert_permutation expects a 1D vector."));
        }
        let inverse = invert(&x.to_i64_vec()?)?;
        Ok(vec![integers(x.shape(), &inverse, Some(x.dtype()))?])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

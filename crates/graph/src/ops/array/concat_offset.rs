//! `ConcatOffset`, for the gradient of `ConcatV2`.

use std::sync::Arc;

use tconv_shape::Dim;
use tconv_tensor::Tensor;

use super::check::{MOST_AXES, axis_in, brackets, check_rank, single};
use super::concat::too_large;
use super::pack::too_short;
use crate::op::{Fact, INDICES, Op, OpDef, not_differentiable};
use crate::operand::integers;
use crate::{Error, Operation, Output, Result, Run};

pub(crate) static CONCAT_OFFSET: OpDef = OpDef {
    name: "ConcatOffset",
    inputs: &[("concat_dim", "int32"), ("shape", "N*shape_type")],
    types: &[("shape_type", INDICES)],
    stateful: false,
    make: |attrs| {
        attrs.skip("N");
        Ok(Arc::new(ConcatOffset))
    },
};

/// Where each of several tensors begins in their concatenation.
struct ConcatOffset;

fn axis_and_shapes<T>(inputs: &[T]) -> Result<(&T, &[T])> {
    match inputs {
        [axis, shapes @ ..] if !shapes.is_empty() => Ok((axis, shapes)),
        _ => Err(too_short("shape", "ConcatOffset")),
    }
}

/// The offsets of vectors of sizes that agree, or are not known to differ, but along one axis.
fn begins(sizes: &[&[Dim]], at: usize) -> Option<Vec<Arc<[Dim]>>> {
    let alike = |other: &&[Dim]| {
        let mut pairs = sizes[0].iter().zip(*other).enumerate();
        other.len() == sizes[0].len()
            && pairs.all(|(axis, (a, b))| axis == at || a.is_compatible_with(b))
    };
    if !sizes.iter().all(alike) {
        return None;
    }
    let (mut begin, mut all) = (Dim::Known(0), Vec::with_capacity(sizes.len()));
    for one in sizes {
        let mut offset = vec![Dim::Known(0); one.len()];
        offset[at] = begin.clone();
        all.push(offset.into());
        begin = begin.plus(&one[at]).ok()?;
    }
    Some(all)
}

impl Op for ConcatOffset {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (axis, shapes) = axis_and_shapes(inputs)?;
        check_rank(&axis.shape, 0)?;
        shapes
            .iter()
            .try_for_each(|shape| check_rank(&shape.shape, 1))?;
        let followed = || {
            let sizes: Vec<&[Dim]> = shapes
                .iter()
                .map(|shape| shape.value.as_deref())
                .collect::<Option<_>>()?;
            let &[axis] = axis.known_values()?.as_slice() else {
                return None;
            };
            begins(&sizes, axis_in(axis, sizes[0].len())?)
        };
        let values = followed().map_or(vec![None; shapes.len()], |values| {
            values.into_iter().map(Some).collect()
        });
        let facts = shapes.iter().zip(values);
        Ok(facts
            .map(|(shape, value)| Fact {
                value,
                ..Fact::new(shape.dtype, &shape.shape)
            })
            .collect())
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let (axis, shapes) = axis_and_shapes(&inputs)?;
        let axis = single(axis).filter(|_| axis.rank() == 0).ok_or_else(|| {
            let shape = brackets(axis.shape());
            Error::invalid(format!(
                "Concat dim tensor should be a scalar integer, but got shape {shape}"
            ))
        })?;
        for (i, shape) in shapes.iter().enumerate() {
            if shape.rank() != 1 {
                return Err(Error::invalid(format!(
                    "input {i} should be a vector, but got shape {}",
                    brackets(shape.shape())
                )));
            }
            if shape.len() != shapes[0].len() || shape.len() > MOST_AXES {
                return Err(Error::invalid(format!(
                    "input {i} should contain {} elements, but got {}",
                    shapes[0].len().min(MOST_AXES),
                    shape.len()
                )));
            }
        }
        let rank = shapes[0].len();
        let at = axis_in(axis, rank).ok_or_else(|| {
            Error::invalid(format!("Concat dim is out of range: {axis} vs. {rank}"))
        })?;
        let first = shapes[0].to_i64_vec()?;
        let mut begin = 0i64;
        let mut offsets = Vec::with_capacity(shapes.len());
        for (i, shape) in shapes.iter().enumerate() {
            let sizes = shape.to_i64_vec()?;
            if (0..rank).any(|k| k != at && sizes[k] != first[k]) {
                let list = |sizes: &[i64]| {
                    sizes
                        .iter()
                        .map(i64::to_string)
                        .collect::<Vec<_>>()
                        .join(" ")
                };
                return Err(Error::invalid(format!(
                    "All dimensions except {at} must match. Input {i} has shape [{}] and doesn't match input 0 \
                     with shape [{}].",
                    list(&sizes),
                    list(&first)
                )));
            }
            let mut offset = vec![0; rank];
            offset[at] = begin;
            offsets.push(integers(&[rank], &offset, Some(shape.dtype()))?);
            begin = begin.checked_add(sizes[at]).ok_or_else(|| too_large(at))?;
        }
        Ok(offsets)
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

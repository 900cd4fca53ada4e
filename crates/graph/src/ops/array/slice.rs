//! `Slice`.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::check::{axes_of, brackets, check_rank, merge};
use super::moving::{gather, strides};
use super::pack::pack;
use super::pad::pad;
use super::shape::shape_as;
use crate::op::{DATA, Fact, INDICES, Op, OpDef, take};
use crate::operand::apply;
use crate::{Error, Operand, Operation, Output, Result, Run};

pub(crate) static SLICE: OpDef = OpDef {
    name: "Slice",
    inputs: &[("input", "T"), ("begin", "Index"), ("size", "Index")],
    types: &[("T", DATA), ("Index", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(Slice)),
};

/// The part of a tensor that begins at `begin` and has `size` (`tf.slice`); a size of -1 means up to the
/// end.
///
/// # Errors
/// `Value` for a `begin` or `size` of another length than the rank.
#[track_caller]
pub fn slice(input: impl Operand, begin: impl Operand, size: impl Operand) -> Result<Output> {
    Ok(apply("Slice", "Slice", &[&input, &begin, &size], |node| node)?.output(0))
}

struct Slice;

impl Op for Slice {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [input, begin, size] = inputs else {
            return Ok(Vec::new());
        };
        let known = |fact: &Fact, axis: usize| {
            fact.value
                .as_ref()
                .and_then(|value| value.get(axis)?.known())
        };
        check_rank(&begin.shape, 1)?;
        check_rank(&size.shape, 1)?;
        let length = axes_of(&merge(&begin.shape, &size.shape)?)?;
        if let Some(length) = length {
            check_rank(&input.shape, length)?;
        }
        let Some(rank) = length.or(input.shape.rank()) else {
            return Ok(vec![Fact::new(input.dtype, Shape::unknown())]);
        };
        let mut sizes = Vec::with_capacity(rank);
        for axis in 0..rank {
            let (from, wanted) = (
                known(begin, axis),
                size.value.as_ref().and_then(|value| value.get(axis)),
            );
            for n in [from, wanted.and_then(Dim::known)].into_iter().flatten() {
                if n < -1 {
                    return Err(Error::value(format!(
                        "Invalid value in tensor used for shape: {n}"
                    )));
                }
            }
            let dim = input.shape.dims().map(|dims| &dims[axis]);
            let open = || Dim::unknown(format!("Slice[{axis}]"));
            sizes.push(match (wanted, from, dim) {
                (Some(Dim::Known(-1)), Some(from @ 0..), Some(dim)) => {
                    let rest = dim.minus(from)?;
                    if rest.known().is_some_and(|n| n < 0) {
                        return Err(Error::value(format!(
                            "Negative dimension size caused by subtracting {from} from {dim}"
                        )));
                    }
                    rest
                }
                (Some(Dim::Known(-1)), ..) => open(),
                (Some(size), ..) => size.clone(),
                (None, ..) => open(),
            });
        }
        let value = (rank == 1).then(|| {
            let (from, count) = (known(begin, 0)?, sizes[0].known()?);
            let to = from.checked_add(count)?;
            let value = input
                .value
                .as_ref()?
                .get(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
            Some(value?.into())
        });
        let value = if rank == 0 {
            input.value.clone()
        } else {
            value.flatten()
        };
        Ok(vec![Fact {
            value,
            ..Fact::new(input.dtype, sizes)
        }])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input, begin, size] = take(inputs)?;
        let rank = input.rank();
        if [&begin, &size]
            .iter()
            .any(|given| given.rank() != 1 || given.len() != rank)
        {
            return Err(Error::invalid(format!(
                "Expected begin and size arguments to be 1-D tensors of size {rank}, but got shapes {} and {} instead.",
                brackets(begin.shape()),
                brackets(size.shape())
            )));
        }
        let (begin, size) = (begin.to_i64_vec()?, size.to_i64_vec()?);
        let (mut from, mut sizes) = (Vec::with_capacity(rank), Vec::with_capacity(rank));
        for axis in 0..rank {
            let (dim, begin, size) = (input.shape()[axis] as i64, begin[axis], size[axis]);
            let size = if size == -1 {
                dim.saturating_sub(begin)
            } else {
                size
            };
            if dim == 0 && (begin != 0 || size != 0) {
                return Err(Error::invalid(format!(
                    "Expected begin[{axis}] == 0 (got {begin}) and size[{axis}] == 0 (got {size}) when \
                     input.dim_size({axis}) == 0"
                )));
            }
            if !(0..=dim).contains(&begin) {
                return Err(Error::invalid(format!(
                    "Expected begin[{axis}] in [0, {dim}], but got {begin}"
                )));
            }
            if !(0..=dim - begin).contains(&size) {
                return Err(Error::invalid(format!(
                    "Expected size[{axis}] in [0, {}], but got {size}",
                    dim - begin
                ))
                .help(format!(
                    "axis {axis} has size {dim}, and the slice begins at {begin}"
                )));
            }
            from.push(begin as usize);
            sizes.push(size as usize);
        }
        if sizes == input.shape() {
            return Ok(vec![input]);
        }
        let strides = strides(input.shape());
        let offset = from
            .iter()
            .zip(&strides)
            .map(|(&from, &stride)| from * stride as usize)
            .sum();
        Ok(vec![gather(run, &input, offset, &strides, &sizes)?])
    }

    /// Zeros around what arrives: as many as were cut off.
    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None; 3]);
        };
        let (begin, graph) = (node.input(1), node.graph());
        let subtract = |a: &Output, b: &Output| graph.add("Sub").input(a).input(b).output();
        let whole = shape_as(&node.input(0), begin.dtype())?;
        let behind = subtract(&subtract(&whole, &shape_as(dy, begin.dtype())?)?, &begin)?;
        Ok(vec![Some(pad(dy, pack(&[begin, behind], 1)?)?), None, None])
    }
}

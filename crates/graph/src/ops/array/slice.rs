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
use crate::ops::sizes::{self, open};
use crate::{Error, Need, Operand, Operation, Output, Result, Run};

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

/// An element of a vector whose elements are followed.
fn at(fact: &Fact, axis: usize) -> Option<&Dim> {
    fact.value.as_ref()?.get(axis)
}

/// What a run refuses.
fn check<S: AsRef<[usize]>>(input: &[usize], begin: &S, size: &S) -> Result<()> {
    let rank = input.len();
    let (begin, size) = (begin.as_ref(), size.as_ref());
    if [begin, size].iter().any(|given| **given != [rank]) {
        return Err(Error::invalid(format!(
            "Expected begin and size arguments to be 1-D tensors of size {rank}, but got shapes {} and {} instead.",
            brackets(begin),
            brackets(size)
        )));
    }
    Ok(())
}

/// Where the part begins, and its sizes.
fn part(input: &[usize], begin: &[i64], size: &[i64]) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut part = (Vec::new(), Vec::new());
    for (axis, (&dim, (&begin, &size))) in input.iter().zip(begin.iter().zip(size)).enumerate() {
        let dim = dim as i64;
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
        part.0.push(begin as usize);
        part.1.push(size as usize);
    }
    Ok(part)
}

impl Op for Slice {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [input, begin, size] = inputs else {
            return Ok(Vec::new());
        };
        let known = |fact: &Fact, axis: usize| at(fact, axis).and_then(Dim::known);
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
            let (from, wanted) = (at(begin, axis), at(size, axis));
            let numbers = [from, wanted].into_iter().flatten();
            for n in numbers.filter_map(Dim::known) {
                if n < -1 {
                    return Err(Error::value(format!(
                        "Invalid value in tensor used for shape: {n}"
                    )));
                }
            }
            let dim = input.shape.dims().map(|dims| &dims[axis]);
            let open = || open(format!("Slice[{axis}]"));
            sizes.push(match (wanted, from, dim) {
                (Some(Dim::Known(-1)), Some(from), Some(dim)) if *from != Dim::Known(-1) => {
                    let rest = dim.minus(from)?;
                    match rest.known() {
                        Some(n) if n < 0 => {
                            return Err(Error::value(format!(
                                "Negative dimension size caused by subtracting {from} from {dim}"
                            )));
                        }
                        // TensorFlow does not see what is the same for all sizes.
                        Some(_) if dim.known().is_none() => open(),
                        _ => rest,
                    }
                }
                (Some(Dim::Known(-1)) | None, ..) => open(),
                (Some(size), ..) => size.clone(),
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

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let [input, begin, size] = inputs else {
            return Vec::new();
        };
        let mut needs = Vec::new();
        for (axis, dim) in input.shape.dims().into_iter().flatten().enumerate() {
            let (Some(from), Some(wanted)) = (at(begin, axis), at(size, axis)) else {
                continue;
            };
            let whole = *wanted == Dim::Known(-1);
            let taken = if whole { Dim::Known(0) } else { wanted.clone() };
            let rest = dim.minus(from).and_then(|rest| rest.minus(&taken));
            for number in [Some(from), Some(&taken), rest.as_ref().ok()]
                .into_iter()
                .flatten()
            {
                let (dim, from, wanted) = (dim.clone(), from.clone(), wanted.clone());
                needs.extend(sizes::at_least(number, 0, move |words| {
                    let (input, dim, from) =
                        (sizes::input(words, 0), words.dim(&dim), words.dim(&from));
                    let taken = if whole {
                        "all".into()
                    } else {
                        words.dim(&wanted)
                    };
                    format!("axis {axis}: {input} has {dim}, and {taken} from {from} on are taken")
                }));
            }
        }
        needs
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let [input, begin, size] = inputs else {
            return Ok(());
        };
        let [input, first, taken] = [input, begin, size].map(sizes::known);
        check(&input, &first, &taken)?;
        match (begin.known_values(), size.known_values()) {
            (Some(begin), Some(size)) => part(&input, &begin, &size).map(drop),
            _ => Ok(()),
        }
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input, begin, size] = take(inputs)?;
        check(input.shape(), &begin.shape(), &size.shape())?;
        let (from, sizes) = part(input.shape(), &begin.to_i64_vec()?, &size.to_i64_vec()?)?;
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

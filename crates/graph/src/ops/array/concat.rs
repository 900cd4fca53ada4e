//! `ConcatV2`.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Tensor};

use super::check::{axis_in, brackets, check_rank, merge, single};
use super::moving::{around, scatter};
use super::pack::too_short;
use super::shape::shape_as;
use super::slice::slice;
use crate::op::{DATA, Fact, INDICES, Op, OpDef};
use crate::operand::integers;
use crate::ops::sizes::{self, open, open_shape};
use crate::{Code, Error, Need, Operation, Output, Result, Run, location};

const SCALARS: &str = "Can't concatenate scalars (use tf.stack instead)";

pub(crate) static CONCAT_V2: OpDef = OpDef {
    name: "ConcatV2",
    inputs: &[("values", "N*T"), ("axis", "Tidx")],
    types: &[("T", DATA), ("Tidx", INDICES)],
    stateful: false,
    make: |attrs| {
        attrs.skip("N");
        Ok(Arc::new(Concat))
    },
};

/// Tensors one behind the other along an axis (`tf.concat`).
///
/// # Errors
/// `Value` for an empty list, scalars, shapes that differ in another axis, an axis that is out of range;
/// `Type` for dtypes that differ.
#[track_caller]
pub fn concat(values: &[Output], axis: i64) -> Result<Output> {
    let _from = location::caller();
    match values {
        [] => Err(too_short("values", "ConcatV2")),
        [only] => {
            let graph = only.graph();
            let name = graph.take_name();
            let name = name.as_deref().unwrap_or("concat");
            graph.name_scope(name, || {
                graph.constant_named("concat_dim", integers(&[], &[axis], None)?)?;
                graph.add("Identity").name(name).input(only).output()
            })
        }
        [first, ..] => first.graph().op_scope("concat", |own| {
            let graph = first.graph();
            let axis = graph.constant_named("axis", integers(&[], &[axis], None)?)?;
            graph
                .add("ConcatV2")
                .name(own)
                .inputs(values)
                .input(&axis)
                .output()
        }),
    }
}

struct Concat;

/// The tensors and the axis behind them.
fn split_off<T>(inputs: &[T]) -> Result<(&[T], &T)> {
    match inputs {
        [values @ .., axis] if !values.is_empty() => Ok((values, axis)),
        _ => Err(too_short("values", "ConcatV2")),
    }
}

/// The elements of vectors one behind the other, where those of any are followed and the rest have known
/// lengths.
fn joined(values: &[Fact]) -> Option<Vec<Dim>> {
    if values.iter().all(|fact| fact.value.is_none()) {
        return None;
    }
    let mut all = Vec::new();
    for (i, fact) in values.iter().enumerate() {
        let length = usize::try_from(fact.shape.dims()?[0].known()?).ok()?;
        if all.len().checked_add(length)? > Fact::LONGEST_VALUE {
            return None;
        }
        match &fact.value {
            Some(value) => all.extend(value.iter().cloned()),
            None => all.extend((0..length).map(|k| open(format!("concat[{i}][{k}]")))),
        }
    }
    Some(all)
}

pub(super) fn too_large(axis: usize) -> Error {
    let message = format!("axis {axis} of the result is too large");
    Error::new(Code::ResourceExhausted, message)
}

/// What concatenation wants of shapes.
fn alike(axis: usize) -> String {
    format!(
        "concatenated along axis {axis}, tensors may differ only there: crop or pad the others to fit"
    )
}

/// The axis and the sizes of the result.
fn joined_sizes<S: AsRef<[usize]>>(shapes: &[S], axis: i64) -> Result<(usize, Vec<usize>)> {
    let Some((first, rest)) = shapes.split_first() else {
        return Err(too_short("values", "ConcatV2"));
    };
    let (first, mut sizes) = (first.as_ref(), first.as_ref().to_vec());
    let rank = sizes.len();
    if rank == 0 {
        return Err(Error::invalid(format!("ConcatOp : {SCALARS}")));
    }
    let at = axis_in(axis, rank).ok_or_else(|| {
        Error::invalid(format!(
            "ConcatOp : Expected concatenating dimensions in the range [-{rank}, {rank}), but got {axis}"
        ))
    })?;
    for (i, value) in (1..).zip(rest) {
        let value = value.as_ref();
        let shapes = || {
            let (first, value) = (brackets(first), brackets(value));
            format!("shape[0] = {first} vs. shape[{i}] = {value}")
        };
        if value.len() != rank {
            return Err(Error::invalid(format!(
                "ConcatOp : Ranks of all input tensors should match: {}",
                shapes()
            )));
        }
        if let Some(axis) = (0..rank).find(|&k| k != at && value[k] != sizes[k]) {
            return Err(Error::invalid(format!(
                "ConcatOp : Dimension {axis} in both shapes must be equal: {}",
                shapes()
            ))
            .help(alike(at)));
        }
        sizes[at] = sizes[at]
            .checked_add(value[at])
            .ok_or_else(|| too_large(at))?;
    }
    Ok((at, sizes))
}

impl Op for Concat {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (values, axis) = split_off(inputs)?;
        let dtype = values[0].dtype;
        check_rank(&axis.shape, 0)?;
        let Some(rank) = values.iter().find_map(|value| value.shape.rank()) else {
            return Ok(vec![Fact::new(dtype, Shape::unknown())]);
        };
        if rank == 0 {
            return Err(Error::value(SCALARS));
        }
        values
            .iter()
            .try_for_each(|value| check_rank(&value.shape, rank))?;
        let Some(&[axis]) = axis.known_values().as_deref() else {
            return Ok(vec![Fact::new(dtype, open_shape(rank, "concat"))]);
        };
        let Some(at) = axis_in(axis, rank) else {
            let least = if axis < 0 {
                axis.unsigned_abs()
            } else {
                (axis as u64).saturating_add(1)
            };
            return Err(Error::value(format!(
                "Shape must be at least rank {least} but is rank {rank}"
            ))
            .help(format!(
                "the axis must be in [-{rank}, {rank}), but is {axis}"
            )));
        };
        let mut whole: Option<Vec<Dim>> = None;
        for value in values.iter().rev() {
            let dims = match value.shape.dims() {
                Some(dims) => dims.to_vec(),
                None => (0..rank)
                    .map(|axis| open(format!("concat[{axis}]")))
                    .collect(),
            };
            whole = Some(match whole {
                None => dims,
                Some(later) => {
                    let parts = |dims: &[Dim]| {
                        (
                            Shape::new(dims[..at].to_vec()),
                            Shape::new(dims[at + 1..].to_vec()),
                        )
                    };
                    let ((before, behind), (later_before, later_behind)) =
                        (parts(&dims), parts(&later));
                    let helped = |error: Error| error.help(alike(at));
                    let before = merge(&before, &later_before).map_err(helped)?;
                    let behind = merge(&behind, &later_behind).map_err(helped)?;
                    let mut sizes = before.dims().unwrap_or_default().to_vec();
                    sizes.push(dims[at].plus(&later[at])?);
                    sizes.extend_from_slice(behind.dims().unwrap_or_default());
                    sizes
                }
            });
        }
        let value = if rank == 1 { joined(values) } else { None };
        Ok(vec![Fact {
            value: value.map(Arc::from),
            ..Fact::new(dtype, whole.unwrap_or_default())
        }])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let Ok((values, axis)) = split_off(inputs) else {
            return Vec::new();
        };
        let rank = values.iter().find_map(|value| value.shape.rank());
        let at = match axis.known_values().as_deref() {
            Some(&[axis]) => rank.and_then(|rank| axis_in(axis, rank)),
            _ => None,
        };
        at.map_or_else(Vec::new, |at| sizes::alike(values, Some(at)))
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let (values, axis) = split_off(inputs)?;
        match axis.known_values().as_deref() {
            Some(&[axis]) => joined_sizes(&sizes::all_known(values), axis).map(drop),
            _ => Ok(()),
        }
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let (values, axis) = split_off(&inputs)?;
        let first = &values[0];
        let axis = single(axis).ok_or_else(|| {
            let shape = brackets(axis.shape());
            Error::invalid(format!(
                "ConcatOp : Expected axis to be a scalar, but got shape {shape}"
            ))
        })?;
        let (at, sizes) = joined_sizes(&sizes::of(values), axis)?;
        let mut out = run.output(first.dtype(), &sizes)?;
        let (outer, inner) = around(&sizes, at);
        let mut done = 0;
        for value in values.iter().filter(|value| !value.is_empty()) {
            let row = value.shape()[at] * inner;
            scatter(
                run,
                value,
                &[outer, row],
                &mut out,
                done,
                &[(sizes[at] * inner) as isize, 1],
            )?;
            done += row;
        }
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let inputs = node.inputs();
        let mut dx = vec![None; inputs.len()];
        let (Some(dy), (values, axis)) = (&dy[0], split_off(&inputs)?) else {
            return Ok(dx);
        };
        let graph = node.graph();
        let axis = match (axis.dtype(), axis.fact().known_values().as_deref()) {
            (DType::Int32, _) => axis.clone(),
            (_, Some(known)) => graph.constant(integers(&[], known, Some(DType::Int32))?)?,
            _ => graph
                .add("Cast")
                .input(axis)
                .attr("DstT", DType::Int32)
                .output()?,
        };
        let shapes: Vec<Output> = values
            .iter()
            .map(|value| shape_as(value, DType::Int32))
            .collect::<Result<_>>()?;
        let offsets = graph
            .add("ConcatOffset")
            .input(&axis)
            .inputs(&shapes)
            .build()?
            .outputs();
        for ((dx, offset), shape) in dx.iter_mut().zip(&offsets).zip(&shapes) {
            *dx = Some(slice(dy, offset, shape)?);
        }
        Ok(dx)
    }
}

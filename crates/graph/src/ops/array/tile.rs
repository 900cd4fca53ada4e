//! `Tile`.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::check::{axes_of, brackets, to_sizes};
use super::moving::{around, gather};
use super::pack::pack;
use super::reshape::reshape;
use super::shape::{shape_as, size};
use crate::op::{DATA, Fact, INDICES, Op, OpDef, take};
use crate::operand::apply;
use crate::ops::sizes::{self, open};
use crate::{Code, Error, Need, Operand, Operation, Output, Result, Run};

pub(crate) static TILE: OpDef = OpDef {
    name: "Tile",
    inputs: &[("input", "T"), ("multiples", "Tmultiples")],
    types: &[("T", DATA), ("Tmultiples", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(Tile)),
};

/// The tensor repeated `multiples[axis]` times along each axis (`tf.tile`).
///
/// # Errors
/// `Value` for not one multiple for each axis.
#[track_caller]
pub fn tile(input: impl Operand, multiples: impl Operand) -> Result<Output> {
    Ok(apply("Tile", "Tile", &[&input, &multiples], |node| node)?.output(0))
}

struct Tile;

fn check_multiples(multiples: &[i64]) -> Result<()> {
    match multiples.iter().position(|&n| n < 0) {
        Some(axis) => Err(Error::invalid(format!(
            "Expected multiples[{axis}] >= 0, but got {}",
            multiples[axis]
        ))),
        None => Ok(()),
    }
}

impl Op for Tile {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [input, multiples] = inputs else {
            return Ok(Vec::new());
        };
        let length = axes_of(&multiples.shape)?;
        if let (Some(rank), Some(length)) = (input.shape.rank(), length)
            && rank != length
        {
            return Err(
                Error::value(format!("Shape must be rank {rank} but is rank {length}"))
                    .help("multiples has one element for each axis of the input"),
            );
        }
        let Some(rank) = input.shape.rank().or(length) else {
            return Ok(vec![Fact::new(input.dtype, Shape::unknown())]);
        };
        let mut sizes = Vec::with_capacity(rank);
        for axis in 0..rank {
            let multiple = multiples.value.as_ref().and_then(|value| value.get(axis));
            let open = || open(format!("Tile[{axis}]"));
            sizes.push(match (multiple, input.shape.dims()) {
                (Some(Dim::Known(-1)), _) => open(),
                (Some(Dim::Known(n)), _) if *n < 0 => {
                    return Err(Error::value(format!(
                        "Invalid value in tensor used for shape: {n}"
                    )));
                }
                (Some(multiple), Some(dims)) => dims[axis].times(multiple)?,
                _ => open(),
            });
        }
        let repeated = || {
            let (value, count) = (
                input.value.as_ref()?,
                sizes.first().map_or(Some(1), Dim::known)?,
            );
            let count = usize::try_from(count)
                .ok()
                .filter(|&n| rank < 2 && n <= Fact::LONGEST_VALUE)?;
            Some(value.iter().cycle().take(count).cloned().collect())
        };
        let value = repeated();
        Ok(vec![Fact {
            value,
            ..Fact::new(input.dtype, sizes)
        }])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::not_negative(inputs, 1)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        inputs[1]
            .known_values()
            .map_or(Ok(()), |multiples| check_multiples(&multiples))
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input, multiples] = take(inputs)?;
        if multiples.rank() != 1 {
            return Err(Error::invalid(format!(
                "Expected multiples to be 1-D, but got shape {}",
                brackets(multiples.shape())
            )));
        }
        if multiples.len() != input.rank() {
            return Err(Error::invalid(format!(
                "Expected multiples argument to be a vector of length {} but got length {}",
                input.rank(),
                multiples.len()
            )));
        }
        let multiples = multiples.to_i64_vec()?;
        check_multiples(&multiples)?;
        let multiples = to_sizes(&multiples)?;
        let sizes: Option<Vec<usize>> = input
            .shape()
            .iter()
            .zip(&multiples)
            .map(|(&size, &multiple)| size.checked_mul(multiple))
            .collect();
        let sizes = sizes.ok_or_else(|| {
            Error::new(
                Code::ResourceExhausted,
                format!(
                    "{} times {multiples:?} is too large",
                    brackets(input.shape())
                ),
            )
        })?;
        if sizes.contains(&0) {
            return Ok(vec![Tensor::zeros(input.dtype(), &sizes)?]);
        }
        tconv_tensor::checked_len(input.dtype(), &sizes)?;
        // One axis at a time, the last one first, so that each copies stretches as long as can be.
        let mut tiled = input;
        for axis in (0..multiples.len())
            .rev()
            .filter(|&axis| multiples[axis] != 1)
        {
            let mut next = tiled.shape().to_vec();
            let (outer, inner) = around(&next, axis);
            let row = next[axis] * inner;
            next[axis] = sizes[axis];
            let strides = [row as isize, 0, 1];
            tiled =
                gather(run, &tiled, 0, &strides, &[outer, multiples[axis], row])?.reshape(&next)?;
        }
        Ok(vec![tiled])
    }

    /// The sum over the repetitions: each axis is split into these and itself.
    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None, None]);
        };
        let (multiples, graph) = (node.input(1), node.graph());
        let sizes = shape_as(&node.input(0), multiples.dtype())?;
        let split = reshape(pack(&[multiples, sizes], 1)?, [-1i64])?;
        let axes = match axes_of(split.static_shape())? {
            Some(count) => graph.constant((0..count as i32).step_by(2).collect::<Vec<i32>>())?,
            None => {
                let (first, step) = (graph.constant(0i32)?, graph.constant(2i32)?);
                graph
                    .add("Range")
                    .input(&first)
                    .input(&size(&split)?)
                    .input(&step)
                    .output()?
            }
        };
        let repetitions = reshape(dy, split)?;
        Ok(vec![
            Some(graph.add("Sum").input(&repetitions).input(&axes).output()?),
            None,
        ])
    }
}

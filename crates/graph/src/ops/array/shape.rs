//! `Shape`, `Size`, `Rank`: what is known of them while the graph is built becomes a constant.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Tensor};

use crate::graph::graph_of;
use crate::op::{DATA, Fact, INDICES, Op, OpDef, not_differentiable};
use crate::operand::integers;
use crate::{Error, Operand, Operation, Output, Result, Run, location};

const INPUTS: &[(&str, &str)] = &[("input", "T")];
const TYPES: &[(&str, &[DType])] = &[("T", DATA), ("out_type", INDICES)];

pub(crate) static SHAPE: OpDef = OpDef {
    name: "Shape",
    inputs: INPUTS,
    types: TYPES,
    stateful: false,
    make: |attrs| {
        Ok(Arc::new(Measure::Shape(
            attrs.dtype_or("out_type", DType::Int32)?,
        )))
    },
};

pub(crate) static SIZE: OpDef = OpDef {
    name: "Size",
    inputs: INPUTS,
    types: TYPES,
    stateful: false,
    make: |attrs| {
        Ok(Arc::new(Measure::Size(
            attrs.dtype_or("out_type", DType::Int32)?,
        )))
    },
};

pub(crate) static RANK: OpDef = OpDef {
    name: "Rank",
    inputs: INPUTS,
    types: &[("T", DATA)],
    stateful: false,
    make: |_| Ok(Arc::new(Measure::Rank)),
};

/// The sizes of a tensor as an int32 vector (`tf.shape`); a constant where all are known.
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn shape(input: impl Operand) -> Result<Output> {
    measure(&SHAPE, &input, Some(DType::Int32))
}

/// [`shape`] as a vector of int32 or int64.
pub(crate) fn shape_as(input: &Output, dtype: DType) -> Result<Output> {
    measure(&SHAPE, input, Some(dtype))
}

/// The number of elements of a tensor as an int32 scalar (`tf.size`); a constant where it is known.
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn size(input: impl Operand) -> Result<Output> {
    measure(&SIZE, &input, Some(DType::Int32))
}

/// The number of axes of a tensor as an int32 scalar (`tf.rank`); a constant where it is known.
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn rank(input: impl Operand) -> Result<Output> {
    measure(&RANK, &input, None)
}

#[track_caller]
fn measure(def: &'static OpDef, input: &dyn Operand, out_type: Option<DType>) -> Result<Output> {
    let _from = location::caller();
    let graph = graph_of(&[input])?;
    graph.op_scope(def.name, |own| {
        let input = input.to_output(&graph, None, "input")?;
        let node = graph.add(def.name).name(own).input(&input);
        let op = match (def.name, out_type) {
            ("Shape", Some(dtype)) => Measure::Shape(dtype),
            ("Size", Some(dtype)) => Measure::Size(dtype),
            _ => Measure::Rank,
        };
        let fact = op.fact(&input.fact().shape);
        if let (Some(values), Some(sizes)) = (fact.known_values(), fact.shape.known()) {
            let sizes: Vec<usize> = sizes.iter().map(|&n| n as usize).collect();
            if let Ok(known) = integers(&sizes, &values, Some(fact.dtype)) {
                return graph.constant_named(own, known);
            }
        }
        match out_type {
            Some(dtype) => node.attr("out_type", dtype).output(),
            None => node.output(),
        }
    })
}

enum Measure {
    Shape(DType),
    Size(DType),
    Rank,
}

impl Measure {
    fn fact(&self, shape: &Shape) -> Fact {
        match *self {
            Measure::Shape(dtype) => match shape.dims() {
                Some(dims) => Fact::vector_value(dtype, dims.to_vec()),
                None => Fact::new(dtype, Shape::of_rank(1, "Shape")),
            },
            Measure::Size(dtype) => match shape.elements() {
                Ok(Some(elements)) => Fact::scalar_value(dtype, elements),
                _ => Fact::new(dtype, Shape::scalar()),
            },
            Measure::Rank => match shape.rank() {
                Some(rank) => Fact::scalar_value(DType::Int32, Dim::Known(rank as i64)),
                None => Fact::new(DType::Int32, Shape::scalar()),
            },
        }
    }
}

impl Op for Measure {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![self.fact(&inputs[0].shape)])
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let sizes = inputs[0].shape();
        let too_large =
            |message: String| Error::invalid(message).help("int64 holds it: set out_type");
        let tensor = match *self {
            Measure::Shape(dtype) => {
                let values: Vec<i64> = sizes.iter().map(|&n| n as i64).collect();
                integers(&[values.len()], &values, Some(dtype)).map_err(|_| {
                    let axis = values
                        .iter()
                        .position(|&n| i32::try_from(n).is_err())
                        .unwrap_or(0);
                    too_large(format!(
                        "Shape output type is 32-bit but dim {axis} is {}",
                        sizes[axis]
                    ))
                })
            }
            Measure::Size(dtype) => {
                integers(&[], &[inputs[0].len() as i64], Some(dtype)).map_err(|_| {
                    too_large(
                        "Number of elements was larger than representable by 32-bit output type"
                            .into(),
                    )
                })
            }
            Measure::Rank => integers(&[], &[sizes.len() as i64], Some(DType::Int32)),
        };
        Ok(vec![tensor?])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

//! `Pad`.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Tensor};

use super::check::{axes_of, brackets, check_rank, check_size};
use super::moving::{scatter, strides};
use super::shape::shape_as;
use super::slice::slice;
use super::strided_slice::Index;
use crate::op::{DATA, Fact, INDICES, Op, OpDef, take};
use crate::operand::{apply, integers};
use crate::ops::sizes::{self, open};
use crate::{Code, Error, Graph, Need, Operand, Operation, Output, Result, Run};

pub(crate) static PAD: OpDef = OpDef {
    name: "Pad",
    inputs: &[("input", "T"), ("paddings", "Tpaddings")],
    types: &[("T", DATA), ("Tpaddings", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(Pad)),
};

/// The tensor with zeros around it (`tf.pad`): `paddings[axis]` says how many before and how many behind.
///
/// # Errors
/// `Value` for negative paddings or not one pair for each axis.
#[track_caller]
pub fn pad(input: impl Operand, paddings: impl Operand) -> Result<Output> {
    Ok(apply("Pad", "Pad", &[&input, &paddings], |node| node)?.output(0))
}

impl Operand for [(i64, i64)] {
    fn graph(&self) -> Option<Graph> {
        None
    }

    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> Result<Output> {
        graph.constant_named(name, self.to_tensor(wanted)?)
    }

    fn to_tensor(&self, wanted: Option<DType>) -> Result<Tensor> {
        let flat: Vec<i64> = self
            .iter()
            .flat_map(|&(before, behind)| [before, behind])
            .collect();
        integers(&[self.len(), 2], &flat, wanted)
    }
}

impl<const N: usize> Operand for [(i64, i64); N] {
    fn graph(&self) -> Option<Graph> {
        None
    }

    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> Result<Output> {
        self.as_slice().to_output(graph, wanted, name)
    }

    fn to_tensor(&self, wanted: Option<DType>) -> Result<Tensor> {
        self.as_slice().to_tensor(wanted)
    }
}

struct Pad;

/// The padded sizes, and the paddings before.
fn padded(input: &[usize], paddings: &[i64]) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut padded = (Vec::new(), Vec::new());
    for (axis, (padding, &size)) in paddings.chunks_exact(2).zip(input).enumerate() {
        let refused = |_| {
            Error::invalid(format!(
                "Paddings must be non-negative: {} {}",
                padding[0], padding[1]
            ))
            .help(format!("they are those of axis {axis}"))
        };
        let before = usize::try_from(padding[0]).map_err(refused)?;
        let behind = usize::try_from(padding[1]).map_err(refused)?;
        let sum = size
            .checked_add(before)
            .and_then(|n| n.checked_add(behind))
            .filter(|&n| n <= i64::MAX as usize);
        padded.0.push(sum.ok_or_else(|| {
            Error::new(
                Code::ResourceExhausted,
                format!(
                    "axis {axis} of size {size} with paddings {before} and {behind} is too large"
                ),
            )
        })?);
        padded.1.push(before);
    }
    Ok(padded)
}

impl Op for Pad {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [input, paddings] = inputs else {
            return Ok(Vec::new());
        };
        check_rank(&paddings.shape, 2)?;
        let mut length = None;
        if let Some([rows, columns]) = paddings.shape.dims() {
            check_size(columns, 2)?;
            length = axes_of(&Shape::new(vec![rows.clone()]))?;
        }
        if let Some(length) = length {
            check_rank(&input.shape, length)?;
        }
        let Some(rank) = length.or(input.shape.rank()) else {
            return Ok(vec![Fact::new(input.dtype, Shape::unknown())]);
        };
        let mut sizes = Vec::with_capacity(rank);
        for axis in 0..rank {
            let padding = paddings
                .value
                .as_ref()
                .and_then(|value| value.get(2 * axis..2 * axis + 2));
            if let Some(n) = padding
                .unwrap_or_default()
                .iter()
                .filter_map(Dim::known)
                .find(|&n| n < 0)
            {
                return Err(Error::value("Paddings must be non-negative")
                    .help(format!("one of axis {axis} is {n}")));
            }
            sizes.push(match (padding, input.shape.dims()) {
                (Some([before, behind]), Some(dims)) => dims[axis].plus(before)?.plus(behind)?,
                _ => open(format!("Pad[{axis}]")),
            });
        }
        Ok(vec![Fact::new(input.dtype, sizes)])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let paddings = inputs[1].value.as_deref().unwrap_or_default();
        let one = |(i, padding): (usize, &Dim)| {
            let own = padding.clone();
            sizes::at_least(padding, 0, move |words| {
                let (axis, side) = (i / 2, if i % 2 == 0 { "before" } else { "behind" });
                format!("axis {axis}: the padding {side} is {}", words.dim(&own))
            })
        };
        paddings.iter().enumerate().filter_map(one).collect()
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let paddings = inputs[1].known_values();
        paddings.map_or(Ok(()), |paddings| {
            padded(&sizes::known(&inputs[0]), &paddings).map(drop)
        })
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input, paddings] = take(inputs)?;
        let rows = match *paddings.shape() {
            [rows, 2] => rows,
            _ => {
                return Err(Error::invalid(format!(
                    "paddings must be a matrix with 2 columns: {}",
                    brackets(paddings.shape())
                )));
            }
        };
        if rows != input.rank() {
            return Err(Error::invalid(format!(
                "The first dimension of paddings must be the rank of inputs{} {}",
                brackets(paddings.shape()),
                brackets(input.shape())
            )));
        }
        let (sizes, first) = padded(input.shape(), &paddings.to_i64_vec()?)?;
        if sizes == input.shape() {
            return Ok(vec![input]);
        }
        let mut out = Tensor::zeros(input.dtype(), &sizes)?;
        if !input.is_empty() {
            let strides = strides(&sizes);
            let offset = first
                .iter()
                .zip(&strides)
                .map(|(&first, &stride)| first * stride as usize)
                .sum();
            scatter(run, &input, input.shape(), &mut out, offset, &strides)?;
        }
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None, None]);
        };
        let paddings = node.input(1);
        let before = paddings.slice(&[Index::all(), Index::from(0)])?;
        Ok(vec![
            Some(slice(
                dy,
                before,
                shape_as(&node.input(0), paddings.dtype())?,
            )?),
            None,
        ])
    }
}

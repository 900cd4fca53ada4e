//! `Pack` and `Unpack`, each the gradient of the other.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::check::{axis_in, brackets, check_size, merge};
use super::fill::zeros_like;
use super::moving::{around, gather, scatter};
use crate::op::{DATA, Fact, Op, OpDef, take};
use crate::ops::sizes::{self, open};
use crate::{Error, Need, Operation, Output, Result, Run};

/// The most tensors that one node makes.
const MOST_OUTPUTS: i64 = 1 << 20;

pub(crate) static PACK: OpDef = OpDef {
    name: "Pack",
    inputs: &[("values", "N*T")],
    types: &[("T", DATA)],
    stateful: false,
    make: |attrs| {
        attrs.skip("N");
        Ok(Arc::new(Pack {
            axis: attrs.int_or("axis", 0)?,
        }))
    },
};

/// Tensors of one shape as slices of a new one along a new axis (`tf.stack`).
///
/// # Errors
/// `Value` for an empty list, shapes that differ, an axis that is out of range; `Type` for dtypes that
/// differ.
#[track_caller]
pub fn pack(values: &[Output], axis: i64) -> Result<Output> {
    pack_named(values, axis, "stack")
}

/// [`pack`] under a name of the caller's.
#[track_caller]
pub(crate) fn pack_named(values: &[Output], axis: i64, name: &str) -> Result<Output> {
    let first = values.first().ok_or_else(|| too_short("values", "Pack"))?;
    first
        .graph()
        .add("Pack")
        .name(name)
        .inputs(values)
        .attr("axis", axis)
        .output()
}

/// TensorFlow's error for a list of no tensors.
pub(super) fn too_short(argument: &str, op: &str) -> Error {
    Error::value(format!(
        "List argument '{argument}' to '{op}' Op with length 0 shorter than minimum length 1."
    ))
}

fn out_of_range(axis: i64, rank: usize) -> Error {
    Error::value(format!(
        "Argument `axis` = {axis} not in range [-{rank}, {rank})"
    ))
}

struct Pack {
    axis: i64,
}

impl Pack {
    /// The elements of the result, where those of any input are followed and the rest have known sizes.
    fn value(&self, inputs: &[Fact], sizes: &[i64], axis: usize) -> Option<Vec<Dim>> {
        let elements = |sizes: &[i64]| {
            let count = sizes
                .iter()
                .try_fold(1i64, |n, &size| n.checked_mul(size))?;
            usize::try_from(count)
                .ok()
                .filter(|&n| n <= Fact::LONGEST_VALUE)
        };
        let (each, inner) = (elements(sizes)?, elements(&sizes[axis..])?);
        if !inputs.iter().any(|input| input.value.is_some())
            || each * inputs.len() > Fact::LONGEST_VALUE
        {
            return None;
        }
        let followed: Vec<Vec<Dim>> = inputs
            .iter()
            .enumerate()
            .map(|(i, input)| match &input.value {
                Some(value) => value.to_vec(),
                None => (0..each).map(|_| open(format!("stack[{i}]"))).collect(),
            })
            .collect();
        let outer = each.checked_div(inner).unwrap_or(0);
        let rows = (0..outer).flat_map(|row| {
            followed
                .iter()
                .map(move |one| one.get(row * inner..(row + 1) * inner))
        });
        Some(rows.collect::<Option<Vec<_>>>()?.concat())
    }
}

fn check_alike<S: AsRef<[usize]>>(shapes: &[S]) -> Result<()> {
    let first = shapes.first().map_or(&[][..], AsRef::as_ref);
    match shapes.iter().position(|shape| shape.as_ref() != first) {
        Some(i) => Err(Error::invalid(format!(
            "Shapes of all inputs must match: values[0].shape = {} != values[{i}].shape = {}",
            brackets(first),
            brackets(shapes[i].as_ref()),
        ))),
        None => Ok(()),
    }
}

impl Op for Pack {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let last = inputs.last().ok_or_else(|| too_short("values", "Pack"))?;
        let mut each = last.shape.clone();
        for (i, input) in inputs.iter().enumerate().rev().skip(1) {
            each = merge(&input.shape, &each).map_err(|error| {
                error.help(format!("From merging shape {i} with other shapes."))
            })?;
        }
        let Some(dims) = each.dims() else {
            return Ok(vec![Fact::new(last.dtype, Shape::unknown())]);
        };
        let axis = axis_in(self.axis, dims.len() + 1)
            .ok_or_else(|| out_of_range(self.axis, dims.len() + 1))?;
        let mut sizes = dims.to_vec();
        sizes.insert(axis, Dim::Known(inputs.len() as i64));
        let value = each
            .known()
            .and_then(|each| self.value(inputs, &each, axis));
        Ok(vec![Fact {
            value: value.map(Arc::from),
            ..Fact::new(last.dtype, sizes)
        }])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::alike(inputs, None)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        check_alike(&sizes::all_known(inputs))
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let first = inputs.first().ok_or_else(|| too_short("values", "Pack"))?;
        check_alike(&sizes::of(&inputs))?;
        let each = first.shape().to_vec();
        let axis = run_axis(self.axis, each.len() + 1)?;
        let mut sizes = each;
        sizes.insert(axis, inputs.len());
        let mut out = run.output(first.dtype(), &sizes)?;
        let (outer, inner) = around(&sizes, axis);
        for (i, input) in inputs
            .iter()
            .enumerate()
            .filter(|(_, input)| !input.is_empty())
        {
            let row = (inner * inputs.len()) as isize;
            scatter(run, input, &[outer, inner], &mut out, i * inner, &[row, 1])?;
        }
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let count = node.inputs().len();
        let Some(dy) = &dy[0] else {
            return Ok(vec![None; count]);
        };
        Ok(unpack_into(dy, count as i64, self.axis)?
            .into_iter()
            .map(Some)
            .collect())
    }
}

fn run_axis(axis: i64, rank: usize) -> Result<usize> {
    axis_in(axis, rank).ok_or_else(|| {
        let least = -(rank as i64);
        Error::invalid(format!("axis = {axis} not in [{least}, {rank})"))
    })
}

pub(crate) static UNPACK: OpDef = OpDef {
    name: "Unpack",
    inputs: &[("value", "T")],
    types: &[("T", DATA)],
    stateful: false,
    make: |attrs| {
        let (axis, count) = (attrs.int_or("axis", 0)?, attrs.int("num")?);
        let refused = |least: &str| {
            Err(Error::value(format!(
                "Value for attr 'num' of {count} must be {least}"
            )))
        };
        match count {
            ..0 => refused("at least minimum 0"),
            0..=MOST_OUTPUTS => Ok(Arc::new(Unpack {
                axis,
                count: count as usize,
            })),
            _ => refused(&format!("at most {MOST_OUTPUTS}")),
        }
    },
};

/// The slices of a tensor along an axis, which is then gone (`tf.unstack`). Its size must be known.
///
/// # Errors
/// `Value` for an axis that is out of range or whose size is not known before the graph runs.
#[track_caller]
pub fn unpack(value: &Output, axis: i64) -> Result<Vec<Output>> {
    let shape = value.static_shape();
    let size = match shape.dims() {
        Some(dims) => {
            &dims[axis_in(axis, dims.len()).ok_or_else(|| out_of_range(axis, dims.len()))?]
        }
        None => &Dim::unknown("unstack"),
    };
    let count = size.known().ok_or_else(|| {
        Error::value(format!(
            "Cannot infer argument `num` from shape {}",
            shape.to_string().replace("None", "?")
        ))
        .help(format!(
            "the size of axis {axis} of {value} is known only when the graph runs"
        ))
    })?;
    unpack_into(value, count, axis)
}

#[track_caller]
fn unpack_into(value: &Output, count: i64, axis: i64) -> Result<Vec<Output>> {
    let node = value.graph().add("Unpack").name("unstack").input(value);
    Ok(node
        .attr("num", count)
        .attr("axis", axis)
        .build()?
        .outputs())
}

struct Unpack {
    axis: i64,
    count: usize,
}

impl Unpack {
    /// The axis, which must have the right size.
    fn axis_of(&self, sizes: &[usize]) -> Result<usize> {
        let axis = run_axis(self.axis, sizes.len())?;
        match sizes[axis] == self.count {
            true => Ok(axis),
            false => Err(Error::invalid(format!(
                "Input shape axis {axis} must equal {}, got shape {}",
                self.count,
                brackets(sizes),
            ))),
        }
    }
}

impl Op for Unpack {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [
            Fact {
                dtype,
                shape,
                value,
                ..
            },
        ] = inputs
        else {
            return Ok(Vec::new());
        };
        let Some(dims) = shape.dims() else {
            return Ok(vec![Fact::new(*dtype, Shape::unknown()); self.count]);
        };
        let axis =
            axis_in(self.axis, dims.len()).ok_or_else(|| out_of_range(self.axis, dims.len()))?;
        check_size(&dims[axis], self.count)?;
        let mut rest = dims.to_vec();
        rest.remove(axis);
        let followed = value
            .as_ref()
            .filter(|value| rest.is_empty() && value.len() == self.count);
        Ok((0..self.count)
            .map(|i| match followed {
                Some(value) => Fact::scalar_value(*dtype, value[i].clone()),
                None => Fact::new(*dtype, rest.clone()),
            })
            .collect())
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let dims = inputs[0].shape.dims().unwrap_or_default();
        let axis = axis_in(self.axis, dims.len());
        let need = axis
            .and_then(|axis| sizes::exactly(inputs, 0, axis, self.count as i64, "slices are made"));
        need.into_iter().collect()
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        self.axis_of(&sizes::known(&inputs[0])).map(drop)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [value] = take(inputs)?;
        let sizes = value.shape();
        let axis = self.axis_of(sizes)?;
        let (outer, inner) = around(sizes, axis);
        let row = (inner * self.count) as isize;
        let mut rest = sizes.to_vec();
        rest.remove(axis);
        let one = |i: usize| {
            // Without elements the first one of a slice may be nowhere.
            let start = if value.is_empty() { 0 } else { i * inner };
            Ok(gather(run, &value, start, &[row, 1], &[outer, inner])?.reshape(&rest)?)
        };
        (0..self.count).map(one).collect()
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let outputs = node.outputs();
        let slices: Result<Vec<Output>> = outputs
            .iter()
            .zip(dy)
            .map(|(output, dy)| dy.clone().map_or_else(|| zeros_like(output), Ok))
            .collect();
        Ok(vec![Some(pack(&slices?, self.axis)?)])
    }
}

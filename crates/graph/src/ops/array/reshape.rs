//! `Reshape`, `ExpandDims`, `Squeeze`: the same elements under another shape.

use std::sync::Arc;

use tconv_kernels::stage::Stage;
use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::check::{MOST_AXES, axes_of, axis_in, single};
use super::shape::shape;
use crate::op::{DATA, Fact, Following, INDICES, Op, OpDef, take};
use crate::operand::apply;
use crate::ops::sizes::{self as common, open_shape};
use crate::{Error, Need, Operand, Operation, Output, Result, Run};

mod sizes;

/// A fact's elements under another shape.
fn reshaped(from: &Fact, shape: Shape) -> Fact {
    let value = from.value.clone().filter(|_| shape.known().is_some());
    Fact {
        value,
        ..Fact::new(from.dtype, shape)
    }
}

/// The gradient of an op that keeps the elements in their order: that of the output in the input's shape.
fn as_input(node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
    let mut dx = vec![None; node.inputs().len()];
    if let Some(dy) = &dy[0] {
        dx[0] = Some(reshape(dy, shape(node.input(0))?)?);
    }
    Ok(dx)
}

pub(crate) static RESHAPE: OpDef = OpDef {
    name: "Reshape",
    inputs: &[("tensor", "T"), ("shape", "Tshape")],
    types: &[("T", DATA), ("Tshape", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(Reshape)),
};

/// The elements of a tensor in a new shape (`tf.reshape`), in which one size may be -1: what is left over.
///
/// # Errors
/// `Value` when the numbers of elements are known to differ.
#[track_caller]
pub fn reshape(tensor: impl Operand, shape: impl Operand) -> Result<Output> {
    Ok(apply("Reshape", "Reshape", &[&tensor, &shape], |node| node)?.output(0))
}

struct Reshape;

impl Op for Reshape {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [tensor, shape] = inputs else {
            return Ok(Vec::new());
        };
        let shape = match (&shape.value, axes_of(&shape.shape)?) {
            (Some(wanted), _) => sizes::infer(&tensor.shape, wanted)?,
            (None, Some(rank)) => open_shape(rank, "Reshape"),
            (None, None) => Shape::unknown(),
        };
        Ok(vec![reshaped(tensor, shape)])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let (from, wanted) = (
            &inputs[0].shape,
            inputs[1].value.as_deref().unwrap_or_default(),
        );
        if inputs[1].value.is_none() {
            return Vec::new();
        }
        let mut needs = common::not_negative(inputs, 1);
        let fits = sizes::fits(from, wanted);
        needs.extend(fits.and_then(|(have, want)| {
            let (from, wanted) = (from.dims()?.to_vec(), wanted.to_vec());
            Need::equal(&have, &want, move |words| {
                let (input, from) = (common::input(words, 0), words.shape(&from));
                format!("{input} is {from}, to be {}", words.shape(&wanted))
            })
        }));
        needs
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        sizes::check_vector(&common::known(&inputs[1]))?;
        match inputs[1].known_values() {
            Some(wanted) => sizes::resolve(&common::known(&inputs[0]), wanted).map(drop),
            None => Ok(()),
        }
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [tensor, shape] = take(inputs)?;
        sizes::check_vector(shape.shape())?;
        let sizes = sizes::resolve(tensor.shape(), shape.to_i64_vec()?)?;
        Ok(vec![tensor.reshape(&sizes)?])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        as_input(node, dy)
    }
}

pub(crate) static EXPAND_DIMS: OpDef = OpDef {
    name: "ExpandDims",
    inputs: &[("input", "T"), ("dim", "Tdim")],
    types: &[("T", DATA), ("Tdim", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(ExpandDims)),
};

/// The tensor with a new axis of size 1 before `axis` (`tf.expand_dims`); -1 means behind all others.
///
/// # Errors
/// `Value` for an axis that is out of range.
#[track_caller]
pub fn expand_dims(input: impl Operand, axis: impl Operand) -> Result<Output> {
    Ok(apply("ExpandDims", "ExpandDims", &[&input, &axis], |node| node)?.output(0))
}

struct ExpandDims;

const NO_SINGLE_AXIS: &str = "'dim' must be a tensor with a single value";

impl Op for ExpandDims {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [input, axis] = inputs else {
            return Ok(Vec::new());
        };
        if let Some(n) = axis.shape.elements()?.and_then(|count| count.known())
            && n != 1
        {
            return Err(Error::value(NO_SINGLE_AXIS).help(format!("dim has {n} elements")));
        }
        let shape = match (input.shape.dims(), axis.known_values().as_deref()) {
            (Some(dims), Some(&[axis])) => {
                let rank = dims.len();
                let mut dims = dims.to_vec();
                let at = axis_in(axis, rank + 1).ok_or_else(|| {
                    Error::value(format!(
                        "dim {axis} not in the interval [{}, {rank}].",
                        -(rank as i64) - 1
                    ))
                })?;
                dims.insert(at, Dim::Known(1));
                Shape::new(dims)
            }
            (Some(dims), _) => open_shape(dims.len() + 1, "ExpandDims"),
            (None, _) => Shape::unknown(),
        };
        Ok(vec![reshaped(input, shape)])
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input, axis] = take(inputs)?;
        let axis = single(&axis).ok_or_else(|| Error::invalid(NO_SINGLE_AXIS))?;
        let mut sizes = input.shape().to_vec();
        let rank = sizes.len();
        let at = axis_in(axis, rank + 1).ok_or_else(|| {
            Error::invalid(format!(
                "Tried to expand dim index {axis} for tensor with {rank} dimensions."
            ))
            .help(format!(
                "the axis must be from {} to {rank}",
                -(rank as i64) - 1
            ))
        })?;
        sizes.insert(at, 1);
        Ok(vec![input.reshape(&sizes)?])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        as_input(node, dy)
    }
}

pub(crate) static SQUEEZE: OpDef = OpDef {
    name: "Squeeze",
    inputs: &[("input", "T")],
    types: &[("T", DATA)],
    stateful: false,
    make: |attrs| {
        Ok(Arc::new(Squeeze {
            axes: attrs.ints_or("squeeze_dims", Vec::new())?,
        }))
    },
};

/// The tensor without these axes, all of size 1; without all such axes where `axes` is empty
/// (`tf.squeeze`).
///
/// # Errors
/// `Value` for an axis that is out of range or known to be of another size than 1.
#[track_caller]
pub fn squeeze(input: impl Operand, axes: &[i64]) -> Result<Output> {
    Ok(apply("Squeeze", "Squeeze", &[&input], |node| {
        node.attr("squeeze_dims", axes)
    })?
    .output(0))
}

struct Squeeze {
    axes: Vec<i64>,
}

impl Squeeze {
    /// Which axes are named, while the graph runs; they must have size 1.
    fn check_named(&self, sizes: &[usize]) -> Result<Vec<bool>> {
        let rank = sizes.len();
        let named = self.named(rank, |_, axis| {
            Error::invalid(format!(
                "Tried to squeeze dim index {axis} for tensor with {rank} dimensions."
            ))
        })?;
        match (0..rank).find(|&axis| named[axis] && sizes[axis] != 1) {
            Some(axis) => Err(Error::invalid(not_one(axis, sizes[axis]))),
            None => Ok(named),
        }
    }

    /// The sizes that are left of these.
    fn rest(&self, sizes: &[usize]) -> Result<Vec<usize>> {
        let named = self.check_named(sizes)?;
        let all = self.axes.is_empty();
        let axes = 0..sizes.len();
        let rest = axes.filter(|&axis| !(named[axis] || all && sizes[axis] == 1));
        Ok(rest.map(|axis| sizes[axis]).collect())
    }

    /// Which axes are named.
    fn named(&self, rank: usize, fail: impl Fn(usize, i64) -> Error) -> Result<Vec<bool>> {
        let mut named = vec![false; rank];
        for (i, &axis) in self.axes.iter().enumerate() {
            named[axis_in(axis, rank).ok_or_else(|| fail(i, axis))?] = true;
        }
        Ok(named)
    }
}

fn not_one(axis: usize, size: impl std::fmt::Display) -> String {
    format!("Can not squeeze dim[{axis}], expected a dimension of 1, got {size}")
}

impl Following for Squeeze {
    fn stage<'s>(
        &'s self,
        sizes: &mut Vec<usize>,
        _: &'s [Tensor],
    ) -> Result<Option<Stage<'s, f32>>> {
        *sizes = self.rest(sizes)?;
        Ok(None)
    }

    fn reshapes(&self) -> bool {
        true
    }
}

impl Op for Squeeze {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let Some(dims) = inputs[0].shape.dims() else {
            return Ok(vec![Fact::new(inputs[0].dtype, Shape::unknown())]);
        };
        let rank = dims.len();
        let named = self.named(rank, |i, axis| {
            Error::value(format!("squeeze_dims[{i}] not in [-{rank},{rank})."))
                .help(format!("it is {axis}"))
        })?;
        if self.axes.is_empty() && dims.iter().any(|dim| dim.known().is_none()) {
            return Ok(vec![Fact::new(inputs[0].dtype, Shape::unknown())]);
        }
        let mut rest = Vec::with_capacity(rank);
        for (axis, dim) in dims.iter().enumerate() {
            match dim.known() {
                Some(n) if named[axis] && n != 1 => return Err(Error::value(not_one(axis, n))),
                Some(1) if self.axes.is_empty() => {}
                _ if named[axis] => {}
                _ => rest.push(dim.clone()),
            }
        }
        Ok(vec![reshaped(&inputs[0], Shape::new(rest))])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let rank = inputs[0].shape.rank().unwrap_or(0);
        let Ok(named) = self.named(rank, |_, _| Error::value("")) else {
            return Vec::new();
        };
        let axes = (0..rank).filter(|&axis| named[axis]);
        axes.filter_map(|axis| common::exactly(inputs, 0, axis, 1, "can be taken away"))
            .collect()
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        self.check_named(&common::known(&inputs[0])).map(drop)
    }

    fn following(&self) -> Option<&dyn Following> {
        Some(self)
    }

    fn eval(&self, _: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input] = take(inputs)?;
        let rest = self.rest(input.shape())?;
        Ok(vec![input.reshape(&rest)?])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        as_input(node, dy)
    }
}

#[cfg(test)]
mod tests;

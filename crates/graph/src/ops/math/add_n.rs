//! `AddN`.

use std::sync::Arc;

use tconv_tensor::Tensor;

use super::NUMBERS_AND_BYTES;
use super::broadcast::{zip, zip_values};
use super::number::Number;
use crate::op::brackets;
use crate::op::{Fact, Op, OpDef, not_differentiable};
use crate::ops::sizes;
use crate::{Error, Need, Operation, Output, Result, Run, dispatch};

pub(crate) static ADD_N: OpDef = OpDef {
    name: "AddN",
    inputs: &[("inputs", "N*T")],
    types: &[("T", NUMBERS_AND_BYTES)],
    stateful: false,
    make: |attrs| {
        attrs.skip("N");
        Ok(Arc::new(AddN))
    },
};

/// The sum of tensors of one shape (`tf.add_n`).
///
/// # Errors
/// `Value` for an empty list or shapes that differ, `Type` for dtypes that differ.
#[track_caller]
pub fn add_n(inputs: &[Output]) -> Result<Output> {
    let Some(first) = inputs.first() else {
        return Err(Error::value(
            "inputs must be an iterable of at least one Tensor with the same dtype and shape",
        ));
    };
    first.graph().add("AddN").inputs(inputs).output()
}

struct AddN;

fn check_alike<S: AsRef<[usize]>>(shapes: &[S]) -> Result<()> {
    let first = shapes.first().map_or(&[][..], AsRef::as_ref);
    match shapes.iter().position(|shape| shape.as_ref() != first) {
        Some(i) => Err(Error::invalid(format!(
            "Inputs to operation of type AddN must have the same size and shape.  Input 0: {} != input {i}: {}",
            brackets(first),
            brackets(shapes[i].as_ref())
        ))),
        None => Ok(()),
    }
}

impl Op for AddN {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let Some((first, rest)) = inputs.split_first() else {
            return Err(Error::value("AddN needs at least one input"));
        };
        let shape = rest.iter().try_fold(first.shape.clone(), |shape, fact| {
            shape.merge(&fact.shape).map_err(|error| {
                Error::from(error)
                    .help("the tensors must all have the same shape: nothing is repeated here")
            })
        })?;
        let sum = |sum: Fact, fact: &Fact| Fact {
            value: zip_values(&sum, fact, |a, b| a.plus(b).ok()),
            ..sum
        };
        let value = rest.iter().fold(first.clone(), sum).value;
        Ok(vec![Fact {
            value,
            ..Fact::new(first.dtype, shape)
        }])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::alike(inputs, None)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        check_alike(&sizes::all_known(inputs))
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        check_alike(&sizes::of(&inputs))?;
        let mut inputs = inputs.into_iter();
        let Some(mut sum) = inputs.next() else {
            return Err(Error::invalid("AddN needs at least one input"));
        };
        for input in inputs {
            sum = dispatch!(sum.dtype(), T in [f32, f64, i32, i64, u8], zip(run, sum, input, T::plus))?;
        }
        Ok(vec![sum])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        match dy {
            [Some(dy)] => Ok(vec![Some(dy.clone()); node.inputs().len()]),
            _ => not_differentiable(node),
        }
    }
}

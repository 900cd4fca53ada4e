//! Elementwise arithmetic of two tensors with NumPy's broadcasting.

use std::sync::Arc;

use tconv_kernels::elementwise;
use tconv_shape::Shape;
use tconv_tensor::Tensor;

use crate::op::{Fact, NUMBERS, Op, OpDef, no_gradient, take};
use crate::operand::apply;
use crate::{Error, Operand, Operation, Output, Result, Run, dispatch};

macro_rules! binary {
    ($($static:ident $name:literal $variant:ident;)*) => {
        $(pub(crate) static $static: OpDef = OpDef {
            name: $name,
            inputs: &[("x", "T"), ("y", "T")],
            types: &[("T", NUMBERS)],
            stateful: false,
            make: |_| Ok(Arc::new(Binary::$variant)),
        };)*
    };
}
binary! {
    ADD "Add" Add;
    ADD_V2 "AddV2" Add;
    SUB "Sub" Sub;
    MUL "Mul" Mul;
}

pub(crate) static NEG: OpDef = OpDef {
    name: "Neg",
    inputs: &[("x", "T")],
    types: &[("T", NUMBERS)],
    stateful: false,
    make: |_| Ok(Arc::new(Binary::Add)),
};

/// AddN.
///
/// # Errors
/// None.
pub fn add_n(_: &[Output]) -> Result<Output> {
    Err(Error::value("not there yet"))
}

enum Binary {
    Add,
    Sub,
    Mul,
}

/// `x + y` (`tf.add`).
///
/// # Errors
/// `Type` for dtypes that differ, `Value` for shapes that do not broadcast.
pub fn add(x: impl Operand, y: impl Operand) -> Result<Output> {
    Ok(apply("AddV2", "Add", &[&x, &y], |node| node)?.output(0))
}

/// `x - y` (`tf.subtract`).
///
/// # Errors
/// As [`add`].
pub fn subtract(x: impl Operand, y: impl Operand) -> Result<Output> {
    Ok(apply("Sub", "Sub", &[&x, &y], |node| node)?.output(0))
}

impl Op for Binary {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shape = Shape::broadcast(&inputs[0].shape, &inputs[1].shape)?;
        Ok(vec![Fact::new(inputs[0].dtype, shape)])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Err(Error::value("not there yet"))
    }

    fn grad(&self, node: &Operation, _dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        no_gradient(node)
    }
}

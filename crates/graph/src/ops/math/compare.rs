//! Comparisons, and choosing by them: `Equal`, `NotEqual`, `Greater`, `GreaterEqual`, `Less`,
//! `LessEqual`, `SelectV2`.

use std::sync::Arc;

use tconv_tensor::{DType, Element, Tensor, bf16, f16};

use super::NUMBERS_AND_BYTES;
use super::binary::binary;
use super::broadcast::{self, broadcast_shape, check_broadcast, unbroadcast, zip_to};
use crate::op::{DATA, Fact, Op, OpDef, not_differentiable, take};
use crate::operand::{apply, number};
use crate::ops::sizes;
use crate::{Error, Need, Operand, Operation, Output, Result, Run, dispatch};

macro_rules! comparisons {
    ($($static:ident $name:literal $variant:ident $types:ident $(#[doc = $doc:literal])* $function:ident;)*) => {
        $(pub(crate) static $static: OpDef = OpDef {
            name: $name,
            inputs: &[("x", "T"), ("y", "T")],
            types: &[("T", $types)],
            stateful: false,
            make: |attrs| {
                if !attrs.bool_or("incompatible_shape_error", true)? {
                    let message = "incompatible_shape_error must be true: shapes that do not broadcast are an error";
                    return Err(Error::value(message));
                }
                Ok(Arc::new(Comparison::$variant))
            },
        };

        $(#[doc = $doc])*
        ///
        /// # Errors
        /// `Type` for dtypes that differ, `Value` for shapes that do not broadcast.
        #[track_caller]
        pub fn $function(x: impl Operand, y: impl Operand) -> Result<Output> {
            binary($name, $name, &x, &y)
        })*
    };
}
comparisons! {
    EQUAL "Equal" Equal DATA
    /// Whether `x == y`, element by element (`tf.equal`).
    equal;
    GREATER "Greater" Greater NUMBERS_AND_BYTES
    /// Whether `x > y`, element by element (`tf.greater`).
    greater;
    GREATER_EQUAL "GreaterEqual" GreaterEqual NUMBERS_AND_BYTES
    /// Whether `x >= y`, element by element (`tf.greater_equal`).
    greater_equal;
    LESS "Less" Less NUMBERS_AND_BYTES
    /// Whether `x < y`, element by element (`tf.less`).
    less;
    NOT_EQUAL "NotEqual" NotEqual DATA
    /// Whether `x != y`, element by element (`tf.not_equal`).
    not_equal;
    LESS_EQUAL "LessEqual" LessEqual NUMBERS_AND_BYTES
    /// Whether `x <= y`, element by element (`tf.less_equal`).
    less_equal;
}

enum Comparison {
    Equal,
    Greater,
    GreaterEqual,
    Less,
    NotEqual,
    LessEqual,
}

impl Comparison {
    fn eval_as<T: Element + Copy + PartialOrd>(
        &self,
        run: &Run,
        x: &Tensor,
        y: &Tensor,
    ) -> Result<Tensor> {
        match self {
            Comparison::Equal => zip_to(run, x, y, |x: T, y: T| x == y),
            Comparison::Greater => zip_to(run, x, y, |x: T, y: T| x > y),
            Comparison::GreaterEqual => zip_to(run, x, y, |x: T, y: T| x >= y),
            Comparison::Less => zip_to(run, x, y, |x: T, y: T| x < y),
            Comparison::NotEqual => zip_to(run, x, y, |x: T, y: T| x != y),
            Comparison::LessEqual => zip_to(run, x, y, |x: T, y: T| x <= y),
        }
    }
}

impl Op for Comparison {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(
            DType::Bool,
            broadcast_shape(&inputs[0].shape, &inputs[1].shape)?,
        )])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::broadcast(inputs)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        check_broadcast(inputs)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [x, y] = take(inputs)?;
        Ok(vec![
            dispatch!(x.dtype(), T in [f16, bf16, f32, f64, i32, i64, u8, bool], self.eval_as::<T>(run, &x, &y))?,
        ])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

pub(crate) static SELECT_V2: OpDef = OpDef {
    name: "SelectV2",
    inputs: &[("condition", "bool"), ("t", "T"), ("e", "T")],
    types: &[("T", DATA)],
    stateful: false,
    make: |_| Ok(Arc::new(Select)),
};

/// `x` where `condition` holds and `y` elsewhere, all three broadcast to one shape (`tf.where`).
///
/// # Errors
/// `Type` for dtypes that differ or a condition that is not of booleans, `Value` for shapes that do not
/// broadcast.
#[track_caller]
pub fn select(condition: impl Operand, x: impl Operand, y: impl Operand) -> Result<Output> {
    Ok(apply("SelectV2", "SelectV2", &[&condition, &x, &y], |node| node)?.output(0))
}

struct Select;

impl Op for Select {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shape = broadcast_shape(&inputs[1].shape, &inputs[2].shape)?;
        Ok(vec![Fact::new(
            inputs[1].dtype,
            broadcast_shape(&inputs[0].shape, &shape)?,
        )])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::broadcast(inputs)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        check_broadcast(inputs)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [condition, x, y] = take(inputs)?;
        let out = dispatch!(x.dtype(), T in [f16, bf16, f32, f64, i32, i64, u8, bool], {
            broadcast::select::<T>(run, &condition, &x, &y)
        })?;
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let (condition, x, y) = (node.input(0), node.input(1), node.input(2));
        let [Some(dy)] = dy else {
            return not_differentiable(node);
        };
        let zero = || number(0.0, Some(dy.dtype()));
        let to_x = unbroadcast(&select(&condition, dy, zero()?)?, &x)?;
        let to_y = unbroadcast(&select(&condition, zero()?, dy)?, &y)?;
        Ok(vec![None, Some(to_x), Some(to_y)])
    }
}

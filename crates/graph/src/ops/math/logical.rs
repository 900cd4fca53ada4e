//! `LogicalAnd`, `LogicalOr`, `LogicalNot`.

use std::sync::Arc;

use tconv_kernels::elementwise::map_in_place;
use tconv_tensor::{DType, Tensor};

use super::broadcast::{broadcast_shape, check_broadcast, zip};
use crate::op::{Fact, Op, OpDef, not_differentiable, take};
use crate::operand::apply;
use crate::ops::sizes;
use crate::{Need, Operand, Operation, Output, Result, Run};

macro_rules! pairs {
    ($($static:ident $name:literal $variant:ident $(#[doc = $doc:literal])* $function:ident;)*) => {
        $(pub(crate) static $static: OpDef = OpDef {
            name: $name,
            inputs: &[("x", "bool"), ("y", "bool")],
            types: &[],
            stateful: false,
            make: |_| Ok(Arc::new(Pair::$variant)),
        };

        $(#[doc = $doc])*
        ///
        /// # Errors
        /// `Type` for other dtypes than bool, `Value` for shapes that do not broadcast.
        #[track_caller]
        pub fn $function(x: impl Operand, y: impl Operand) -> Result<Output> {
            Ok(apply($name, $name, &[&x, &y], |node| node)?.output(0))
        })*
    };
}
pairs! {
    LOGICAL_AND "LogicalAnd" And
    /// Whether both hold, element by element (`tf.logical_and`).
    logical_and;
    LOGICAL_OR "LogicalOr" Or
    /// Whether one of them holds, element by element (`tf.logical_or`).
    logical_or;
}

enum Pair {
    And,
    Or,
}

impl Op for Pair {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shape = broadcast_shape(&inputs[0].shape, &inputs[1].shape)?;
        Ok(vec![Fact::new(DType::Bool, shape)])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::broadcast(inputs)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        check_broadcast(inputs)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [x, y] = take(inputs)?;
        Ok(vec![match self {
            Pair::And => zip(run, x, y, |x: bool, y: bool| x && y),
            Pair::Or => zip(run, x, y, |x: bool, y: bool| x || y),
        }?])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

pub(crate) static LOGICAL_NOT: OpDef = OpDef {
    name: "LogicalNot",
    inputs: &[("x", "bool")],
    types: &[],
    stateful: false,
    make: |_| Ok(Arc::new(Not)),
};

/// Whether each element does not hold (`tf.logical_not`).
///
/// # Errors
/// `Type` for another dtype than bool.
#[track_caller]
pub fn logical_not(x: impl Operand) -> Result<Output> {
    Ok(apply("LogicalNot", "LogicalNot", &[&x], |node| node)?.output(0))
}

struct Not;

impl Op for Not {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(DType::Bool, &inputs[0].shape)])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [mut x] = take(inputs)?;
        map_in_place(run.threads(), x.make_mut::<bool>()?, |x| !x);
        Ok(vec![x])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

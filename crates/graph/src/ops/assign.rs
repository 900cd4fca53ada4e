//! `AssignAddVariableOp`, `AssignSubVariableOp`: a variable changed in place.

use std::sync::Arc;

use tconv_kernels::elementwise::zip_in_place;
use tconv_tensor::{Handle, Tensor};

use super::math::{NUMBERS_AND_BYTES, Number};
use super::sizes;
use super::state::{as_declared, check_value, variable_fact};
use crate::op::{Fact, Op, OpDef, brackets, not_differentiable, take};
use crate::{Error, Need, Operation, Output, Result, Run, dispatch};

const INPUTS: &[(&str, &str)] = &[("resource", "resource"), ("value", "dtype")];

pub(crate) static ASSIGN_ADD_VARIABLE_OP: OpDef = OpDef {
    name: "AssignAddVariableOp",
    inputs: INPUTS,
    types: &[("dtype", NUMBERS_AND_BYTES)],
    stateful: true,
    make: |_| Ok(Arc::new(Update { adds: true })),
};

pub(crate) static ASSIGN_SUB_VARIABLE_OP: OpDef = OpDef {
    name: "AssignSubVariableOp",
    inputs: INPUTS,
    types: &[("dtype", NUMBERS_AND_BYTES)],
    stateful: true,
    make: |_| Ok(Arc::new(Update { adds: false })),
};

struct Update {
    adds: bool,
}

fn check_shapes(variable: &[usize], value: &[usize]) -> Result<()> {
    match variable == value {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "Cannot update variable with shape {} using a Tensor with shape {}, shapes must be equal.",
            brackets(variable),
            brackets(value)
        ))),
    }
}

impl Op for Update {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        check_value(&inputs[0], &inputs[1], "value")?;
        Ok(Vec::new())
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        as_declared(inputs, 1)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        match variable_fact(&inputs[0]).shape.known() {
            Some(variable) => {
                check_shapes(&sizes::from_values(&variable)?, &sizes::known(&inputs[1]))
            }
            None => Ok(()),
        }
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [handle, value] = take(inputs)?;
        let handle: Handle = handle.item()?;
        let threads = run.threads();
        run.update_variables(&[&handle], |variables| {
            for variable in variables {
                check_shapes(variable.shape(), value.shape())?;
                dispatch!(variable.dtype(), T in [f32, f64, i32, i64, u8], {
                    let value = value.as_slice::<T>()?;
                    let change = if self.adds { T::plus } else { T::minus };
                    zip_in_place(threads, variable.make_mut()?, value, change)?;
                });
            }
            Ok(())
        })?;
        Ok(Vec::new())
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

#[cfg(test)]
mod tests {
    use tconv_tensor::{DType, Tensor};

    use crate::{Code, Feed, Graph, Result, Session, Shape};

    /// As TensorFlow 2.21 names and counts them.
    #[test]
    fn updates_add_up() -> Result<()> {
        let graph = Graph::new();
        let steps = graph.variable_from(5i64, false, None, Some(DType::Int64))?;
        let bytes = graph.variable_from(Tensor::from([250u8, 3]), false, None, None)?;
        let plus = graph.named("plus", || steps.assign_add(2))?;
        let minus = steps.assign_sub(1)?;
        assert_eq!((plus.name(), minus.name()), ("plus", "AssignSubVariableOp"));
        let added = bytes.assign_add(Tensor::from([10u8, 1]))?;
        let session = Session::new(&graph);
        assert_eq!(
            session.run(&plus).unwrap_err().code(),
            Code::FailedPrecondition
        );
        session.run(graph.global_variables_initializer())?;
        session.run(&plus)?;
        session.run((&plus, &minus))?;
        assert_eq!(session.run(&steps)?, 8i64.into());
        session.run(&added)?;
        assert_eq!(session.run(&bytes)?, [4u8, 4].into());
        // A read sees the value from before, as fetches of other updates do.
        let (before, ()) = session.run((&steps, &plus))?;
        assert_eq!((before, session.run(&steps)?), (8i64.into(), 10i64.into()));
        Ok(())
    }

    #[test]
    fn another_shape_or_dtype_is_refused() -> Result<()> {
        let graph = Graph::new();
        let v = graph.variable_from(Tensor::from([1.0f32, 2.0]), true, None, None)?;
        assert_eq!(v.assign_add([1, 2, 3]).unwrap_err().code(), Code::Value);
        let doubles = graph.constant([1.0f64, 2.0])?;
        assert_eq!(v.assign_add(&doubles).unwrap_err().code(), Code::Type);
        let delta = graph.placeholder::<f32>(Shape::unknown())?;
        let update = v.assign_sub(&delta)?;
        let session = Session::new(&graph);
        session.run(graph.global_variables_initializer())?;
        let run = |value: Tensor| session.run_with(&update, Feed::new().with(&delta, value));
        let error = run([1.0f32].into()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(
            error.message(),
            "Cannot update variable with shape [2] using a Tensor with shape [1], shapes must be equal."
        );
        run([0.5f32, 4.0].into())?;
        assert_eq!(session.run(&v)?, [0.5f32, -2.0].into());
        Ok(())
    }
}

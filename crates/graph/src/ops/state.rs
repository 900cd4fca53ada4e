//! Resource variables: `VarHandleOp`, `ReadVariableOp`, `AssignVariableOp`, `VarIsInitializedOp`.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Handle, Tensor};

use crate::op::{Fact, Op, OpDef, not_differentiable, take};
use crate::ops::sizes;
use crate::{Error, Need, Operation, Output, Result, Run};

pub(crate) static VAR_HANDLE_OP: OpDef = OpDef {
    name: "VarHandleOp",
    inputs: &[],
    types: &[],
    stateful: true,
    make: |attrs| {
        let container = attrs.string_or("container", "")?;
        if !container.is_empty() {
            return Err(Error::value(format!(
                "container '{container}': variables in containers are not implemented"
            )));
        }
        attrs.skip("allowed_devices");
        attrs.skip("debug_name");
        let (dtype, shape) = (attrs.dtype("dtype")?, attrs.shape("shape")?);
        Ok(Arc::new(VarHandle {
            dtype,
            shape,
            name: attrs.string("shared_name")?.into(),
        }))
    },
};

struct VarHandle {
    dtype: DType,
    shape: Shape,
    name: Arc<str>,
}

impl Op for VarHandle {
    fn infer(&self, _: &[Fact]) -> Result<Vec<Fact>> {
        let known = self.shape.dims().unwrap_or_default().iter();
        if let Some(n) = known.filter_map(Dim::known).find(|&n| n < 0) {
            return Err(Error::value(format!("Dimension {n} must be >= 0")));
        }
        let fact = Fact::new(DType::Resource, Shape::scalar());
        Ok(vec![Fact {
            handle: Some((self.dtype, self.shape.clone())),
            ..fact
        }])
    }

    fn eval(&self, _: &mut Run, _: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Ok(vec![Tensor::scalar(Handle(self.name.clone()))])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

/// The dtype and shape of the variable behind a handle.
pub(crate) fn variable_fact(handle: &Fact) -> Fact {
    match &handle.handle {
        Some((dtype, shape)) => Fact::new(*dtype, shape),
        None => Fact::new(DType::Float32, Shape::unknown()),
    }
}

/// Refuses a value of another dtype or shape than the variable's.
pub(crate) fn check_value(handle: &Fact, value: &Fact, what: &str) -> Result<()> {
    let variable = variable_fact(handle);
    if handle.handle.is_some() && variable.dtype != value.dtype {
        return Err(Error::type_(format!(
            "the variable is {}, but the {what} is {}",
            variable.dtype, value.dtype
        )));
    }
    variable.shape.merge(&value.shape)?;
    Ok(())
}

pub(crate) static READ_VARIABLE_OP: OpDef = OpDef {
    name: "ReadVariableOp",
    inputs: &[("resource", "resource")],
    types: &[],
    stateful: true,
    make: |attrs| Ok(Arc::new(ReadVariable(attrs.dtype("dtype")?))),
};

struct ReadVariable(DType);

impl Op for ReadVariable {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let variable = variable_fact(&inputs[0]);
        if inputs[0].handle.is_some() && variable.dtype != self.0 {
            return Err(Error::type_(format!(
                "the variable is {}, not {}",
                variable.dtype, self.0
            )));
        }
        Ok(vec![Fact::new(self.0, variable.shape)])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Ok(vec![run.read_variable(&inputs[0].item()?)?])
    }

    /// The gradient of a variable is that of its handle.
    fn grad(&self, _: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        Ok(dy.to_vec())
    }
}

pub(crate) static ASSIGN_VARIABLE_OP: OpDef = OpDef {
    name: "AssignVariableOp",
    inputs: &[("resource", "resource"), ("value", "dtype")],
    types: &[("dtype", crate::op::DATA)],
    stateful: true,
    make: |attrs| {
        attrs.skip("validate_shape");
        Ok(Arc::new(AssignVariable))
    },
};

struct AssignVariable;

/// That input `index` has the sizes of the variable at the first.
pub(crate) fn as_declared(inputs: &[Fact], index: usize) -> Vec<Need> {
    let variable = variable_fact(&inputs[0]).shape;
    let declared = variable.dims().into_iter().flatten().enumerate();
    let known = declared.filter_map(|(axis, size)| Some((axis, size.known()?)));
    known
        .filter_map(|(axis, size)| sizes::exactly(inputs, index, axis, size, "is the variable's"))
        .collect()
}

/// Refuses a value of another shape than the handle says.
pub(crate) fn check_assigned(declared: &Shape, value: &[usize]) -> Result<()> {
    let found = Shape::from(value);
    match declared.is_compatible_with(&found) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "Trying to assign to variable with tensor with wrong shape. Expected {declared} got {found}"
        ))),
    }
}

impl Op for AssignVariable {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        check_value(&inputs[0], &inputs[1], "value")?;
        Ok(Vec::new())
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        as_declared(inputs, 1)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        check_assigned(&variable_fact(&inputs[0]).shape, &sizes::known(&inputs[1]))
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [handle, value] = take(inputs)?;
        run.assign_variable(&handle.item()?, value)?;
        Ok(Vec::new())
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

pub(crate) static VAR_IS_INITIALIZED_OP: OpDef = OpDef {
    name: "VarIsInitializedOp",
    inputs: &[("resource", "resource")],
    types: &[],
    stateful: true,
    make: |_| Ok(Arc::new(VarIsInitialized)),
};

struct VarIsInitialized;

impl Op for VarIsInitialized {
    fn infer(&self, _: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(DType::Bool, Shape::scalar())])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Ok(vec![Tensor::scalar(
            run.is_initialized(&inputs[0].item()?)?,
        )])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

//! How variables are made, found and initialized.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tconv::{Initializer, Reuse, Shape};

use crate::dtype;
use crate::graph::{build, default_graph};
use crate::initializer::{called, read};
use crate::operand::{Input, Several, graph_of_one};
use crate::operation::PyOperation;
use crate::tensor_shape::shape;
use crate::variable::PyVariable;

type Any<'py> = Bound<'py, PyAny>;

/// `tf.Variable`: of a tensor, what becomes one, or a function that makes one.
#[pyfunction]
#[pyo3(signature = (initial_value, trainable, dtype, name))]
pub fn variable(
    initial_value: &Any<'_>,
    trainable: bool,
    dtype: Option<&Any<'_>>,
    name: Option<&str>,
) -> PyResult<PyVariable> {
    let graph = graph_of_one(initial_value)?;
    let dtype = dtype::maybe(dtype.filter(|dtype| !dtype.is_none()))?;
    let own = &graph.get().graph;
    let variable = if initial_value.is_callable() {
        build(&graph, None, |graph| {
            let initial = || called(initial_value.call0(), graph, dtype, "initial_value");
            graph.variable_from_fn(initial, trainable, name, dtype)
        })
    } else {
        let initial = Input::new(initial_value, own)?;
        build(&graph, None, |graph| {
            graph.variable_from(&initial, trainable, name, dtype)
        })
    };
    Ok(PyVariable::new(&graph, variable?))
}

/// The operation that gives these variables, or all, their initial values.
#[pyfunction]
#[pyo3(signature = (variables, name))]
pub fn initialize(
    py: Python<'_>,
    variables: Option<Several<'_>>,
    name: &str,
) -> PyResult<PyOperation> {
    let variables = variables.map(|variables| variables.0);
    let graph = match variables.as_ref().and_then(|variables| variables.first()) {
        Some(first) => graph_of_one(first)?,
        None => default_graph(py)?,
    };
    let variables = match variables {
        Some(variables) => variables
            .iter()
            .map(PyVariable::of)
            .collect::<PyResult<Vec<_>>>()?,
        None => graph.get().graph.global_variables(),
    };
    let made = build(&graph, Some(name), |graph| {
        graph.variables_initializer(&variables)
    })?;
    Ok(PyOperation::new(&graph, made))
}

/// The variable of this name in the open variable scope: a new one, or one that is there.
#[pyfunction]
#[pyo3(signature = (name, shape, dtype, initializer, trainable))]
pub fn get_variable(
    py: Python<'_>,
    name: &str,
    shape: &Any<'_>,
    dtype: Option<&Any<'_>>,
    initializer: Option<&Any<'_>>,
    trainable: bool,
) -> PyResult<PyVariable> {
    let graph = default_graph(py)?;
    let dtype = dtype::maybe(dtype.filter(|dtype| !dtype.is_none()))?;
    let mut shape: Shape = self::shape(shape)?;
    let mut initializer = read(initializer, dtype)?;
    let own = &graph.get().graph;
    let value = matches!(
        initializer,
        Some(Initializer::Value(_) | Initializer::Output(_))
    );
    // A variable that is there has its shape already.
    if value && shape.rank().is_some() && own.current_variable_scope().reuse() == Reuse::No {
        return Err(PyValueError::new_err(
            "If initializer is a constant, do not specify shape.",
        ));
    }
    if name.is_empty() {
        return Err(PyValueError::new_err("name cannot be None or empty"));
    }
    let made = build(&graph, None, |graph| {
        let mut builder = graph
            .variable(name, std::mem::take(&mut shape))
            .trainable(trainable);
        if let Some(dtype) = dtype {
            builder = builder.dtype(dtype);
        }
        if let Some(initializer) = initializer.take() {
            builder = builder.initializer(initializer);
        }
        builder.build()
    })?;
    Ok(PyVariable::new(&graph, made))
}

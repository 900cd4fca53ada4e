//! tf_slim's layers.

use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use tconv::slim::{self, Activation};
use tconv::{Operand, Output};

use crate::builders::{data_format, padding, sizes};
use crate::error::carry;
use crate::graph::{PyGraph, build};
use crate::initializer::{called, read};
use crate::operand::{Input, graph_of_one};
use crate::tensor::PyTensor;
use crate::variable_scope::{PyVariableScope, reuse};

type Any<'py> = Bound<'py, PyAny>;

/// What a Python function does with a tensor.
fn function(graph: &Bound<'_, PyGraph>, function: Option<&Any<'_>>) -> PyResult<Activation> {
    let Some(function) = function.filter(|function| !function.is_none()) else {
        return Ok(Activation::None);
    };
    if !function.is_callable() {
        return Err(PyTypeError::new_err(format!(
            "'{}' object is not callable",
            function.get_type().name()?
        )));
    }
    let (graph, function) = (graph.clone().unbind(), function.clone().unbind());
    Ok(Activation::With(Arc::new(move |input: Output| {
        Python::attach(|py| {
            let graph = graph.bind(py);
            let argument = Bound::new(py, PyTensor::new(graph, input)).map_err(carry)?;
            called(
                function.bind(py).call1((argument,)),
                &graph.get().graph,
                None,
                "Const",
            )
        })
    })))
}

/// Adds a layer with its variables. `kind`: `conv2d`, `conv2d_transpose`, `fully_connected`. `activation_fn` and
/// `normalizer_fn` are called within the layer's scope; `biases_initializer` None means no biases.
#[pyfunction]
#[pyo3(signature = (kind, inputs, num_outputs, kernel_size, stride, padding, data_format, rate, activation_fn,
    normalizer_fn, weights_initializer, biases_initializer, trainable, reuse, scope))]
#[allow(clippy::too_many_arguments)]
pub fn layer<'py>(
    kind: &str,
    inputs: &Any<'py>,
    num_outputs: i64,
    kernel_size: &Any<'py>,
    stride: Option<&Any<'py>>,
    padding: &Any<'py>,
    data_format: Option<&str>,
    rate: Option<&Any<'py>>,
    activation_fn: Option<&Any<'py>>,
    normalizer_fn: Option<&Any<'py>>,
    weights_initializer: Option<&Any<'py>>,
    biases_initializer: Option<&Any<'py>>,
    trainable: bool,
    reuse: Option<&Any<'py>>,
    scope: Option<&Any<'py>>,
) -> PyResult<PyTensor> {
    let graph = graph_of_one(inputs)?;
    let inputs = Input::new(inputs, &graph.get().graph)?;
    let inputs = build(&graph, None, |graph| {
        inputs.to_output(graph, None, "inputs")
    })?;
    let dtype = Some(inputs.dtype());
    let (activation, normalizer) = (
        function(&graph, activation_fn)?,
        function(&graph, normalizer_fn)?,
    );
    let (weights, biases) = (
        read(weights_initializer, dtype)?,
        read(biases_initializer, dtype)?,
    );
    let reuse = self::reuse(reuse)?;
    let scope = scope.filter(|scope| !scope.is_none());
    let opened = scope.and_then(|scope| scope.cast::<PyVariableScope>().ok());
    let named = match scope {
        Some(scope) if opened.is_none() => Some(scope.cast::<PyString>().map_err(|_| {
            PyTypeError::new_err("VariableScope: name_or_scope must be a string or VariableScope.")
        })?),
        _ => None,
    };
    let named = named.map(|name| name.to_string_lossy().into_owned());
    macro_rules! finished {
        ($layer:expr) => {{
            let mut layer = $layer
                .activation(activation)
                .normalizer(normalizer)
                .trainable(trainable)
                .reuse(reuse);
            if let Some(weights) = weights {
                layer = layer.weights_initializer(weights);
            }
            layer = match biases {
                Some(biases) => layer.biases_initializer(biases),
                None => layer.no_biases(),
            };
            if let Some(name) = &named {
                layer = layer.scope(name);
            }
            if let Some(scope) = opened {
                layer = layer.variable_scope(&scope.get().0);
            }
            build(&graph, None, |_| layer.build())
        }};
    }
    let format = self::data_format(data_format, 2)?;
    let made = match kind {
        "conv2d" => finished!(
            slim::conv2d(&inputs, num_outputs, sizes(Some(kernel_size))?)
                .stride(sizes(stride)?)
                .rate(sizes(rate)?)
                .padding(self::padding(padding, format, 2)?)
                .data_format(format)
        ),
        "conv2d_transpose" => finished!(
            slim::conv2d_transpose(&inputs, num_outputs, sizes(Some(kernel_size))?)
                .stride(sizes(stride)?)
                .padding(self::padding(padding, format, 2)?)
                .data_format(format)
        ),
        "fully_connected" => finished!(slim::fully_connected(&inputs, num_outputs)),
        other => {
            return Err(PyValueError::new_err(format!(
                "'{other}' is no kind of layer"
            )));
        }
    }?;
    Ok(PyTensor::new(&graph, made))
}

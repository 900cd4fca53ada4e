//! `Optimizer`.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tconv::optim::{
    AdamOptimizer, Gradient, GradientDescentOptimizer, MomentumOptimizer, Optimizer,
};
use tconv::{DType, Graph, Operand, Output, Tensor, Variable};

use crate::constant::constant;
use crate::graph::build;
use crate::operand::{Input, Several, graph_of_one};
use crate::operation::PyOperation;
use crate::tensor::PyTensor;
use crate::variable::PyVariable;

type Any<'py> = Bound<'py, PyAny>;

/// A number of an optimizer's, or what stands in its place.
enum Number {
    Tensor(Output),
    Variable(Variable),
    Constant(Tensor),
}

impl Number {
    /// A tensor, a variable, a number, or a function that gives one of these.
    fn new(value: &Any<'_>) -> PyResult<Number> {
        let called = match value.is_callable() {
            true => Some(value.call0()?),
            false => None,
        };
        let value = called.as_ref().unwrap_or(value);
        if let Ok(tensor) = value.cast::<PyTensor>() {
            return Ok(Number::Tensor(tensor.get().output.clone()));
        }
        if let Ok(variable) = value.cast::<PyVariable>() {
            return Ok(Number::Variable(variable.get().variable.clone()));
        }
        // A whole number is as good here as another.
        Ok(Number::Constant(constant(value, Some(DType::Float32))?))
    }
}

impl Operand for Number {
    fn graph(&self) -> Option<Graph> {
        match self {
            Number::Tensor(output) => Some(output.graph().clone()),
            Number::Variable(variable) => Operand::graph(variable),
            Number::Constant(_) => None,
        }
    }

    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> tconv::Result<Output> {
        match self {
            Number::Tensor(output) => output.to_output(graph, wanted, name),
            Number::Variable(variable) => variable.to_output(graph, wanted, name),
            Number::Constant(tensor) => tensor.to_output(graph, wanted, name),
        }
    }
}

/// Changes variables against their gradients. `kind`: `GradientDescent`, `Momentum` (momentum, use_nesterov), `Adam`
/// (beta1, beta2, epsilon).
#[pyclass(name = "Optimizer", module = "tconv._tconv", frozen, subclass)]
pub struct PyOptimizer(Box<dyn Optimizer + Send + Sync>);

/// The variables of a `var_list`, which may be None.
fn list(variables: Option<Several<'_>>) -> PyResult<Option<Vec<Variable>>> {
    let read = |variables: Several<'_>| variables.0.iter().map(PyVariable::of).collect();
    variables.map(read).transpose()
}

fn counter(global_step: Option<&Any<'_>>) -> PyResult<Option<Variable>> {
    let global_step = global_step.filter(|global_step| !global_step.is_none());
    global_step.map(PyVariable::of).transpose()
}

#[pymethods]
impl PyOptimizer {
    #[new]
    #[pyo3(signature = (kind, learning_rate, name=None, **parameters))]
    fn new(
        kind: &str,
        learning_rate: &Any<'_>,
        name: Option<&str>,
        parameters: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyOptimizer> {
        let rate = Number::new(learning_rate)?;
        let mut given: Vec<(String, Any<'_>)> = Vec::new();
        for (key, value) in parameters.into_iter().flatten() {
            given.push((key.extract()?, value));
        }
        let mut take = |wanted: &str| {
            let place = given.iter().position(|(key, _)| key == wanted);
            place.map(|place| given.swap_remove(place).1)
        };
        let optimizer: Box<dyn Optimizer + Send + Sync> = match kind {
            "GradientDescent" => {
                let made = GradientDescentOptimizer::new(rate);
                Box::new(match name {
                    Some(name) => made.name(name),
                    None => made,
                })
            }
            "Momentum" => {
                let momentum = take("momentum")
                    .ok_or_else(|| PyTypeError::new_err("Momentum wants a momentum"))?;
                let mut made = MomentumOptimizer::new(rate, Number::new(&momentum)?);
                if let Some(name) = name {
                    made = made.name(name);
                }
                let nesterov = take("use_nesterov").map(|nesterov| nesterov.is_truthy());
                Box::new(match nesterov.transpose()? {
                    Some(true) => made.nesterov(),
                    _ => made,
                })
            }
            "Adam" => {
                let mut made = AdamOptimizer::new(rate);
                if let Some(beta1) = take("beta1") {
                    made = made.beta1(Number::new(&beta1)?);
                }
                if let Some(beta2) = take("beta2") {
                    made = made.beta2(Number::new(&beta2)?);
                }
                if let Some(epsilon) = take("epsilon") {
                    made = made.epsilon(Number::new(&epsilon)?);
                }
                Box::new(match name {
                    Some(name) => made.name(name),
                    None => made,
                })
            }
            other => {
                return Err(PyValueError::new_err(format!(
                    "'{other}' is no kind of optimizer: GradientDescent, Momentum and Adam are"
                )));
            }
        };
        match given.first() {
            None => Ok(PyOptimizer(optimizer)),
            Some((unknown, _)) => Err(PyTypeError::new_err(format!(
                "{kind} has no parameter '{unknown}'"
            ))),
        }
    }

    /// The gradients of `loss`, each with its variable; None where none arrives.
    #[pyo3(signature = (loss, var_list))]
    fn compute_gradients(
        &self,
        loss: &Any<'_>,
        var_list: Option<Several<'_>>,
    ) -> PyResult<Vec<(Option<PyTensor>, PyVariable)>> {
        let graph = graph_of_one(loss)?;
        let (loss, variables) = (Input::new(loss, &graph.get().graph)?, list(var_list)?);
        let found = build(&graph, None, |graph| {
            let loss = loss.to_output(graph, None, "loss")?;
            self.0.compute_gradients(&loss, variables.as_deref())
        })?;
        let pair = |(gradient, variable): Gradient| {
            let gradient = gradient.map(|gradient| PyTensor::new(&graph, gradient));
            (gradient, PyVariable::new(&graph, variable))
        };
        Ok(found.into_iter().map(pair).collect())
    }

    /// The operation that changes each variable by one step against its gradient, and then counts the step.
    #[pyo3(signature = (grads_and_vars, global_step, name))]
    fn apply_gradients(
        &self,
        grads_and_vars: Vec<(Any<'_>, Any<'_>)>,
        global_step: Option<&Any<'_>>,
        name: Option<&str>,
    ) -> PyResult<PyOperation> {
        let Some((_, first)) = grads_and_vars.first() else {
            return Err(PyValueError::new_err("No variables provided."));
        };
        let graph = graph_of_one(first)?;
        let own = &graph.get().graph;
        let mut inputs = Vec::with_capacity(grads_and_vars.len());
        for (gradient, variable) in &grads_and_vars {
            let input = match gradient.is_none() {
                true => None,
                false => Some(Input::new(gradient, own)?),
            };
            inputs.push((input, PyVariable::of(variable)?));
        }
        let global_step = counter(global_step)?;
        // Gradients that are no tensors yet have names of their own.
        let pairs = build(&graph, None, |graph| {
            let pair = |(input, variable): (Option<Input<'_>>, Variable)| {
                let dtype = variable.value().dtype();
                let gradient = input.map(|input| input.to_output(graph, Some(dtype), "Const"));
                Ok((gradient.transpose()?, variable))
            };
            inputs
                .into_iter()
                .map(pair)
                .collect::<tconv::Result<Vec<Gradient>>>()
        })?;
        let made = build(&graph, name, |_| {
            self.0.apply_gradients_with(&pairs, global_step.as_ref())
        })?;
        Ok(PyOperation::new(&graph, made))
    }

    /// The operation that makes `loss` smaller by one step, and then counts the step.
    #[pyo3(signature = (loss, var_list, global_step, name))]
    fn minimize(
        &self,
        loss: &Any<'_>,
        var_list: Option<Several<'_>>,
        global_step: Option<&Any<'_>>,
        name: Option<&str>,
    ) -> PyResult<PyOperation> {
        let graph = graph_of_one(loss)?;
        let (loss, variables) = (Input::new(loss, &graph.get().graph)?, list(var_list)?);
        let global_step = counter(global_step)?;
        let loss = build(&graph, None, |graph| loss.to_output(graph, None, "loss"))?;
        let made = build(&graph, name, |_| {
            self.0
                .minimize_with(&loss, variables.as_deref(), global_step.as_ref())
        })?;
        Ok(PyOperation::new(&graph, made))
    }
}

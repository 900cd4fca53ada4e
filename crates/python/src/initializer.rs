//! How variables start.

use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};
use tconv::{DType, Distribution, Fan, Graph, Initializer, Operand, Output, Tensor};

use crate::array::{as_array, to_tensor};
use crate::constant::constant;
use crate::dtype::{self, PyDType};
use crate::error::{carry, plain};
use crate::graph::{build, default_graph};
use crate::operand::Input;
use crate::tensor::PyTensor;
use crate::tensor_shape::shape;
use crate::variable::PyVariable;

/// How a variable's initial value is made; called with a shape it makes such a tensor.
#[pyclass(name = "Initializer", module = "tconv._tconv", frozen, subclass)]
pub struct PyInitializer {
    pub initializer: Initializer,
    dtype: DType,
}

#[pymethods]
impl PyInitializer {
    /// A tensor of this shape, of `dtype` or else of the initializer's own.
    #[pyo3(signature = (shape, dtype=None, partition_info=None, **_options))]
    fn __call__(
        &self,
        py: Python<'_>,
        shape: &Bound<'_, PyAny>,
        dtype: Option<&Bound<'_, PyAny>>,
        partition_info: Option<&Bound<'_, PyAny>>,
        _options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyTensor> {
        if partition_info.is_some() {
            return Err(PyValueError::new_err(
                "an initializer's partition_info must be None: no variable here is in parts",
            ));
        }
        let dtype = dtype::maybe(dtype)?.unwrap_or(self.dtype);
        let shape = self::shape(shape)?;
        let Some(sizes) = shape.known() else {
            return Err(PyValueError::new_err(format!(
                "an initializer wants a shape that is known, not {shape}"
            )));
        };
        let graph = default_graph(py)?;
        let made = build(&graph, None, |graph| {
            self.initializer.build(graph, &sizes, dtype)
        })?;
        Ok(PyTensor::new(&graph, made))
    }

    /// The dtype of tensors for which nobody says another.
    #[getter]
    fn dtype(&self) -> PyDType {
        PyDType(self.dtype)
    }

    fn __repr__(&self) -> String {
        format!("<Initializer {:?} {}>", self.initializer, self.dtype)
    }
}

/// The numbers of a constant, as exact as NumPy has them.
fn numbers(value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    to_tensor(&as_array(value, None)?)?
        .into_owned()
        .map_err(plain)
}

/// An initializer of this kind: `zeros`, `ones`, `constant` (value), `random_normal` and `truncated_normal` (mean,
/// stddev), `random_uniform` (minval, maxval), `glorot_uniform`, `glorot_normal`, `he_normal`, `variance_scaling`
/// (scale, mode, distribution), `xavier_uniform`, `xavier_normal`.
#[pyfunction]
#[pyo3(signature = (kind, *args, seed=None, dtype=None))]
pub fn initializer(
    kind: &str,
    args: &Bound<'_, PyTuple>,
    seed: Option<i64>,
    dtype: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyInitializer> {
    let number = |i: usize| args.get_item(i)?.extract::<f64>();
    let text = |i: usize| args.get_item(i)?.extract::<String>();
    let initializer = match kind {
        "zeros" => Initializer::Zeros,
        "ones" => Initializer::Ones,
        "constant" => Initializer::Constant(numbers(&args.get_item(0)?)?),
        "random_normal" => Initializer::random_normal(number(0)?, number(1)?),
        "truncated_normal" => Initializer::truncated_normal(number(0)?, number(1)?),
        "random_uniform" => Initializer::random_uniform(number(0)?, number(1)?),
        "glorot_uniform" => Initializer::glorot_uniform(),
        "glorot_normal" => Initializer::glorot_normal(),
        "he_normal" => Initializer::he_normal(),
        "xavier_uniform" => Initializer::xavier_uniform(),
        "xavier_normal" => Initializer::xavier_normal(),
        "variance_scaling" => {
            let scale = number(0)?;
            if scale.is_nan() || scale <= 0.0 {
                return Err(PyValueError::new_err(format!(
                    "Argument `scale` must be a positive float. Received: {scale}"
                )));
            }
            Initializer::variance_scaling_of(scale, fan(&text(1)?)?, distribution(&text(2)?)?)
        }
        other => {
            return Err(PyValueError::new_err(format!(
                "'{other}' is no kind of initializer"
            )));
        }
    };
    Ok(PyInitializer {
        initializer: match seed {
            Some(seed) => initializer.seed(seed),
            None => initializer,
        },
        dtype: dtype::maybe(dtype)?.unwrap_or(DType::Float32),
    })
}

fn fan(mode: &str) -> PyResult<Fan> {
    match mode {
        "fan_in" => Ok(Fan::In),
        "fan_out" => Ok(Fan::Out),
        "fan_avg" => Ok(Fan::Average),
        other => Err(PyValueError::new_err(format!(
            "Argument `mode` should be one of ('fan_in', 'fan_out', 'fan_avg'). Received: {other}"
        ))),
    }
}

fn distribution(name: &str) -> PyResult<Distribution> {
    match name {
        "normal" | "truncated_normal" => Ok(Distribution::TruncatedNormal),
        "untruncated_normal" => Ok(Distribution::Normal),
        "uniform" => Ok(Distribution::Uniform),
        other => Err(PyValueError::new_err(format!(
            "Argument `distribution` should be one of ('normal', 'uniform', 'truncated_normal', 'untruncated_normal'). Received: {other}"
        ))),
    }
}

/// The tensor that a Python function gives, or a constant of what it gives.
pub fn called(
    made: PyResult<Bound<'_, PyAny>>,
    graph: &Graph,
    dtype: Option<DType>,
    name: &str,
) -> tconv::Result<Output> {
    let made = made.map_err(carry)?;
    let input = Input::new(&made, graph).map_err(carry)?;
    input.to_output(graph, dtype, name)
}

/// The initializer that an argument means: one of this module, a tensor, a function of shape and dtype, or a value.
/// None where it is None.
pub fn read(
    value: Option<&Bound<'_, PyAny>>,
    dtype: Option<DType>,
) -> PyResult<Option<Initializer>> {
    let Some(value) = value.filter(|value| !value.is_none()) else {
        return Ok(None);
    };
    if let Ok(initializer) = value.cast::<PyInitializer>() {
        return Ok(Some(initializer.get().initializer.clone()));
    }
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Ok(Some(Initializer::Output(tensor.get().output.clone())));
    }
    if let Ok(variable) = value.cast::<PyVariable>() {
        return Ok(Some(Initializer::Output(
            variable.get().variable.value().clone(),
        )));
    }
    if value.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!(
            "an initializer is a value or a function, not {}",
            value.repr()?
        )));
    }
    if !value.is_callable() {
        return Ok(Some(Initializer::Value(constant(value, dtype)?)));
    }
    // A class stands for what it makes without arguments.
    let function = match value.is_instance_of::<PyType>() {
        true => value.call0()?,
        false => value.clone(),
    };
    let partitions = takes_partition_info(&function);
    let function = function.unbind();
    Ok(Some(Initializer::With(Arc::new(
        move |graph: &Graph, sizes: &[i64], dtype: DType| {
            Python::attach(|py| {
                let call = || -> PyResult<Bound<'_, PyAny>> {
                    let options = PyDict::new(py);
                    options.set_item(intern!(py, "dtype"), PyDType(dtype))?;
                    if partitions {
                        options.set_item(intern!(py, "partition_info"), py.None())?;
                    }
                    function
                        .bind(py)
                        .call((PyList::new(py, sizes)?,), Some(&options))
                };
                called(call(), graph, Some(dtype), "initial_value")
            })
        },
    ))))
}

/// Whether a function has a `partition_info` that must be given.
fn takes_partition_info(function: &Bound<'_, PyAny>) -> bool {
    let ask = || -> PyResult<bool> {
        let py = function.py();
        let signature = py
            .import(intern!(py, "inspect"))?
            .call_method1(intern!(py, "signature"), (function,))?;
        signature
            .getattr(intern!(py, "parameters"))?
            .contains(intern!(py, "partition_info"))
    };
    ask().unwrap_or(false)
}

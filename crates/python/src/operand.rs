//! What may stand where an op wants a tensor, by TensorFlow's rules of conversion.

use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyTuple};
use tconv::{DType, Graph, Operand, Output, Size, Tensor, Variable};

use crate::array::{as_array, to_tensor};
use crate::error::{carry, plain};
use crate::graph::{PyGraph, default_graph};
use crate::tensor::PyTensor;
use crate::tensor_shape::{PyDimension, PyTensorShape};
use crate::variable::PyVariable;

/// One argument: a tensor, a variable, or what becomes a constant of the graph.
pub enum Input<'py> {
    Tensor(Output),
    Variable(Variable),
    /// A list with tensors in it, which becomes one tensor.
    List(Vec<Input<'py>>, Graph),
    Value(Bound<'py, PyAny>, Graph),
}

impl<'py> Input<'py> {
    /// The argument, for `graph` where it stands in none.
    pub fn new(value: &Bound<'py, PyAny>, graph: &Graph) -> PyResult<Input<'py>> {
        if let Ok(tensor) = value.cast::<PyTensor>() {
            return Ok(Input::Tensor(tensor.get().output.clone()));
        }
        if let Ok(variable) = value.cast::<PyVariable>() {
            return Ok(Input::Variable(variable.get().variable.clone()));
        }
        if graph_in(value)?.is_some() {
            let elements = value
                .try_iter()?
                .map(|element| Input::new(&element?, graph));
            return Ok(Input::List(
                elements.collect::<PyResult<_>>()?,
                graph.clone(),
            ));
        }
        Ok(Input::Value(value.clone(), graph.clone()))
    }
}

impl Operand for Input<'_> {
    fn graph(&self) -> Option<Graph> {
        match self {
            Input::Tensor(output) => Some(output.graph().clone()),
            Input::Variable(variable) => Operand::graph(variable),
            Input::List(_, graph) | Input::Value(_, graph) => Some(graph.clone()),
        }
    }

    fn dtype(&self) -> Option<DType> {
        match self {
            Input::Tensor(output) => Some(output.dtype()),
            Input::Variable(variable) => Operand::dtype(variable),
            Input::List(elements, _) => elements.iter().find_map(Operand::dtype),
            Input::Value(..) => None,
        }
    }

    fn sizes(&self) -> Option<Vec<Size>> {
        match self {
            Input::List(elements, _) => elements.iter().map(size).collect(),
            Input::Value(value, _) if is_list(value) => {
                // A `Dimension` gives its number here, as `__index__` has it.
                let sizes = value.extract::<Vec<i64>>().ok()?;
                Some(sizes.into_iter().map(Size::Known).collect())
            }
            _ => None,
        }
    }

    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> tconv::Result<Output> {
        match self {
            Input::Tensor(output) => output.to_output(graph, wanted, name),
            Input::Variable(variable) => variable.to_output(graph, wanted, name),
            Input::List(elements, _) => {
                let dtype = self.dtype();
                if let Some(sizes) = elements.iter().map(size).collect::<Option<Vec<Size>>>() {
                    return sizes.to_output(graph, dtype, name);
                }
                let parts = |graph: &Graph| {
                    let parts = elements.iter().enumerate();
                    parts
                        .map(|(i, part)| part.to_output(graph, dtype, &i.to_string()))
                        .collect::<tconv::Result<Vec<_>>>()
                };
                let parts = graph.name_scope(name, || parts(graph))?;
                graph.named(name, || tconv::array::pack(&parts, 0))
            }
            Input::Value(value, _) => {
                let tensor = constant(value, wanted).map_err(carry)?;
                graph.constant_named(name, tensor)
            }
        }
    }
}

fn is_list(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

/// An element of a list of sizes.
fn size(element: &Input<'_>) -> Option<Size> {
    match element {
        Input::Tensor(output) if output.static_shape().rank() == Some(0) => Some(output.into()),
        Input::Value(value, _) => value.extract::<i64>().ok().map(Size::Known),
        _ => None,
    }
}

/// The graph of the first tensor in a value or, to any depth, in a list.
pub fn graph_in<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyGraph>>> {
    let py = value.py();
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Ok(Some(tensor.get().graph.bind(py).clone()));
    }
    if let Ok(variable) = value.cast::<PyVariable>() {
        return Ok(Some(variable.get().graph.bind(py).clone()));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        for element in value.try_iter()? {
            if let Some(graph) = graph_in(&element?)? {
                return Ok(Some(graph));
            }
        }
    }
    Ok(None)
}

/// The graph that a call adds to: that of the first of its tensors, or the default graph.
pub fn graph_of<'a, 'py: 'a>(
    py: Python<'py>,
    values: impl IntoIterator<Item = &'a Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyGraph>> {
    for value in values {
        if let Some(graph) = graph_in(value)? {
            return Ok(graph);
        }
    }
    default_graph(py)
}

/// [`graph_of`] one value.
pub fn graph_of_one<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyGraph>> {
    match graph_in(value)? {
        Some(graph) => Ok(graph),
        None => default_graph(value.py()),
    }
}

/// The constant that a value becomes: NumPy's arrays keep their dtype where none is wanted, Python's numbers
/// take TensorFlow's own.
///
/// # Errors
/// `TypeError` for a number that the wanted dtype does not hold and for what is no number; `ValueError` for a
/// ragged list.
pub fn constant(value: &Bound<'_, PyAny>, wanted: Option<DType>) -> PyResult<Tensor> {
    let py = value.py();
    if value.is_none() {
        return Err(PyValueError::new_err("None values not supported."));
    }
    if let Ok(dimension) = value.cast::<PyDimension>() {
        let size = dimension.get().0.known().into_pyobject(py)?;
        return constant(&size, wanted);
    }
    if let Ok(shape) = value.cast::<PyTensorShape>() {
        let sizes = shape.get().0.known().ok_or_else(|| {
            PyValueError::new_err(format!(
                "Cannot convert a partially known TensorShape {} to a Tensor: tf.shape(x) is known when the graph runs",
                shape.get().0
            ))
        })?;
        // Of no sizes too: a list of nothing would be of float32.
        let wanted = wanted.unwrap_or(match sizes.iter().any(|&n| n > i32::MAX.into()) {
            true => DType::Int64,
            false => DType::Int32,
        });
        return constant(sizes.into_pyobject(py)?.as_any(), Some(wanted));
    }
    if let Some(tensor) = sizes(value, wanted) {
        return Ok(tensor);
    }
    let typed = value.is_instance_of::<PyUntypedArray>()
        || value.is_instance(&py.import("numpy")?.getattr("generic")?)?;
    if typed {
        return owned(&as_array(value, wanted)?);
    }
    let array = as_array(value, None)?;
    match (array.dtype().kind(), wanted) {
        // A list of nothing may be of any dtype.
        (b'f', Some(_)) if array.is_empty() => owned(&as_array(array.as_any(), wanted)?),
        (b'O', _) if holds_sizes(value) => constant(&with_numbers(value)?, wanted),
        (b'f', Some(dtype)) if !dtype.is_floating() => Err(mismatch(value, dtype)),
        (b'i' | b'u', Some(DType::Bool)) => Err(mismatch(value, DType::Bool)),
        // Integers that no dtype of integers holds.
        (b'O', Some(dtype)) if dtype.is_floating() && unfit(value, dtype).is_none() => {
            owned(&as_array(array.as_any(), wanted)?)
        }
        (b'O' | b'S' | b'U', Some(dtype)) => Err(mismatch(value, dtype)),
        (b'O' | b'S' | b'U', None) => Err(PyTypeError::new_err(format!(
            "Failed to convert elements of {} to Tensor. Tensors here hold numbers and booleans.",
            value.str()?
        ))),
        (b'u', Some(dtype @ (DType::Int32 | DType::Int64 | DType::Uint8))) => {
            Err(too_large(value, dtype)?)
        }
        (b'u', None) => Err(too_large(value, DType::Int64)?),
        (b'i', Some(dtype @ (DType::Int32 | DType::Uint8))) if !array.is_empty() => {
            // A number that is too large is an error, not another number.
            let narrow = as_array(array.as_any(), wanted)?;
            let same = array.as_any().eq(narrow.as_any());
            let same = same.is_ok_and(|same| same)
                || array
                    .call_method1("__eq__", (&narrow,))?
                    .call_method0("all")?
                    .is_truthy()?;
            match same {
                true => owned(&narrow),
                false => Err(too_large(value, dtype)?),
            }
        }
        (_, Some(_)) => owned(&as_array(array.as_any(), wanted)?),
        // TensorFlow's own dtypes: float32, and int32 where the numbers fit.
        (b'f', None) => owned(&as_array(array.as_any(), Some(DType::Float32))?),
        (b'i', None) => match constant(value, Some(DType::Int32)) {
            Ok(tensor) => Ok(tensor),
            Err(_) => owned(&as_array(array.as_any(), Some(DType::Int64))?),
        },
        (_, None) => owned(&array),
    }
}

/// The tensor of a list of Python's integers, by the short way: shapes are such, and every call has one.
fn sizes(value: &Bound<'_, PyAny>, wanted: Option<DType>) -> Option<Tensor> {
    let number = |one: Bound<'_, PyAny>| match one.is_exact_instance_of::<PyInt>() {
        true => one.extract::<i32>().ok(),
        false => None,
    };
    let numbers: Option<Vec<i32>> = match (value.cast::<PyList>(), value.cast::<PyTuple>()) {
        (Ok(list), _) => list.iter().map(number).collect(),
        (_, Ok(tuple)) => tuple.iter().map(number).collect(),
        _ => None,
    };
    match (numbers?, wanted) {
        (numbers, None | Some(DType::Int32)) if !numbers.is_empty() => Some(numbers.into()),
        _ => None,
    }
}

fn owned(array: &Bound<'_, PyUntypedArray>) -> PyResult<Tensor> {
    to_tensor(array)?.into_owned().map_err(plain)
}

/// That a number is beyond what the dtype holds.
fn too_large(value: &Bound<'_, PyAny>, wanted: DType) -> PyResult<PyErr> {
    let value = value.repr()?;
    Ok(PyTypeError::new_err(format!(
        "{value} does not fit in {wanted}"
    )))
}

/// Whether a `Dimension` stands in a list.
fn holds_sizes(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyDimension>()
        || is_list(value)
            && value
                .try_iter()
                .is_ok_and(|mut all| all.any(|one| one.is_ok_and(|one| holds_sizes(&one))))
}

/// A list with the number of each `Dimension` in its place.
fn with_numbers<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if let Ok(dimension) = value.cast::<PyDimension>() {
        return Ok(dimension.get().0.known().into_pyobject(py)?);
    }
    if !is_list(value) {
        return Ok(value.clone());
    }
    let all = value.try_iter()?.map(|one| with_numbers(&one?));
    Ok(PyList::new(py, all.collect::<PyResult<Vec<_>>>()?)?.into_any())
}

/// The first part of a value that is of another kind than the dtype's numbers.
fn unfit<'py>(value: &Bound<'py, PyAny>, wanted: DType) -> Option<Bound<'py, PyAny>> {
    if is_list(value) {
        let mut all = value.try_iter().ok()?;
        return all.find_map(|one| unfit(&one.ok()?, wanted));
    }
    // True is an integer in Python and a number to TensorFlow.
    let fits = match wanted {
        DType::Bool => value.is_instance_of::<PyBool>(),
        wanted => {
            value.is_instance_of::<PyInt>()
                || wanted.is_floating() && value.is_instance_of::<PyFloat>()
        }
    };
    (!fits).then(|| value.clone())
}

/// That the numbers of a value are of another kind than is wanted.
fn mismatch(value: &Bound<'_, PyAny>, wanted: DType) -> PyErr {
    let first = unfit(value, wanted).unwrap_or_else(|| value.clone());
    let text = first
        .str()
        .map_or_else(|_| "it".to_string(), |text| text.to_string());
    let type_ = first
        .get_type()
        .name()
        .map_or_else(|_| "object".to_string(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "Expected {wanted}, but got {text} of type '{type_}'."
    ))
}

/// A list of integers, of one or several.
pub fn integers(value: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let py = value.py();
    if let Ok(one) = value.extract::<i64>() {
        return Ok(vec![one]);
    }
    let numbers = value.call_method0(intern!(py, "__iter__"))?;
    numbers
        .try_iter()?
        .map(|number| number?.extract())
        .collect()
}

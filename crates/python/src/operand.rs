//! What may stand where an op wants a tensor, by TensorFlow's rules of conversion.

use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString, PyTuple};
use tconv::{DType, Graph, Operand, Output, Size, Tensor, Variable};

use crate::array::{as_array, to_tensor};
use crate::error::{carry, plain};
use crate::graph::{PyGraph, default_graph};
use crate::tensor::PyTensor;
use crate::tensor_shape::PyDimension;
use crate::variable::PyVariable;

/// One argument: a tensor, a variable, or what becomes a constant of the graph.
pub enum Input<'py> {
    Tensor(Output),
    Variable(Variable),
    /// A list with tensors in it, which becomes one tensor.
    List(Vec<Input<'py>>, Graph),
    Value(Bound<'py, PyAny>, Graph),
}

/// How deep lists of values may lie in one another: as many axes as NumPy's arrays have at most.
const DEPTH: usize = 64;

fn too_deep() -> PyErr {
    PyValueError::new_err(format!(
        "a list of values is nested more than {DEPTH} levels deep, or holds itself"
    ))
}

/// An argument that is several values: anything that can be iterated over but text. However long it says that it
/// is, only what it gives takes memory.
pub struct Several<'py>(pub Vec<Bound<'py, PyAny>>);

impl<'py> FromPyObject<'_, 'py> for Several<'py> {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Several<'py>> {
        if value.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(format!(
                "a list of values is wanted, not the text {}",
                value.repr()?
            )));
        }
        let all = value.try_iter()?.collect::<PyResult<_>>()?;
        Ok(Several(all))
    }
}

impl<'py> Input<'py> {
    /// The argument, for `graph` where it stands in none.
    pub fn new(value: &Bound<'py, PyAny>, graph: &Graph) -> PyResult<Input<'py>> {
        Input::nested(value, graph, DEPTH)
    }

    fn nested(value: &Bound<'py, PyAny>, graph: &Graph, depth: usize) -> PyResult<Input<'py>> {
        if let Ok(tensor) = value.cast::<PyTensor>() {
            return Ok(Input::Tensor(tensor.get().output.clone()));
        }
        if let Ok(variable) = value.cast::<PyVariable>() {
            return Ok(Input::Variable(variable.get().variable.clone()));
        }
        if graph_in(value)?.is_some() {
            let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
            let elements = value
                .try_iter()?
                .map(|element| Input::nested(&element?, graph, depth));
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
                let sizes = integers(value).ok()?;
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
    graph_within(value, DEPTH)
}

fn graph_within<'py>(
    value: &Bound<'py, PyAny>,
    depth: usize,
) -> PyResult<Option<Bound<'py, PyGraph>>> {
    let py = value.py();
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Ok(Some(tensor.get().graph.bind(py).clone()));
    }
    if let Ok(variable) = value.cast::<PyVariable>() {
        return Ok(Some(variable.get().graph.bind(py).clone()));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        for element in value.try_iter()? {
            if let Some(graph) = graph_within(&element?, depth)? {
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
    if value.is_instance_of::<PyString>() {
        let what = value.repr()?;
        return Err(PyTypeError::new_err(match wanted {
            Some(dtype) => format!("Expected {dtype}, but got {what} of type 'str'."),
            None => format!("{what} is text: tensors here hold numbers and booleans"),
        }));
    }
    let typed = value.is_instance_of::<PyUntypedArray>()
        || value.is_instance(&py.import("numpy")?.getattr("generic")?)?;
    let array = as_array(value, None)?;
    if typed {
        return owned(&fitting(value, &array, wanted)?);
    }
    match (array.dtype().kind(), wanted) {
        (b'f', Some(dtype)) if !dtype.is_floating() => Err(mismatch(value, dtype)),
        (b'b', Some(dtype)) if dtype != DType::Bool => Err(mismatch(value, dtype)),
        (b'i' | b'u', Some(DType::Bool)) => Err(mismatch(value, DType::Bool)),
        (b'O' | b'c', Some(dtype)) => Err(mismatch(value, dtype)),
        (b'O', None) => Err(no_number(value)),
        (_, Some(_)) => owned(&fitting(value, &array, wanted)?),
        // TensorFlow's own dtypes: float32, and int32 where the numbers fit.
        (b'f', None) => owned(&as_array(array.as_any(), Some(DType::Float32))?),
        (b'i' | b'u', None) => match fitting(value, &array, Some(DType::Int32)) {
            Ok(array) => owned(&array),
            Err(_) => owned(&fitting(value, &array, Some(DType::Int64))?),
        },
        (_, None) => owned(&array),
    }
}

fn owned(array: &Bound<'_, PyUntypedArray>) -> PyResult<Tensor> {
    to_tensor(array)?.into_owned().map_err(plain)
}

/// The array of a value in the wanted dtype. An integer that this does not hold is an error, not another integer.
///
/// # Errors
/// `TypeError`.
fn fitting<'py>(
    value: &Bound<'py, PyAny>,
    array: &Bound<'py, PyUntypedArray>,
    wanted: Option<DType>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let converted = as_array(array.as_any(), wanted)?;
    match fits(array, &converted)? {
        true => Ok(converted),
        false => Err(PyTypeError::new_err(format!(
            "{} does not fit in {}",
            shown(value),
            wanted.map_or("", DType::name)
        ))),
    }
}

/// Whether integers are the same ones after they were converted to another dtype of integers.
///
/// # Errors
/// Those of NumPy.
pub fn fits(
    array: &Bound<'_, PyUntypedArray>,
    converted: &Bound<'_, PyUntypedArray>,
) -> PyResult<bool> {
    let integers = |array: &Bound<'_, PyUntypedArray>| matches!(array.dtype().kind(), b'i' | b'u');
    if converted.is(array) || !integers(array) || !integers(converted) {
        return Ok(true);
    }
    let numpy = array.py().import("numpy")?;
    let same = numpy.call_method1(intern!(array.py(), "array_equal"), (array, converted))?;
    same.is_truthy()
}

/// The `repr` of a value, for messages.
pub fn shown(value: &Bound<'_, PyAny>) -> String {
    match value.repr() {
        Ok(text) => text.to_string(),
        Err(_) => "it".to_string(),
    }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    match value.get_type().name() {
        Ok(name) => name.to_string(),
        Err(_) => "object".to_string(),
    }
}

/// The first value in a (nested) list that `is_right` does not say yes to, else the first value.
fn first_wrong<'py>(
    value: &Bound<'py, PyAny>,
    is_right: &dyn Fn(&Bound<'py, PyAny>) -> bool,
) -> Bound<'py, PyAny> {
    fn find<'py>(
        value: &Bound<'py, PyAny>,
        is_wrong: &dyn Fn(&Bound<'py, PyAny>) -> bool,
        depth: usize,
    ) -> Option<Bound<'py, PyAny>> {
        match (is_list(value), depth) {
            (true, 1..) => {
                let mut elements = value.try_iter().ok()?;
                elements.find_map(|element| find(&element.ok()?, is_wrong, depth - 1))
            }
            _ => is_wrong(value).then(|| value.clone()),
        }
    }
    find(value, &|value| !is_right(value), DEPTH)
        .or_else(|| find(value, &|_| true, DEPTH))
        .unwrap_or_else(|| value.clone())
}

/// That the numbers of a value are of another kind than is wanted: the first of them.
fn mismatch(value: &Bound<'_, PyAny>, wanted: DType) -> PyErr {
    let first = first_wrong(value, &|value| match value.is_instance_of::<PyBool>() {
        true => wanted == DType::Bool,
        false if wanted == DType::Bool => false,
        false => {
            value.is_instance_of::<PyInt>()
                || wanted.is_floating() && value.is_instance_of::<PyFloat>()
        }
    });
    PyTypeError::new_err(format!(
        "Expected {wanted}, but got {} of type '{}'.",
        shown(&first),
        type_name(&first)
    ))
}

/// That there is something in a value that no tensor holds.
fn no_number(value: &Bound<'_, PyAny>) -> PyErr {
    let first = first_wrong(value, &|value| {
        value.is_instance_of::<PyFloat>() || value.extract::<i64>().is_ok()
    });
    let (text, type_) = (shown(&first), type_name(&first));
    PyTypeError::new_err(match first.is_instance_of::<PyInt>() {
        true => format!("{text} is too large for a tensor: int64 holds less than 2**63"),
        false => {
            format!("{text} of type '{type_}' is no number: tensors here hold numbers and booleans")
        }
    })
}

/// A list of integers, of one or several.
///
/// # Errors
/// `TypeError` for what is no such list.
pub fn integers(value: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    if let Ok(one) = value.extract::<i64>() {
        return Ok(vec![one]);
    }
    let refused = |found: &Bound<'_, PyAny>| {
        PyTypeError::new_err(format!(
            "an integer or a list of integers is wanted, each of at most 64 bits, not {} of type '{}'",
            shown(found),
            type_name(found)
        ))
    };
    let text = value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>();
    let numbers = match value.hasattr(intern!(value.py(), "__iter__"))? && !text {
        true => value.try_iter()?,
        false => return Err(refused(value)),
    };
    let number = |number: PyResult<Bound<'_, PyAny>>| {
        let number = number?;
        number.extract().map_err(|_| refused(&number))
    };
    numbers.map(number).collect()
}

//! What may stand where an op wants a tensor, by TensorFlow's rules of conversion.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use tconv::{DType, Graph, Operand, Output, Size, Variable};

use crate::constant::{constant, shown, type_name};
use crate::error::carry;
use crate::graph::{PyGraph, default_graph};
use crate::tensor::PyTensor;
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
pub const DEPTH: usize = 64;

/// That they lie deeper.
pub fn too_deep() -> PyErr {
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
                // A `Dimension` gives its number here, as `__index__` has it.
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

/// Whether a value is a list or a tuple.
pub fn is_list(value: &Bound<'_, PyAny>) -> bool {
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

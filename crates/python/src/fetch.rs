//! What a session is asked for: any structure of tensors, operations, variables and names.

use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use tconv::{Fetched, Tensor};

use crate::array::from_tensor;
use crate::graph::PyGraph;
use crate::operation::PyOperation;
use crate::tensor::PyTensor;
use crate::variable::PyVariable;

/// How deep fetches may lie in one another: reading them takes a part of the stack for each level.
const DEPTH: usize = 64;

/// The place of an answer in a structure.
enum Part<'py> {
    Value(usize),
    Nothing,
    List(Vec<Part<'py>>),
    /// A tuple, or a type of named tuple.
    Tuple(Vec<Part<'py>>, Option<Bound<'py, PyAny>>),
    Dict(Vec<(Bound<'py, PyAny>, Part<'py>)>),
}

/// A structure of fetches, and the list of what is in it.
pub struct Structure<'py> {
    pub list: Vec<Fetched>,
    root: Part<'py>,
    values: usize,
}

impl<'py> Structure<'py> {
    /// Reads a structure: names are looked up in `graph`.
    ///
    /// # Errors
    /// `TypeError` for what is none, `ValueError` for what is not in the graph.
    pub fn new(
        graph: &Bound<'py, PyGraph>,
        fetches: &Bound<'py, PyAny>,
    ) -> PyResult<Structure<'py>> {
        let mut structure = Structure {
            list: Vec::new(),
            root: Part::Nothing,
            values: 0,
        };
        structure.root = structure.read(graph, fetches, DEPTH)?;
        Ok(structure)
    }

    fn value(&mut self, output: tconv::Output) -> Part<'py> {
        self.list.push(Fetched::Value(output));
        self.values += 1;
        Part::Value(self.values - 1)
    }

    fn read(
        &mut self,
        graph: &Bound<'py, PyGraph>,
        fetch: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<Part<'py>> {
        let depth = depth.checked_sub(1).ok_or_else(|| {
            PyValueError::new_err(format!(
                "fetches are nested more than {DEPTH} levels deep, or hold themselves"
            ))
        })?;
        if let Ok(tensor) = fetch.cast::<PyTensor>() {
            own(graph, &tensor.get().graph, fetch)?;
            return Ok(self.value(tensor.get().output.clone()));
        }
        if let Ok(operation) = fetch.cast::<PyOperation>() {
            own(graph, &operation.get().graph, fetch)?;
            self.list
                .push(Fetched::Run(operation.get().operation.clone()));
            return Ok(Part::Nothing);
        }
        if let Ok(variable) = fetch.cast::<PyVariable>() {
            own(graph, &variable.get().graph, fetch)?;
            return Ok(self.value(variable.get().variable.value().clone()));
        }
        if let Ok(dict) = fetch.cast::<PyDict>() {
            let mut parts = Vec::with_capacity(dict.len());
            // A copy: what is read may be of a type that changes the dictionary.
            for pair in dict.items() {
                let (key, value) = pair.extract()?;
                parts.push((key, self.read(graph, &value, depth)?));
            }
            return Ok(Part::Dict(parts));
        }
        if let Ok(list) = fetch.cast::<PyList>() {
            return Ok(Part::List(self.read_all(graph, list.iter(), depth)?));
        }
        if let Ok(tuple) = fetch.cast::<PyTuple>() {
            let named = fetch
                .hasattr("_fields")?
                .then(|| fetch.get_type().into_any());
            return Ok(Part::Tuple(
                self.read_all(graph, tuple.iter(), depth)?,
                named,
            ));
        }
        if let Ok(name) = fetch.cast::<PyString>() {
            let element = PyGraph::element(graph, &name.to_string_lossy()).map_err(|error| {
                let reason = error.value(fetch.py()).str().map(|text| text.to_string());
                PyValueError::new_err(format!(
                    "Fetch argument {} cannot be interpreted as a Tensor. ({})",
                    name.repr()
                        .map_or_else(|_| String::new(), |text| text.to_string()),
                    reason.unwrap_or_default()
                ))
            })?;
            return self.read(graph, &element, depth);
        }
        let type_ = fetch.get_type();
        Err(PyTypeError::new_err(match fetch.is_none() {
            true => "Fetch argument None has invalid type <class 'NoneType'>".to_string(),
            false => format!(
                "Fetch argument {} has invalid type {}, must be a string or Tensor. (Can not convert a {} into a Tensor or Operation.)",
                fetch.repr()?,
                type_.repr()?,
                type_.name()?
            ),
        }))
    }

    fn read_all(
        &mut self,
        graph: &Bound<'py, PyGraph>,
        all: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> PyResult<Vec<Part<'py>>> {
        all.map(|fetch| self.read(graph, &fetch, depth)).collect()
    }

    /// The answer, of the structure that was asked for: None for an operation.
    pub fn answer(self, py: Python<'py>, values: Vec<Tensor>) -> PyResult<Bound<'py, PyAny>> {
        let mut values: Vec<Option<Tensor>> = values.into_iter().map(Some).collect();
        build(py, self.root, &mut values)
    }
}

fn build<'py>(
    py: Python<'py>,
    part: Part<'py>,
    values: &mut [Option<Tensor>],
) -> PyResult<Bound<'py, PyAny>> {
    match part {
        Part::Value(i) => {
            let value = values.get_mut(i).and_then(Option::take);
            from_tensor(
                py,
                value.ok_or_else(|| PyKeyError::new_err("a fetch has no value"))?,
            )
        }
        Part::Nothing => Ok(py.None().into_bound(py)),
        Part::List(parts) => Ok(PyList::new(py, build_all(py, parts, values)?)?.into_any()),
        Part::Tuple(parts, named) => {
            let tuple = PyTuple::new(py, build_all(py, parts, values)?)?;
            match named {
                Some(type_) => type_.call1(tuple),
                None => Ok(tuple.into_any()),
            }
        }
        Part::Dict(parts) => {
            let dict = PyDict::new(py);
            for (key, part) in parts {
                dict.set_item(key, build(py, part, values)?)?;
            }
            Ok(dict.into_any())
        }
    }
}

fn build_all<'py>(
    py: Python<'py>,
    parts: Vec<Part<'py>>,
    values: &mut [Option<Tensor>],
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    parts
        .into_iter()
        .map(|part| build(py, part, values))
        .collect()
}

fn own(graph: &Bound<'_, PyGraph>, other: &Py<PyGraph>, fetch: &Bound<'_, PyAny>) -> PyResult<()> {
    match other.is(graph) {
        true => Ok(()),
        false => Err(PyValueError::new_err(format!(
            "Fetch argument {} cannot be interpreted as a Tensor. (Tensor {} is not an element of this graph.)",
            fetch.repr()?,
            fetch.str()?
        ))),
    }
}

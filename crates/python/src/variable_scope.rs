//! Variable scopes.

use std::sync::Mutex;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBool, PyString, PyTuple};
use tconv::{Reuse, ScopeDefaults, Scopes, VariableScope};

use crate::dtype::{self, PyDType};
use crate::error::raise;
use crate::graph::{PyGraph, default_graph};
use crate::initializer;

/// What `tf.AUTO_REUSE` is: variables that are there are reused, and others are made.
#[pyclass(name = "AutoReuse", module = "tconv._tconv", frozen)]
pub struct AutoReuse;

#[pymethods]
impl AutoReuse {
    fn __repr__(&self) -> &'static str {
        "AUTO_REUSE"
    }
}

/// What an argument `reuse` means: True, `AUTO_REUSE`, or False and None alike.
pub fn reuse(value: Option<&Bound<'_, PyAny>>) -> PyResult<Reuse> {
    match value {
        None => Ok(Reuse::No),
        Some(value) if value.is_none() => Ok(Reuse::No),
        Some(value) if value.is_instance_of::<AutoReuse>() => Ok(Reuse::Auto),
        Some(value) => match value.cast::<PyBool>() {
            Ok(yes) if yes.is_true() => Ok(Reuse::Yes),
            Ok(_) => Ok(Reuse::No),
            Err(_) => Err(PyValueError::new_err(
                "The reuse parameter must be True or False or None.",
            )),
        },
    }
}

/// A variable scope that is or was open.
#[pyclass(name = "VariableScope", module = "tconv._tconv", frozen)]
pub struct PyVariableScope(pub VariableScope);

#[pymethods]
impl PyVariableScope {
    /// What it puts before variables' names.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The name scope, with its `/`, that was opened with it first.
    #[getter]
    fn original_name_scope(&self) -> &str {
        self.0.original_name_scope()
    }

    /// Whether variables in it are reused: False, True or `AUTO_REUSE`.
    #[getter]
    fn reuse<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0.reuse() {
            Reuse::Auto => py.import("tconv._tconv")?.getattr("AUTO_REUSE"),
            said => Ok(PyBool::new(py, said == Reuse::Yes).to_owned().into_any()),
        }
    }

    /// The dtype of variables in it that say nothing themselves.
    #[getter]
    fn dtype(&self) -> PyDType {
        PyDType(self.0.dtype())
    }

    /// From here on, variables in it are those that are there.
    fn reuse_variables(&self) {
        self.0.reuse_variables();
    }

    fn __repr__(&self) -> String {
        format!("<VariableScope '{}'>", self.0.name())
    }
}

/// The variable scope that is open in the default graph.
#[pyfunction]
pub fn get_variable_scope(py: Python<'_>) -> PyResult<PyVariableScope> {
    let graph = default_graph(py)?;
    Ok(PyVariableScope(graph.get().graph.current_variable_scope()))
}

/// Which scope a block opens.
enum Which {
    Name(String),
    Open(VariableScope),
    Default(String),
}

/// `with variable_scope(...):` opens a scope of the graph that is then the default.
#[pyfunction]
#[pyo3(signature = (name_or_scope, default_name, reuse, initializer, dtype))]
pub fn variable_scope(
    name_or_scope: Option<&Bound<'_, PyAny>>,
    default_name: Option<String>,
    reuse: Option<&Bound<'_, PyAny>>,
    initializer: Option<&Bound<'_, PyAny>>,
    dtype: Option<&Bound<'_, PyAny>>,
) -> PyResult<Block> {
    let which = match (name_or_scope, default_name) {
        (Some(value), default) if value.is_none() => default.map(Which::Default),
        (None, default) => default.map(Which::Default),
        (Some(value), _) => Some(match value.cast::<PyVariableScope>() {
            Ok(scope) => Which::Open(scope.get().0.clone()),
            Err(_) => match value.cast::<PyString>() {
                Ok(name) => Which::Name(name.to_string_lossy().into_owned()),
                Err(_) => {
                    return Err(PyTypeError::new_err(
                        "VariableScope: name_or_scope must be a string or VariableScope.",
                    ));
                }
            },
        }),
    };
    let Some(which) = which else {
        return Err(PyTypeError::new_err(
            "If default_name is None then name_or_scope is required",
        ));
    };
    let dtype = dtype::maybe(dtype.filter(|dtype| !dtype.is_none()))?;
    Ok(Block {
        which,
        defaults: ScopeDefaults {
            reuse: self::reuse(reuse)?,
            initializer: initializer::read(initializer, dtype)?,
            dtype,
        },
        before: Mutex::new(Vec::new()),
    })
}

/// A `with` block of a variable scope.
#[pyclass(name = "VariableScopeBlock", module = "tconv._tconv", frozen)]
pub struct Block {
    which: Which,
    defaults: ScopeDefaults,
    /// The graph and what was open before, for each time that the block was entered.
    before: Mutex<Vec<(Py<PyGraph>, Scopes)>>,
}

impl Block {
    fn before(&self, py: Python<'_>) -> std::sync::MutexGuard<'_, Vec<(Py<PyGraph>, Scopes)>> {
        self.before
            .lock_py_attached(py)
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[pymethods]
impl Block {
    fn __enter__(&self, py: Python<'_>) -> PyResult<PyVariableScope> {
        let bound = default_graph(py)?;
        let graph = &bound.get().graph;
        let defaults = self.defaults.clone();
        let before = match &self.which {
            Which::Name(name) => graph.open_variable_scope(Some(name), None, defaults),
            Which::Default(name) => graph.open_variable_scope(None, Some(name), defaults),
            Which::Open(scope) => graph.reopen_variable_scope(scope, defaults),
        };
        let before = before.map_err(|error| raise(py, Some(&bound), &error))?;
        let scope = PyVariableScope(graph.current_variable_scope());
        self.before(py).push((bound.unbind(), before));
        Ok(scope)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) {
        let last = self.before(py).pop();
        if let Some((graph, before)) = last {
            graph.get().graph.set_scopes(before);
        }
    }
}

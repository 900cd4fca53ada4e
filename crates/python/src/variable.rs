//! `Variable`, initializers and variable scopes.

use pyo3::prelude::*;
use pyo3::types::PyList;
use tconv::Variable;

use crate::graph::PyGraph;

/// A value that a session keeps from run to run.
#[pyclass(name = "Variable", module = "tconv._tconv", frozen, weakref)]
pub struct PyVariable {
    pub graph: Py<PyGraph>,
    pub variable: Variable,
}

impl PyVariable {
    pub fn new(graph: &Bound<'_, PyGraph>, variable: Variable) -> PyVariable {
        PyVariable {
            graph: graph.clone().unbind(),
            variable,
        }
    }

    pub fn list<'py>(
        graph: &Bound<'py, PyGraph>,
        all: Vec<Variable>,
    ) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            graph.py(),
            all.into_iter()
                .map(|variable| PyVariable::new(graph, variable)),
        )
    }
}

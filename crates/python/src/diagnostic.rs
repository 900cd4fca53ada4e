//! What is wrong with a graph for some sizes, and what it needs of those that are fed.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tconv::diagnostic::Level;
use tconv::{Diagnostic, Requirement, Unknown};

use crate::html;

/// What was found wrong, or wrong for some sizes, while a graph was built. `str()` shows the line of the program,
/// the sizes that fit, the smallest that does not, and the ways to mend it.
#[pyclass(name = "Diagnostic", module = "tconv._tconv", frozen)]
pub struct PyDiagnostic(pub Diagnostic);

#[pymethods]
impl PyDiagnostic {
    /// `warning`: the graph runs for some sizes; `error`: for none.
    #[getter]
    fn level(&self) -> &'static str {
        match self.0.level() {
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }

    /// What is wrong, in one line.
    #[getter]
    fn title(&self) -> &str {
        self.0.title()
    }

    /// The name of the operation that it is about.
    #[getter]
    fn node(&self) -> &str {
        self.0.node()
    }

    /// The registered name of its op.
    #[getter]
    fn op(&self) -> &str {
        self.0.op()
    }

    #[getter]
    fn file(&self) -> Option<&'static str> {
        self.0.location().map(|location| location.file)
    }

    #[getter]
    fn line(&self) -> Option<u32> {
        self.0.location().map(|location| location.line)
    }

    /// The reasons and numbers, a line each.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.notes().to_vec()
    }

    /// The ways to mend it, each tried on the graph.
    #[getter]
    fn helps(&self) -> Vec<String> {
        let help = |help: &tconv::diagnostic::Help| match help.consequences.is_empty() {
            true => help.text.clone(),
            false => format!("{}, {}", help.text, help.consequences.join(", ")),
        };
        self.0.helps().iter().map(help).collect()
    }

    /// The text of `str()`, with a terminal's colours where `color` says so.
    #[pyo3(signature = (color=false))]
    fn render(&self, color: bool) -> String {
        self.0.render(color)
    }

    fn __str__(&self) -> String {
        self.0.render(false)
    }

    fn __repr__(&self) -> String {
        format!("<tconv.Diagnostic '{}'>", self.0.title())
    }

    fn _repr_html_(&self) -> String {
        html::diagnostic(&self.0)
    }
}

/// A condition on sizes of placeholders without which part of a graph does not run.
#[pyclass(name = "Requirement", module = "tconv._tconv", frozen)]
pub struct PyRequirement(pub Requirement);

#[pymethods]
impl PyRequirement {
    /// `H mod 16 == 0`
    #[getter]
    fn condition(&self) -> &str {
        self.0.condition()
    }

    /// The names of the operations that need it.
    #[getter]
    fn operations(&self) -> Vec<String> {
        self.0.operations().to_vec()
    }

    /// Whether it holds for these sizes, by name: `holds(H=32)`; None where one is missing. A size without a name
    /// of its own goes by the one that the condition shows: `holds(**{"x:0[1]": 32})`.
    #[pyo3(signature = (**sizes))]
    fn holds(&self, sizes: Option<&Bound<'_, PyDict>>) -> PyResult<Option<bool>> {
        let mut given = std::collections::HashMap::new();
        for (name, size) in sizes.into_iter().flatten() {
            let size: i64 = size.extract().map_err(|_| {
                PyTypeError::new_err(format!("the size of {name} must be an integer, not {size}"))
            })?;
            given.insert(name.extract::<String>()?, size);
        }
        Ok(self
            .0
            .holds(&|unknown: &Unknown| given.get(unknown.name()).copied()))
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<tconv.Requirement '{}'>", self.0.condition())
    }
}

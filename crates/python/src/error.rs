//! Errors of the engine as TensorFlow's Python exceptions, and back.

use std::cell::RefCell;

use pyo3::exceptions::{PyLookupError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use tconv::{Code, Error};

use crate::graph::PyGraph;
use crate::operation::PyOperation;

thread_local! {
    /// An exception that Python raised inside the engine: in an initializer, a conversion, a signal's handler.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Takes an exception through the engine, whose own error this is meanwhile; [`raise`] gives it back.
pub fn carry(exception: PyErr) -> Error {
    let text = exception.to_string();
    RAISED.with_borrow_mut(|raised| *raised = Some(exception));
    Error::new(Code::Cancelled, text)
}

/// The exception that an error of the engine is in Python: what is found while a graph is built is a
/// `ValueError`, `TypeError` or `LookupError`, all else one of `tconv.errors`.
pub fn raise(py: Python<'_>, graph: Option<&Bound<'_, PyGraph>>, error: &Error) -> PyErr {
    if let Some(exception) = RAISED.with_borrow_mut(Option::take) {
        return exception;
    }
    let mut text = error.to_string();
    match error.code() {
        Code::Value => PyValueError::new_err(text),
        Code::Type => PyTypeError::new_err(text),
        Code::Lookup => PyLookupError::new_err(text),
        code => {
            if let Some(location) = error.location() {
                let (file, line) = (location.file, location.line);
                text.push_str(&format!("\n  made at {file}:{line}"));
            }
            let op = graph.and_then(|graph| {
                let operation = graph.get().graph.operation(error.node()).ok()?;
                Bound::new(py, PyOperation::new(graph, operation)).ok()
            });
            let make = || {
                py.import(intern!(py, "tconv.errors"))?
                    .getattr(intern!(py, "make"))?
                    .call1((code.class(), text, op, error.node()))
            };
            match make() {
                Ok(exception) => PyErr::from_value(exception),
                Err(error) => error,
            }
        }
    }
}

/// [`raise`] for errors that arise at no graph.
pub fn plain(error: impl Into<Error>) -> PyErr {
    Python::attach(|py| raise(py, None, &error.into()))
}

//! Which line of a Python program adds a node.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use pyo3::types::{PyString, PyTuple};
use std::sync::Mutex;
use tconv::Location;

/// The folder of this package: its own lines are no user's.
static PACKAGE: PyOnceLock<String> = PyOnceLock::new();

/// Where the expressions of the code stand that was asked for last; a module's code is asked for once a node.
static POSITIONS: Mutex<Option<(Py<PyAny>, Py<PyTuple>)>> = Mutex::new(None);

/// The innermost line outside this package. Python 3.11 and later tell the columns too.
pub fn caller(py: Python<'_>) -> Option<Location> {
    find(py).ok().flatten()
}

fn find(py: Python<'_>) -> PyResult<Option<Location>> {
    let package = PACKAGE.get_or_try_init(py, || -> PyResult<String> {
        let file: String = py.import("tconv")?.getattr("__file__")?.extract()?;
        Ok(file.trim_end_matches("__init__.py").to_string())
    })?;
    static FRAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut frame = FRAME.import(py, "sys", "_getframe")?.call0()?;
    loop {
        let code = frame.getattr(intern!(py, "f_code"))?;
        let file = code
            .getattr(intern!(py, "co_filename"))?
            .cast_into::<PyString>()?;
        let file = file.to_string_lossy();
        if !file.starts_with(package.as_str()) {
            return at(&frame, &code, &file).map(Some);
        }
        frame = frame.getattr(intern!(py, "f_back"))?;
        if frame.is_none() {
            return Ok(None);
        }
    }
}

fn at(frame: &Bound<'_, PyAny>, code: &Bound<'_, PyAny>, file: &str) -> PyResult<Location> {
    let py = frame.py();
    let line: u32 = frame.getattr(intern!(py, "f_lineno"))?.extract()?;
    let whole = Location::new(file, line, 0, None);
    let Ok(positions) = positions(code) else {
        return Ok(whole);
    };
    let last: usize = frame.getattr(intern!(py, "f_lasti"))?.extract()?;
    // An instruction takes two bytes.
    let Ok(position) = positions.bind(py).get_item(last / 2) else {
        return Ok(whole);
    };
    type Span = (Option<u32>, Option<u32>, Option<u32>, Option<u32>);
    let (first, end_line, column, end) = position.extract::<Span>()?;
    Ok(match (first, column) {
        (Some(first), Some(column)) => {
            // One that goes on in the next line takes the rest of this one.
            let end = match end.filter(|_| end_line == Some(first)) {
                Some(end) => Some(end + 1),
                None => Some(u32::MAX),
            };
            Location::new(file, first, column + 1, end)
        }
        _ => whole,
    })
}

/// For each instruction: line, last line, column, last column.
fn positions(code: &Bound<'_, PyAny>) -> PyResult<Py<PyTuple>> {
    let py = code.py();
    let lock = || {
        POSITIONS
            .lock_py_attached(py)
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    };
    if let Some((known, positions)) = &*lock()
        && known.is(code)
    {
        return Ok(positions.clone_ref(py));
    }
    let listed = code.call_method0(intern!(py, "co_positions"))?;
    let listed = PyTuple::new(py, listed.try_iter()?.collect::<PyResult<Vec<_>>>()?)?.unbind();
    // Outside the lock: what is dropped may run Python's code, which may add nodes in its turn.
    let before = lock().replace((code.clone().unbind(), listed.clone_ref(py)));
    drop(before);
    Ok(listed)
}

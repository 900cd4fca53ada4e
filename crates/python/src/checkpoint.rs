//! Variables' values in a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};
use tconv::{Tensor, checkpoint};

use crate::array::{as_array, from_tensor, to_tensor};
use crate::error::plain;

/// Writes the arrays to a safetensors file, which takes the place of `path` only when it is complete.
///
/// Raises `TypeError` for an array of a dtype that tensors do not have; `tconv.errors.NotFoundError` for a missing
/// folder and `FailedPreconditionError` where the system refuses. Each names the file or the array.
#[pyfunction]
pub fn save_variables(
    py: Python<'_>,
    path: PathBuf,
    values: &Bound<'_, PyMapping>,
) -> PyResult<()> {
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for pair in values.items()?.iter() {
        let (name, value): (String, Bound<'_, PyAny>) = pair.extract()?;
        let tensor = to_tensor(&as_array(&value, None)?)
            .map_err(|error| PyTypeError::new_err(format!("'{name}': {}", error.value(py))))?;
        tensors.insert(name, tensor);
    }
    py.detach(|| checkpoint::save(path, &tensors))
        .map_err(plain)
}

/// The arrays of a safetensors file, by name.
///
/// Raises `tconv.errors.NotFoundError` for a missing file and `InvalidArgumentError` for a damaged one. Each names
/// the file.
#[pyfunction]
pub fn load_variables(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let tensors = py.detach(|| checkpoint::load(path)).map_err(plain)?;
    let asarray = py.import("numpy")?.getattr("asarray")?;
    let values = PyDict::new(py);
    for (name, tensor) in tensors {
        // Of rank 0 it is NumPy's scalar, and an array is promised.
        let array = asarray.call1((from_tensor(py, tensor)?,))?;
        values.set_item(name, array)?;
    }
    Ok(values)
}

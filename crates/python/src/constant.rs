//! What Python's values become as constants, by TensorFlow's rules; and why others become none.

use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyTuple};
use tconv::{DType, Tensor};

use crate::array::{as_array, to_tensor};
use crate::error::plain;
use crate::operand::{DEPTH, is_list, too_deep};
use crate::tensor_shape::{PyDimension, PyTensorShape};

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
    let array = as_array(value, None)?;
    if typed {
        return owned(&fitting(value, &array, wanted)?);
    }
    match (array.dtype().kind(), wanted) {
        // A list of nothing may be of any dtype.
        (b'f', Some(_)) if array.is_empty() => owned(&as_array(array.as_any(), wanted)?),
        (b'O', _) if holds_sizes(value, DEPTH) => constant(&with_numbers(value, DEPTH)?, wanted),
        (b'f', Some(dtype)) if !dtype.is_floating() => Err(mismatch(value, dtype)),
        (b'i' | b'u', Some(DType::Bool)) => Err(mismatch(value, DType::Bool)),
        // Integers that no dtype of integers holds.
        (b'O', Some(dtype)) if dtype.is_floating() && unfit(value, dtype, DEPTH).is_none() => {
            owned(&as_array(array.as_any(), wanted)?)
        }
        (b'O' | b'S' | b'U' | b'c', Some(dtype)) => Err(mismatch(value, dtype)),
        (b'O', None) if unfit(value, DType::Int64, DEPTH).is_none() => {
            Err(PyTypeError::new_err(format!(
                "Failed to convert elements of {0} to Tensor. {0} does not fit in int64.",
                shown(value)
            )))
        }
        (b'O' | b'S' | b'U', None) => Err(PyTypeError::new_err(format!(
            "Failed to convert elements of {} to Tensor. Tensors here hold numbers and booleans.",
            shown(value)
        ))),
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
    match (fits(array, &converted)?, wanted) {
        (false, Some(wanted)) => Err(too_large(value, wanted)),
        _ => Ok(converted),
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

/// The name of a value's type, for messages.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    match value.get_type().name() {
        Ok(name) => name.to_string(),
        Err(_) => "object".to_string(),
    }
}

/// That a number is beyond what the dtype holds.
fn too_large(value: &Bound<'_, PyAny>, wanted: DType) -> PyErr {
    PyTypeError::new_err(format!("{} does not fit in {wanted}", shown(value)))
}

/// Whether a `Dimension` stands in a list.
fn holds_sizes(value: &Bound<'_, PyAny>, depth: usize) -> bool {
    let within = || {
        let mut all = value.try_iter().into_iter().flatten();
        all.any(|one| one.is_ok_and(|one| holds_sizes(&one, depth - 1)))
    };
    value.is_instance_of::<PyDimension>() || depth > 0 && is_list(value) && within()
}

/// A list with the number of each `Dimension` in its place.
fn with_numbers<'py>(value: &Bound<'py, PyAny>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if let Ok(dimension) = value.cast::<PyDimension>() {
        return Ok(dimension.get().0.known().into_pyobject(py)?);
    }
    if !is_list(value) {
        return Ok(value.clone());
    }
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    let all = value.try_iter()?.map(|one| with_numbers(&one?, depth));
    Ok(PyList::new(py, all.collect::<PyResult<Vec<_>>>()?)?.into_any())
}

/// The first part of a value that is of another kind than the dtype's numbers.
fn unfit<'py>(value: &Bound<'py, PyAny>, wanted: DType, depth: usize) -> Option<Bound<'py, PyAny>> {
    if depth > 0 && is_list(value) {
        let mut all = value.try_iter().ok()?;
        return all.find_map(|one| unfit(&one.ok()?, wanted, depth - 1));
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
    let first = unfit(value, wanted, DEPTH).unwrap_or_else(|| value.clone());
    let text = first
        .str()
        .map_or_else(|_| "it".to_string(), |text| text.to_string());
    PyTypeError::new_err(format!(
        "Expected {wanted}, but got {text} of type '{}'.",
        type_name(&first)
    ))
}

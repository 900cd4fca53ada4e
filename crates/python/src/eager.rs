//! Ops on arrays at once, without a graph and without the interpreter's lock.

use std::sync::{Arc, Mutex};

use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tconv::{Attrs, DType, Eager, InstructionSet, Tensor};

use crate::array::{as_array, from_tensor, shared, to_tensor, write};
use crate::builders::attribute;
use crate::constant::constant;
use crate::conv::{Geometry, Kind};
use crate::dtype::of_array;
use crate::error::plain;
use crate::operand::Several;
use crate::threads;

type Any<'py> = Bound<'py, PyAny>;

/// The engine of the last call, kept for its scratch.
static LAST: Mutex<Option<Arc<Eager>>> = Mutex::new(None);

/// The engine for as many threads as are to be used.
fn engine() -> PyResult<Arc<Eager>> {
    let threads = threads::get(0)?;
    let mut last = LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match &*last {
        Some(engine) if engine.threads().count() == threads.count() => Ok(engine.clone()),
        _ => {
            let set = InstructionSet::from_env().map_err(plain)?;
            let engine = Arc::new(Eager::with(threads, set));
            *last = Some(engine.clone());
            Ok(engine)
        }
    }
}

/// The tensor of what has a dtype of its own, over its own memory where it is an array; None for Python's
/// numbers and lists.
fn typed(value: &Any<'_>) -> PyResult<Option<Tensor>> {
    let py = value.py();
    let typed = value.is_instance_of::<PyUntypedArray>()
        || value.is_instance(&py.import("numpy")?.getattr("generic")?)?
        || value.hasattr("__dlpack__")?;
    match typed {
        true => to_tensor(&as_array(value, None)?).map(Some),
        false => Ok(None),
    }
}

/// The tensors of operands of these types: an attribute's name or a dtype's. What has no dtype takes that of
/// the operands that the op wants to be alike; sizes are converted.
fn tensors(operands: &[Any<'_>], types: &[&str]) -> PyResult<Vec<Tensor>> {
    let found = operands.iter().zip(types).map(|(value, type_)| {
        Ok(match type_.parse::<DType>() {
            Ok(_) => None,
            Err(_) => typed(value)?,
        })
    });
    let mut found = found.collect::<PyResult<Vec<_>>>()?;
    let alike = |found: &[Option<Tensor>], type_: &str| {
        let all = found
            .iter()
            .zip(types)
            .filter(|(_, other)| **other == type_);
        all.filter_map(|(tensor, _)| tensor.as_ref())
            .map(Tensor::dtype)
            .next()
    };
    for i in 0..operands.len() {
        if found[i].is_none() {
            let wanted = types[i].parse().ok().or_else(|| alike(&found, types[i]));
            found[i] = Some(constant(&operands[i], wanted)?);
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// A convolution of arrays. Kinds and operands as in `conv`; `out` is an array to be written, and returned.
#[pyfunction]
#[pyo3(signature = (kind, operands, strides, padding, data_format, dilations, out, precision=None))]
#[expect(clippy::too_many_arguments, reason = "Python's")]
pub fn eager_conv<'py>(
    py: Python<'py>,
    kind: &str,
    operands: Several<'py>,
    strides: Option<&Any<'py>>,
    padding: &Any<'py>,
    data_format: Option<&str>,
    dilations: Option<&Any<'py>>,
    out: Option<&Any<'py>>,
    precision: Option<&str>,
) -> PyResult<Any<'py>> {
    let operands = operands.0;
    let kind = Kind::parse(kind)?;
    let geometry = Geometry::new(kind.spatial, strides, padding, data_format, dilations)?;
    let geometry = geometry.precise(precision)?;
    let names = kind.operands();
    let types: Vec<&str> = names
        .iter()
        .map(|name| match *name {
            "output_shape" | "input_sizes" | "filter_sizes" => "int32",
            _ => "T",
        })
        .collect();
    if operands.len() != names.len() {
        return Err(PyTypeError::new_err(format!(
            "it takes {}, got {} operands",
            names.join(", "),
            operands.len()
        )));
    }
    let inputs = tensors(&operands, &types)?;
    let engine = engine()?;
    let Some(out) = out.filter(|out| !out.is_none()) else {
        let made = py.detach(|| geometry.apply(kind.of(&inputs)?).compute(&engine));
        return from_tensor(py, made.map_err(plain)?);
    };
    let Some(array) = shared(out)? else {
        return Err(PyTypeError::new_err(format!(
            "out must be an array, not a {}",
            out.get_type().name()?
        )));
    };
    let shape = kind
        .of(&inputs)
        .and_then(|conv| geometry.apply(conv).shape())
        .map_err(plain)?;
    let sizes: Vec<i64> = array.shape().iter().map(|&size| size as i64).collect();
    if shape.known().as_ref() != Some(&sizes) {
        let found = array.getattr("shape")?.repr()?;
        return Err(PyValueError::new_err(format!(
            "out has the shape {found}, the result has {shape}"
        )));
    }
    let dtype = inputs[names.len() - 1 - usize::from(types[names.len() - 1] == "int32")].dtype();
    if of_array(&array) != Some(dtype) {
        return Err(PyTypeError::new_err(format!(
            "out is an array of {}, the result is {dtype}",
            array.dtype().str()?
        )));
    }
    let shares = py.import("numpy")?.getattr("may_share_memory")?;
    for (operand, name) in operands.iter().zip(names) {
        if let Some(operand) = shared(operand)?
            && shares.call1((&array, operand))?.is_truthy()?
        {
            return Err(PyValueError::new_err(format!(
                "out shares memory with {name}, which is read while out is written"
            )));
        }
    }
    let conv = || Ok(geometry.apply(kind.of(&inputs)?));
    write(py, &array, dtype, &engine, conv)?;
    Ok(out.clone())
}

/// Any op of the table on arrays: an array, or a list of them where the op has several outputs or none.
#[pyfunction]
#[pyo3(signature = (op, inputs, attrs=None))]
pub fn eager<'py>(
    py: Python<'py>,
    op: &str,
    inputs: Several<'py>,
    attrs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Any<'py>> {
    let mut set = Attrs::new();
    for pair in attrs.map(PyDictMethods::items).into_iter().flatten() {
        let (key, value): (String, Any<'py>) = pair.extract()?;
        if !value.is_none() {
            set.insert(key, attribute(&value)?);
        }
    }
    let arguments = tconv::op_def(op).map_or(&[][..], |def| def.inputs);
    let (mut operands, mut types) = (Vec::new(), Vec::new());
    for (i, input) in inputs.0.into_iter().enumerate() {
        let type_ = arguments.get(i).map_or("", |(_, type_)| *type_);
        match type_.strip_prefix("N*") {
            Some(type_) => {
                for element in input.try_iter()? {
                    operands.push(element?);
                    types.push(type_);
                }
            }
            None => {
                operands.push(input);
                types.push(type_);
            }
        }
    }
    let tensors = tensors(&operands, &types)?;
    let engine = engine()?;
    let made = py.detach(|| engine.run(op, set, tensors)).map_err(plain)?;
    let mut arrays = made
        .into_iter()
        .map(|tensor| from_tensor(py, tensor))
        .collect::<PyResult<Vec<_>>>()?;
    match (arrays.len(), arrays.pop()) {
        (1, Some(only)) => Ok(only),
        (_, last) => {
            arrays.extend(last);
            Ok(PyList::new(py, arrays)?.into_any())
        }
    }
}

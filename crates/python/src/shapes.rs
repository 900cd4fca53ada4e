//! Shapes without tensors: what an op makes, and what `output_shape` may be.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyRange, PyString, PyTuple};
use tconv::{DType, Dim, Fact, Shape, SizeNames as Names};

use crate::conv::{Geometry, Kind, Part};
use crate::error::plain;

type Any<'py> = Bound<'py, PyAny>;

/// Sizes: numbers, names, expressions in names, or None.
fn dims(value: &Any<'_>, what: &str, names: &mut Names) -> PyResult<Vec<Dim>> {
    if value.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!(
            "{what} must be a list of sizes, such as [\"N\", 5, 5, 3]"
        )));
    }
    let one = |(axis, size): (usize, PyResult<Any<'_>>)| {
        let size = size?;
        if size.is_none() {
            return Ok(Dim::unknown(format!("{what}[{axis}]")));
        }
        let dim = match size.cast::<PyString>() {
            Ok(text) => {
                let parsed = names.parse(&text.to_string_lossy());
                parsed.map_err(|error| plain(tconv::Error::from(error)))?
            }
            Err(_) => Dim::from(size.extract::<i64>().map_err(|_| {
                let found = size.repr().map_or_else(|_| "it".to_string(), |text| text.to_string());
                PyTypeError::new_err(format!(
                    "{what}[{axis}] must be an integer of at most 64 bits, a name or None, not {found}"
                ))
            })?),
        };
        match dim.known() {
            Some(n) if n < 0 => Err(PyValueError::new_err(format!(
                "{what}[{axis}] is {n}; a size is at least 0"
            ))),
            _ => Ok(dim),
        }
    };
    value.try_iter()?.enumerate().map(one).collect()
}

/// The shape that an op of `conv` makes; sizes may be names or expressions, and the answer's then are too.
#[pyfunction]
#[pyo3(signature = (op, operands, strides, padding, data_format, dilations))]
pub fn shape<'py>(
    py: Python<'py>,
    op: &str,
    operands: &Bound<'py, PyDict>,
    strides: Option<&Any<'py>>,
    padding: &Any<'py>,
    data_format: Option<&str>,
    dilations: Option<&Any<'py>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let kind = Kind::parse(op)?;
    let geometry = Geometry::new(kind.spatial, strides, padding, data_format, dilations)?;
    let wanted = kind.operands();
    for key in operands.keys() {
        let key: String = key.extract()?;
        if !wanted.contains(&key.as_str()) {
            return Err(PyTypeError::new_err(format!(
                "{op} has no operand '{key}'; it takes {}",
                wanted.join(", ")
            )));
        }
    }
    let mut names = Names::new();
    let mut facts = Vec::new();
    for name in wanted {
        let sizes = operands.get_item(name)?.ok_or_else(|| {
            PyTypeError::new_err(format!(
                "{op} takes {}: '{name}' is missing",
                wanted.join(", ")
            ))
        })?;
        let dims = dims(&sizes, name, &mut names)?;
        facts.push(match *name {
            "output_shape" | "input_sizes" | "filter_sizes" => {
                Fact::vector_value(DType::Int32, dims)
            }
            _ => Fact::new(DType::Float32, Shape::new(dims)),
        });
    }
    let conv = kind.of(&facts).map_err(plain)?;
    let made = geometry.apply(conv).shape().map_err(plain)?;
    let sizes = made.dims().unwrap_or_default().iter().map(|dim| {
        let named = |unknown: &tconv::Unknown| names.used().any(|name| name == unknown.name());
        Ok(match dim.known() {
            Some(size) => size.into_pyobject(py)?.into_any(),
            None if dim.unknowns().iter().all(named) => {
                PyString::new(py, &format!("{dim:?}")).into_any()
            }
            None => py.None().into_bound(py),
        })
    });
    PyTuple::new(py, sizes.collect::<PyResult<Vec<_>>>()?)
}

/// Per axis of `output_shape`: an int, or a `range`, of the sizes that go with `value`.
#[pyfunction]
#[pyo3(signature = (value, filter, strides, padding, data_format, dilations))]
pub fn legal_output_shapes<'py>(
    py: Python<'py>,
    value: &Any<'py>,
    filter: &Any<'py>,
    strides: Option<&Any<'py>>,
    padding: &Any<'py>,
    data_format: Option<&str>,
    dilations: Option<&Any<'py>>,
) -> PyResult<Vec<Any<'py>>> {
    let mut names = Names::new();
    let (value, filter) = (
        dims(value, "value", &mut names)?,
        dims(filter, "filter", &mut names)?,
    );
    let spatial = value.len().wrapping_sub(2);
    if !(1..=3).contains(&spatial) {
        return Err(PyValueError::new_err(format!(
            "value must have 3 to 5 sizes, got {}",
            value.len()
        )));
    }
    let geometry = Geometry::new(spatial, strides, padding, data_format, dilations)?;
    let fact = |dims| Fact::new(DType::Float32, Shape::new(dims));
    let unknown = Fact::new(DType::Int32, Shape::unknown());
    let facts = [fact(value), fact(filter), unknown];
    let kind = Kind {
        spatial,
        part: Part::Transpose,
    };
    let conv = geometry.apply(kind.of(&facts).map_err(plain)?);
    let legal = conv.legal_output_shapes().map_err(plain)?.into_iter();
    legal
        .map(|sizes| match sizes {
            Some(sizes) if sizes.start() == sizes.end() => {
                Ok(sizes.start().into_pyobject(py)?.into_any())
            }
            Some(sizes) => {
                let (start, end) = (*sizes.start(), sizes.end().saturating_add(1));
                Ok(PyRange::new(py, start as isize, end as isize)?.into_any())
            }
            None => Ok(PyRange::new(py, 0, 0)?.into_any()),
        })
        .collect()
}

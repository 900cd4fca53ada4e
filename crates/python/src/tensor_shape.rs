//! `TensorShape` and `Dimension`: the engine's shapes under TensorFlow's names.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyIterator, PyList, PySlice, PyString};
use tconv::{Dim, Shape, SizeNames as Names};

use crate::error::plain;

/// A size of a shape; `value` is None where it is not known.
#[pyclass(name = "Dimension", module = "tconv._tconv", frozen)]
#[derive(Clone)]
pub struct PyDimension(pub Dim);

/// A shape as far as it is known.
#[pyclass(name = "TensorShape", module = "tconv._tconv", frozen, sequence)]
#[derive(Clone)]
pub struct PyTensorShape(pub Shape);

/// As many axes as TensorFlow's shapes have at most.
const MOST_AXES: usize = 254;

/// The size that an integer, None, a `Dimension`, a name or an expression means.
pub fn dim(value: &Bound<'_, PyAny>, names: &mut Names) -> PyResult<Dim> {
    if value.is_none() {
        return Ok(Dim::unknown("?[0]"));
    }
    if let Ok(size) = value.cast::<PyDimension>() {
        return Ok(size.get().0.clone());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return names.parse(&text.to_string_lossy()).map_err(plain);
    }
    match value.extract::<i64>() {
        Ok(size) if size >= 0 => Ok(Dim::Known(size)),
        Ok(size) => Err(PyValueError::new_err(format!(
            "Dimension {size} must be >= 0"
        ))),
        Err(_) => Err(PyTypeError::new_err(format!(
            "Dimension value must be integer or None or have an __index__ method, got value '{}' with type '{}'",
            value.repr()?,
            value.get_type().repr()?
        ))),
    }
}

/// The shape that a `TensorShape`, a list of sizes, one size or None (an unknown rank) means.
pub fn shape(value: &Bound<'_, PyAny>) -> PyResult<Shape> {
    if value.is_none() {
        return Ok(Shape::unknown());
    }
    if let Ok(shape) = value.cast::<PyTensorShape>() {
        return Ok(shape.get().0.clone());
    }
    if value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyDict>()
    {
        return Err(PyTypeError::new_err(format!(
            "Failed to convert {} to a shape: a shape is a list of sizes, such as [None, 5, 5, 3]",
            value.repr()?
        )));
    }
    let mut names = Names::new();
    if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyDimension>() {
        return Ok(Shape::new(vec![dim(value, &mut names)?]));
    }
    let sizes = value.try_iter()?.enumerate().map(|(axis, size)| {
        let size = size?;
        match size.is_none() {
            // As the engine names a size that has no name.
            true => Ok(Dim::unknown(format!("?[{axis}]"))),
            false => dim(&size, &mut names),
        }
    });
    Ok(Shape::new(sizes.collect::<PyResult<_>>()?))
}

fn other(value: &Bound<'_, PyAny>) -> PyResult<PyTensorShape> {
    shape(value).map(PyTensorShape)
}

#[pymethods]
impl PyDimension {
    #[new]
    fn new(value: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        dim(value, &mut Names::new()).map(PyDimension)
    }

    #[getter]
    fn value(&self) -> Option<i64> {
        self.0.known()
    }

    /// Whether both sizes may be the same.
    fn is_compatible_with(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.0.is_compatible_with(&dim(other, &mut Names::new())?))
    }

    fn __index__(&self) -> PyResult<i64> {
        let unknown = || PyTypeError::new_err("this size is not known before the graph runs");
        self.0.known().ok_or_else(unknown)
    }

    fn __int__(&self) -> PyResult<i64> {
        self.__index__()
    }

    fn __bool__(&self) -> bool {
        !matches!(self.0.known(), None | Some(0))
    }

    /// None where either is not known, as in TensorFlow.
    fn __richcmp__(&self, value: &Bound<'_, PyAny>, operator: CompareOp) -> PyResult<Py<PyAny>> {
        let py = value.py();
        let other = match value.is_instance_of::<PyString>() {
            true => None,
            false => dim(value, &mut Names::new()).ok(),
        };
        let answer = match (other, operator) {
            (Some(other), operator) => {
                let both = self.0.known().zip(other.known());
                both.map(|(this, other)| operator.matches(this.cmp(&other)))
            }
            (None, CompareOp::Eq) => Some(false),
            (None, CompareOp::Ne) => Some(true),
            (None, _) => return Ok(py.NotImplemented()),
        };
        Ok(answer.into_pyobject(py)?.unbind())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.known().hash(&mut hasher);
        hasher.finish()
    }

    fn __add__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        let other = dim(other, &mut Names::new())?;
        self.0.clone().plus(other).map(PyDimension).map_err(plain)
    }

    fn __radd__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        self.__add__(other)
    }

    fn __sub__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        let other = dim(other, &mut Names::new())?;
        let left = self.0.clone().minus(other).map_err(plain)?;
        match left.known() {
            Some(size) if size < 0 => Err(PyValueError::new_err(format!(
                "Dimension {size} must be >= 0"
            ))),
            _ => Ok(PyDimension(left)),
        }
    }

    fn __rsub__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        PyDimension::new(other)?.__sub__(Bound::new(other.py(), self.clone())?.as_any())
    }

    fn __mul__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        let other = dim(other, &mut Names::new())?;
        self.0.clone().times(other).map(PyDimension).map_err(plain)
    }

    fn __rmul__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        self.__mul__(other)
    }

    fn __floordiv__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        let other = dim(other, &mut Names::new())?;
        self.0
            .clone()
            .floor_div(other)
            .map(PyDimension)
            .map_err(plain)
    }

    fn __mod__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        let other = dim(other, &mut Names::new())?;
        self.0.modulo(other).map(PyDimension).map_err(plain)
    }

    fn __rfloordiv__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        PyDimension::new(other)?.__floordiv__(Bound::new(other.py(), self.clone())?.as_any())
    }

    fn __rmod__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        PyDimension::new(other)?.__mod__(Bound::new(other.py(), self.clone())?.as_any())
    }

    /// Raises `ValueError` unless both sizes may be the same.
    fn assert_is_compatible_with(&self, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let other = dim(other, &mut Names::new())?;
        match self.0.is_compatible_with(&other) {
            true => Ok(()),
            false => Err(PyValueError::new_err(format!(
                "Dimensions {} and {} are not compatible",
                self.__str__(),
                PyDimension(other).__str__()
            ))),
        }
    }

    /// What is known from both. Raises `ValueError` where they differ.
    fn merge_with(&self, other: &Bound<'_, PyAny>) -> PyResult<PyDimension> {
        self.assert_is_compatible_with(other)?;
        match self.0.known() {
            Some(_) => Ok(self.clone()),
            None => PyDimension::new(other),
        }
    }

    fn __str__(&self) -> String {
        self.0
            .known()
            .map_or("?".to_string(), |size| size.to_string())
    }

    fn __repr__(&self) -> String {
        let value = self
            .0
            .known()
            .map_or("None".to_string(), |size| size.to_string());
        format!("Dimension({value})")
    }
}

#[pymethods]
impl PyTensorShape {
    #[new]
    fn new(dims: &Bound<'_, PyAny>) -> PyResult<PyTensorShape> {
        other(dims)
    }

    #[getter]
    fn ndims(&self) -> Option<usize> {
        self.0.rank()
    }

    #[getter]
    fn rank(&self) -> Option<usize> {
        self.0.rank()
    }

    /// The sizes; None where not even their number is known.
    #[getter]
    fn dims(&self) -> Option<Vec<PyDimension>> {
        let dims = self.0.dims()?;
        Some(dims.iter().cloned().map(PyDimension).collect())
    }

    /// The sizes as integers, None for each that is not known. Raises `ValueError` where their number is not.
    fn as_list(&self) -> PyResult<Vec<Option<i64>>> {
        match self.0.dims() {
            Some(dims) => Ok(dims.iter().map(Dim::known).collect()),
            None => Err(PyValueError::new_err(
                "as_list() is not defined on an unknown TensorShape.",
            )),
        }
    }

    /// The number of elements; None where a size is not known. Raises `ValueError` where it is beyond 64 bits.
    fn num_elements(&self) -> PyResult<Option<i64>> {
        let elements = self.0.elements().map_err(plain)?;
        Ok(elements.and_then(|elements| elements.known()))
    }

    /// Whether every size is known.
    fn is_fully_defined(&self) -> bool {
        self.0.known().is_some()
    }

    /// Whether both shapes may be the same.
    fn is_compatible_with(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.0.is_compatible_with(&shape(other)?))
    }

    /// Raises `ValueError` unless both shapes may be the same.
    fn assert_is_compatible_with(&self, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let other = shape(other)?;
        match self.0.is_compatible_with(&other) {
            true => Ok(()),
            false => Err(PyValueError::new_err(format!(
                "Shapes {} and {other} are incompatible",
                self.0
            ))),
        }
    }

    /// Raises `ValueError` for another number of axes.
    fn assert_has_rank(&self, rank: usize) -> PyResult<()> {
        match self.0.rank() {
            Some(found) if found != rank => Err(PyValueError::new_err(format!(
                "Shape {} must have rank {rank}",
                self.0
            ))),
            _ => Ok(()),
        }
    }

    /// Raises `ValueError` where a size is not known.
    fn assert_is_fully_defined(&self) -> PyResult<()> {
        match self.0.known() {
            Some(_) => Ok(()),
            None => Err(PyValueError::new_err(format!(
                "Shape {} is not fully defined",
                self.0
            ))),
        }
    }

    /// What is known from both shapes. Raises `ValueError` where they differ.
    fn merge_with(&self, other: &Bound<'_, PyAny>) -> PyResult<PyTensorShape> {
        self.0
            .merge(&shape(other)?)
            .map(PyTensorShape)
            .map_err(plain)
    }

    /// The shape with so many axes. Raises `ValueError` where it has another number.
    fn with_rank(&self, rank: usize) -> PyResult<PyTensorShape> {
        self.assert_has_rank(rank)?;
        if rank > MOST_AXES {
            return Err(PyValueError::new_err(format!(
                "Shape {} cannot have rank {rank}: {MOST_AXES} axes are the most",
                self.0
            )));
        }
        Ok(match self.0.rank() {
            Some(_) => self.clone(),
            None => PyTensorShape(Shape::of_rank(rank, "?")),
        })
    }

    /// The shape itself. Raises `ValueError` for fewer axes than this.
    fn with_rank_at_least(&self, rank: usize) -> PyResult<PyTensorShape> {
        match self.0.rank() {
            Some(found) if found < rank => Err(PyValueError::new_err(format!(
                "Shape {} must have rank at least {rank}",
                self.0
            ))),
            _ => Ok(self.clone()),
        }
    }

    /// The sizes of both, one behind the other.
    fn concatenate(&self, other: &Bound<'_, PyAny>) -> PyResult<PyTensorShape> {
        let other = shape(other)?;
        Ok(PyTensorShape(match (self.0.dims(), other.dims()) {
            (Some(first), Some(second)) => Shape::new([first, second].concat()),
            _ => Shape::unknown(),
        }))
    }

    /// The shape itself. Raises `ValueError` for more axes than this.
    fn with_rank_at_most(&self, rank: usize) -> PyResult<PyTensorShape> {
        match self.0.rank() {
            Some(found) if found > rank => Err(PyValueError::new_err(format!(
                "Shape {} must have rank at most {rank}",
                self.0
            ))),
            _ => Ok(self.clone()),
        }
    }

    /// Raises `ValueError` where both numbers of axes are known and differ.
    fn assert_same_rank(&self, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let other = shape(other)?;
        match (self.0.rank(), other.rank()) {
            (Some(this), Some(that)) if this != that => Err(PyValueError::new_err(format!(
                "Shapes {} and {other} must have the same rank",
                self.0
            ))),
            _ => Ok(()),
        }
    }

    fn __add__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyTensorShape> {
        self.concatenate(other)
    }

    fn __radd__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyTensorShape> {
        self::other(other)?.concatenate(Bound::new(other.py(), self.clone())?.as_any())
    }

    fn __len__(&self) -> PyResult<usize> {
        self.0.rank().ok_or_else(|| {
            PyValueError::new_err("Cannot take the length of shape with unknown rank.")
        })
    }

    fn __bool__(&self) -> bool {
        self.0.rank().is_some()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let dims = self.dims().ok_or_else(|| {
            PyValueError::new_err("Cannot iterate over a shape with unknown rank.")
        })?;
        PyList::new(py, dims)?.try_iter()
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let Some(dims) = self.dims() else {
            return match key.cast::<PySlice>() {
                Ok(_) => Ok(Bound::new(py, PyTensorShape(Shape::unknown()))?.into_any()),
                Err(_) => Ok(Bound::new(py, PyDimension(Dim::unknown("?[0]")))?.into_any()),
            };
        };
        let picked = PyList::new(py, dims)?.as_any().get_item(key)?;
        match key.cast::<PySlice>() {
            Ok(_) => Ok(Bound::new(py, other(&picked)?)?.into_any()),
            Err(_) => Ok(picked),
        }
    }

    fn __eq__(&self, value: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = shape(value) else {
            return false;
        };
        let sizes = |shape: &Shape| {
            shape
                .dims()
                .map(|dims| dims.iter().map(Dim::known).collect::<Vec<_>>())
        };
        sizes(&self.0) == sizes(&other)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.known().hash(&mut hasher);
        hasher.finish()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        match self.0.dims() {
            None => "TensorShape(None)".to_string(),
            Some(dims) => {
                let sizes: Vec<String> = dims
                    .iter()
                    .map(|dim| {
                        dim.known()
                            .map_or("None".to_string(), |size| size.to_string())
                    })
                    .collect();
                format!("TensorShape([{}])", sizes.join(", "))
            }
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Sizes,)) {
        let sizes = slf.get().0.dims();
        let sizes = sizes.map(|dims| dims.iter().map(Dim::known).collect());
        (slf.get_type().into_any(), (sizes,))
    }
}

/// The sizes of a shape, None where they are not known.
type Sizes = Option<Vec<Option<i64>>>;

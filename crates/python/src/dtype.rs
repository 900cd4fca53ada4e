//! TensorFlow's dtypes and NumPy's.

use std::hash::{DefaultHasher, Hash, Hasher};

use numpy::{PyArrayDescr, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyImportError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use tconv::DType;

/// An element type, by TensorFlow's name; equal to NumPy's dtype of the same numbers.
#[pyclass(name = "DType", module = "tconv._tconv", frozen)]
#[derive(Clone, Copy)]
pub struct PyDType(pub DType);

/// The dtype that a `DType`, a NumPy dtype, a Python type or a name means.
pub fn dtype(value: &Bound<'_, PyAny>) -> PyResult<DType> {
    find(value)?.ok_or_else(|| {
        let what = value
            .repr()
            .map_or_else(|_| "it".to_string(), |text| text.to_string());
        PyTypeError::new_err(format!("Cannot convert {what} to a TensorFlow DType."))
    })
}

/// [`dtype`] of an argument that may be left out.
pub fn maybe(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<DType>> {
    value.map(dtype).transpose()
}

fn find(value: &Bound<'_, PyAny>) -> PyResult<Option<DType>> {
    if let Ok(dtype) = value.cast::<PyDType>() {
        return Ok(Some(dtype.get().0));
    }
    if let Ok(name) = value.cast::<PyString>() {
        let name = name.to_string_lossy();
        let name = match &*name {
            "half" => "float16",
            "float" => "float32",
            "double" => "float64",
            name => name,
        };
        return Ok(name.parse().ok());
    }
    // `float` and `int` are TensorFlow's own: its default dtypes.
    let py = value.py();
    for (type_, dtype) in [
        (py.get_type::<pyo3::types::PyFloat>(), DType::Float32),
        (py.get_type::<pyo3::types::PyInt>(), DType::Int32),
        (py.get_type::<pyo3::types::PyBool>(), DType::Bool),
    ] {
        if value.is(&type_) {
            return Ok(Some(dtype));
        }
    }
    match PyArrayDescr::new(py, value) {
        Ok(descr) => Ok(of_descr(&descr)),
        Err(_) => Ok(None),
    }
}

/// The dtype of NumPy's, where it is one that tensors have.
fn of_descr(descr: &Bound<'_, PyArrayDescr>) -> Option<DType> {
    match (descr.kind(), descr.itemsize()) {
        (b'f', 2) => Some(DType::Float16),
        (b'f', 4) => Some(DType::Float32),
        (b'f', 8) => Some(DType::Float64),
        (b'i', 4) => Some(DType::Int32),
        (b'i', 8) => Some(DType::Int64),
        (b'u', 1) => Some(DType::Uint8),
        (b'b', 1) => Some(DType::Bool),
        // ml_dtypes' type is one of NumPy's user-defined ones.
        (b'V' | b'f', _) => {
            let name = descr.getattr(intern!(descr.py(), "name")).ok()?;
            (name.extract::<String>().ok()? == "bfloat16").then_some(DType::Bfloat16)
        }
        _ => None,
    }
}

/// The dtype of an array's elements.
pub fn of_array(array: &Bound<'_, PyUntypedArray>) -> Option<DType> {
    of_descr(&array.dtype())
}

/// NumPy's name of a dtype's scalar type, and the module that has it.
fn numpy_type(dtype: DType) -> (&'static str, &'static str) {
    match dtype {
        DType::Bfloat16 => ("ml_dtypes", "bfloat16"),
        DType::Bool => ("numpy", "bool_"),
        DType::Resource => ("numpy", "object_"),
        other => ("numpy", other.name()),
    }
}

/// NumPy's scalar type of a dtype.
pub fn to_numpy(py: Python<'_>, dtype: DType) -> PyResult<Bound<'_, PyAny>> {
    let (module, name) = numpy_type(dtype);
    if dtype == DType::Bfloat16 {
        has_bfloat16(py)?;
    }
    py.import(module)?.getattr(name)
}

/// Lets NumPy know the dtype bfloat16, which it has not of its own.
///
/// # Errors
/// `ImportError` where the package that has it is not installed.
pub fn has_bfloat16(py: Python<'_>) -> PyResult<()> {
    py.import(intern!(py, "ml_dtypes")).map(drop).map_err(|_| {
        PyImportError::new_err(
            "NumPy has no bfloat16 without the package ml_dtypes: pip install ml_dtypes, or cast to float32",
        )
    })
}

#[pymethods]
impl PyDType {
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Bytes of one element.
    #[getter]
    fn size(&self) -> usize {
        self.0.size()
    }

    #[getter]
    fn is_floating(&self) -> bool {
        self.0.is_floating()
    }

    #[getter]
    fn is_integer(&self) -> bool {
        self.0.is_integer()
    }

    #[getter]
    fn is_bool(&self) -> bool {
        self.0 == DType::Bool
    }

    #[getter]
    fn is_complex(&self) -> bool {
        false
    }

    #[getter]
    fn is_unsigned(&self) -> bool {
        self.0 == DType::Uint8
    }

    #[getter]
    fn is_numpy_compatible(&self) -> bool {
        self.0 != DType::Resource
    }

    /// NumPy's scalar type.
    #[getter]
    fn as_numpy_dtype<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_numpy(py, self.0)
    }

    #[getter]
    fn base_dtype(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[getter]
    fn real_dtype(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// TensorFlow's number of it.
    #[getter]
    fn as_datatype_enum(&self) -> i32 {
        match self.0 {
            DType::Float32 => 1,
            DType::Float64 => 2,
            DType::Int32 => 3,
            DType::Uint8 => 4,
            DType::Int64 => 9,
            DType::Bool => 10,
            DType::Bfloat16 => 14,
            DType::Float16 => 19,
            DType::Resource => 20,
        }
    }

    /// The least number that it holds.
    #[getter]
    fn min<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.limit(py, "min")
    }

    /// The greatest number that it holds.
    #[getter]
    fn max<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.limit(py, "max")
    }

    /// Whether the other means the same dtype.
    fn is_compatible_with(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(find(other)? == Some(self.0))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        !other.is_none() && find(other).is_ok_and(|other| other == Some(self.0))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        format!("tf.{}", self.0.name())
    }

    fn __str__(&self) -> String {
        format!("<dtype: '{}'>", self.0.name())
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (&'static str,))> {
        let make = py
            .import(intern!(py, "tconv._tconv"))?
            .getattr(intern!(py, "as_dtype"))?;
        Ok((make.unbind(), (self.0.name(),)))
    }
}

impl PyDType {
    fn limit<'py>(&self, py: Python<'py>, which: &str) -> PyResult<Bound<'py, PyAny>> {
        if self.0 == DType::Bool {
            return Ok((which == "max").into_pyobject(py)?.to_owned().into_any());
        }
        let kind = if self.0.is_floating() {
            "finfo"
        } else {
            "iinfo"
        };
        let module = if self.0 == DType::Bfloat16 {
            has_bfloat16(py)?;
            "ml_dtypes"
        } else {
            "numpy"
        };
        let limits = py
            .import(module)?
            .getattr(kind)?
            .call1((to_numpy(py, self.0)?,))?;
        limits.getattr(which)
    }
}

/// The `DType` of a NumPy dtype, a Python type or a name. Raises `TypeError` for what is none.
#[pyfunction]
pub fn as_dtype(value: &Bound<'_, PyAny>) -> PyResult<PyDType> {
    dtype(value).map(PyDType)
}

/// Adds the dtypes under their names.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for dtype in DType::ALL {
        module.add(dtype.name(), PyDType(dtype))?;
    }
    Ok(())
}

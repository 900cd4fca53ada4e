//! NumPy arrays as tensors and back, without a copy where layout allows. The only unsafe code here.

use std::sync::Arc;

use numpy::ndarray::{ArrayViewMut, IxDyn};
use numpy::{
    Element as NumpyElement, PyArray, PyArrayDyn, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use tconv::{DType, Element, Owner, Tensor};

use crate::dtype::{has_bfloat16, of_array, to_numpy};
use crate::error::plain;

/// The elements of an array that is kept alive.
struct Elements<T> {
    start: *const T,
    len: usize,
    /// What owns them; dropped by PyO3 when the interpreter may.
    _array: Py<PyUntypedArray>,
}

// SAFETY: the elements are only read. That Python writes to an array while a run reads it is a race of the
// caller's own, as it is with every library that reads NumPy's memory without the interpreter's lock.
unsafe impl<T: Sync> Send for Elements<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Elements<T> {}

impl<T: Sync> Owner<T> for Elements<T> {
    fn elements(&self) -> &[T] {
        // SAFETY: `borrow` took pointer and length from an aligned, contiguous array that lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

/// A tensor over an array's own memory, which is contiguous, aligned and of this machine's byte order.
fn borrow<T: Element + NumpyElement>(array: &Bound<'_, PyUntypedArray>) -> PyResult<Tensor> {
    let typed = array.cast::<PyArrayDyn<T>>()?;
    if typed.is_empty() {
        return Tensor::new(array.shape(), Vec::<T>::new()).map_err(plain);
    }
    // A subclass can say of itself what it likes.
    if !typed.data().is_aligned() {
        return Err(PyValueError::new_err(
            "the array says that its memory is aligned, and it is not: give a copy of it",
        ));
    }
    let owner = Elements {
        start: typed.data().cast_const(),
        len: typed.len(),
        _array: array.clone().unbind(),
    };
    Tensor::from_owner(array.shape(), Arc::new(owner)).map_err(plain)
}

/// Booleans are bytes in NumPy, of which some are neither 0 nor 1.
fn booleans(array: &Bound<'_, PyUntypedArray>) -> PyResult<Tensor> {
    let bytes = array.call_method1(intern!(array.py(), "view"), (intern!(array.py(), "uint8"),))?;
    let bytes = bytes.cast_into::<PyArrayDyn<u8>>()?;
    let read = bytes.try_readonly()?;
    let values: Vec<bool> = read.as_slice()?.iter().map(|&byte| byte != 0).collect();
    Tensor::new(array.shape(), values).map_err(plain)
}

fn is_plain(array: &Bound<'_, PyUntypedArray>) -> bool {
    let flags = |name| {
        array
            .getattr(name)
            .and_then(|flags| flags.getattr("aligned"))
    };
    array.is_c_contiguous()
        && array.dtype().is_native_byteorder() != Some(false)
        && flags("flags")
            .and_then(|aligned| aligned.extract())
            .unwrap_or(false)
}

use numpy::PyArrayDescrMethods;

/// What `np.asarray(value, dtype)` gives, contiguous and aligned.
pub fn as_array<'py>(
    value: &Bound<'py, PyAny>,
    dtype: Option<DType>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = value.py();
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        let same = dtype.is_none_or(|dtype| of_array(array) == Some(dtype));
        if same && is_plain(array) {
            return Ok(array.clone());
        }
    }
    static REQUIRE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let asarray = REQUIRE.import(py, "numpy", "asarray")?;
    let dtype = dtype.map(|dtype| to_numpy(py, dtype)).transpose()?;
    let value = match foreign(value)? {
        true => from_dlpack(value)?,
        false => value.clone(),
    };
    let array = asarray.call1((value, dtype, intern!(py, "C")))?;
    let array = array.cast_into::<PyUntypedArray>()?;
    match is_plain(&array) {
        true => Ok(array),
        false => {
            let native = array.dtype().call_method1("newbyteorder", ("=",))?;
            let options = [("dtype", native)];
            let options = pyo3::types::IntoPyDict::into_py_dict(options, py)?;
            let copied = py
                .import("numpy")?
                .call_method("array", (array,), Some(&options))?;
            Ok(copied.cast_into::<PyUntypedArray>()?)
        }
    }
}

/// An array as it is, or the one over another library's memory; None for what is no array.
pub fn shared<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyUntypedArray>>> {
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        return Ok(Some(array.clone()));
    }
    match foreign(value)? {
        true => Ok(Some(from_dlpack(value)?.cast_into()?)),
        false => Ok(None),
    }
}

/// NumPy's array over the memory of another library's, PyTorch's for one.
fn from_dlpack<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    py.import(intern!(py, "numpy"))?
        .call_method1(intern!(py, "from_dlpack"), (value,))
}

/// Whether a value is another library's array.
fn foreign(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_instance_of::<PyUntypedArray>() {
        return Ok(false);
    }
    let py = value.py();
    if !value.hasattr(intern!(py, "__dlpack__"))? {
        return Ok(false);
    }
    // NumPy's own scalars have it too in some versions; they are no arrays.
    Ok(!value.is_instance(&py.import("numpy")?.getattr("generic")?)?)
}

/// The tensor of an array, over the array's own memory.
///
/// # Errors
/// `TypeError` for a dtype that tensors do not have.
pub fn to_tensor(array: &Bound<'_, PyUntypedArray>) -> PyResult<Tensor> {
    match of_array(array) {
        Some(DType::Float16) => borrow::<half::f16>(array),
        Some(DType::Bfloat16) => {
            has_bfloat16(array.py())?;
            borrow::<half::bf16>(array)
        }
        Some(DType::Float32) => borrow::<f32>(array),
        Some(DType::Float64) => borrow::<f64>(array),
        Some(DType::Int32) => borrow::<i32>(array),
        Some(DType::Int64) => borrow::<i64>(array),
        Some(DType::Uint8) => borrow::<u8>(array),
        Some(DType::Bool) => booleans(array),
        _ => Err(PyTypeError::new_err(format!(
            "NumPy arrays of dtype {} are no tensors: they are float16, float32, float64, int32, int64, uint8 or bool",
            array.dtype()
        ))),
    }
}

/// The most axes of all versions of NumPy; 2.0 and later have more.
const AXES: usize = 32;

/// What keeps an array's elements: when the array is gone their memory goes back to where it came from.
#[pyclass(name = "Memory", module = "tconv._tconv", frozen)]
struct Memory {
    _tensor: Tensor,
}

/// The array of a tensor; it takes over the tensor's elements where nobody else has them. A tensor of rank 0
/// is NumPy's scalar.
pub fn from_tensor(py: Python<'_>, tensor: Tensor) -> PyResult<Bound<'_, PyAny>> {
    fn own<T: Element + NumpyElement>(
        py: Python<'_>,
        mut tensor: Tensor,
    ) -> PyResult<Bound<'_, PyAny>> {
        let shape = tensor.shape().to_vec();
        let sizes = match shape.len() <= AXES {
            true => shape.clone(),
            false => vec![tensor.len()],
        };
        let start = tensor.make_mut::<T>().map_err(plain)?.as_mut_ptr();
        let memory = Bound::new(py, Memory { _tensor: tensor })?.into_any();
        // SAFETY: the tensor has so many elements there, and after `make_mut` it alone; they stay where they are
        // when it moves, and `memory`, which the array keeps, has it and never looks at it.
        let array = unsafe {
            let elements = ArrayViewMut::from_shape_ptr(IxDyn(&sizes), start);
            PyArray::borrow_from_array(&elements, memory).into_any()
        };
        if shape.len() <= AXES {
            return Ok(array);
        }
        array
            .call_method1(intern!(py, "reshape"), (PyTuple::new(py, &shape)?,))
            .map_err(|error| {
                PyValueError::new_err(format!(
                    "a tensor of {} axes cannot become an array: {}; reshape it to fewer axes before",
                    shape.len(),
                    error.value(py)
                ))
            })
    }
    let scalar = tensor.rank() == 0;
    let array = match tensor.dtype() {
        DType::Float16 => own::<half::f16>(py, tensor),
        DType::Bfloat16 => {
            has_bfloat16(py)?;
            own::<half::bf16>(py, tensor)
        }
        DType::Float32 => own::<f32>(py, tensor),
        DType::Float64 => own::<f64>(py, tensor),
        DType::Int32 => own::<i32>(py, tensor),
        DType::Int64 => own::<i64>(py, tensor),
        DType::Uint8 => own::<u8>(py, tensor),
        DType::Bool => own::<bool>(py, tensor),
        DType::Resource => Err(PyTypeError::new_err("a variable's handle is no array")),
    }?;
    match scalar {
        true => array.get_item(()),
        false => Ok(array),
    }
}

/// The address from which the engine reads an array: the array's own where it need not be copied.
#[pyfunction]
pub fn address(array: &Bound<'_, PyAny>) -> PyResult<usize> {
    let tensor = to_tensor(&as_array(array, None)?)?;
    let start = match tensor.dtype() {
        DType::Float16 => tensor
            .as_slice::<half::f16>()
            .map_err(plain)?
            .as_ptr()
            .addr(),
        DType::Float32 => tensor.as_slice::<f32>().map_err(plain)?.as_ptr().addr(),
        DType::Float64 => tensor.as_slice::<f64>().map_err(plain)?.as_ptr().addr(),
        DType::Int32 => tensor.as_slice::<i32>().map_err(plain)?.as_ptr().addr(),
        DType::Int64 => tensor.as_slice::<i64>().map_err(plain)?.as_ptr().addr(),
        DType::Uint8 => tensor.as_slice::<u8>().map_err(plain)?.as_ptr().addr(),
        _ => tensor.as_slice::<bool>().map_err(plain)?.as_ptr().addr(),
    };
    Ok(start)
}

/// Has a convolution write its result into an array, which is contiguous, of this dtype and of as many
/// elements, without the interpreter's lock.
///
/// # Errors
/// `ValueError` for an array that may not be written or is not contiguous; those of the convolution.
pub fn write<'a>(
    py: Python<'_>,
    array: &Bound<'_, PyUntypedArray>,
    dtype: DType,
    engine: &tconv::Eager,
    conv: impl Fn() -> tconv::Result<tconv::nn::ConvBuilder<'a>> + Sync,
) -> PyResult<()> {
    let writable = array.getattr("flags")?.getattr("writeable")?;
    if !writable.is_truthy()? {
        return Err(PyValueError::new_err("out is read-only"));
    }
    // A byte order that is not the machine's is another type to the `cast` below.
    if !is_plain(array) {
        return Err(PyValueError::new_err(
            "out must be contiguous and aligned, in this machine's byte order",
        ));
    }
    macro_rules! with {
        ($type:ty, |$conv:ident, $out:ident| $fill:expr) => {{
            let refused =
                |error| PyValueError::new_err(format!("out cannot be written to: {error}"));
            let out = array.cast::<PyArrayDyn<$type>>()?.try_readwrite();
            let mut out = out.map_err(refused)?;
            let $out = out.as_slice_mut()?;
            let fill = || conv().and_then(|$conv| $fill);
            py.detach(fill).map_err(plain)
        }};
    }
    if !is_plain(array) {
        return Err(PyValueError::new_err(
            "out must be contiguous and aligned, in this machine's byte order",
        ));
    }
    match dtype {
        DType::Float32 => with!(f32, |conv, out| conv.compute_into(engine, out)),
        DType::Float64 => with!(f64, |conv, out| conv.compute_into(engine, out)),
        DType::Int32 => with!(i32, |conv, out| conv.compute_into(engine, out)),
        DType::Float16 => with!(half::f16, |conv, out| conv.compute_into(engine, out)),
        DType::Bfloat16 => with!(half::bf16, |conv, out| conv.compute_into(engine, out)),
        other => Err(PyTypeError::new_err(format!(
            "convolutions do not compute with {other}"
        ))),
    }
}

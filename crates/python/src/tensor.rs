//! `Tensor`: a value that a session makes.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyNotImplementedError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyEllipsis, PyList, PySlice, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use tconv::array::Index;
use tconv::{DType, Output, Size, array, math};

use crate::graph::{PyGraph, build};
use crate::operand::Input;
use crate::operation::PyOperation;
use crate::session;
use crate::tensor_shape::{PyTensorShape, shape};
use crate::{builders, html};

use crate::dtype::PyDType;

/// A value that an operation makes when a session runs.
#[pyclass(name = "Tensor", module = "tconv._tconv", frozen, weakref)]
pub struct PyTensor {
    pub graph: Py<PyGraph>,
    pub output: Output,
}

impl PyTensor {
    pub fn new(graph: &Bound<'_, PyGraph>, output: Output) -> PyTensor {
        PyTensor {
            graph: graph.clone().unbind(),
            output,
        }
    }

    /// `self` and another value through a builder.
    fn with(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        operator: impl FnOnce(&Output, &Input<'_>) -> tconv::Result<Output>,
    ) -> PyResult<PyTensor> {
        let this = slf.get();
        let graph = this.graph.bind(slf.py());
        let input = Input::new(other, &graph.get().graph)?;
        let made = build(graph, None, |_| operator(&this.output, &input))?;
        Ok(PyTensor::new(graph, made))
    }
}

/// The tensor that a binary operator makes of a value that stands before it: `1 - x`. It converts the value first, as
/// TensorFlow does, within the operator's scope.
macro_rules! right {
    ($slf:expr, $other:expr, $op:literal, $name:literal) => {
        builders::apply_to(
            $slf.get().graph.bind($slf.py()),
            $op,
            &[$other.clone(), $slf.as_any().clone()],
            $name,
        )
    };
}

macro_rules! left {
    ($slf:expr, $other:expr, $op:literal, $name:literal) => {
        builders::apply_to(
            $slf.get().graph.bind($slf.py()),
            $op,
            &[$slf.as_any().clone(), $other.clone()],
            $name,
        )
    };
}

#[pymethods]
impl PyTensor {
    /// A collection of the graph may hold this, and this holds the graph: Python's collector finds such rings.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.graph)
    }

    /// NumPy's arrays leave operators to tensors.
    #[classattr]
    fn __array_priority__() -> i64 {
        100
    }

    /// `operation:index`
    #[getter]
    fn name(&self) -> String {
        self.output.name()
    }

    #[getter]
    fn op(&self, py: Python<'_>) -> PyOperation {
        PyOperation::new(self.graph.bind(py), self.output.op().clone())
    }

    #[getter]
    fn graph(&self, py: Python<'_>) -> Py<PyGraph> {
        self.graph.clone_ref(py)
    }

    #[getter]
    fn dtype(&self) -> PyDType {
        PyDType(self.output.dtype())
    }

    /// The shape as far as it is known before the graph runs.
    #[getter(shape)]
    fn static_shape(&self) -> PyTensorShape {
        PyTensorShape(self.output.static_shape().clone())
    }

    #[getter]
    fn value_index(&self) -> usize {
        self.output.slot()
    }

    #[getter]
    fn device(&self) -> &'static str {
        ""
    }

    /// The shape with its sizes as expressions in those of the placeholders: `[N, ceil(H/4), 3]`.
    #[getter]
    fn symbolic_shape(&self) -> String {
        format!("{:?}", self.output.static_shape())
    }

    /// The shape as far as it is known before the graph runs.
    fn get_shape(&self) -> PyTensorShape {
        self.static_shape()
    }

    /// Checks that the tensor may have this shape. What is known of a tensor follows from its operation here, so
    /// nothing is added to it. Raises `ValueError`.
    fn set_shape(&self, shape: &Bound<'_, PyAny>) -> PyResult<()> {
        let (own, given) = (self.output.static_shape(), self::shape(shape)?);
        match own.is_compatible_with(&given) {
            true => Ok(()),
            false => Err(PyValueError::new_err(format!(
                "Shapes {own} and {given} are not compatible"
            ))),
        }
    }

    /// Its value in a session, by default the innermost `with` session.
    #[pyo3(signature = (feed_dict=None, session=None))]
    fn eval<'py>(
        slf: &Bound<'py, Self>,
        feed_dict: Option<&Bound<'py, PyAny>>,
        session: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        session::evaluate(slf.as_any(), feed_dict, session, "evaluate tensor")
    }

    /// The operations that read it.
    fn consumers(&self, py: Python<'_>) -> Vec<PyOperation> {
        let graph = self.graph.bind(py);
        let reads = |operation: &tconv::Operation| operation.inputs().contains(&self.output);
        let all = graph.get().graph.operations().into_iter();
        all.filter(reads)
            .map(|operation| PyOperation::new(graph, operation))
            .collect()
    }

    fn __add__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        Self::with(slf, other, |x, y| x + y)
    }

    fn __radd__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        right!(slf, other, "AddV2", "add")
    }

    fn __sub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        Self::with(slf, other, |x, y| x - y)
    }

    fn __rsub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        right!(slf, other, "Sub", "sub")
    }

    fn __mul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        Self::with(slf, other, |x, y| x * y)
    }

    fn __rmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        right!(slf, other, "Mul", "mul")
    }

    fn __truediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        Self::with(slf, other, |x, y| x / y)
    }

    fn __rtruediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        let this = slf.get();
        let graph = this.graph.bind(slf.py());
        let dtype = Some(this.output.dtype());
        let constant = crate::constant::constant(other, dtype)?;
        let made = build(graph, None, |_| math::divide(&constant, &this.output))?;
        Ok(PyTensor::new(graph, made))
    }

    fn __floordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        left!(slf, other, "FloorDiv", "floordiv")
    }

    fn __rfloordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        right!(slf, other, "FloorDiv", "floordiv")
    }

    fn __mod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        left!(slf, other, "FloorMod", "mod")
    }

    fn __rmod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        right!(slf, other, "FloorMod", "mod")
    }

    fn __pow__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        modulus: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyTensor> {
        refuse_modulus(modulus)?;
        left!(slf, other, "Pow", "pow")
    }

    fn __rpow__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        modulus: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyTensor> {
        refuse_modulus(modulus)?;
        right!(slf, other, "Pow", "pow")
    }

    fn __matmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        left!(slf, other, "MatMul", "matmul")
    }

    fn __rmatmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        right!(slf, other, "MatMul", "matmul")
    }

    fn __neg__(slf: &Bound<'_, Self>) -> PyResult<PyTensor> {
        let this = slf.get();
        let graph = this.graph.bind(slf.py());
        let made = build(graph, None, |_| -&this.output)?;
        Ok(PyTensor::new(graph, made))
    }

    fn __abs__(slf: &Bound<'_, Self>) -> PyResult<PyTensor> {
        let this = slf.get();
        let graph = this.graph.bind(slf.py());
        let made = build(graph, None, |_| math::abs(&this.output))?;
        Ok(PyTensor::new(graph, made))
    }

    /// `==` and `!=` ask whether both are the same tensor, as in TensorFlow 1; the others compare elements.
    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        operator: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let compare = |op, name| -> PyResult<Bound<'py, PyAny>> {
            let graph = slf.get().graph.bind(py);
            let operands = [slf.as_any().clone(), other.clone()];
            let made = builders::apply_to(graph, op, &operands, name)?;
            Ok(Bound::new(py, made)?.into_any())
        };
        let same = || {
            let other = other.cast::<PyTensor>();
            other.is_ok_and(|other| other.get().output == slf.get().output)
        };
        match operator {
            CompareOp::Eq => Ok(same().into_pyobject(py)?.to_owned().into_any()),
            CompareOp::Ne => Ok((!same()).into_pyobject(py)?.to_owned().into_any()),
            CompareOp::Lt => compare("Less", "Less"),
            CompareOp::Le => compare("LessEqual", "LessEqual"),
            CompareOp::Gt => compare("Greater", "Greater"),
            CompareOp::Ge => compare("GreaterEqual", "GreaterEqual"),
        }
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.output.op().name(), self.output.slot()).hash(&mut hasher);
        hasher.finish()
    }

    /// A part of it, as NumPy slices: indices, slices, `...` and `None` (a new axis); indices may be tensors.
    fn __getitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        let this = slf.get();
        let entries: Vec<Bound<'_, PyAny>> = match key.cast::<PyTuple>() {
            Ok(several) => several.iter().collect(),
            Err(_) => match key.cast::<PyList>() {
                Ok(several) => several.iter().collect(),
                Err(_) => vec![key.clone()],
            },
        };
        let indices = entries.iter().map(index).collect::<PyResult<Vec<_>>>()?;
        let graph = this.graph.bind(slf.py());
        let made = build(graph, None, |_| this.output.slice(&indices))?;
        Ok(PyTensor::new(graph, made))
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        let dims = this.output.static_shape().dims();
        match dims {
            Some([]) => Err(PyTypeError::new_err("Cannot iterate over a scalar tensor.")),
            Some([first, ..]) if first.known().is_some() => {
                let graph = this.graph.bind(slf.py());
                let parts = build(graph, None, |_| array::unpack(&this.output, 0))?;
                let parts = parts.into_iter().map(|part| PyTensor::new(graph, part));
                Ok(PyList::new(slf.py(), parts)?
                    .as_any()
                    .try_iter()?
                    .into_any())
            }
            _ => Err(PyTypeError::new_err(
                "Cannot iterate over a tensor with unknown first dimension.",
            )),
        }
    }

    fn __len__(&self) -> PyResult<usize> {
        Err(PyTypeError::new_err(format!(
            "len is not well defined for a symbolic Tensor ({}). Please call `x.shape` rather than `len(x)` for shape information.",
            self.name()
        )))
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err(
            "Using a `tf.Tensor` as a Python `bool` is not allowed. It has no value before a session runs: use `if t is not None:` to test whether a tensor is defined, and tf.where to choose by its value.",
        ))
    }

    #[pyo3(signature = (*_arguments, **_options))]
    fn __array__(
        &self,
        _arguments: &Bound<'_, PyTuple>,
        _options: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> PyResult<()> {
        Err(PyNotImplementedError::new_err(format!(
            "Cannot convert a symbolic tf.Tensor ({}) to a numpy array. It has no value before a session runs: sess.run(tensor) gives its array.",
            self.name()
        )))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.output)
    }

    fn __str__(&self) -> String {
        let unknown = self.output.static_shape().dims().is_none();
        match unknown {
            true => format!("Tensor(\"{}\", dtype={})", self.name(), self.output.dtype()),
            false => format!(
                "Tensor(\"{}\", shape={}, dtype={})",
                self.name(),
                self.output.static_shape(),
                self.output.dtype()
            ),
        }
    }

    fn _repr_html_(&self) -> String {
        html::tensor(&self.output)
    }
}

/// Refuses the third argument of `pow`.
pub fn refuse_modulus(modulus: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match modulus.is_some_and(|modulus| !modulus.is_none()) {
        true => Err(PyTypeError::new_err("pow() of a tensor takes no modulus")),
        false => Ok(()),
    }
}

/// One entry of what stands between brackets.
fn index(entry: &Bound<'_, PyAny>) -> PyResult<Index> {
    if entry.is_none() {
        return Ok(Index::NewAxis);
    }
    if entry.is_instance_of::<PyEllipsis>() {
        return Ok(Index::Ellipsis);
    }
    if let Ok(slice) = entry.cast::<PySlice>() {
        let part = |name: &str| -> PyResult<Option<Size>> {
            let part = slice.getattr(name)?;
            match part.is_none() {
                true => Ok(None),
                false => size(&part).map(Some),
            }
        };
        return Ok(Index::Range {
            begin: part("start")?,
            end: part("stop")?,
            step: part("step")?.unwrap_or(Size::Known(1)),
        });
    }
    size(entry).map(Index::At)
}

fn size(value: &Bound<'_, PyAny>) -> PyResult<Size> {
    if let Ok(tensor) = value.cast::<PyTensor>() {
        let output = &tensor.get().output;
        if !output.dtype().is_integer() || output.dtype() == DType::Uint8 {
            return Err(PyTypeError::new_err(format!(
                "Value passed to parameter 'begin' has DataType {} not in list of allowed values: int32, int64",
                output.dtype()
            )));
        }
        return Ok(Size::from(output));
    }
    value.extract().map(Size::Known).map_err(|_| {
        PyTypeError::new_err(
            "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 tensors are valid indices",
        )
    })
}

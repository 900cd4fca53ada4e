//! `Operation`.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use tconv::{AttrValue, Operation};

use crate::array::from_tensor;
use crate::dtype::PyDType;
use crate::graph::PyGraph;
use crate::session;
use crate::tensor::PyTensor;
use crate::tensor_shape::PyTensorShape;

/// A node of a graph.
#[pyclass(name = "Operation", module = "tconv._tconv", frozen, weakref)]
pub struct PyOperation {
    pub graph: Py<PyGraph>,
    pub operation: Operation,
}

impl PyOperation {
    pub fn new(graph: &Bound<'_, PyGraph>, operation: Operation) -> PyOperation {
        PyOperation {
            graph: graph.clone().unbind(),
            operation,
        }
    }

    fn tensors<'py>(
        &self,
        py: Python<'py>,
        outputs: Vec<tconv::Output>,
    ) -> PyResult<Bound<'py, PyList>> {
        let graph = self.graph.bind(py);
        PyList::new(
            py,
            outputs
                .into_iter()
                .map(|output| PyTensor::new(graph, output)),
        )
    }
}

#[pymethods]
impl PyOperation {
    /// A collection of the graph may hold this, and this holds the graph: Python's collector finds such rings.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.graph)
    }

    #[getter]
    fn name(&self) -> &str {
        self.operation.name()
    }

    /// The registered name of its op.
    #[getter]
    fn r#type(&self) -> &'static str {
        self.operation.op_name()
    }

    #[getter]
    fn graph(&self, py: Python<'_>) -> Py<PyGraph> {
        self.graph.clone_ref(py)
    }

    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.tensors(py, self.operation.inputs())
    }

    #[getter]
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.tensors(py, self.operation.outputs())
    }

    /// The operations that run before it though it reads none of their outputs.
    #[getter]
    fn control_inputs(&self, py: Python<'_>) -> Vec<PyOperation> {
        let graph = self.graph.bind(py);
        let all = self.operation.control_inputs().into_iter();
        all.map(|operation| PyOperation::new(graph, operation))
            .collect()
    }

    /// The line of the program that made it: file and line.
    #[getter]
    fn location(&self) -> Option<(&'static str, u32)> {
        self.operation
            .location()
            .map(|location| (location.file, location.line))
    }

    #[getter]
    fn device(&self) -> &'static str {
        ""
    }

    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        Ok(self.tensors(py, self.operation.outputs())?.to_tuple())
    }

    /// The attribute of this name. Raises `ValueError`.
    fn get_attr<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let Some(value) = self.operation.attrs().get(name) else {
            return Err(PyValueError::new_err(format!(
                "Operation '{}' has no attr named '{name}'.",
                self.name()
            )));
        };
        Ok(match value {
            AttrValue::Int(n) => n.into_pyobject(py)?.into_any(),
            AttrValue::Float(x) => x.into_pyobject(py)?.into_any(),
            AttrValue::Bool(b) => b.into_pyobject(py)?.to_owned().into_any(),
            AttrValue::String(text) => pyo3::types::PyBytes::new(py, text.as_bytes()).into_any(),
            AttrValue::Type(dtype) => Bound::new(py, PyDType(*dtype))?.into_any(),
            AttrValue::Shape(shape) => Bound::new(py, PyTensorShape(shape.clone()))?.into_any(),
            AttrValue::Tensor(tensor) => from_tensor(py, tensor.clone())?,
            AttrValue::Ints(all) => PyList::new(py, all)?.into_any(),
        })
    }

    /// Runs it in a session, by default the innermost `with` session.
    #[pyo3(signature = (feed_dict=None, session=None))]
    fn run(
        slf: &Bound<'_, Self>,
        feed_dict: Option<&Bound<'_, PyAny>>,
        session: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        session::evaluate(slf.as_any(), feed_dict, session, "execute operation").map(drop)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let other = other.cast::<PyOperation>();
        other.is_ok_and(|other| other.get().operation == self.operation)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.operation.name().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.operation)
    }
}

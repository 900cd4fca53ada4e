//! `Variable`.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyNotImplementedError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use tconv::{Operation, Variable};

use crate::dtype::PyDType;
use crate::graph::{PyGraph, build};
use crate::operand::Input;
use crate::operation::PyOperation;
use crate::session;
use crate::tensor::{PyTensor, refuse_modulus};
use crate::tensor_shape::PyTensorShape;

type Any<'py> = Bound<'py, PyAny>;

/// A value that a session keeps from run to run; it stands for its value wherever a tensor may stand.
#[pyclass(name = "Variable", module = "tconv._tconv", frozen, weakref)]
pub struct PyVariable {
    pub graph: Py<PyGraph>,
    pub variable: Variable,
}

impl PyVariable {
    pub fn new(graph: &Bound<'_, PyGraph>, variable: Variable) -> PyVariable {
        PyVariable {
            graph: graph.clone().unbind(),
            variable,
        }
    }

    pub fn list<'py>(
        graph: &Bound<'py, PyGraph>,
        all: Vec<Variable>,
    ) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            graph.py(),
            all.into_iter()
                .map(|variable| PyVariable::new(graph, variable)),
        )
    }

    /// The variable that an argument is.
    pub fn of(value: &Any<'_>) -> PyResult<Variable> {
        match value.cast::<PyVariable>() {
            Ok(variable) => Ok(variable.get().variable.clone()),
            Err(_) => Err(PyTypeError::new_err(format!(
                "Argument is not a tf.Variable: {}",
                value.repr()?
            ))),
        }
    }

    fn tensor(&self, py: Python<'_>, output: tconv::Output) -> PyTensor {
        PyTensor::new(self.graph.bind(py), output)
    }

    fn read(&self, py: Python<'_>) -> PyResult<PyTensor> {
        let made = build(self.graph.bind(py), None, |_| self.variable.read())?;
        Ok(self.tensor(py, made))
    }

    /// Changes the variable; gives its value from after, or the operation.
    fn update<'py>(
        &self,
        value: &Any<'py>,
        name: Option<&str>,
        read_value: bool,
        change: impl FnOnce(&Variable, &Input<'py>) -> tconv::Result<Operation>,
    ) -> PyResult<Any<'py>> {
        let py = value.py();
        let graph = self.graph.bind(py);
        let input = Input::new(value, &graph.get().graph)?;
        let changed = build(graph, name, |_| change(&self.variable, &input))?;
        if !read_value {
            return Ok(Bound::new(py, PyOperation::new(graph, changed))?.into_any());
        }
        let after = build(graph, None, |graph| {
            graph.control_dependencies(&[&changed], || self.variable.read())
        })?;
        Ok(Bound::new(py, self.tensor(py, after))?.into_any())
    }

    /// An operator of its value: this is read first, as in TensorFlow, and only then does the operator open its scope.
    fn operator<'py>(&self, name: &str, other: &Any<'py>) -> PyResult<Any<'py>> {
        let value = Bound::new(other.py(), self.read(other.py())?)?;
        value.call_method1(name, (other,))
    }
}

#[pymethods]
impl PyVariable {
    /// A collection of the graph may hold this, and this holds the graph: Python's collector finds such rings.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.graph)
    }

    /// NumPy's arrays leave operators to variables.
    #[classattr]
    fn __array_priority__() -> i64 {
        100
    }

    /// `operation:index`
    #[getter]
    fn name(&self) -> String {
        self.variable.handle().name()
    }

    #[getter]
    fn op(&self, py: Python<'_>) -> PyOperation {
        PyOperation::new(self.graph.bind(py), self.variable.handle().op().clone())
    }

    /// The tensor by which operations read and write it.
    #[getter]
    fn handle(&self, py: Python<'_>) -> PyTensor {
        self.tensor(py, self.variable.handle().clone())
    }

    #[getter]
    fn graph(&self, py: Python<'_>) -> Py<PyGraph> {
        self.graph.clone_ref(py)
    }

    #[getter]
    fn dtype(&self) -> PyDType {
        PyDType(self.variable.value().dtype())
    }

    #[getter(shape)]
    fn static_shape(&self) -> PyTensorShape {
        PyTensorShape(self.variable.static_shape().clone())
    }

    #[getter]
    fn device(&self) -> &'static str {
        ""
    }

    /// Whether optimizers train it by default.
    #[getter]
    fn trainable(&self) -> bool {
        self.variable.is_trainable()
    }

    /// The operation that gives it its initial value.
    #[getter]
    fn initializer(&self, py: Python<'_>) -> PyOperation {
        PyOperation::new(self.graph.bind(py), self.variable.initializer().clone())
    }

    /// The tensor that it starts with.
    #[getter]
    fn initial_value(&self, py: Python<'_>) -> PyTensor {
        self.tensor(py, self.variable.initial_value())
    }

    /// The shape of its value.
    fn get_shape(&self) -> PyTensorShape {
        self.static_shape()
    }

    /// Its value as a tensor, read where the open control dependencies say.
    fn value(&self, py: Python<'_>) -> PyResult<PyTensor> {
        self.read(py)
    }

    /// Its value as a tensor, read where the open control dependencies say.
    fn read_value(&self, py: Python<'_>) -> PyResult<PyTensor> {
        let made = build(self.graph.bind(py), None, |graph| {
            let value = graph.name_scope("Read", || self.variable.read())?;
            tconv::array::identity(value)
        })?;
        Ok(self.tensor(py, made))
    }

    /// The value that it starts with, for variables that start from it.
    fn initialized_value(&self, py: Python<'_>) -> PyTensor {
        self.initial_value(py)
    }

    /// Whether it has a value, as a boolean tensor.
    #[pyo3(signature = (name=None))]
    fn is_initialized(&self, py: Python<'_>, name: Option<&str>) -> PyResult<PyTensor> {
        let made = build(self.graph.bind(py), name, |_| {
            self.variable.is_initialized()
        })?;
        Ok(self.tensor(py, made))
    }

    /// Gives it a new value, which is the answer; with `read_value=False` that is the operation.
    #[pyo3(signature = (value, use_locking=None, name=None, read_value=true))]
    fn assign<'py>(
        &self,
        value: &Any<'py>,
        use_locking: Option<&Any<'py>>,
        name: Option<&str>,
        read_value: bool,
    ) -> PyResult<Any<'py>> {
        // Updates are whole here with or without a lock.
        let _ = use_locking;
        self.update(value, name, read_value, |variable, value| {
            variable.assign(value)
        })
    }

    /// Adds to it; the answer is as `assign`'s.
    #[pyo3(signature = (delta, use_locking=None, name=None, read_value=true))]
    fn assign_add<'py>(
        &self,
        delta: &Any<'py>,
        use_locking: Option<&Any<'py>>,
        name: Option<&str>,
        read_value: bool,
    ) -> PyResult<Any<'py>> {
        let _ = use_locking;
        self.update(delta, name, read_value, |variable, value| {
            variable.assign_add(value)
        })
    }

    /// Subtracts from it; the answer is as `assign`'s.
    #[pyo3(signature = (delta, use_locking=None, name=None, read_value=true))]
    fn assign_sub<'py>(
        &self,
        delta: &Any<'py>,
        use_locking: Option<&Any<'py>>,
        name: Option<&str>,
        read_value: bool,
    ) -> PyResult<Any<'py>> {
        let _ = use_locking;
        self.update(delta, name, read_value, |variable, value| {
            variable.assign_sub(value)
        })
    }

    /// Its value in a session, by default the innermost `with` session.
    #[pyo3(signature = (session=None))]
    fn eval<'py>(slf: &Bound<'py, Self>, session: Option<&Any<'py>>) -> PyResult<Any<'py>> {
        session::evaluate(slf.as_any(), None, session, "evaluate tensor")
    }

    /// Gives it a value in a session, by default the innermost, without a new operation.
    #[pyo3(signature = (value, session=None))]
    fn load<'py>(&self, value: &Any<'py>, session: Option<&Any<'py>>) -> PyResult<()> {
        let py = value.py();
        let feed = PyDict::new(py);
        feed.set_item(self.initial_value(py), value)?;
        let initializer = Bound::new(py, self.initializer(py))?;
        session::evaluate(
            initializer.as_any(),
            Some(feed.as_any()),
            session,
            "load variable",
        )
        .map(drop)
    }

    fn __add__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__add__", other)
    }

    fn __radd__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__radd__", other)
    }

    fn __sub__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__sub__", other)
    }

    fn __rsub__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__rsub__", other)
    }

    fn __mul__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__mul__", other)
    }

    fn __rmul__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__rmul__", other)
    }

    fn __truediv__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__truediv__", other)
    }

    fn __rtruediv__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__rtruediv__", other)
    }

    fn __floordiv__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__floordiv__", other)
    }

    fn __rfloordiv__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__rfloordiv__", other)
    }

    fn __mod__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__mod__", other)
    }

    fn __rmod__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__rmod__", other)
    }

    fn __matmul__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__matmul__", other)
    }

    fn __rmatmul__<'py>(&self, other: &Any<'py>) -> PyResult<Any<'py>> {
        self.operator("__rmatmul__", other)
    }

    fn __pow__<'py>(&self, other: &Any<'py>, modulus: Option<&Any<'py>>) -> PyResult<Any<'py>> {
        refuse_modulus(modulus)?;
        self.operator("__pow__", other)
    }

    fn __rpow__<'py>(&self, other: &Any<'py>, modulus: Option<&Any<'py>>) -> PyResult<Any<'py>> {
        refuse_modulus(modulus)?;
        self.operator("__rpow__", other)
    }

    /// `==` and `!=` ask whether both are the same variable, as in TensorFlow 1; the others compare elements.
    fn __richcmp__<'py>(&self, other: &Any<'py>, operator: CompareOp) -> PyResult<Any<'py>> {
        let other_variable = other.cast::<PyVariable>();
        let same = other_variable.is_ok_and(|other| other.get().variable == self.variable);
        match operator {
            CompareOp::Eq => Ok(same.into_pyobject(other.py())?.to_owned().into_any()),
            CompareOp::Ne => Ok((!same).into_pyobject(other.py())?.to_owned().into_any()),
            CompareOp::Lt => self.operator("__lt__", other),
            CompareOp::Le => self.operator("__le__", other),
            CompareOp::Gt => self.operator("__gt__", other),
            CompareOp::Ge => self.operator("__ge__", other),
        }
    }

    fn __neg__<'py>(&self, py: Python<'py>) -> PyResult<Any<'py>> {
        Bound::new(py, self.read(py)?)?.neg()
    }

    fn __abs__<'py>(&self, py: Python<'py>) -> PyResult<Any<'py>> {
        Bound::new(py, self.read(py)?)?.abs()
    }

    /// A part of its value, as a tensor's.
    fn __getitem__<'py>(&self, key: &Any<'py>) -> PyResult<Any<'py>> {
        let py = key.py();
        Bound::new(py, self.read(py)?)?.as_any().get_item(key)
    }

    fn __iter__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("'Variable' object is not iterable"))
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err(
            "Using a `tf.Variable` as a Python `bool` is not allowed. It has no value before a session runs: use `if v is not None:` to test whether it is there.",
        ))
    }

    #[pyo3(signature = (*_arguments, **_options))]
    fn __array__(
        &self,
        _arguments: &Bound<'_, PyTuple>,
        _options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        Err(PyNotImplementedError::new_err(format!(
            "numpy() is only available when eager execution is enabled: sess.run({}) gives the variable's array.",
            self.variable.name()
        )))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.variable.name().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.variable)
    }
}

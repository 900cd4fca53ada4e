//! `Graph`, the default graph, and the scopes that Python opens with `with`.

use std::cell::RefCell;
use std::sync::Mutex;

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use tconv::{Graph, Operation, Scopes};

use crate::diagnostic::{PyDiagnostic, PyRequirement};
use crate::error::raise;
use crate::operation::PyOperation;
use crate::tensor::PyTensor;
use crate::variable::PyVariable;
use crate::{fetch, frames, html};

/// A graph of operations: built first, run later by a `Session`.
///
/// `with graph.as_default():` makes it the graph that functions add to; without one there is a default graph.
#[pyclass(name = "Graph", module = "tconv._tconv", frozen, weakref, dict)]
pub struct PyGraph {
    pub graph: Graph,
    seed: Mutex<Option<i64>>,
    #[pyo3(get)]
    collections: Py<PyDict>,
}

/// The default graph of threads that opened none.
static DEFAULT: Mutex<Option<Py<PyGraph>>> = Mutex::new(None);

thread_local! {
    /// The graphs that this thread made the default, the innermost last.
    static OPEN: RefCell<Vec<Py<PyGraph>>> = const { RefCell::new(Vec::new()) };
}

fn lock<'a, T>(py: Python<'_>, mutex: &'a Mutex<T>) -> std::sync::MutexGuard<'a, T> {
    mutex
        .lock_py_attached(py)
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The graph that functions add to.
pub fn default_graph(py: Python<'_>) -> PyResult<Bound<'_, PyGraph>> {
    let open = OPEN.with_borrow(|open| open.last().map(|graph| graph.clone_ref(py)));
    if let Some(graph) = open {
        return Ok(graph.into_bound(py));
    }
    if let Some(graph) = &*lock(py, &DEFAULT) {
        return Ok(graph.bind(py).clone());
    }
    let made = Bound::new(py, PyGraph::new(py))?;
    Ok(lock(py, &DEFAULT)
        .get_or_insert(made.unbind())
        .bind(py)
        .clone())
}

/// The graph that functions add to: that of the innermost `with graph.as_default():`, or the thread's default.
#[pyfunction]
pub fn get_default_graph(py: Python<'_>) -> PyResult<Bound<'_, PyGraph>> {
    default_graph(py)
}

/// Puts an empty default graph in the place of the old one.
#[pyfunction]
pub fn reset_default_graph(py: Python<'_>) -> PyResult<()> {
    if OPEN.with_borrow(|open| !open.is_empty()) {
        return Err(pyo3::exceptions::PyAssertionError::new_err(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared graph, exit the nesting and create a new graph.",
        ));
    }
    let old = lock(py, &DEFAULT).replace(Py::new(py, PyGraph::new(py))?);
    drop(old);
    Ok(())
}

/// Makes a graph the thread's default.
pub fn push_default(graph: &Bound<'_, PyGraph>) {
    let graph = graph.clone().unbind();
    OPEN.with_borrow_mut(|open| open.push(graph));
}

/// Takes a default back: the innermost of this graph, whatever was opened since and stays open.
///
/// # Errors
/// `RuntimeError` where this thread did not make it the default.
pub fn pop_default(graph: &Bound<'_, PyGraph>) -> PyResult<()> {
    let popped = OPEN.with_borrow_mut(|open| {
        let place = open.iter().rposition(|other| other.is(graph));
        place.map(|place| open.remove(place))
    });
    popped.map(drop).ok_or_else(not_open)
}

/// That a `with` block is left that this thread did not enter.
pub fn not_open() -> PyErr {
    PyRuntimeError::new_err(
        "a `with` block is left that this thread has not entered: each thread has default graphs and sessions of its own",
    )
}

/// Adds nodes to `graph` from the Python line that calls: `name` stands for the first name that `body` would give.
pub fn build<T>(
    graph: &Bound<'_, PyGraph>,
    name: Option<&str>,
    body: impl FnOnce(&Graph) -> tconv::Result<T>,
) -> PyResult<T> {
    let py = graph.py();
    let own = &graph.get().graph;
    let body = || match name {
        Some(name) => own.named(name, || body(own)),
        None => body(own),
    };
    let built = match frames::caller(py) {
        Some(location) => tconv::located(location, body),
        None => body(),
    };
    built.map_err(|error| raise(py, Some(graph), &error))
}

impl PyGraph {
    /// The tensor of a name with a `:`, the operation of one without. Raises `KeyError`.
    pub fn element<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match name.contains(':') {
            true => Ok(Bound::new(slf.py(), Self::get_tensor_by_name(slf, name)?)?.into_any()),
            false => Ok(Bound::new(slf.py(), Self::get_operation_by_name(slf, name)?)?.into_any()),
        }
    }

    pub fn new(py: Python<'_>) -> PyGraph {
        PyGraph {
            graph: Graph::new(),
            seed: Mutex::new(None),
            collections: PyDict::new(py).unbind(),
        }
    }
}

#[pymethods]
impl PyGraph {
    /// Tensors in collections hold the graph that holds them.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.collections)
    }

    #[new]
    fn make(py: Python<'_>) -> PyGraph {
        PyGraph::new(py)
    }

    /// `with graph.as_default():` makes it the graph that functions add to.
    fn as_default(slf: Bound<'_, Self>) -> Scope {
        Scope::new(&slf, Kind::Default)
    }

    /// The graph's seed: with one, random ops without a seed of their own repeat from session to session.
    #[getter]
    fn seed(&self, py: Python<'_>) -> Option<i64> {
        *lock(py, &self.seed)
    }

    #[setter]
    fn set_seed(&self, py: Python<'_>, seed: Option<i64>) {
        if let Some(seed) = seed {
            self.graph.set_random_seed(seed);
        }
        *lock(py, &self.seed) = seed;
    }

    /// All operations, in the order in which they were added.
    fn get_operations<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let all = slf.get().graph.operations();
        PyList::new(
            slf.py(),
            all.into_iter()
                .map(|operation| PyOperation::new(slf, operation)),
        )
    }

    /// The operation of this name. Raises `KeyError`.
    fn get_operation_by_name(slf: &Bound<'_, Self>, name: &str) -> PyResult<PyOperation> {
        match slf.get().graph.operation(name) {
            Ok(operation) => Ok(PyOperation::new(slf, operation)),
            Err(error) => Err(pyo3::exceptions::PyKeyError::new_err(error.to_string())),
        }
    }

    /// The tensor of this name, `operation:index`. Raises `KeyError`.
    fn get_tensor_by_name(slf: &Bound<'_, Self>, name: &str) -> PyResult<PyTensor> {
        if !name.contains(':') {
            return Err(PyValueError::new_err(format!(
                "The name '{name}' looks like an (invalid) Operation name, not a Tensor. Tensor names must be of the form \"<op_name>:<output_index>\"."
            )));
        }
        match slf.get().graph.tensor(name) {
            Ok(output) => Ok(PyTensor::new(slf, output)),
            Err(error) => Err(pyo3::exceptions::PyKeyError::new_err(error.to_string())),
        }
    }

    /// The tensor or operation that an object or a name means.
    #[pyo3(signature = (obj, allow_tensor=true, allow_operation=true))]
    fn as_graph_element<'py>(
        slf: &Bound<'py, Self>,
        obj: &Bound<'py, PyAny>,
        allow_tensor: bool,
        allow_operation: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Ok(name) = obj.cast::<PyString>() {
            let name = name.to_string_lossy();
            return match allow_tensor && !allow_operation {
                true => Ok(Bound::new(py, Self::get_tensor_by_name(slf, &name)?)?.into_any()),
                false => Self::element(slf, &name),
            };
        }
        if let Ok(variable) = obj.cast::<PyVariable>() {
            let value = variable.get().variable.value().clone();
            return Ok(Bound::new(py, PyTensor::new(slf, value))?.into_any());
        }
        let graph = match (obj.cast::<PyTensor>(), obj.cast::<PyOperation>()) {
            (Ok(tensor), _) if allow_tensor => Some(tensor.get().graph.clone_ref(py)),
            (_, Ok(operation)) if allow_operation => Some(operation.get().graph.clone_ref(py)),
            _ => None,
        };
        match graph {
            Some(graph) if graph.is(slf) => Ok(obj.clone()),
            Some(_) => Err(PyValueError::new_err(format!(
                "{} is not an element of this graph.",
                obj.str()?
            ))),
            None => Err(PyTypeError::new_err(format!(
                "Can not convert a {} into a Tensor or Operation.",
                obj.get_type().name()?
            ))),
        }
    }

    /// `with graph.name_scope(name):` puts `name` before the names of the operations added within, numbered
    /// where that scope was open before; a name that ends in `/` opens the same scope again, None the outermost.
    #[pyo3(signature = (name))]
    fn name_scope(slf: Bound<'_, Self>, name: Option<String>) -> Scope {
        Scope::new(&slf, Kind::Name(name))
    }

    /// `with graph.control_dependencies([...]):` lets the operations added within run after these; None lets
    /// them run after none.
    #[pyo3(signature = (control_inputs))]
    fn control_dependencies(
        slf: Bound<'_, Self>,
        control_inputs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Scope> {
        let operations = control_inputs.map(|inputs| -> PyResult<Vec<Operation>> {
            inputs
                .try_iter()?
                .map(|input| operation_of(&input?))
                .collect()
        });
        Ok(Scope::new(&slf, Kind::Control(operations.transpose()?)))
    }

    /// A name that no operation has: `name` within the open scope, numbered where it is taken.
    #[pyo3(signature = (name, mark_as_used=true))]
    fn unique_name(slf: &Bound<'_, Self>, name: &str, mark_as_used: bool) -> String {
        slf.get().graph.unique_name(name, mark_as_used)
    }

    /// The open name scope, without the last `/`.
    fn get_name_scope(&self) -> String {
        self.graph.current_name_scope()
    }

    /// All variables, in the order in which they were made.
    fn global_variables<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        PyVariable::list(slf, slf.get().graph.global_variables())
    }

    /// The variables that optimizers train by default.
    fn trainable_variables<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        PyVariable::list(slf, slf.get().graph.trainable_variables())
    }

    /// Whether an op whose sizes fit only for some of those that may be fed is refused while the graph is
    /// built, with what `diagnostics` would say.
    fn set_strict(&self, strict: bool) {
        self.graph.set_strict(strict);
    }

    /// What does not fit for every size that may be fed, with the ways to mend it.
    fn diagnostics(&self, py: Python<'_>) -> Vec<PyDiagnostic> {
        let graph = &self.graph;
        let found = py.detach(|| graph.diagnostics());
        found.into_iter().map(PyDiagnostic).collect()
    }

    /// What the sizes that are fed must be for `fetches` to run.
    fn requirements(
        slf: &Bound<'_, Self>,
        fetches: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<PyRequirement>> {
        let list = fetch::Structure::new(slf, fetches)?.list;
        let found = slf.get().graph.requirements(&list[..]);
        let found = found.map_err(|error| raise(slf.py(), Some(slf), &error))?;
        Ok(found.into_iter().map(PyRequirement).collect())
    }

    fn _repr_html_(&self, py: Python<'_>) -> String {
        html::graph(&self.graph, &self.diagnostics(py))
    }
}

/// The operation that an operation, a tensor or a variable means.
pub fn operation_of(value: &Bound<'_, PyAny>) -> PyResult<Operation> {
    if let Ok(operation) = value.cast::<PyOperation>() {
        return Ok(operation.get().operation.clone());
    }
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Ok(tensor.get().output.op().clone());
    }
    if let Ok(variable) = value.cast::<PyVariable>() {
        return Ok(variable.get().variable.handle().op().clone());
    }
    Err(PyTypeError::new_err(format!(
        "Control input must be an Operation, a Tensor, or a Variable: {}",
        value.repr()?
    )))
}

/// What a `with` block of a graph does.
pub enum Kind {
    /// The graph is the default.
    Default,
    /// A name scope.
    Name(Option<String>),
    /// Control dependencies.
    Control(Option<Vec<Operation>>),
}

/// A `with` block of a graph.
#[pyclass(name = "Scope", module = "tconv._tconv", frozen)]
pub struct Scope {
    graph: Py<PyGraph>,
    kind: Kind,
    /// What was open before, for each time that the block was entered.
    before: Mutex<Vec<Scopes>>,
}

impl Scope {
    pub fn new(graph: &Bound<'_, PyGraph>, kind: Kind) -> Scope {
        Scope {
            graph: graph.clone().unbind(),
            kind,
            before: Mutex::new(Vec::new()),
        }
    }
}

#[pymethods]
impl Scope {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.graph)
    }

    fn __enter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let bound = self.graph.bind(py);
        let graph = &bound.get().graph;
        let fail = |error| raise(py, Some(bound), &error);
        let (before, value) = match &self.kind {
            Kind::Default => {
                push_default(bound);
                return Ok(bound.clone().into_any());
            }
            Kind::Name(name) => {
                let name = name.as_deref().unwrap_or_default();
                let before = graph.open_name_scope(name).map_err(fail)?;
                let scope = graph.current_name_scope();
                let scope = if scope.is_empty() { scope } else { scope + "/" };
                (before, PyString::new(py, &scope).into_any())
            }
            Kind::Control(Some(operations)) => {
                let operations: Vec<&Operation> = operations.iter().collect();
                let before = graph.open_control_dependencies(&operations).map_err(fail)?;
                (before, py.None().into_bound(py))
            }
            Kind::Control(None) => (graph.clear_control_dependencies(), py.None().into_bound(py)),
        };
        lock(py, &self.before).push(before);
        Ok(value)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        if let Kind::Default = self.kind {
            return pop_default(self.graph.bind(py));
        }
        if let Some(before) = lock(py, &self.before).pop() {
            self.graph.get().graph.set_scopes(before);
        }
        Ok(())
    }
}

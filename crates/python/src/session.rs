//! `Session`.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use tconv::{Feed, InstructionSet, Output, Session, Tensor};

use crate::array::{as_array, to_tensor};
use crate::constant::{fits, shown};
use crate::error::{carry, plain, raise};
use crate::fetch::Structure;
use crate::graph::{PyGraph, default_graph, not_open, pop_default, push_default};
use crate::tensor::PyTensor;
use crate::threads;
use crate::variable::PyVariable;

/// Runs a graph; owns the variables' values. A context manager that makes itself and its graph the default.
#[pyclass(name = "Session", module = "tconv._tconv", frozen, weakref, subclass)]
pub struct PySession {
    session: Session,
    graph: Py<PyGraph>,
    closed: AtomicBool,
}

thread_local! {
    /// The sessions that this thread made the default, the innermost last.
    static OPEN: RefCell<Vec<Py<PySession>>> = const { RefCell::new(Vec::new()) };
}

/// The innermost session of a `with` block, or None.
#[pyfunction]
pub fn get_default_session(py: Python<'_>) -> Option<Py<PySession>> {
    OPEN.with_borrow(|open| open.last().map(|session| session.clone_ref(py)))
}

fn push(session: &Bound<'_, PySession>) {
    let session = session.clone().unbind();
    OPEN.with_borrow_mut(|open| open.push(session));
}

/// Takes a default session and its graph back, whatever was opened since and stays open.
fn pop(session: &Bound<'_, PySession>) -> PyResult<()> {
    let popped = OPEN.with_borrow_mut(|open| {
        let place = open.iter().rposition(|other| other.is(session));
        place.map(|place| open.remove(place))
    });
    popped.ok_or_else(not_open)?;
    pop_default(session.get().graph.bind(session.py()))
}

/// Runs `fetch` in a session, by default the innermost.
pub fn evaluate<'py>(
    fetch: &Bound<'py, PyAny>,
    feed_dict: Option<&Bound<'py, PyAny>>,
    session: Option<&Bound<'py, PyAny>>,
    what: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let py = fetch.py();
    let session = match session {
        Some(session) => session.cast::<PySession>()?.clone(),
        None => match get_default_session(py) {
            Some(session) => session.into_bound(py),
            None => {
                let call = if what.starts_with("evaluate") {
                    "eval(session=sess)"
                } else {
                    "run(session=sess)"
                };
                return Err(PyValueError::new_err(format!(
                    "Cannot {what} using `{}`: No default session is registered. Use `with sess.as_default()` or pass an explicit session to `{call}`",
                    if what.starts_with("evaluate") {
                        "eval()"
                    } else {
                        "run()"
                    }
                )));
            }
        },
    };
    session.get().fetch(py, fetch, feed_dict)
}

impl PySession {
    fn open(&self) -> PyResult<&Session> {
        match self.closed.load(Ordering::Relaxed) {
            false => Ok(&self.session),
            true => Err(PyRuntimeError::new_err(
                "Attempted to use a closed Session.",
            )),
        }
    }

    fn fetch<'py>(
        &self,
        py: Python<'py>,
        fetches: &Bound<'py, PyAny>,
        feed_dict: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let session = self.open()?;
        let graph = self.graph.bind(py);
        let structure = Structure::new(graph, fetches)?;
        let feed = feed_dict.map_or_else(|| Ok(Feed::new()), |dict| self.feed(dict))?;
        let values = py.detach(|| session.run_list(&structure.list, feed));
        let values = values.map_err(|error| raise(py, Some(graph), &error))?;
        structure.answer(py, values)
    }

    /// What is fed, each value as `np.asarray(value, dtype)` makes it.
    fn feed(&self, dict: &Bound<'_, PyAny>) -> PyResult<Feed> {
        let dict = dict.cast::<PyDict>().map_err(|_| {
            PyTypeError::new_err("feed_dict must be a dictionary of tensors and their values")
        })?;
        let mut feed = Feed::new();
        // A copy: a value may be of a type that changes the dictionary when it is read.
        for pair in dict.items() {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
            // A tuple of tensors is fed with a tuple of values.
            if let (Ok(keys), false) = (key.cast::<PyTuple>(), key.is_instance_of::<PyTensor>()) {
                for (i, key) in keys.iter().enumerate() {
                    feed = self.feed_one(feed, &key, &value.get_item(i)?)?;
                }
            } else {
                feed = self.feed_one(feed, &key, &value)?;
            }
        }
        Ok(feed)
    }

    fn feed_one(
        &self,
        feed: Feed,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<Feed> {
        let output = self.fed(key)?;
        if value.is_instance_of::<PyTensor>() || value.is_instance_of::<PyVariable>() {
            return Err(PyTypeError::new_err(format!(
                "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, the tensor object was {} which was passed to the argument `feed_dict` with key {}.",
                value.str()?,
                key.str()?
            )));
        }
        Ok(feed.with(&output, fed_value(&output, value)?))
    }

    /// The tensor that a key of a `feed_dict` means.
    fn fed(&self, key: &Bound<'_, PyAny>) -> PyResult<Output> {
        let py = key.py();
        let graph = self.graph.bind(py);
        let refused = |reason: String| {
            let text = key
                .str()
                .map_or_else(|_| "it".to_string(), |text| text.to_string());
            PyTypeError::new_err(format!(
                "Cannot interpret feed_dict key as Tensor: {reason} ({text})"
            ))
        };
        if let Ok(tensor) = key.cast::<PyTensor>() {
            return match tensor.get().graph.is(graph) {
                true => Ok(tensor.get().output.clone()),
                false => Err(refused(
                    "Tensor is not an element of this graph.".to_string(),
                )),
            };
        }
        if let Ok(variable) = key.cast::<PyVariable>() {
            return match variable.get().graph.is(graph) {
                true => Ok(variable.get().variable.value().clone()),
                false => Err(refused(
                    "Variable is not an element of this graph.".to_string(),
                )),
            };
        }
        if let Ok(name) = key.cast::<PyString>() {
            let name = name.to_string_lossy();
            if !name.contains(':') {
                return Err(refused(format!(
                    "The name '{name}' refers to an Operation, not a Tensor. Tensor names must be of the form \"<op_name>:<output_index>\"."
                )));
            }
            let found = graph.get().graph.tensor(&name);
            return found.map_err(|error| refused(error.to_string()));
        }
        Err(refused(format!(
            "Can not convert a {} into a Tensor.",
            key.get_type().name()?
        )))
    }
}

fn fed_value(output: &Output, value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let (py, wanted) = (value.py(), output.dtype());
    // An integer that the tensor does not hold is an error, not another integer.
    let unfitting = || {
        PyTypeError::new_err(format!(
            "Type of feed value {} with type {} is not compatible with Tensor type {wanted}. Try explicitly setting the type of the feed tensor to a larger type (e.g. int64).",
            shown(value),
            value.get_type()
        ))
    };
    let named = |error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(py) {
            return unfitting();
        }
        match error.is_instance_of::<PyValueError>(py) || error.is_instance_of::<PyTypeError>(py) {
            true => PyValueError::new_err(format!(
                "Cannot feed {}: {}",
                output.name(),
                error.value(py)
            )),
            false => error,
        }
    };
    let array = as_array(value, Some(wanted)).map_err(named)?;
    if wanted.is_integer() && !array.is(value) && !fits(&as_array(value, None)?, &array)? {
        return Err(unfitting());
    }
    to_tensor(&array)
}

#[pymethods]
impl PySession {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.graph)
    }

    /// A session of `graph`, by default the default graph. `threads`, or the `intra_op_parallelism_threads` of
    /// `config`, limits its threads; 0 means those of `tconv.set_num_threads`. `precision` is that of convolutions of
    /// float32 that do not say another: `highest`, `high` or `medium`.
    #[new]
    #[pyo3(signature = (target="", graph=None, config=None, *, threads=0, precision="highest"))]
    fn new(
        py: Python<'_>,
        target: &str,
        graph: Option<Bound<'_, PyGraph>>,
        config: Option<&Bound<'_, PyAny>>,
        threads: usize,
        precision: &str,
    ) -> PyResult<PySession> {
        if !target.is_empty() {
            return Err(PyValueError::new_err(format!(
                "target must be empty: tconv runs in this process, not at '{target}'"
            )));
        }
        let graph = graph.map_or_else(|| default_graph(py), Ok)?;
        let of_config = match config.filter(|config| !config.is_none()) {
            Some(config) => config.getattr_opt(intern!(py, "intra_op_parallelism_threads"))?,
            None => None,
        };
        let threads = match (threads, of_config) {
            (0, Some(threads)) => threads.extract()?,
            (threads, _) => threads,
        };
        let set = InstructionSet::from_env().map_err(plain)?;
        let mut session = Session::with(&graph.get().graph, threads::get(threads)?, set);
        session.set_precision(crate::conv::precision(precision)?);
        session.set_interrupt(|| Python::attach(|py| py.check_signals()).map_err(carry));
        Ok(PySession {
            session,
            graph: graph.unbind(),
            closed: AtomicBool::new(false),
        })
    }

    #[getter]
    fn graph(&self, py: Python<'_>) -> Py<PyGraph> {
        self.graph.clone_ref(py)
    }

    /// The values of `fetches` in the same structure: a tensor, an operation (whose answer is None), a variable, a
    /// name, or a list, tuple, named tuple or dict of such. `feed_dict` gives values for placeholders, or for any
    /// tensor, which is then not computed.
    ///
    /// Raises `tconv.errors.InvalidArgumentError` and its kin; the session goes on after an error.
    #[pyo3(signature = (fetches, feed_dict=None, options=None, run_metadata=None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        fetches: &Bound<'py, PyAny>,
        feed_dict: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyAny>>,
        run_metadata: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // What they ask for, traces of a run, is not there; they change no value.
        let _ = (options, run_metadata);
        self.fetch(py, fetches, feed_dict)
    }

    /// The seconds that the engine takes for each of `runs` runs, without what Python adds: for benchmarks.
    #[pyo3(signature = (fetches, feed_dict=None, runs=1000))]
    fn engine_seconds(
        &self,
        py: Python<'_>,
        fetches: &Bound<'_, PyAny>,
        feed_dict: Option<&Bound<'_, PyAny>>,
        runs: usize,
    ) -> PyResult<Vec<f64>> {
        let session = self.open()?;
        let graph = self.graph.bind(py);
        let list = Structure::new(graph, fetches)?.list;
        let feed = feed_dict.map_or_else(|| Ok(Feed::new()), |dict| self.feed(dict))?;
        let one = || -> tconv::Result<f64> {
            let start = Instant::now();
            session.run_list(&list, feed.clone())?;
            Ok(start.elapsed().as_secs_f64())
        };
        let times = py.detach(|| (0..runs).map(|_| one()).collect::<tconv::Result<_>>());
        times.map_err(|error| raise(py, Some(graph), &error))
    }

    /// A function of the values of `feed_list` that gives those of `fetches`.
    #[pyo3(signature = (fetches, feed_list=None))]
    fn make_callable(
        slf: Bound<'_, Self>,
        fetches: Bound<'_, PyAny>,
        feed_list: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Callable> {
        let feeds = match feed_list {
            Some(list) => list
                .try_iter()?
                .map(|key| slf.get().fed(&key?))
                .collect::<PyResult<_>>()?,
            None => Vec::new(),
        };
        Ok(Callable {
            session: slf.unbind(),
            fetches: fetches.unbind(),
            feeds,
        })
    }

    /// `with session.as_default():` makes it the default session; it stays open.
    fn as_default(slf: Bound<'_, Self>) -> Default {
        Default(slf.unbind())
    }

    /// Ends it: a run raises `RuntimeError` from now on.
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        push_default(slf.get().graph.bind(slf.py()));
        push(&slf);
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        slf.get().close();
        pop(&slf)
    }
}

/// What `Session.make_callable` gives.
#[pyclass(name = "Callable", module = "tconv._tconv", frozen)]
pub struct Callable {
    session: Py<PySession>,
    fetches: Py<PyAny>,
    feeds: Vec<Output>,
}

#[pymethods]
impl Callable {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.session)?;
        visit.call(&self.fetches)
    }

    #[pyo3(signature = (*values))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        values: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if values.len() != self.feeds.len() {
            return Err(PyTypeError::new_err(format!(
                "{} values are wanted, one for each tensor of feed_list, not {}",
                self.feeds.len(),
                values.len()
            )));
        }
        let session = self.session.get();
        let graph = session.graph.bind(py);
        let structure = Structure::new(graph, self.fetches.bind(py))?;
        let mut feed = Feed::new();
        for (output, value) in self.feeds.iter().zip(values) {
            feed = feed.with(output, fed_value(output, &value)?);
        }
        let engine = session.open()?;
        let values = py.detach(|| engine.run_list(&structure.list, feed));
        structure.answer(py, values.map_err(|error| raise(py, Some(graph), &error))?)
    }
}

/// A `with` block in which a session is the default.
#[pyclass(name = "DefaultSession", module = "tconv._tconv", frozen)]
pub struct Default(Py<PySession>);

#[pymethods]
impl Default {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }

    fn __enter__<'py>(&self, py: Python<'py>) -> Bound<'py, PySession> {
        let session = self.0.bind(py);
        push_default(session.get().graph.bind(py));
        push(session);
        session.clone()
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        pop(self.0.bind(py))
    }
}

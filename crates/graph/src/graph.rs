use std::fmt;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::ThreadId;

use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Element, Tensor};

use crate::names::Names;
use crate::node::Node;
use crate::proof::Sources;
use crate::scopes::Open;
use crate::variable::Variables;
use crate::{Error, NodeBuilder, Operand, Operation, Output, Result};

/// A graph of ops: built first, run later by a [`crate::Session`].
///
/// A cheap handle: clones share the graph, and so do the [`Output`]s in it. Threads may share it too: each opens
/// scopes of its own, and begins outside all.
#[derive(Clone)]
pub struct Graph(Arc<RwLock<State>>);

#[derive(Default)]
pub(crate) struct State {
    nodes: Vec<Arc<Node>>,
    by_name: std::collections::HashMap<String, usize>,
    pub names: Names,
    pub control: Vec<usize>,
    pub variables: Variables,
    /// The thread whose scopes are the open ones above, and what the other threads have open.
    thread: Option<ThreadId>,
    elsewhere: std::collections::HashMap<ThreadId, Open>,
    seed: Option<i64>,
    /// Random ops so far that had a graph seed and no seed of their own.
    unseeded_ops: i64,
    pub sources: Sources,
    strict: bool,
    /// Whether `gradients` is adding nodes.
    pub deriving: bool,
}

impl State {
    /// All nodes, in the order in which they were added.
    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// Opens what this thread has open in the place of what another has.
    fn enter(&mut self, thread: ThreadId) {
        if self.thread == Some(thread) {
            return;
        }
        let mut open = self.elsewhere.remove(&thread).unwrap_or_default();
        open.swap(self);
        match self.thread.replace(thread) {
            Some(before) if !open.is_outside() => {
                self.elsewhere.insert(before, open);
            }
            _ => {}
        }
    }

    /// Whether what fits only for some sizes is refused.
    pub fn strict(&self) -> bool {
        self.strict
    }

    /// Adds the node that `make` makes of its id, its unique name and all that must run before it.
    pub fn push(
        &mut self,
        name: &str,
        control: Vec<usize>,
        make: impl FnOnce(usize, String, Vec<usize>) -> Node,
    ) -> Result<Arc<Node>> {
        let name = self.names.unique(name)?;
        if self.by_name.contains_key(&name) {
            return Err(Error::value(format!(
                "Duplicate node name in graph: '{name}'"
            )));
        }
        let mut control = [self.control.as_slice(), &control].concat();
        control.sort_unstable();
        control.dedup();
        let node = Arc::new(make(self.nodes.len(), name, control));
        if node.def.name == "Placeholder" {
            self.sources.add(&node);
        }
        self.by_name.insert(node.name.clone(), node.id);
        self.nodes.push(node.clone());
        Ok(node)
    }
}

impl Graph {
    /// An empty graph.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Graph {
        Graph(Arc::new(RwLock::new(State::default())))
    }

    /// What is open may be that of another thread: who asks for it takes [`Graph::write`].
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic elsewhere leaves no half-made state: nodes are pushed whole.
        self.0
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        let state = self.0.write();
        let mut state = state.unwrap_or_else(|poisoned| poisoned.into_inner());
        state.enter(std::thread::current().id());
        state
    }

    pub(crate) fn node(&self, id: usize) -> Arc<Node> {
        self.read().nodes[id].clone()
    }

    /// Whether an op whose sizes fit only for some of those that may be fed is refused while the graph is
    /// built, with what [`Graph::diagnostics`] would say; by default the graph builds, as TensorFlow's does.
    pub fn set_strict(&self, strict: bool) {
        self.write().strict = strict;
    }

    /// Starts a node of the op registered as `op`; see [`NodeBuilder`].
    #[track_caller]
    pub fn add(&self, op: &str) -> NodeBuilder {
        NodeBuilder::new(self, op)
    }

    /// A value that is fed when the graph runs; a `None` in `shape` is a size that is known only then, and so
    /// is a name ([`crate::shape!`]), which stands for the same size wherever it stands.
    ///
    /// # Errors
    /// `Value` for a negative size.
    #[track_caller]
    pub fn placeholder<T: Element>(&self, shape: impl Into<Shape>) -> Result<Output> {
        self.placeholder_named::<T>("Placeholder", shape)
    }

    /// [`Graph::placeholder`] with a name.
    ///
    /// # Errors
    /// `Value` for a negative size or a name that is none.
    #[track_caller]
    pub fn placeholder_named<T: Element>(
        &self,
        name: &str,
        shape: impl Into<Shape>,
    ) -> Result<Output> {
        self.placeholder_of(T::DTYPE, name, shape)
    }

    /// [`Graph::placeholder`] of a dtype that is known only when the program runs.
    ///
    /// # Errors
    /// `Value` for a negative size or a name that is none.
    #[track_caller]
    pub fn placeholder_of(
        &self,
        dtype: DType,
        name: &str,
        shape: impl Into<Shape>,
    ) -> Result<Output> {
        let name = self.write().names.unique(name)?;
        let shape = match shape.into().dims() {
            None => Shape::unknown(),
            Some(dims) => {
                let mut state = self.write();
                let sources = &mut state.sources;
                let own =
                    |(axis, dim): (usize, &Dim)| sources.own(dim, &format!("{name}:0[{axis}]"));
                Shape::new(dims.iter().enumerate().map(own).collect::<Result<_>>()?)
            }
        };
        self.add("Placeholder")
            .name(&format!("{name}/"))
            .attr("dtype", dtype)
            .attr("shape", shape)
            .output()
    }

    /// A constant.
    ///
    /// # Errors
    /// None that a tensor can cause.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Tensor>) -> Result<Output> {
        self.constant_named("Const", value)
    }

    /// [`Graph::constant`] with a name.
    ///
    /// # Errors
    /// `Value` for a name that is none.
    #[track_caller]
    pub fn constant_named(&self, name: &str, value: impl Into<Tensor>) -> Result<Output> {
        self.add("Const")
            .name(name)
            .attr("value", value.into())
            .output()
    }

    /// An operation that does nothing but run after all of `operations`.
    ///
    /// # Errors
    /// `Value` when one of them stands in another graph.
    #[track_caller]
    pub fn group(&self, operations: &[&Operation]) -> Result<Operation> {
        operations
            .iter()
            .fold(self.add("NoOp").name("group_deps"), |node, op| {
                node.control(op)
            })
            .build()
    }

    /// Sets the graph's seed: from here on random ops without a seed of their own repeat from session to
    /// session (TensorFlow's `set_random_seed`).
    pub fn set_random_seed(&self, seed: i64) {
        self.write().seed = Some(seed);
    }

    /// Runs `build`, whose nodes are the gradients of others.
    pub(crate) fn deriving<T>(&self, build: impl FnOnce() -> Result<T>) -> Result<T> {
        let outer = std::mem::replace(&mut self.write().deriving, true);
        let _restore = Restore(|| self.write().deriving = outer);
        build()
    }

    /// The two seeds of a random op that is added now, by TensorFlow's rule.
    pub(crate) fn op_seeds(&self, op_seed: Option<i64>) -> (i64, i64) {
        let mut state = self.write();
        let counter = state.unseeded_ops;
        if state.seed.is_some() && op_seed.is_none() {
            state.unseeded_ops += 1;
        }
        crate::random::seeds(state.seed, op_seed, counter).unwrap_or((0, 0))
    }

    /// All operations, in the order in which they were added.
    pub fn operations(&self) -> Vec<Operation> {
        self.read()
            .nodes
            .iter()
            .map(|node| Operation::new(self.clone(), node.clone()))
            .collect()
    }

    /// The operation of this name.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn operation(&self, name: &str) -> Result<Operation> {
        let state = self.read();
        match state.by_name.get(name) {
            Some(&id) => Ok(Operation::new(self.clone(), state.nodes[id].clone())),
            None => Err(Error::new(
                crate::Code::NotFound,
                format!("The name '{name}' refers to an Operation not in the graph."),
            )),
        }
    }

    /// The tensor of this name, `operation:slot` (`operation` alone means slot 0).
    ///
    /// # Errors
    /// `NotFound`.
    pub fn tensor(&self, name: &str) -> Result<Output> {
        let (operation, slot) = match name.rsplit_once(':') {
            Some((operation, slot)) => (operation, slot.parse().ok()),
            None => (name, Some(0)),
        };
        let operation = self.operation(operation)?;
        slot.and_then(|slot: usize| operation.outputs().get(slot).cloned())
            .ok_or_else(|| {
                Error::new(
                    crate::Code::NotFound,
                    format!("The name '{name}' refers to a Tensor which does not exist."),
                )
                .help(format!(
                    "'{}' has {} outputs",
                    operation.name(),
                    operation.outputs().len()
                ))
            })
    }

    pub(crate) fn check_own(&self, other: &Graph, what: impl FnOnce() -> String) -> Result<()> {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ok(());
        }
        Err(Error::value(format!(
            "Tensor {} is not an element of this graph.",
            what()
        )))
    }
}

impl PartialEq for Graph {
    /// Whether both are handles of one graph.
    fn eq(&self, other: &Graph) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph of {} nodes", self.read().nodes.len())
    }
}

/// Puts something back when `build` returns or panics.
pub(crate) struct Restore<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for Restore<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The graph of the first operand that has one.
pub(crate) fn graph_of(operands: &[&dyn Operand]) -> Result<Graph> {
    operands
        .iter()
        .find_map(|operand| operand.graph())
        .ok_or_else(|| {
            Error::value("none of the arguments is a tensor of a graph").help("make one a constant")
        })
}

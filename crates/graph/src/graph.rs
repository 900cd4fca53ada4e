use std::fmt;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Element, Tensor};

use crate::attrs::{AttrReader, AttrValue, Attrs};
use crate::names::Names;
use crate::op::{Fact, Op, OpDef};
use crate::variable::Variables;
use crate::{Error, Operand, Operation, Output, Result, ops};

/// A graph of ops: built first, run later by a [`crate::Session`].
///
/// A cheap handle: clones share the graph, and so do the [`Output`]s in it.
#[derive(Clone)]
pub struct Graph(Arc<RwLock<State>>);

#[derive(Default)]
pub(crate) struct State {
    nodes: Vec<Arc<Node>>,
    by_name: std::collections::HashMap<String, usize>,
    pub names: Names,
    control: Vec<usize>,
    pub variables: Variables,
    seed: Option<i64>,
    /// Random ops so far that had a graph seed and no seed of their own.
    unseeded_ops: i64,
}

/// One node; never changed once it stands in its graph, where its inputs precede it.
pub(crate) struct Node {
    pub id: usize,
    pub name: String,
    pub def: &'static OpDef,
    pub op: Arc<dyn Op>,
    pub attrs: Attrs,
    /// Node and output slot.
    pub inputs: Vec<(usize, usize)>,
    pub control: Vec<usize>,
    pub facts: Vec<Fact>,
}

impl Graph {
    /// An empty graph.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Graph {
        Graph(Arc::new(RwLock::new(State::default())))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic elsewhere leaves no half-made state: nodes are pushed whole.
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn node(&self, id: usize) -> Arc<Node> {
        self.read().nodes[id].clone()
    }

    /// Starts a node of the op registered as `op`; see [`NodeBuilder`].
    pub fn add(&self, op: &str) -> NodeBuilder {
        NodeBuilder {
            graph: self.clone(),
            op: op.to_string(),
            name: None,
            inputs: Vec::new(),
            control: Vec::new(),
            attrs: Attrs::new(),
        }
    }

    /// A value that is fed when the graph runs; a `None` in `shape` is a size that is known only then.
    ///
    /// # Errors
    /// `Value` for a negative size.
    pub fn placeholder<T: Element>(&self, shape: impl Into<Shape>) -> Result<Output> {
        self.placeholder_named::<T>("Placeholder", shape)
    }

    /// [`Graph::placeholder`] with a name.
    ///
    /// # Errors
    /// `Value` for a negative size or a name that is none.
    pub fn placeholder_named<T: Element>(&self, name: &str, shape: impl Into<Shape>) -> Result<Output> {
        self.placeholder_of(T::DTYPE, name, shape)
    }

    /// [`Graph::placeholder`] of a dtype that is known only when the program runs.
    ///
    /// # Errors
    /// `Value` for a negative size or a name that is none.
    pub fn placeholder_of(&self, dtype: DType, name: &str, shape: impl Into<Shape>) -> Result<Output> {
        let name = self.write().names.unique(name)?;
        let shape = match shape.into().dims() {
            None => Shape::unknown(),
            Some(dims) => {
                let named = |(axis, dim): (usize, &Dim)| match dim {
                    Dim::Known(_) => dim.clone(),
                    Dim::Expr(_) => Dim::unknown(format!("{name}:0[{axis}]")),
                };
                Shape::new(dims.iter().enumerate().map(named).collect())
            }
        };
        self.add("Placeholder").name(&format!("{name}/")).attr("dtype", dtype).attr("shape", shape).output()
    }

    /// A constant.
    ///
    /// # Errors
    /// None that a tensor can cause.
    pub fn constant(&self, value: impl Into<Tensor>) -> Result<Output> {
        self.constant_named("Const", value)
    }

    /// [`Graph::constant`] with a name.
    ///
    /// # Errors
    /// `Value` for a name that is none.
    pub fn constant_named(&self, name: &str, value: impl Into<Tensor>) -> Result<Output> {
        self.add("Const").name(name).attr("value", value.into()).output()
    }

    /// An operation that does nothing but run after all of `operations`.
    ///
    /// # Errors
    /// `Value` when one of them stands in another graph.
    pub fn group(&self, operations: &[&Operation]) -> Result<Operation> {
        operations.iter().fold(self.add("NoOp").name("group_deps"), |node, op| node.control(op)).build()
    }

    /// Runs `build` with `name` put before the name of each node that it adds, numbered where the scope
    /// was open before; a `name` that ends in `/` opens that same scope again.
    ///
    /// # Errors
    /// `Value` for a name that is none; what `build` returns.
    pub fn name_scope<T>(&self, name: &str, build: impl FnOnce() -> Result<T>) -> Result<T> {
        let scope = self.write().names.unique(name)?;
        let outer = std::mem::replace(&mut self.write().names.scope, scope);
        let _restore = Restore(|| self.write().names.scope = outer.clone());
        build()
    }

    /// Runs `build` outside all name scopes and control dependencies, as variables are made.
    pub(crate) fn outside_scopes<T>(&self, build: impl FnOnce() -> Result<T>) -> Result<T> {
        let outer = {
            let mut state = self.write();
            (std::mem::take(&mut state.names.scope), std::mem::take(&mut state.control))
        };
        let _restore = Restore(|| {
            let mut state = self.write();
            (state.names.scope, state.control) = outer.clone();
        });
        build()
    }

    /// Runs `build` inside the scope of one op: `build` gets the name, with its `/`, that the op itself
    /// is to have.
    pub(crate) fn op_scope<T>(&self, name: &str, build: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        self.name_scope(name, || {
            let own = format!("{}/", self.read().names.scope);
            build(&own)
        })
    }

    /// Runs `build` such that each node that it adds runs after all of `operations`.
    ///
    /// # Errors
    /// `Value` when one of them stands in another graph; what `build` returns.
    pub fn control_dependencies<T>(
        &self,
        operations: &[&Operation],
        build: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        for operation in operations {
            self.check_own(operation.graph(), &operation.name())?;
        }
        let outer = {
            let mut state = self.write();
            let outer = state.control.clone();
            state.control.extend(operations.iter().map(|operation| operation.id()));
            outer
        };
        let _restore = Restore(|| self.write().control = outer.clone());
        build()
    }

    /// Sets the graph's seed: from here on random ops without a seed of their own repeat from session to
    /// session (TensorFlow's `set_random_seed`).
    pub fn set_random_seed(&self, seed: i64) {
        self.write().seed = Some(seed);
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
        self.read().nodes.iter().map(|node| Operation::new(self.clone(), node.clone())).collect()
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
        slot.and_then(|slot: usize| operation.outputs().get(slot).cloned()).ok_or_else(|| {
            Error::new(crate::Code::NotFound, format!("The name '{name}' refers to a Tensor which does not exist."))
                .help(format!("'{}' has {} outputs", operation.name(), operation.outputs().len()))
        })
    }

    pub(crate) fn check_own(&self, other: &Graph, what: &str) -> Result<()> {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ok(());
        }
        Err(Error::value(format!("Tensor {what} is not an element of this graph.")))
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

/// Puts a scope back when `build` returns or panics.
pub(crate) struct Restore<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for Restore<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A node that is being added: the one way into a graph, for this crate's functions, other languages
/// and file formats alike.
///
/// ```
/// # use tconv_graph::Graph;
/// let g = Graph::new();
/// let x = g.constant(2.0f32)?;
/// let y = g.add("Square").name("y").input(&x).output()?;
/// assert_eq!(y.name(), "y:0");
/// # Ok::<(), tconv_graph::Error>(())
/// ```
pub struct NodeBuilder {
    graph: Graph,
    op: String,
    name: Option<String>,
    inputs: Vec<Output>,
    control: Vec<Operation>,
    attrs: Attrs,
}

impl NodeBuilder {
    /// The name, numbered where it is taken; without one the op's own. A name that ends in `/` is
    /// taken as it stands.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_string());
        self
    }

    /// The next input.
    pub fn input(mut self, input: &Output) -> Self {
        self.inputs.push(input.clone());
        self
    }

    /// The next inputs.
    pub fn inputs<'o>(mut self, inputs: impl IntoIterator<Item = &'o Output>) -> Self {
        self.inputs.extend(inputs.into_iter().cloned());
        self
    }

    /// An operation that runs before this one.
    pub fn control(mut self, operation: &Operation) -> Self {
        self.control.push(operation.clone());
        self
    }

    /// An attribute. Those that give an input's dtype are filled in where they are missing.
    pub fn attr(mut self, name: &str, value: impl Into<AttrValue>) -> Self {
        self.attrs.insert(name.to_string(), value.into());
        self
    }

    /// All of these attributes.
    pub fn attrs(mut self, attrs: Attrs) -> Self {
        self.attrs.extend(attrs);
        self
    }

    /// Adds the node and gives its only output.
    ///
    /// # Errors
    /// As [`NodeBuilder::build`].
    pub fn output(self) -> Result<Output> {
        Ok(self.build()?.output(0))
    }

    /// Adds the node: checks the inputs' dtypes and the attributes, and infers dtypes and shapes.
    ///
    /// # Errors
    /// `Value` or `Type`, with the node, its op and its inputs; the graph is then as it was.
    pub fn build(mut self) -> Result<Operation> {
        let def = ops::find(&self.op).ok_or_else(|| {
            Error::new(crate::Code::NotFound, format!("Op type not registered '{}'", self.op))
        })?;
        let node_name = self.name.clone().unwrap_or_else(|| def.name.to_string());
        let (op, facts) = self.infer(def).map_err(|error| {
            let argument = |(i, output)| format!("{}: {output}", def.argument(i));
            let inputs = self.inputs.iter().enumerate().map(argument).collect();
            error.at(node_name.trim_end_matches('/'), def.name, inputs)
        })?;
        let mut state = self.graph.write();
        let name = state.names.unique(&node_name)?;
        if state.by_name.contains_key(&name) {
            return Err(Error::value(format!("Duplicate node name in graph: '{name}'")));
        }
        let mut control: Vec<usize> = state.control.clone();
        control.extend(self.control.iter().map(Operation::id));
        control.sort_unstable();
        control.dedup();
        let node = Arc::new(Node {
            id: state.nodes.len(),
            name,
            def,
            op,
            attrs: self.attrs,
            inputs: self.inputs.iter().map(|output| (output.node_id(), output.slot())).collect(),
            control,
            facts,
        });
        state.by_name.insert(node.name.clone(), node.id);
        state.nodes.push(node.clone());
        Ok(Operation::new(self.graph.clone(), node))
    }

    fn infer(&mut self, def: &'static OpDef) -> Result<(Arc<dyn Op>, Vec<Fact>)> {
        for output in &self.inputs {
            self.graph.check_own(output.graph(), &output.name())?;
        }
        for operation in &self.control {
            self.graph.check_own(operation.graph(), &operation.name())?;
        }
        self.check_types(def)?;
        let mut reader = AttrReader::new(&self.attrs);
        for &(name, _) in def.types {
            reader.skip(name);
        }
        let op = (def.make)(&mut reader)?;
        reader.finish()?;
        let facts: Vec<Fact> = self.inputs.iter().map(|output| output.fact().clone()).collect();
        let facts = op.infer(&facts)?;
        Ok((op, facts))
    }

    /// Matches the inputs to the op's arguments, fills in `N` and the type attributes that the inputs
    /// decide, and refuses dtypes that disagree.
    fn check_types(&mut self, def: &'static OpDef) -> Result<()> {
        let list = def.inputs.iter().find(|(_, type_)| type_.starts_with("N*"));
        let single = def.inputs.len() - usize::from(list.is_some());
        let given = self.inputs.len();
        if given < single || (list.is_none() && given != single) {
            return Err(Error::type_(format!("{} takes {single} inputs, got {given}", def.name)));
        }
        if list.is_some() {
            let count = AttrValue::Int((given - single) as i64);
            let stated = self.attrs.entry("N".into()).or_insert_with(|| count.clone());
            if *stated != count {
                return Err(Error::value(format!("N is {stated:?}, but {} inputs are given", given - single)));
            }
        }
        // Which argument decided a type attribute, for the message.
        let mut decided: Vec<(&str, &str)> = Vec::new();
        let mut inputs = self.inputs.iter();
        for &(argument, type_) in def.inputs {
            let (count, type_) = match type_.strip_prefix("N*") {
                Some(type_) => (given - single, type_),
                None => (1, type_),
            };
            for input in inputs.by_ref().take(count) {
                let dtype = input.dtype();
                let expected = match type_.parse::<DType>() {
                    Ok(fixed) => AttrValue::Type(fixed),
                    Err(_) => self.attrs.entry(type_.to_string()).or_insert(AttrValue::Type(dtype)).clone(),
                };
                if expected != AttrValue::Type(dtype) {
                    let expected = match &expected {
                        AttrValue::Type(dtype) => dtype.to_string(),
                        other => format!("{other:?}"),
                    };
                    let rest = match decided.iter().find(|(attr, _)| *attr == type_) {
                        Some((_, first)) => format!("type {expected} of argument '{first}'."),
                        None => format!("expected type of {expected}."),
                    };
                    return Err(Error::type_(format!(
                        "Input '{argument}' of '{}' Op has type {dtype} that does not match {rest}",
                        def.name
                    ))
                    .help("tconv converts no tensor by itself: math::cast does"));
                }
                decided.push((type_, argument));
            }
        }
        for &(attr, allowed) in def.types {
            let Some(AttrValue::Type(dtype)) = self.attrs.get(attr) else { continue };
            if !allowed.contains(dtype) {
                let allowed: Vec<_> = allowed.iter().map(DType::to_string).collect();
                let argument = decided.iter().find(|(decides, _)| *decides == attr).map_or(attr, |(_, name)| name);
                return Err(Error::type_(format!(
                    "Value passed to parameter '{argument}' has DataType {dtype} not in list of allowed values: {}",
                    allowed.join(", ")
                )));
            }
        }
        Ok(())
    }
}

/// The graph of the first operand that has one.
pub(crate) fn graph_of(operands: &[&dyn Operand]) -> Result<Graph> {
    operands.iter().find_map(|operand| operand.graph()).ok_or_else(|| {
        Error::value("none of the arguments is a tensor of a graph").help("make one with Graph::constant")
    })
}

mod build;

use std::collections::HashMap;
use std::fmt;

use tconv_shape::Shape;
use tconv_tensor::DType;

pub use build::VariableBuilder;

use crate::scopes::OpenVariables;
use crate::{Graph, Operand, Operation, Output, Result, location};

/// A variable: its value lives in a session and outlasts a run.
///
/// It stands for its value wherever an op wants a tensor; each such use reads it anew.
#[derive(Clone)]
pub struct Variable {
    handle: Output,
    initializer: Operation,
    value: Output,
    trainable: bool,
}

impl Variable {
    /// Its name, variable scopes included.
    pub fn name(&self) -> &str {
        self.handle.op().name()
    }

    /// The handle by which ops read and write it.
    pub fn handle(&self) -> &Output {
        &self.handle
    }

    /// The operation that gives it its initial value.
    pub fn initializer(&self) -> &Operation {
        &self.initializer
    }

    /// The value that it starts with, made anew where it is random.
    pub fn initial_value(&self) -> Output {
        self.initializer.input(1)
    }

    /// Its value, as a fetch reads it.
    pub fn value(&self) -> &Output {
        &self.value
    }

    /// Its value, read anew: where control dependencies say when.
    ///
    /// # Errors
    /// None that a variable can cause.
    #[track_caller]
    pub fn read(&self) -> Result<Output> {
        let graph = self.handle.graph();
        graph
            .add("ReadVariableOp")
            .input(&self.handle)
            .attr("dtype", self.value.dtype())
            .output()
    }

    /// Its shape.
    pub fn static_shape(&self) -> &Shape {
        self.value.static_shape()
    }

    /// Whether optimizers train it by default.
    pub fn is_trainable(&self) -> bool {
        self.trainable
    }

    /// Whether it has a value, as a boolean tensor (`tf.is_variable_initialized`).
    ///
    /// # Errors
    /// None that a variable can cause.
    #[track_caller]
    pub fn is_initialized(&self) -> Result<Output> {
        let graph = self.handle.graph();
        graph.add("VarIsInitializedOp").input(&self.handle).output()
    }

    /// An operation that gives it a new value of its own dtype and shape.
    ///
    /// # Errors
    /// `Value` for another shape, `Type` for another dtype.
    #[track_caller]
    pub fn assign(&self, value: impl Operand) -> Result<Operation> {
        self.update("AssignVariableOp", &value)
    }

    /// An operation that adds a tensor of its own dtype and shape to it.
    ///
    /// # Errors
    /// As [`Variable::assign`].
    #[track_caller]
    pub fn assign_add(&self, delta: impl Operand) -> Result<Operation> {
        self.update("AssignAddVariableOp", &delta)
    }

    /// An operation that subtracts a tensor of its own dtype and shape from it.
    ///
    /// # Errors
    /// As [`Variable::assign`].
    #[track_caller]
    pub fn assign_sub(&self, delta: impl Operand) -> Result<Operation> {
        self.update("AssignSubVariableOp", &delta)
    }

    #[track_caller]
    fn update(&self, op: &str, value: &dyn Operand) -> Result<Operation> {
        let _from = location::caller();
        let (graph, dtype) = (self.handle.graph(), self.value.dtype());
        let value = graph.unnamed(|| value.to_output(graph, Some(dtype), "Const"))?;
        graph
            .add(op)
            .input(&self.handle)
            .input(&value)
            .attr("dtype", dtype)
            .build()
    }
}

impl Operand for Variable {
    fn graph(&self) -> Option<Graph> {
        Some(self.handle.graph().clone())
    }

    fn dtype(&self) -> Option<DType> {
        Some(self.value.dtype())
    }

    fn rank(&self) -> Option<usize> {
        self.static_shape().rank()
    }

    fn to_output(&self, graph: &Graph, _: Option<DType>, _: &str) -> Result<Output> {
        graph.check_own(self.handle.graph(), || self.name().to_string())?;
        self.read()
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Variable) -> bool {
        self.handle == other.handle
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, shape, dtype) = (self.name(), self.static_shape(), self.value.dtype());
        write!(f, "<tf.Variable '{name}:0' shape={shape} dtype={dtype}>")
    }
}

/// The variables of a graph and the open variable scope.
#[derive(Default)]
pub(crate) struct Variables {
    all: Vec<Kept>,
    /// Places in `all`.
    by_name: HashMap<String, usize>,
    pub open: OpenVariables,
    /// How often any variable scope was opened.
    pub openings: u64,
}

/// A variable within its own graph, by the ids of its nodes: a [`Variable`] there would keep the graph alive.
#[derive(Clone, Copy)]
struct Kept {
    handle: usize,
    initializer: usize,
    value: usize,
    trainable: bool,
}

impl Kept {
    fn of(self, graph: &Graph) -> Variable {
        let operation = |id| Operation::new(graph.clone(), graph.node(id));
        Variable {
            handle: operation(self.handle).output(0),
            initializer: operation(self.initializer),
            value: operation(self.value).output(0),
            trainable: self.trainable,
        }
    }
}

impl Variables {
    /// Adds a variable, one of `get_variable` under its name.
    fn add(&mut self, variable: &Variable, name: Option<String>) {
        if let Some(name) = name {
            self.by_name.insert(name, self.all.len());
        }
        self.all.push(Kept {
            handle: variable.handle.node_id(),
            initializer: variable.initializer.id(),
            value: variable.value.node_id(),
            trainable: variable.trainable,
        });
    }
}

impl Graph {
    /// All variables, in the order in which they were made.
    pub fn global_variables(&self) -> Vec<Variable> {
        let all = self.read().variables.all.clone();
        all.into_iter().map(|kept| kept.of(self)).collect()
    }

    /// The variable of `get_variable` of this whole name.
    fn variable_of(&self, name: &str) -> Option<Variable> {
        let kept = {
            let variables = &self.read().variables;
            variables
                .by_name
                .get(name)
                .map(|&place| variables.all[place])
        };
        kept.map(|kept| kept.of(self))
    }

    /// The variables that optimizers train by default.
    pub fn trainable_variables(&self) -> Vec<Variable> {
        self.global_variables()
            .into_iter()
            .filter(Variable::is_trainable)
            .collect()
    }

    /// An operation that gives every variable that there is now its initial value.
    #[track_caller]
    pub fn global_variables_initializer(&self) -> Operation {
        let all = self.global_variables();
        self.variables_initializer(&all)
            // A name that is none is taken by the first of the two.
            .or_else(|_| self.variables_initializer(&all))
            .expect("a NoOp after operations of its own graph is always well-formed")
    }

    /// An operation that gives these variables their initial values.
    ///
    /// # Errors
    /// `Value` for a variable of another graph.
    #[track_caller]
    pub fn variables_initializer(&self, variables: &[Variable]) -> Result<Operation> {
        let node = self.add("NoOp").name("init");
        variables
            .iter()
            .fold(node, |node, variable| node.control(&variable.initializer))
            .build()
    }
}

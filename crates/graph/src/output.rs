use std::fmt;
use std::sync::Arc;

use tconv_shape::Shape;
use tconv_tensor::DType;

use crate::attrs::Attrs;
use crate::node::Node;
use crate::op::Fact;
use crate::{Graph, Location, Result};

/// A tensor of a graph, by the operation that makes it and the slot: symbolic, without a value until a
/// session runs. It carries its graph.
#[derive(Clone)]
pub struct Output {
    operation: Operation,
    slot: usize,
}

/// A node of a graph. It carries its graph.
#[derive(Clone)]
pub struct Operation {
    graph: Graph,
    node: Arc<Node>,
}

impl Output {
    /// The graph in which it stands.
    pub fn graph(&self) -> &Graph {
        &self.operation.graph
    }

    /// The operation that makes it.
    pub fn op(&self) -> &Operation {
        &self.operation
    }

    /// Which of the operation's outputs it is.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// `operation:slot`
    pub fn name(&self) -> String {
        format!("{}:{}", self.operation.name(), self.slot)
    }

    /// What is known of it before the graph runs.
    pub fn fact(&self) -> &Fact {
        &self.operation.node.facts[self.slot]
    }

    /// Its dtype.
    pub fn dtype(&self) -> DType {
        self.fact().dtype
    }

    /// Its shape as far as it is known (TensorFlow's `get_shape()`).
    pub fn static_shape(&self) -> &Shape {
        &self.fact().shape
    }

    /// Its shape as a tensor, int32 (TensorFlow's `tf.shape`).
    ///
    /// # Errors
    /// None that a tensor can cause.
    #[track_caller]
    pub fn shape(&self) -> Result<Output> {
        crate::array::shape(self)
    }

    pub(crate) fn node_id(&self) -> usize {
        self.operation.node.id
    }
}

impl Operation {
    pub(crate) fn new(graph: Graph, node: Arc<Node>) -> Operation {
        Operation { graph, node }
    }

    /// The graph in which it stands.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Its name, unlike that of every other operation of the graph.
    pub fn name(&self) -> &str {
        &self.node.name
    }

    /// The registered name of its op.
    pub fn op_name(&self) -> &'static str {
        self.node.def.name
    }

    /// The line of the program that made it: where the call stands that added it, the first line of a
    /// chain of calls. A gradient comes from the line that asked for the gradients.
    pub fn location(&self) -> Option<Location> {
        self.node.location
    }

    /// Its attributes.
    pub fn attrs(&self) -> &Attrs {
        &self.node.attrs
    }

    /// Its inputs.
    pub fn inputs(&self) -> Vec<Output> {
        let output = |&(id, slot): &(usize, usize)| {
            Operation::new(self.graph.clone(), self.graph.node(id)).output(slot)
        };
        self.node.inputs.iter().map(output).collect()
    }

    /// Input `index`.
    ///
    /// # Panics
    /// When there is none.
    pub fn input(&self, index: usize) -> Output {
        let (id, slot) = self.node.inputs[index];
        Operation::new(self.graph.clone(), self.graph.node(id)).output(slot)
    }

    /// The operations that run before it though it reads none of their outputs.
    pub fn control_inputs(&self) -> Vec<Operation> {
        self.node
            .control
            .iter()
            .map(|&id| Operation::new(self.graph.clone(), self.graph.node(id)))
            .collect()
    }

    /// Its outputs.
    pub fn outputs(&self) -> Vec<Output> {
        (0..self.node.facts.len())
            .map(|slot| self.output(slot))
            .collect()
    }

    /// Output `slot`.
    ///
    /// # Panics
    /// When there is none.
    pub fn output(&self, slot: usize) -> Output {
        assert!(
            slot < self.node.facts.len(),
            "'{}' has no output {slot}",
            self.name()
        );
        Output {
            operation: self.clone(),
            slot,
        }
    }

    /// The gradients at its inputs from those at its outputs.
    pub(crate) fn gradient(&self, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        self.node.op.grad(self, dy)
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn id(&self) -> usize {
        self.node.id
    }
}

impl PartialEq for Output {
    /// Whether both are the same tensor of the same graph.
    fn eq(&self, other: &Output) -> bool {
        self.slot == other.slot && self.operation == other.operation
    }
}

impl PartialEq for Operation {
    /// Whether both are the same node of the same graph.
    fn eq(&self, other: &Operation) -> bool {
        self.node.id == other.node.id && self.graph == other.graph
    }
}

impl fmt::Display for Output {
    /// `name:slot (shape) dtype`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.name(),
            self.static_shape(),
            self.dtype()
        )
    }
}

impl fmt::Debug for Output {
    /// As TensorFlow shows a tensor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, shape, dtype) = (self.name(), self.static_shape(), self.dtype());
        write!(f, "<tf.Tensor '{name}' shape={shape} dtype={dtype}>")
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<tf.Operation '{}' type={}>",
            self.name(),
            self.op_name()
        )
    }
}

use tconv_tensor::DType;

use crate::operand::number;
use crate::{Graph, Operand, Output, Result};

/// Values from a normal distribution of mean 0 and standard deviation 1, or what the builder says
/// (`tf.random_normal`). `shape` is a list of sizes or a tensor.
pub fn normal<'a>(graph: &'a Graph, shape: impl Operand + 'a) -> Normal<'a> {
    Normal::new("RandomStandardNormal", "random_normal", graph, Box::new(shape))
}

/// [`normal`] without the values that are two standard deviations or more from the mean
/// (`tf.truncated_normal`).
pub fn truncated_normal<'a>(graph: &'a Graph, shape: impl Operand + 'a) -> Normal<'a> {
    Normal::new("TruncatedNormal", "truncated_normal", graph, Box::new(shape))
}

/// Values that are equally likely anywhere from 0, or the least that the builder says, to 1, or the
/// bound that it says, which is not reached (`tf.random_uniform`). `shape` is a list of sizes or a
/// tensor.
pub fn uniform<'a>(graph: &'a Graph, shape: impl Operand + 'a) -> Uniform<'a> {
    let node = Node::new("RandomUniform", "random_uniform", graph, Box::new(shape));
    Uniform { node, minval: None, maxval: None }
}

/// Random normal values that are being built.
pub struct Normal<'a> {
    node: Node<'a>,
    mean: f64,
    stddev: f64,
}

/// Random uniform values that are being built.
pub struct Uniform<'a> {
    node: Node<'a>,
    minval: Option<f64>,
    maxval: Option<f64>,
}

struct Node<'a> {
    op: &'static str,
    name: String,
    graph: &'a Graph,
    shape: Box<dyn Operand + 'a>,
    dtype: DType,
    seed: Option<i64>,
}

impl<'a> Node<'a> {
    fn new(op: &'static str, name: &str, graph: &'a Graph, shape: Box<dyn Operand + 'a>) -> Node<'a> {
        Node { op, name: name.to_string(), graph, shape, dtype: DType::Float32, seed: None }
    }

    fn constant(&self, name: &str, value: f64) -> Result<Output> {
        self.graph.constant_named(name, number(value, Some(self.dtype))?)
    }

    /// The op itself. Its seeds are counted when it is made, so that they follow TensorFlow's order.
    fn random(&self, shape: &Output) -> Result<Output> {
        let (seed, seed2) = self.graph.op_seeds(self.seed);
        let node = self.graph.add(self.op).input(shape).attr("dtype", self.dtype);
        node.attr("seed", seed).attr("seed2", seed2).output()
    }

    /// `values * scale + offset`, where the sum has the name of the whole.
    fn scale(&self, own: &str, values: &Output, scale: &Output, offset: &Output) -> Result<Output> {
        let scaled = self.graph.add("Mul").name("mul").input(values).input(scale).output()?;
        self.graph.add("AddV2").name(own).input(&scaled).input(offset).output()
    }
}

macro_rules! node_setters {
    ($type:ident) => {
        impl $type<'_> {
            /// The op's seed; without one, and without a graph seed, each session differs.
            pub fn seed(mut self, seed: i64) -> Self {
                self.node.seed = Some(seed);
                self
            }

            /// The dtype, float32 without this; or float64.
            pub fn dtype(mut self, dtype: DType) -> Self {
                self.node.dtype = dtype;
                self
            }

            /// The name.
            pub fn name(mut self, name: &str) -> Self {
                self.node.name = name.to_string();
                self
            }
        }
    };
}
node_setters!(Normal);
node_setters!(Uniform);

impl<'a> Normal<'a> {
    fn new(op: &'static str, name: &str, graph: &'a Graph, shape: Box<dyn Operand + 'a>) -> Self {
        Normal { node: Node::new(op, name, graph, shape), mean: 0.0, stddev: 1.0 }
    }

    /// The mean; that before truncating.
    pub fn mean(mut self, mean: f64) -> Self {
        self.mean = mean;
        self
    }

    /// The standard deviation; that before truncating.
    pub fn stddev(mut self, stddev: f64) -> Self {
        self.stddev = stddev;
        self
    }

    /// Adds the nodes.
    ///
    /// # Errors
    /// `Value` for a shape that is none, `Type` for a dtype that is not floating.
    pub fn build(self) -> Result<Output> {
        let node = &self.node;
        node.graph.op_scope(&node.name, |own| {
            let shape = node.shape.to_output(node.graph, None, "shape")?;
            let mean = node.constant("mean", self.mean)?;
            let stddev = node.constant("stddev", self.stddev)?;
            node.scale(own, &node.random(&shape)?, &stddev, &mean)
        })
    }
}

impl Uniform<'_> {
    /// The least value.
    pub fn minval(mut self, minval: f64) -> Self {
        self.minval = Some(minval);
        self
    }

    /// The bound that values stay below.
    pub fn maxval(mut self, maxval: f64) -> Self {
        self.maxval = Some(maxval);
        self
    }

    /// Adds the nodes.
    ///
    /// # Errors
    /// `Value` for a shape that is none, `Type` for a dtype that is not floating.
    pub fn build(self) -> Result<Output> {
        let node = &self.node;
        node.graph.op_scope(&node.name, |own| {
            let shape = node.shape.to_output(node.graph, None, "shape")?;
            if self.minval.is_none() && self.maxval.is_none() {
                return node.random(&shape);
            }
            let min = node.constant("min", self.minval.unwrap_or(0.0))?;
            let max = node.constant("max", self.maxval.unwrap_or(1.0))?;
            let values = node.random(&shape)?;
            let range = node.graph.add("Sub").name("sub").input(&max).input(&min).output()?;
            node.scale(own, &values, &range, &min)
        })
    }
}

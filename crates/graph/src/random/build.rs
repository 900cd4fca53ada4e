use tconv_tensor::DType;

use crate::operand::number;
use crate::{Error, Graph, Location, Operand, Output, Result, location, math};

/// Values from a normal distribution of mean 0 and standard deviation 1, or what the builder says
/// (`tf.random_normal`). `shape` is a list of sizes or a tensor.
#[track_caller]
pub fn normal<'a>(graph: &'a Graph, shape: impl Operand + 'a) -> Normal<'a> {
    Normal::new(
        "RandomStandardNormal",
        "random_normal",
        graph,
        Box::new(shape),
    )
}

/// [`normal`] without the values that are two standard deviations or more from the mean
/// (`tf.truncated_normal`).
#[track_caller]
pub fn truncated_normal<'a>(graph: &'a Graph, shape: impl Operand + 'a) -> Normal<'a> {
    Normal::new(
        "TruncatedNormal",
        "truncated_normal",
        graph,
        Box::new(shape),
    )
}

/// Values that are equally likely anywhere from 0, or the least that the builder says, to 1, or the
/// bound that it says, which is not reached (`tf.random_uniform`). `shape` is a list of sizes or a
/// tensor.
#[track_caller]
pub fn uniform<'a>(graph: &'a Graph, shape: impl Operand + 'a) -> Uniform<'a> {
    let node = Node::new("RandomUniform", "random_uniform", graph, Box::new(shape));
    Uniform {
        node,
        minval: None,
        maxval: None,
    }
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
    location: Location,
}

impl<'a> Node<'a> {
    #[track_caller]
    fn new(
        op: &'static str,
        name: &str,
        graph: &'a Graph,
        shape: Box<dyn Operand + 'a>,
    ) -> Node<'a> {
        Node {
            op,
            name: name.to_string(),
            graph,
            shape,
            dtype: DType::Float32,
            seed: None,
            location: location::here(),
        }
    }

    fn constant(&self, name: &str, value: f64) -> Result<Output> {
        if !self.dtype.is_floating() {
            return Err(Error::type_(format!(
                "Value passed to parameter 'dtype' has DataType {} not in list of allowed values: float16, bfloat16, float32, float64",
                self.dtype
            ))
            .help("draw floating numbers and convert them with cast"));
        }
        self.graph
            .constant_named(name, number(value, Some(self.dtype))?)
    }

    /// The op itself. Its seeds are counted when it is made, so that they follow TensorFlow's order.
    fn random(&self, shape: &Output) -> Result<Output> {
        let (seed, seed2) = self.graph.op_seeds(self.seed);
        let node = self
            .graph
            .add(self.op)
            .input(shape)
            .attr("dtype", self.dtype);
        node.attr("seed", seed).attr("seed2", seed2).output()
    }

    /// `values * scale + offset`, where the sum has the name of the whole.
    fn scale(&self, own: &str, values: &Output, scale: &Output, offset: &Output) -> Result<Output> {
        let scaled = self
            .graph
            .add("Mul")
            .name("mul")
            .input(values)
            .input(scale)
            .output()?;
        self.graph
            .add("AddV2")
            .name(own)
            .input(&scaled)
            .input(offset)
            .output()
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
    #[track_caller]
    fn new(op: &'static str, name: &str, graph: &'a Graph, shape: Box<dyn Operand + 'a>) -> Self {
        Normal {
            node: Node::new(op, name, graph, shape),
            mean: 0.0,
            stddev: 1.0,
        }
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
        let _from = location::began(self.node.location);
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
        let _from = location::began(self.node.location);
        let node = &self.node;
        node.graph.op_scope(&node.name, |own| {
            let shape = node.shape.to_output(node.graph, None, "shape")?;
            if self.minval.is_none() && self.maxval.is_none() {
                return node.random(&shape);
            }
            let min = node.constant("min", self.minval.unwrap_or(0.0))?;
            let max = node.constant("max", self.maxval.unwrap_or(1.0))?;
            let values = node.random(&shape)?;
            if self.minval.is_none() {
                return math::multiply(&values, &max);
            }
            let range = node
                .graph
                .add("Sub")
                .name("sub")
                .input(&max)
                .input(&min)
                .output()?;
            node.scale(own, &values, &range, &min)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Session};

    /// The notes' program 1: numbers of TensorFlow 2.21 with graph seed 1.
    #[test]
    fn two_random_tensors_of_one_graph() -> Result<()> {
        let graph = Graph::new();
        graph.set_random_seed(1);
        let x = normal(&graph, [1, 3, 3, 1]).build()?;
        let kernel = normal(&graph, [2, 2, 3, 1]).build()?;
        let session = Session::new(&graph);
        let (x_value, kernel_value) = session.run((&x, &kernel))?;
        let x_recorded = [
            0.3052047, 0.5671378, 0.41852272, 0.2326421, -0.6602213, -2.2560465, -0.5328236,
            1.0428433, -0.390923,
        ];
        let kernel_recorded = [
            0.28183395, 2.3878284, 2.2804048, -0.308662, -0.4475815, -0.807146, 0.160361,
            -0.3369857, 0.46538463, -1.2490052, 0.9383302, -1.2840546,
        ];
        close(x_value.as_slice()?, &x_recorded);
        close(kernel_value.as_slice()?, &kernel_recorded);
        // The second run goes on in the stream.
        close(
            &session.run(&x)?.as_slice()?[..2],
            &[-0.12475611, 0.03097412],
        );
        // Another session starts again.
        close(Session::new(&graph).run(&x)?.as_slice()?, &x_recorded);
        Ok(())
    }

    #[track_caller]
    fn close(ours: &[f32], theirs: &[f32]) {
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!(
                (ours - theirs).abs() <= 4.0 * f32::EPSILON * theirs.abs(),
                "{ours} is not {theirs}"
            );
        }
    }

    /// As in `testdata/names.json`.
    #[test]
    fn nodes_are_tensorflows() -> Result<()> {
        let graph = Graph::new();
        graph.set_random_seed(1);
        uniform(&graph, [2, 3]).build()?;
        uniform(&graph, [2, 3])
            .minval(-1.0)
            .maxval(1.0)
            .seed(4)
            .build()?;
        truncated_normal(&graph, [2, 3]).stddev(0.1).build()?;
        normal(&graph, [2, 3]).mean(1.0).stddev(2.0).build()?;
        let x = graph.placeholder::<f32>([None, Some(2)])?;
        normal(&graph, x.shape()?).build()?;
        normal(&graph, [2]).name("noise").build()?;
        let names: serde_json::Value =
            serde_json::from_str(include_str!("../../../../testdata/names.json")).unwrap();
        let cases = names["cases"].as_array().unwrap();
        let case = cases.iter().find(|case| case["name"] == "randoms").unwrap();
        let theirs = case["nodes"].as_array().unwrap();
        let operations = graph.operations();
        assert_eq!(operations.len(), theirs.len());
        for (ours, theirs) in operations.iter().zip(theirs) {
            let inputs: Vec<_> = ours
                .inputs()
                .iter()
                .map(|x| x.op().name().to_string())
                .collect();
            let found = serde_json::json!([ours.name(), ours.op_name(), inputs]);
            assert_eq!(
                found,
                serde_json::json!([theirs["name"], theirs["op"], theirs["inputs"]])
            );
        }
        Ok(())
    }

    #[test]
    fn without_any_seed_every_session_differs() -> Result<()> {
        let graph = Graph::new();
        let x = uniform(&graph, [8]).dtype(DType::Float64).build()?;
        assert_ne!(Session::new(&graph).run(&x)?, Session::new(&graph).run(&x)?);
        Ok(())
    }

    #[test]
    fn what_is_no_shape_or_no_float_is_refused() -> Result<()> {
        let graph = Graph::new();
        let error = normal(&graph, [2, -1]).build().unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Code::Value, "Dimension -1 must be >= 0")
        );
        let error = normal(&graph, [2]).dtype(DType::Int32).build().unwrap_err();
        assert_eq!(error.code(), Code::Type);
        let error = uniform(&graph, [2]).dtype(DType::Bool).build().unwrap_err();
        assert_eq!(error.code(), Code::Type);
        let sizes = graph.placeholder::<i32>(crate::Shape::unknown())?;
        let x = normal(&graph, &sizes).build()?;
        let session = Session::new(&graph);
        let run = |value: tconv_tensor::Tensor| {
            session.run_with(&x, crate::Feed::new().with(&sizes, value))
        };
        let error = run([2i32, -1].into()).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Code::InvalidArgument, "Dimension -1 must be >= 0")
        );
        let error = run(2i32.into()).unwrap_err();
        assert_eq!(
            error.message(),
            "shape must be a vector of {int32,int64}, got shape []"
        );
        assert_eq!(
            run([i32::MAX; 4].into()).unwrap_err().code(),
            Code::ResourceExhausted
        );
        assert_eq!(run([3i32, 0].into())?.shape(), [3, 0]);
        Ok(())
    }
}

//! Every gradient, and the gradient of every gradient, against central finite differences: in float64,
//! with sizes that are known only when the graph runs.

use std::collections::BTreeSet;

use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::Shape;
use tconv_tensor::{DType, Tensor};

use crate::attrs::{AttrValue, Attrs};
use crate::{Feed, Graph, Output, Session, gradients_with, ops};

/// The ops through which no gradient flows, and those that have none. `ReadVariableOp` hands on what
/// arrives, which training tests.
#[rustfmt::skip]
const NOT_DIFFERENTIABLE: &[&str] = &[
    "AssignAddVariableOp", "AssignSubVariableOp", "AssignVariableOp", "BroadcastGradientArgs", "ConcatOffset", "Const", "Equal", "FloorDiv", "Greater",
    "GreaterEqual", "InvertPermutation", "Less", "LessEqual", "LogicalAnd",
    "LogicalNot", "LogicalOr", "MaxPoolGrad", "NoOp", "NotEqual", "Placeholder",
    "RandomStandardNormal", "RandomUniform", "Range", "Rank", "ReadVariableOp", "ResourceApplyAdam",
    "ResourceApplyGradientDescent", "ResourceApplyMomentum", "Shape", "Size", "StopGradient", "TruncatedNormal", "VarHandleOp",
    "VarIsInitializedOp",
];

enum Input {
    /// A constant.
    Fixed(Tensor),
    /// A placeholder, with the value at which its gradient is compared.
    Source(Tensor),
}

/// One op with its inputs and attributes.
struct Case {
    op: &'static str,
    inputs: Vec<Input>,
    attrs: Attrs,
    second: bool,
}

fn case(op: &'static str) -> Case {
    Case {
        op,
        inputs: Vec::new(),
        attrs: Attrs::new(),
        second: true,
    }
}

impl Case {
    /// An input of this shape with elements between -2 and 2.
    fn x(self, shape: &[usize]) -> Case {
        self.between(shape, -2.0, 2.0)
    }

    /// An input of this shape with elements between 0.5 and 2.
    fn positive(self, shape: &[usize]) -> Case {
        self.between(shape, 0.5, 2.0)
    }

    /// The elements are equally far apart, in no order, and differ from those of the other inputs and
    /// from 0, so that no step changes which is the larger.
    fn between(mut self, shape: &[usize], low: f64, high: f64) -> Case {
        let count: usize = shape.iter().product();
        let offset = 0.37 + 0.11 * self.inputs.len() as f64;
        let step = (count * 5 / 8..)
            .find(|&step| (2..=count).all(|n| !(count.is_multiple_of(n) && step.is_multiple_of(n))))
            .unwrap_or(1);
        let place = |i: usize| ((i + 1) * step % count.max(1)) as f64 + offset;
        let data: Vec<f64> = (0..count)
            .map(|i| low + (high - low) * place(i) / count as f64)
            .collect();
        self.inputs
            .push(Input::Source(Tensor::new(shape, data).unwrap()));
        self
    }

    fn fixed(mut self, value: impl Into<Tensor>) -> Case {
        self.inputs.push(Input::Fixed(value.into()));
        self
    }

    fn ints(self, values: &[i32]) -> Case {
        self.fixed(values.to_vec())
    }

    fn attr(mut self, name: &str, value: impl Into<AttrValue>) -> Case {
        self.attrs.insert(name.into(), value.into());
        self
    }

    /// Strides, kernel sizes and the like.
    fn list(self, name: &str, values: &[i64]) -> Case {
        self.attr(name, values)
    }

    /// The gradient has no gradient.
    fn once(mut self) -> Case {
        self.second = false;
        self
    }
}

fn cases() -> Vec<Case> {
    let conv = |op: &'static str, strides: &[i64], padding: &str| {
        case(op).list("strides", strides).attr("padding", padding)
    };
    let mut cases = math_cases();
    cases.extend(array_cases());
    cases.extend([
        conv("Conv2D", &[1, 2, 1, 1], "SAME")
            .x(&[2, 5, 4, 2])
            .x(&[3, 2, 2, 3]),
        conv("Conv2D", &[1, 3, 2, 1], "SAME")
            .x(&[1, 7, 5, 2])
            .x(&[2, 1, 2, 2]),
        conv("Conv2D", &[1, 2, 2, 1], "VALID")
            .list("dilations", &[1, 2, 1, 1])
            .x(&[1, 7, 5, 2])
            .x(&[3, 2, 2, 2]),
        conv("Conv2D", &[1, 1, 2, 1], "EXPLICIT")
            .list("explicit_paddings", &[0, 0, 2, 0, 1, 3, 0, 0])
            .x(&[1, 4, 5, 4])
            .x(&[2, 3, 2, 2]),
        conv("Conv2D", &[1, 1, 2, 2], "SAME")
            .attr("data_format", "NCHW")
            .x(&[2, 2, 3, 4])
            .x(&[2, 3, 2, 2]),
        conv("Conv2DBackpropInput", &[1, 2, 3, 1], "SAME")
            .ints(&[2, 5, 7, 2])
            .x(&[3, 2, 2, 3])
            .x(&[2, 3, 3, 3]),
        conv("Conv2DBackpropInput", &[1, 2, 2, 1], "VALID")
            .ints(&[1, 6, 7, 2])
            .x(&[2, 3, 2, 2])
            .x(&[1, 3, 3, 2]),
        conv("Conv2DBackpropFilter", &[1, 2, 1, 1], "SAME")
            .x(&[2, 5, 4, 2])
            .ints(&[3, 2, 2, 3])
            .x(&[2, 3, 4, 3]),
        conv("Conv3D", &[1, 2, 1, 2, 1], "SAME")
            .x(&[1, 3, 2, 4, 2])
            .x(&[2, 2, 3, 2, 2]),
        conv("Conv3D", &[1, 1, 2, 1, 1], "VALID")
            .list("dilations", &[1, 2, 1, 1, 1])
            .x(&[2, 4, 3, 2, 2])
            .x(&[2, 2, 1, 1, 2]),
        conv("Conv3DBackpropInputV2", &[1, 1, 1, 2, 2], "SAME")
            .attr("data_format", "NCDHW")
            .fixed(vec![1i64, 2, 2, 3, 4])
            .x(&[2, 2, 1, 2, 3])
            .x(&[1, 3, 2, 2, 2]),
        conv("Conv3DBackpropFilterV2", &[1, 2, 1, 1, 1], "SAME")
            .x(&[1, 3, 2, 2, 2])
            .ints(&[2, 1, 2, 2, 1])
            .x(&[1, 2, 2, 2, 1]),
        case("BiasAdd").x(&[2, 2, 3]).x(&[3]),
        case("BiasAdd")
            .attr("data_format", "NCHW")
            .x(&[2, 3, 2, 2])
            .x(&[3]),
        case("BiasAddGrad").x(&[2, 2, 3]),
        case("Relu").x(&[2, 5]),
        case("ReluGrad").x(&[2, 5]).x(&[2, 5]),
        case("LeakyRelu").attr("alpha", 0.25f32).x(&[2, 5]),
        case("LeakyReluGrad")
            .attr("alpha", 0.25f32)
            .x(&[2, 5])
            .x(&[2, 5]),
        case("Sigmoid").x(&[2, 5]),
        case("SigmoidGrad").x(&[2, 5]).x(&[2, 5]),
        case("Tanh").x(&[2, 5]),
        case("TanhGrad").x(&[2, 5]).x(&[2, 5]),
        case("Softplus").x(&[2, 5]),
        case("SoftplusGrad").x(&[2, 5]).x(&[2, 5]),
        conv("MaxPool", &[1, 2, 1, 1], "SAME")
            .list("ksize", &[1, 3, 2, 1])
            .x(&[2, 5, 4, 2])
            .once(),
        conv("AvgPool", &[1, 2, 1, 1], "SAME")
            .list("ksize", &[1, 3, 2, 1])
            .x(&[2, 5, 4, 2]),
        conv("AvgPoolGrad", &[1, 2, 1, 1], "VALID")
            .list("ksize", &[1, 3, 2, 1])
            .ints(&[2, 5, 4, 2])
            .x(&[2, 2, 3, 2]),
    ]);
    cases
}

fn math_cases() -> Vec<Case> {
    let condition = Tensor::new(&[2, 1], vec![true, false]).unwrap();
    vec![
        case("Abs").x(&[2, 3]),
        case("Sign").x(&[2, 3]),
        case("Neg").x(&[2, 3]),
        case("Square").x(&[2, 3]),
        case("Exp").x(&[2, 3]),
        case("Log").positive(&[2, 3]),
        case("Sqrt").positive(&[2, 3]),
        case("SqrtGrad").positive(&[2, 3]).x(&[2, 3]),
        case("Rsqrt").positive(&[2, 3]),
        case("RsqrtGrad").positive(&[2, 3]).x(&[2, 3]),
        case("Reciprocal").positive(&[2, 3]),
        case("ReciprocalGrad").positive(&[2, 3]).x(&[2, 3]),
        case("Add").x(&[2, 3]).x(&[3]),
        case("AddV2").x(&[2, 1, 2]).x(&[3, 1]),
        case("AddN").x(&[2, 3]).x(&[2, 3]).x(&[2, 3]),
        case("Sub").x(&[]).x(&[2, 3]),
        case("Mul").x(&[2, 1, 2]).x(&[3, 1]),
        case("Mul").x(&[3]).x(&[3]),
        case("RealDiv").x(&[2, 3]).positive(&[2, 1]),
        case("Maximum").x(&[2, 3]).x(&[3]),
        case("Minimum").x(&[2, 3]).x(&[2, 1]),
        case("Pow").positive(&[2, 3]).x(&[3]),
        case("SelectV2").fixed(condition).x(&[3]).x(&[2, 1]),
        case("Sum").x(&[2, 3, 2]).ints(&[0, -1]),
        case("Sum").x(&[2, 3]).ints(&[0, 1]),
        case("Sum").attr("keep_dims", true).x(&[2, 3]).fixed(1i64),
        case("Sum").x(&[0, 3]).ints(&[0]),
        case("Mean").x(&[2, 3, 2]).fixed(1i32),
        case("Mean")
            .attr("keep_dims", true)
            .x(&[2, 3])
            .ints(&[0, 1]),
        case("Max").x(&[2, 3, 2]).ints(&[0, 2]),
        case("Min").x(&[2, 3, 2]).ints(&[0, 2]),
        case("FloorMod").x(&[2, 3]).positive(&[3]),
        case("SquaredDifference").x(&[2, 3]).x(&[2, 1]),
        case("Softmax").x(&[2, 3]),
        case("LogSoftmax").x(&[2, 1, 3]),
        case("Max").attr("keep_dims", true).x(&[2, 3]).fixed(1i32),
        case("MatMul").x(&[2, 3]).x(&[3, 4]),
        case("MatMul")
            .attr("transpose_a", true)
            .x(&[3, 2])
            .x(&[3, 4]),
        case("MatMul")
            .attr("transpose_b", true)
            .x(&[2, 3])
            .x(&[4, 3]),
        case("MatMul")
            .attr("transpose_a", true)
            .attr("transpose_b", true)
            .x(&[3, 2])
            .x(&[4, 3]),
        case("Cast").attr("DstT", DType::Float64).x(&[2, 3]),
        case("Identity").x(&[2, 3]),
    ]
}

fn array_cases() -> Vec<Case> {
    let paddings = Tensor::new(&[2, 2], vec![1i32, 0, 2, 1]).unwrap();
    vec![
        case("Fill").ints(&[2, 3]).x(&[]),
        case("Reshape").x(&[2, 3]).ints(&[3, -1]),
        case("ExpandDims").x(&[2, 3]).fixed(-1i32),
        case("Squeeze").list("squeeze_dims", &[1]).x(&[2, 1, 3]),
        case("Tile").x(&[2, 3]).ints(&[2, 3]),
        case("Transpose").x(&[2, 3, 2]).ints(&[2, 0, 1]),
        case("Pad").x(&[2, 3]).fixed(paddings),
        case("Slice").x(&[3, 4]).ints(&[1, 0]).ints(&[-1, 2]),
        case("StridedSlice")
            .attr("begin_mask", 1i64)
            .x(&[3, 4])
            .ints(&[0, 1])
            .ints(&[0, 4])
            .ints(&[-1, 2]),
        case("StridedSliceGrad")
            .ints(&[3, 4])
            .ints(&[2, 1])
            .ints(&[0, 4])
            .ints(&[-1, 2])
            .x(&[2, 2]),
        case("Pack").attr("axis", -1i64).x(&[2, 3]).x(&[2, 3]),
        case("Unpack")
            .attr("num", 3i64)
            .attr("axis", 1i64)
            .x(&[2, 3]),
        case("ConcatV2").x(&[2, 3]).x(&[2, 1]).fixed(1i32),
    ]
}

/// Tensors with the values that are fed for them.
type Fed = Vec<(Output, Tensor)>;

/// Half the distance of the two points of a difference.
const STEP: f64 = 1e-4;

/// The most by which a gradient may be off, relative to the larger of it and 1.
const TOLERANCE: f64 = 1e-6;

fn run(session: &Session, fetches: &[Output], fed: &Fed) -> Vec<Tensor> {
    let feed = fed.iter().fold(Feed::new(), |feed, (output, value)| {
        feed.with(output, value)
    });
    session
        .run_with(fetches, feed)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn elements(tensor: &Tensor) -> &[f64] {
    tensor.as_slice().unwrap()
}

/// Compares the gradients of a weighted sum of all elements of `ys` at all that is fed. Gives them, and
/// what was fed then: the weights too.
fn compare(name: &str, session: &Session, ys: &[Output], mut fed: Fed) -> (Vec<Output>, Fed) {
    let graph = session.graph();
    let (xs, points) = fed.iter().cloned().unzip::<_, _, Vec<_>, Vec<_>>();
    let mut weights = Vec::new();
    for (i, y) in run(session, ys, &fed).iter().enumerate() {
        let data = (0..y.len())
            .map(|j| ((7 * i + 3 * j) % 11) as f64 / 4.0 - 1.2)
            .collect::<Vec<_>>();
        let holder = graph
            .placeholder_of(DType::Float64, "weights", Shape::of_rank(y.rank(), "?"))
            .unwrap();
        weights.push((holder, Tensor::new(y.shape(), data).unwrap()));
    }
    let holders: Vec<&Output> = weights.iter().map(|(holder, _)| holder).collect();
    let slopes = gradients_with(&ys.iter().collect::<Vec<_>>(), &xs, &holders)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let weighted = |fed: &Fed| -> f64 {
        let values = run(session, ys, fed);
        let pairs = values.iter().zip(&weights);
        pairs
            .flat_map(|(y, (_, w))| elements(y).iter().zip(elements(w)))
            .map(|(y, w)| y * w)
            .sum()
    };
    let mut all = fed.clone();
    all.extend(weights.iter().cloned());
    let present: Vec<Output> = slopes.iter().flatten().cloned().collect();
    let mut found = run(session, &present, &all).into_iter();
    for (i, (slope, point)) in slopes.iter().zip(&points).enumerate() {
        let slope = match slope {
            Some(_) => found.next().unwrap(),
            None => Tensor::zeros(DType::Float64, point.shape()).unwrap(),
        };
        assert_eq!(slope.shape(), point.shape(), "{name}: gradient {i}");
        for (j, &slope) in elements(&slope).iter().enumerate() {
            let mut at = |step: f64| {
                let mut moved = point.clone();
                moved.make_mut::<f64>().unwrap()[j] += step;
                fed[i].1 = moved;
                weighted(&fed)
            };
            let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let error = (slope - difference).abs() / slope.abs().max(1.0);
            assert!(
                error < TOLERANCE,
                "{name}: gradient {i} at element {j} is {slope}, not {difference}"
            );
        }
        fed[i].1 = point.clone();
    }
    (present, all)
}

#[test]
fn gradients_are_finite_differences() {
    for (number, case) in cases().into_iter().enumerate() {
        let name = format!("case {number}, {}", case.op);
        let graph = Graph::new();
        let mut fed = Vec::new();
        let mut node = graph.add(case.op);
        for input in case.inputs {
            let input = match input {
                Input::Fixed(value) => graph.constant(value).unwrap(),
                Input::Source(value) => {
                    let shape = Shape::of_rank(value.rank(), "?");
                    let holder = graph.placeholder_of(DType::Float64, "x", shape).unwrap();
                    fed.push((holder.clone(), value));
                    holder
                }
            };
            node = node.input(&input);
        }
        let ys = node
            .attrs(case.attrs)
            .build()
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .outputs();
        let session = Session::with(&graph, Threads::ONE, InstructionSet::best());
        let (slopes, fed) = compare(&name, &session, &ys, fed);
        if case.second {
            compare(&format!("{name}, second order"), &session, &slopes, fed);
        }
    }
}

#[test]
fn every_op_is_here() {
    let table: BTreeSet<&str> = ops::OPS.iter().map(|def| def.name).collect();
    let mut here: BTreeSet<&str> = cases().iter().map(|case| case.op).collect();
    for name in NOT_DIFFERENTIABLE {
        assert!(
            here.insert(name),
            "{name} is listed as not differentiable, and has a case"
        );
    }
    assert_eq!(here, table);
}

//! Every op gives what TensorFlow recorded (`testdata/*.safetensors`), forwards and backwards.

use std::collections::HashMap;
use std::fmt::Write;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Tensor, bf16, f16};

use crate::attrs::AttrValue;
use crate::{Feed, Graph, Operation, Output, Result, Session, gradients_with};

/// A file of recorded cases.
pub(crate) struct Recorded {
    tensors: HashMap<String, Tensor>,
    cases: Vec<Value>,
}

impl Recorded {
    /// Reads `testdata/FAMILY.safetensors`.
    pub fn open(family: &str) -> Recorded {
        let path = format!(
            "{}/../../testdata/{family}.safetensors",
            env!("CARGO_MANIFEST_DIR")
        );
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let cases = serde_json::from_str(&header.metadata().as_ref().unwrap()["cases"]).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        Recorded {
            tensors: file
                .iter()
                .map(|(key, view)| (key.to_string(), tensor(&view)))
                .collect(),
            cases,
        }
    }

    /// The cases, as `testdata/README.md` describes them.
    pub fn cases(&self) -> &[Value] {
        &self.cases
    }

    /// The tensor of a case's key.
    pub fn tensor(&self, key: &Value) -> Tensor {
        self.tensors[key.as_str().unwrap()].clone()
    }

    fn tensors(&self, keys: &Value) -> Vec<Option<Tensor>> {
        let keys = keys.as_array().unwrap();
        keys.iter()
            .map(|key| (!key.is_null()).then(|| self.tensor(key)))
            .collect()
    }
}

fn tensor(view: &TensorView) -> Tensor {
    let (shape, data) = (view.shape(), view.data());
    match view.dtype() {
        Dtype::F16 => Tensor::new(shape, numbers(data, f16::from_le_bytes)),
        Dtype::BF16 => Tensor::new(shape, numbers(data, bf16::from_le_bytes)),
        Dtype::F32 => Tensor::new(shape, numbers(data, f32::from_le_bytes)),
        Dtype::F64 => Tensor::new(shape, numbers(data, f64::from_le_bytes)),
        Dtype::I32 => Tensor::new(shape, numbers(data, i32::from_le_bytes)),
        Dtype::I64 => Tensor::new(shape, numbers(data, i64::from_le_bytes)),
        Dtype::U8 => Tensor::new(shape, data.to_vec()),
        Dtype::BOOL => Tensor::new(shape, data.iter().map(|&byte| byte != 0).collect()),
        other => panic!("{other:?} is not recorded"),
    }
    .unwrap()
}

fn numbers<T, const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.chunks_exact(N)
        .map(|bytes| number(bytes.try_into().unwrap()))
        .collect()
}

/// An attribute of a NodeDef from its JSON: names of dtypes are types, and a float keeps its point.
fn attr(value: &Value) -> AttrValue {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::String(text) => text
            .parse::<DType>()
            .map_or_else(|_| text.as_str().into(), Into::into),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => (number.as_f64().unwrap() as f32).into(),
        },
        Value::Array(list) => list
            .iter()
            .map(|n| n.as_i64().unwrap())
            .collect::<Vec<i64>>()
            .into(),
        other => panic!("attribute {other}"),
    }
}

/// What the graph is told of the inputs before it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    /// All sizes; the integers are constants, so that every size of the results is known as well.
    Everything,
    Sizes,
    Ranks,
    Nothing,
}

impl Told {
    fn shape(self, tensor: &Tensor) -> Shape {
        match self {
            Told::Everything | Told::Sizes => tensor.shape().into(),
            Told::Ranks => Shape::of_rank(tensor.rank(), "?"),
            Told::Nothing => Shape::unknown(),
        }
    }
}

/// A case's nodes, with the values that are fed.
struct Built {
    graph: Graph,
    inputs: Vec<Output>,
    node: Operation,
    feed: Vec<(Output, Tensor)>,
}

fn build(case: &Value, values: &[Tensor], told: Told) -> Result<Built> {
    let graph = Graph::new();
    let (mut inputs, mut feed) = (Vec::new(), Vec::new());
    for (i, value) in values.iter().enumerate() {
        let integers = matches!(value.dtype(), DType::Int32 | DType::Int64);
        if told == Told::Everything && integers {
            inputs.push(graph.constant(value)?);
            continue;
        }
        let holder = graph.placeholder_of(value.dtype(), &format!("in{i}"), told.shape(value))?;
        feed.push((holder.clone(), value.clone()));
        inputs.push(holder);
    }
    let mut node = graph.add(case["op"].as_str().unwrap()).inputs(&inputs);
    for (name, value) in case["attrs"].as_object().unwrap() {
        node = node.attr(name, attr(value));
    }
    Ok(Built {
        node: node.build()?,
        graph,
        inputs,
        feed,
    })
}

/// The outputs and the gradients at the inputs (`None`: none arrives) for these inputs and these
/// gradients at the outputs.
type Answers = (Vec<Tensor>, Option<Vec<Option<Tensor>>>);

fn run(
    case: &Value,
    values: &[Tensor],
    dy: Option<&[Option<Tensor>]>,
    told: Told,
) -> Result<Answers> {
    let Built {
        graph,
        inputs,
        node,
        mut feed,
    } = build(case, values, told)?;
    let outputs = node.outputs();
    let mut fetches = outputs.clone();
    let mut slopes = Vec::new();
    if let Some(dy) = dy {
        let (mut ys, mut holders) = (Vec::new(), Vec::new());
        for (output, dy) in outputs.iter().zip(dy) {
            let Some(dy) = dy else { continue };
            let holder = graph.placeholder_of(dy.dtype(), "dy", told.shape(dy))?;
            feed.push((holder.clone(), dy.clone()));
            ys.push(output);
            holders.push(holder);
        }
        slopes = gradients_with(&ys, &inputs, &holders.iter().collect::<Vec<_>>())?;
        fetches.extend(slopes.iter().flatten().cloned());
    }
    let feed = feed.into_iter().fold(Feed::new(), |feed, (holder, value)| {
        feed.with(&holder, value)
    });
    let session = Session::with(&graph, Threads::ONE, InstructionSet::from_env()?);
    let mut found = session.run_with(&fetches, feed)?;
    for (output, value) in fetches.iter().zip(&found) {
        let (known, shape) = (output.static_shape(), Shape::from(value.shape()));
        assert!(known.is_compatible_with(&shape), "{output} is {shape}");
        // Only sizes that inference could compute count, and the gradients' it need not.
        let inferred = known
            .dims()
            .is_some_and(|dims| dims.iter().all(|dim| matches!(dim, Dim::Known(_))));
        assert!(
            inferred || told != Told::Everything || output.op() != &node,
            "{output} is known to be {shape}"
        );
    }
    let mut rest = found.split_off(outputs.len()).into_iter();
    let slopes = slopes
        .into_iter()
        .map(|slope| slope.and_then(|_| rest.next()))
        .collect();
    Ok((found, dy.map(|_| slopes)))
}

/// The ops that sum, or whose gradients do: their rounding is measured against the sum of the
/// magnitudes, which is what they give for inputs without signs.
const SUMS: &[&str] = &[
    "Add",
    "AddV2",
    "AvgPool",
    "AvgPoolGrad",
    "BiasAdd",
    "BiasAddGrad",
    "Conv2D",
    "Conv2DBackpropFilter",
    "Conv2DBackpropInput",
    "Conv3D",
    "Conv3DBackpropFilterV2",
    "Conv3DBackpropInputV2",
    "Fill",
    "FloorMod",
    "LogSoftmax",
    "MatMul",
    "Maximum",
    "MaxPool",
    "Mean",
    "Minimum",
    "Mul",
    "Pow",
    "RealDiv",
    "Softmax",
    "SquaredDifference",
    "Sub",
    "Sum",
    "Tile",
];

/// How far a value may be from the recorded one, in units of the dtype's `EPSILON` times the recorded
/// value's magnitude: what elementary functions of different libraries differ by.
const OF_VALUE: f64 = 4.0;

/// The same, times the sum of magnitudes of a sum or the largest incoming gradient: 1e-6 in float32.
const OF_MAGNITUDE: f64 = 8.0;

/// Both, of float16 and bfloat16: TensorFlow also rounds partial sums, here a result is rounded once.
const OF_HALVES: (f64, f64) = (2.0, 1.0);

fn without_signs(tensor: &Tensor) -> Tensor {
    match tensor.dtype() {
        DType::Float16 => {
            let data = tensor.as_slice::<f16>().unwrap().iter();
            let data = data.map(|x| f16::from_f32(x.to_f32().abs())).collect();
            Tensor::new(tensor.shape(), data).unwrap()
        }
        DType::Bfloat16 => {
            let data = tensor.as_slice::<bf16>().unwrap().iter();
            let data = data.map(|x| bf16::from_f32(x.to_f32().abs())).collect();
            Tensor::new(tensor.shape(), data).unwrap()
        }
        DType::Float32 => {
            let data = tensor
                .as_slice::<f32>()
                .unwrap()
                .iter()
                .map(|x| x.abs())
                .collect();
            Tensor::new(tensor.shape(), data).unwrap()
        }
        DType::Float64 => {
            let data = tensor
                .as_slice::<f64>()
                .unwrap()
                .iter()
                .map(|x| x.abs())
                .collect();
            Tensor::new(tensor.shape(), data).unwrap()
        }
        _ => tensor.clone(),
    }
}

/// The elements, the dtype's `EPSILON` and its smallest normal number.
pub(crate) fn widen(tensor: &Tensor) -> Option<(Vec<f64>, f64, f64)> {
    match tensor.dtype() {
        DType::Float16 => {
            let data = tensor.as_slice::<f16>().ok()?.iter();
            Some((
                data.map(|&x| x.into()).collect(),
                f16::EPSILON.into(),
                f16::MIN_POSITIVE.into(),
            ))
        }
        DType::Bfloat16 => {
            let data = tensor.as_slice::<bf16>().ok()?.iter();
            Some((
                data.map(|&x| x.into()).collect(),
                bf16::EPSILON.into(),
                bf16::MIN_POSITIVE.into(),
            ))
        }
        DType::Float32 => {
            let data = tensor
                .as_slice::<f32>()
                .ok()?
                .iter()
                .map(|&x| x.into())
                .collect();
            Some((data, f32::EPSILON.into(), f32::MIN_POSITIVE.into()))
        }
        DType::Float64 => Some((
            tensor.as_slice::<f64>().ok()?.to_vec(),
            f64::EPSILON,
            f64::MIN_POSITIVE,
        )),
        _ => None,
    }
}

/// Where two tensors differ; `magnitudes` are of the recorded one's elements, where sums are behind them.
fn difference(ours: &Tensor, theirs: &Tensor, magnitudes: Option<&Tensor>) -> Option<String> {
    if ours.dtype() != theirs.dtype() || ours.shape() != theirs.shape() {
        let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype(), tensor.shape());
        return Some(format!("{} is not {}", of(ours), of(theirs)));
    }
    let (Some((a, epsilon, least)), Some((b, ..))) = (widen(ours), widen(theirs)) else {
        return (ours != theirs).then(|| format!("{ours:?} is not {theirs:?}"));
    };
    let magnitudes = magnitudes.and_then(widen).map(|(data, ..)| data);
    let differs = |i: usize| {
        let (a, b) = (a[i], b[i]);
        let magnitude = magnitudes
            .as_ref()
            .map_or(0.0, |all| all.get(i).copied().unwrap_or_default().abs());
        // TensorFlow flushes what is smaller than the smallest normal number.
        let (of_value, of_magnitude) = match theirs.dtype().is_half() {
            true => OF_HALVES,
            false => (OF_VALUE, OF_MAGNITUDE),
        };
        let allowed = epsilon * (of_value * b.abs() + of_magnitude * magnitude) + least;
        !(a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= allowed)
    };
    let i = (0..a.len()).find(|&i| differs(i))?;
    Some(format!(
        "element {i} of {:?} is {:e}, not {:e}",
        theirs.shape(),
        a[i],
        b[i]
    ))
}

/// A tensor of this shape whose elements are all the largest magnitude among `from`.
fn largest(from: &[Option<Tensor>], shape: &Tensor) -> Option<Tensor> {
    let all = from
        .iter()
        .flatten()
        .filter_map(widen)
        .flat_map(|(data, ..)| data);
    let most = all.fold(0.0, |most: f64, x| most.max(x.abs()));
    Tensor::full(shape.shape(), most).ok()
}

/// What differs from the recorded values of a case.
fn check(recorded: &Recorded, case: &Value, told: Told) -> std::result::Result<(), String> {
    let values: Vec<Tensor> = recorded
        .tensors(&case["inputs"])
        .into_iter()
        .flatten()
        .collect();
    let theirs: Vec<Tensor> = recorded
        .tensors(&case["outputs"])
        .into_iter()
        .flatten()
        .collect();
    let grads = case.get("grads").map(|grads| {
        (
            recorded.tensors(&grads["dy"]),
            recorded.tensors(&grads["dx"]),
        )
    });
    let dy = grads.as_ref().map(|(dy, _)| dy.as_slice());
    let (ours, slopes) = run(case, &values, dy, told).map_err(|error| error.to_string())?;
    let sums = SUMS.contains(&case["op"].as_str().unwrap());
    let magnitudes = sums.then(|| {
        let values: Vec<Tensor> = values.iter().map(without_signs).collect();
        let dy = dy.map(|dy| {
            dy.iter()
                .map(|dy| dy.as_ref().map(without_signs))
                .collect::<Vec<_>>()
        });
        run(case, &values, dy.as_deref(), told).unwrap_or_default()
    });
    if ours.len() != theirs.len() {
        return Err(format!("{} outputs, not {}", ours.len(), theirs.len()));
    }
    for (slot, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let magnitudes = magnitudes
            .as_ref()
            .and_then(|(outputs, _)| outputs.get(slot));
        difference(ours, theirs, magnitudes)
            .map_or(Ok(()), |what| Err(format!("output {slot}: {what}")))?;
    }
    let (Some(slopes), Some((dy, dx))) = (slopes, &grads) else {
        return Ok(());
    };
    for (i, pair) in slopes.iter().zip(dx).enumerate() {
        let differs = match pair {
            (Some(ours), Some(theirs)) => {
                let sum = magnitudes
                    .as_ref()
                    .and_then(|(_, slopes)| slopes.as_ref()?.get(i)?.clone());
                difference(ours, theirs, sum.or_else(|| largest(dy, theirs)).as_ref())
            }
            (None, None) => None,
            // TensorFlow gives zeros for some inputs that are sizes.
            (None, Some(theirs)) if !theirs.dtype().is_floating() => None,
            (ours, theirs) => Some(format!(
                "is there: {}, recorded: {}",
                ours.is_some(),
                theirs.is_some()
            )),
        };
        differs.map_or(Ok(()), |what| Err(format!("gradient {i}: {what}")))?;
    }
    Ok(())
}

fn check_family(family: &str, count: usize) {
    let recorded = Recorded::open(family);
    // What has no outputs of one run is another test's.
    let elsewhere = |case: &&Value| case["op"] == "updates" || case.get("runs").is_some();
    let cases: Vec<_> = recorded
        .cases()
        .iter()
        .filter(|case| !elsewhere(case))
        .collect();
    assert_eq!(cases.len(), count);
    let mut failures = String::new();
    for case in cases {
        for told in [Told::Everything, Told::Sizes, Told::Ranks, Told::Nothing] {
            if let Err(what) = check(&recorded, case, told) {
                let _ = writeln!(
                    failures,
                    "{} ({told:?} known): {what}",
                    case["name"].as_str().unwrap()
                );
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures\n{failures}",
        failures.lines().count()
    );
}

#[test]
fn array() {
    check_family("array", 214);
}

#[test]
fn math() {
    check_family("math", 370);
}

#[test]
fn nn() {
    check_family("nn", 195);
}

#[test]
fn conv() {
    check_family("conv", 263);
}

#[test]
fn half() {
    check_family("half", 146);
}

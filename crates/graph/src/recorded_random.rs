//! The random ops, the seeds that a graph gives them and the initial values of variables are those that
//! TensorFlow made (`testdata/random.safetensors`).

use serde_json::Value;
use tconv_tensor::{DType, Tensor, bf16, f16};

use crate::attrs::Attrs;
use crate::recorded::{Recorded, widen};
use crate::{Feed, Graph, Initializer, Operation, Output, Result, Session, random, slim};

/// How far values may be apart, in units in the last place of the larger of 1 and the recorded one:
/// uniform ones not at all, normal ones by what the system's logarithm, sine and cosine differ.
fn assert_same(name: &str, ours: &Tensor, theirs: &Tensor, units: f64) {
    assert_eq!(ours.dtype(), theirs.dtype(), "{name}");
    assert_eq!(ours.shape(), theirs.shape(), "{name}");
    // What differs before it is rounded to 16 bits moves by one unit or, mostly, not at all.
    let units = units.min(if theirs.dtype().is_half() { 1.0 } else { units });
    let ((ours, ..), (theirs, epsilon, _)) = (widen(ours).unwrap(), widen(theirs).unwrap());
    for (i, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
        let allowed = units * epsilon * theirs.abs().max(1.0);
        assert!(
            (ours - theirs).abs() <= allowed,
            "{name}, element {i}: {ours} is not {theirs}"
        );
    }
}

fn units(op: &str) -> f64 {
    if op.contains("niform") { 0.0 } else { 4.0 }
}

#[test]
fn every_op() {
    check_ops("random", 108);
}

#[test]
fn every_op_of_halves() {
    check_ops("half", 18);
}

fn check_ops(family: &str, count: usize) {
    let recorded = Recorded::open(family);
    let mut ran = 0;
    for case in recorded.cases() {
        let (name, op) = (case["name"].as_str().unwrap(), case["op"].as_str().unwrap());
        if case.get("runs").is_none() {
            continue;
        }
        let graph = Graph::new();
        let shape = recorded.tensor(&case["inputs"][0]);
        let attrs = &case["attrs"];
        let holder = graph
            .placeholder_of(shape.dtype(), "shape", [None])
            .unwrap();
        let mut node = graph.add(op).input(&holder);
        node = node.attr(
            "dtype",
            attrs["dtype"].as_str().unwrap().parse::<DType>().unwrap(),
        );
        for seed in ["seed", "seed2"] {
            node = node.attr(seed, attrs[seed].as_i64().unwrap());
        }
        let values = node.output().unwrap();
        let session = Session::new(&graph);
        for theirs in case["outputs"].as_array().unwrap() {
            let ours = session
                .run_with(&values, Feed::new().with(&holder, &shape))
                .unwrap();
            assert_same(
                name,
                &ends(&ours, &case["stored"]),
                &recorded.tensor(theirs),
                units(op),
            );
        }
        ran += 1;
    }
    assert_eq!(ran, count);
}

/// The first and the last values, where only those are recorded.
fn ends(tensor: &Tensor, stored: &Value) -> Tensor {
    let Some(first) = stored["first"].as_u64() else {
        return tensor.clone();
    };
    let last = tensor.len() - stored["last"].as_u64().unwrap() as usize;
    fn both<T: Copy>(values: &[T], first: usize, last: usize) -> Vec<T> {
        [&values[..first], &values[last..]].concat()
    }
    match tensor.dtype() {
        DType::Float16 => both(tensor.as_slice::<f16>().unwrap(), first as usize, last).into(),
        DType::Bfloat16 => both(tensor.as_slice::<bf16>().unwrap(), first as usize, last).into(),
        DType::Float32 => both(tensor.as_slice::<f32>().unwrap(), first as usize, last).into(),
        _ => both(tensor.as_slice::<f64>().unwrap(), first as usize, last).into(),
    }
}

/// The nodes that have seeds, in the order in which they were made, as recorded.
fn seeded(graph: &Graph) -> Vec<Value> {
    let seed = |attrs: &Attrs, name: &str| match attrs.get(name) {
        Some(crate::AttrValue::Int(seed)) => *seed,
        _ => unreachable!(),
    };
    let node = |op: &Operation| {
        let (seed, seed2) = (seed(op.attrs(), "seed"), seed(op.attrs(), "seed2"));
        serde_json::json!({"name": op.name(), "op": op.op_name(), "seed": seed, "seed2": seed2})
    };
    let operations = graph.operations();
    operations
        .iter()
        .filter(|op| op.attrs().contains_key("seed2"))
        .map(node)
        .collect()
}

#[test]
fn every_order_of_seeds() {
    let recorded = Recorded::open("random");
    for case in recorded.cases().iter().filter(|case| case["op"] == "graph") {
        let graph = Graph::new();
        if let Some(seed) = case["graph_seed"].as_i64() {
            graph.set_random_seed(seed);
        }
        let mut outputs: Vec<Output> = Vec::new();
        for step in case["sequence"].as_array().unwrap() {
            let seed = step["seed"].as_i64();
            let normal = |values: random::Normal| match seed {
                Some(seed) => values.seed(seed).build(),
                None => values.build(),
            };
            let made: Result<Output> = match step["op"].as_str().unwrap() {
                "random_normal" => normal(random::normal(&graph, [3])),
                "truncated_normal" => normal(random::truncated_normal(&graph, [3])),
                "random_uniform" => match seed {
                    Some(seed) => random::uniform(&graph, [3]).seed(seed).build(),
                    None => random::uniform(&graph, [3]).build(),
                },
                "set_random_seed" => {
                    graph.set_random_seed(seed.unwrap());
                    continue;
                }
                _ => {
                    graph.constant(1.0f32).unwrap();
                    continue;
                }
            };
            outputs.push(made.unwrap());
        }
        let name = case["name"].as_str().unwrap();
        assert_eq!(&seeded(&graph), case["nodes"].as_array().unwrap(), "{name}");
        let session = Session::new(&graph);
        for (output, theirs) in outputs.iter().zip(case["outputs"].as_array().unwrap()) {
            assert_same(
                name,
                &session.run(output).unwrap(),
                &recorded.tensor(theirs),
                4.0,
            );
        }
    }
}

#[test]
fn every_initial_value() {
    let recorded = Recorded::open("random");
    let mut ran = 0;
    for case in recorded
        .cases()
        .iter()
        .filter(|case| case["op"] == "variables")
    {
        let graph = Graph::new();
        graph.set_random_seed(1);
        let name = case["name"].as_str().unwrap();
        build_variables(&graph, name.strip_prefix("variables ").unwrap()).unwrap();
        let variables = graph.global_variables();
        let names: Vec<_> = variables
            .iter()
            .map(|v| format!("{}:0", v.name()))
            .collect();
        let theirs = case["variables"].as_array().unwrap();
        assert_eq!(
            names,
            theirs
                .iter()
                .map(|v| v.as_str().unwrap())
                .collect::<Vec<_>>(),
            "{name}"
        );
        assert_eq!(&seeded(&graph), case["nodes"].as_array().unwrap(), "{name}");
        let session = Session::new(&graph);
        session.run(graph.global_variables_initializer()).unwrap();
        for (variable, theirs) in variables.iter().zip(case["outputs"].as_array().unwrap()) {
            let theirs = recorded.tensor(theirs);
            let ours = session.run(variable).unwrap();
            assert_eq!(ours.shape(), theirs.shape(), "{name}");
            let (ours, theirs) = (
                ours.as_slice::<f32>().unwrap(),
                theirs.as_slice::<f32>().unwrap(),
            );
            for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                let apart = ours.to_bits().abs_diff(theirs.to_bits());
                assert!(apart <= 2, "{name}, element {i}: {ours} is not {theirs}");
            }
        }
        ran += 1;
    }
    assert_eq!(ran, 14);
}

fn build_variables(graph: &Graph, family: &str) -> Result<()> {
    let shape = [3, 3, 10, 20];
    let single = |shape: &[i64], initializer: Initializer| {
        graph
            .variable("w", shape)
            .initializer(initializer)
            .build()
            .map(|_| ())
    };
    match family {
        "get_variable default [3,3,10,20]" => graph.get_variable("w", shape).map(|_| ()),
        "slim.xavier_initializer uniform" => single(&shape, Initializer::xavier_uniform()),
        "slim.xavier_initializer normal" => single(&shape, Initializer::xavier_normal()),
        "glorot_uniform_initializer" => single(&shape, Initializer::glorot_uniform()),
        "glorot_normal_initializer" => single(&shape, Initializer::glorot_normal()),
        "truncated_normal_initializer 0.1" => {
            single(&shape, Initializer::truncated_normal(0.0, 0.1))
        }
        "random_normal_initializer" => single(&[4, 5], Initializer::random_normal(0.0, 1.0)),
        "random_uniform_initializer" => single(&[4, 5], Initializer::random_uniform(-2.0, 3.0)),
        "he_normal" => single(&[3, 3, 2, 4], Initializer::he_normal()),
        "variance_scaling" => {
            let initializer = Initializer::variance_scaling(1.0, crate::Fan::In);
            single(&[3, 3, 2, 4], initializer)
        }
        "zeros and ones" => {
            single(&[3], Initializer::Zeros)?;
            graph
                .variable("o", [2])
                .initializer(Initializer::Ones)
                .build()
                .map(|_| ())
        }
        "slim.conv2d and de_weight" => {
            let inputs = graph.placeholder::<f32>([None, None, None, Some(3)])?;
            slim::conv2d(&inputs, 20, 3).stride(4).build()?;
            graph.get_variable("de_weight", [3, 3, 3, 20]).map(|_| ())
        }
        "ranks 1, 2, 0" => {
            for (i, shape) in [&[4i64][..], &[3, 5], &[]].into_iter().enumerate() {
                graph.get_variable(&format!("v{i}"), shape)?;
            }
            Ok(())
        }
        "between other random ops" => {
            random::normal(graph, [2]).build()?;
            graph.get_variable("a", [2, 3])?;
            random::normal(graph, [2]).seed(5).build()?;
            let initializer = Initializer::random_normal(0.0, 1.0).seed(3);
            graph
                .variable("b", [2, 3])
                .initializer(initializer)
                .build()?;
            graph.get_variable("c", [2, 3]).map(|_| ())
        }
        other => unreachable!("{other}"),
    }
}

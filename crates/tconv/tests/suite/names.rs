//! Nodes have the names, ops and inputs that TensorFlow gives them, in its order.

use serde_json::Value;
use tconv::prelude::*;
use tconv::{Reuse, ScopeDefaults};

/// The nodes of a recorded program: name, op, inputs. TensorFlow writes the `Shape` of known sizes as a
/// constant; here inference knows its value, so it stays an op.
fn recorded(program: &str) -> Vec<(String, String, Vec<String>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/names.json");
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let case = all["cases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["name"] == program)
        .unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let node = |node: &Value| {
        let inputs = node["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        (text(&node["name"]), text(&node["op"]), inputs)
    };
    case["nodes"].as_array().unwrap().iter().map(node).collect()
}

fn made(g: &Graph) -> Vec<(String, String, Vec<String>)> {
    let name = |output: Output| match output.slot() {
        0 => output.op().name().to_string(),
        _ => output.name(),
    };
    let node = |op: Operation| {
        let control = op
            .control_inputs()
            .into_iter()
            .map(|op| format!("^{}", op.name()));
        let inputs = op.inputs().into_iter().map(name).chain(control).collect();
        (op.name().to_string(), op.op_name().to_string(), inputs)
    };
    g.operations().into_iter().map(node).collect()
}

#[track_caller]
fn same(g: &Graph, program: &str, but_for_the_last: usize) {
    let (mut made, mut recorded) = (made(g), recorded(program));
    recorded.truncate(recorded.len() - but_for_the_last);
    for (made, recorded) in made.iter_mut().zip(&mut recorded) {
        if made.1 == "Shape" && recorded.1 == "Const" {
            (made.1, made.2) = (recorded.1.clone(), recorded.2.clone());
        }
    }
    assert_eq!(made, recorded);
}

#[test]
fn program_1() -> Result<()> {
    let g = Graph::new();
    let x = random::normal(&g, [1, 3, 3, 1]).build()?;
    let kernel = random::normal(&g, [2, 2, 3, 1]).build()?;
    nn::conv2d_transpose(&x, &kernel, [1, 5, 5, 3])
        .strides([1, 2, 2, 1])
        .build()?;
    same(&g, "program 1", 0);
    Ok(())
}

#[test]
fn program_2() -> Result<()> {
    let g = Graph::new();
    let inputs = random::normal(&g, [3, 97, 97, 10]).build()?;
    let conv1 = slim::conv2d(&inputs, 20, 3).stride(4).build()?;
    let de_weight = g.get_variable("de_weight", [3, 3, 10, 20])?;
    assert!(
        nn::conv2d_transpose(&conv1, &de_weight, &inputs.shape()?)
            .strides(3)
            .build()
            .is_err()
    );
    // TensorFlow builds the op that is refused here.
    same(&g, "program 2", 1);
    Ok(())
}

fn program_3_start(g: &Graph) -> Result<(Output, Output, Variable)> {
    let inputs = g.placeholder::<f32>([None, None, None, Some(3)])?;
    let conv1 = slim::conv2d(&inputs, 20, 3).stride(4).build()?;
    Ok((inputs, conv1, g.get_variable("de_weight", [3, 3, 3, 20])?))
}

#[test]
fn program_3() -> Result<()> {
    let g = Graph::new();
    let (inputs, conv1, de_weight) = program_3_start(&g)?;
    let deconv1 = nn::conv2d_transpose(&conv1, &de_weight, &inputs.shape()?)
        .strides(3)
        .build()?;
    let _loss = (&deconv1 - &inputs)?;
    same(&g, "program 3", 0);
    Ok(())
}

#[test]
fn program_4() -> Result<()> {
    let g = Graph::new();
    let (_, conv1, de_weight) = program_3_start(&g)?;
    let output_shape = g.placeholder::<i32>([4])?;
    nn::conv2d_transpose(&conv1, &de_weight, &output_shape)
        .strides(3)
        .build()?;
    same(&g, "program 4 placeholder", 0);

    let g = Graph::new();
    let (inputs, conv1, de_weight) = program_3_start(&g)?;
    let s = inputs.shape()?;
    let sizes = sizes![s.at(0)?, s.at(1)?, s.at(2)?, 3];
    nn::conv2d_transpose(&conv1, &de_weight, sizes)
        .strides(3)
        .build()?;
    same(&g, "program 4 list", 0);
    Ok(())
}

#[test]
fn optimizers_slots() -> Result<()> {
    fn names(optimizer: impl Optimizer) -> Result<Vec<String>> {
        let g = Graph::new();
        let w = g.get_variable("w", [2, 3])?;
        optimizer.minimize(&math::square(&w)?)?;
        assert_eq!(g.trainable_variables(), [w]);
        Ok(g.global_variables()
            .iter()
            .map(|v| v.name().to_string())
            .collect())
    }
    assert_eq!(names(GradientDescentOptimizer::new(0.1))?, ["w"]);
    assert_eq!(
        names(MomentumOptimizer::new(0.1, 0.9))?,
        ["w", "w/Momentum"]
    );
    assert_eq!(
        names(AdamOptimizer::new(0.1))?,
        ["w", "beta1_power", "beta2_power", "w/Adam", "w/Adam_1"]
    );
    Ok(())
}

#[test]
fn scopes() -> Result<()> {
    let g = Graph::new();
    let x = || g.placeholder_named::<f32>("x", [2, 3]).map(|_| ());
    g.name_scope("a", || {
        x()?;
        g.name_scope("b", x)
    })?;
    g.name_scope("a", x)?;
    g.name_scope("a/", x)?;
    g.variable_scope("v", || {
        g.get_variable("w", [2])?;
        g.constant(1.0f32)?;
        g.variable_scope("u", || g.get_variable("w", [2]))
    })?;
    g.variable_scope_reuse("v", Reuse::Yes, || &g.get_variable("w", [2])? + 1.0)?;
    g.variable_scope_reuse("v", Reuse::Auto, || g.get_variable("z", [2]))?;
    // The layers' own numbering of scopes, recorded last, shows in the layers' test.
    same(&g, "scopes", 22);
    Ok(())
}

#[test]
fn variables() -> Result<()> {
    let g = Graph::new();
    g.variable_from(1.0, true, None, None)?;
    g.variable_from(Tensor::from([1i32, 2]), true, None, None)?;
    g.variable_from(random::normal(&g, [2]).build()?, true, None, None)?;
    let zeros = || Initializer::Zeros.build(&g, &[3], DType::Float32);
    g.variable_from_fn(zeros, true, Some("f"), None)?;
    g.name_scope("s", || g.variable_from(1.0, true, Some("v"), None))?;
    let v = g.variable_scope("vs", || g.variable_from(1.0, true, Some("v"), None))?;
    v.assign(2.0)?;
    v.assign_add(1.0)?;
    g.named("minus", || v.assign_sub(1.0))?;
    let only = std::slice::from_ref(&v);
    g.variables_initializer(only)?;
    g.named("q", || g.variables_initializer(only))?;
    v.is_initialized()?;
    same(&g, "variables", 0);
    assert_eq!(v.initial_value().name(), "vs/v/Initializer/initial_value:0");
    Ok(())
}

/// Scopes that are opened and put back without closures, by name, again or by a default name.
#[test]
fn variable_scopes() -> Result<()> {
    let g = Graph::new();
    let node = || g.constant(1.0f32);
    let zeros = || g.variable("w", [2]).initializer(Initializer::Zeros).build();
    let root = g.open_variable_scope(Some("a"), None, Reuse::No)?;
    let a = g.current_variable_scope();
    let in_a = g.open_variable_scope(Some("b"), None, Reuse::No)?;
    let b = g.current_variable_scope();
    assert_eq!((b.name(), b.original_name_scope()), ("a/b", "a/b/"));
    zeros()?;
    node()?;
    g.set_scopes(in_a);
    g.set_scopes(root);
    let root = g.reopen_variable_scope(&b, Reuse::Yes)?;
    assert_eq!(g.get_variable("w", [2])?.name(), "a/b/w");
    node()?;
    g.variable_scope_reuse("c", Reuse::Auto, zeros)?;
    g.set_scopes(root);
    let root = g.open_name_scope(b.original_name_scope())?;
    node()?;
    let in_b = g.open_name_scope("")?;
    assert_eq!(g.current_name_scope(), "");
    node()?;
    g.set_scopes(in_b);
    assert_eq!(g.current_name_scope(), "a/b");
    g.set_scopes(root);
    let root = g.reopen_variable_scope(&a, Reuse::No)?;
    let default = || g.open_variable_scope(None, Some("d"), Reuse::No);
    let in_a = default()?;
    zeros()?;
    g.set_scopes(in_a);
    let in_a = default()?;
    zeros()?;
    node()?;
    g.set_scopes(in_a);
    g.name_scope("d", || {
        let in_d = default()?;
        zeros()?;
        node()?;
        g.set_scopes(in_d);
        Ok(())
    })?;
    g.set_scopes(root);
    g.variable_scope("a", || {
        let in_a = default()?;
        assert_eq!(g.current_variable_scope().name(), "a/d");
        node()?;
        g.set_scopes(in_a);
        Ok(())
    })?;
    let ones = ScopeDefaults {
        initializer: Some(Initializer::Ones),
        dtype: Some(DType::Float64),
        ..ScopeDefaults::default()
    };
    let root = g.open_variable_scope(Some("i"), None, ones)?;
    let w = g.get_variable("w", [2])?;
    assert_eq!(w.value().dtype(), DType::Float64);
    g.variable_scope("j", || g.get_variable("w", [2]))?;
    g.current_variable_scope().reuse_variables();
    assert_eq!((&g.get_variable("w", [2])? + 1.0)?.name(), "i/add:0");
    g.set_scopes(root);
    assert_eq!(g.current_variable_scope().reuse(), Reuse::No);
    same(&g, "variable scopes", 0);
    Ok(())
}

/// The names of all but gradients and reads, which TensorFlow has more of: it reads after each assignment.
#[test]
fn optimizer_names() -> Result<()> {
    let g = Graph::new();
    let w = g.get_variable("w", [2])?;
    let step = g.variable_from(0i64, false, Some("step"), Some(DType::Int32))?;
    let rate = g.placeholder_named::<f32>("rate", Shape::scalar())?;
    let loss = math::square(&w)?;
    GradientDescentOptimizer::new(rate.clone()).minimize_with(&loss, None, Some(&step))?;
    let adam = AdamOptimizer::new(rate.clone()).name("A");
    g.named("training", || adam.minimize_with(&loss, None, Some(&step)))?;
    MomentumOptimizer::new(0.1, rate.clone())
        .name("M")
        .minimize(&loss)?;
    let optimizer = AdamOptimizer::new(0.5).beta1(0.5);
    let gradients = optimizer.compute_gradients(&loss, None)?;
    g.named("first", || optimizer.apply_gradients(&gradients))?;
    optimizer.apply_gradients(&gradients)?;
    let compared = |all: Vec<(String, String, Vec<String>)>| -> Vec<(String, String)> {
        let all = all.into_iter().map(|(name, op, _)| (name, op));
        let own = |(name, op): &(String, String)| {
            !name.starts_with("gradients") && op != "ReadVariableOp"
        };
        all.filter(own).collect()
    };
    assert_eq!(compared(made(&g)), compared(recorded("optimizer names")));
    let session = Session::new(&g);
    session.run(g.global_variables_initializer())?;
    for name in ["GradientDescent", "training"] {
        session.run_with(g.operation(name)?, feed![rate => Tensor::scalar(0.5f32)])?;
    }
    assert_eq!(session.run(&step)?, 2i32.into());
    Ok(())
}

#[test]
fn one_axis() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder_named::<f32>("x", [2, 6, 3])?;
    let w = g.placeholder_named::<f32>("w", [2, 3, 4])?;
    let y = nn::conv1d(&x, &w).strides(2).build()?;
    let first = g.placeholder_named::<f32>("first", [2, 3, 6])?;
    let z = nn::conv1d(&first, &w)
        .strides([1, 1, 2])
        .padding(Valid)
        .data_format(DataFormat::ChannelsFirst)
        .name("c")
        .build()?;
    assert_eq!(z.static_shape().to_string(), "(2, 4, 3)");
    let up = nn::conv1d_transpose(&y, &w, [2, 6, 3]).strides(2).build()?;
    assert_eq!(up.static_shape().to_string(), "(2, 6, 3)");
    let batch = y.shape()?.at(0)?;
    nn::conv1d_transpose(&y, &w, sizes![batch, 6, 3])
        .strides(2)
        .build()?;
    let sizes = g.placeholder_named::<i32>("sizes", [3])?;
    nn::conv1d_transpose(&y, &w, &sizes)
        .strides(2)
        .padding(Valid)
        .name("up")
        .build()?;
    same(&g, "one axis", 0);
    Ok(())
}

#[test]
fn three_axes() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder_named::<f32>("x", [2, 6, 5, 4, 3])?;
    let w = g.placeholder_named::<f32>("w", [2, 2, 3, 3, 4])?;
    let y = nn::conv3d(&x, &w).strides([1, 2, 2, 1, 1]).build()?;
    nn::conv3d_transpose(&y, &w, [2, 6, 5, 4, 3])
        .strides([2, 2, 1])
        .build()?;
    let shape = x.shape()?;
    nn::conv3d_transpose(&y, &w, &shape)
        .strides([1, 2, 2, 1, 1])
        .name("up")
        .build()?;
    same(&g, "three axes", 0);
    Ok(())
}

#[test]
fn layers_are_numbered() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, Some(8), Some(8), Some(3)])?;
    let layer = || slim::conv2d(&x, 4, 3).build();
    let made = [layer()?, layer()?, g.variable_scope("net", layer)?].map(|output| output.name());
    assert_eq!(made, ["Conv/Relu:0", "Conv_1/Relu:0", "net/Conv/Relu:0"]);
    // A scope that is opened again means the same variables, so its layers start again.
    let again = g.variable_scope("net", layer).unwrap_err();
    assert!(
        again
            .message()
            .starts_with("Variable net/Conv/weights already exists"),
        "{again}"
    );
    Ok(())
}

#[test]
fn a_layers_nodes_are_numbered_by_the_open_name_scope() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, Some(8), Some(8), Some(3)])?;
    let layer = || slim::conv2d(&x, 4, 3).build();
    // As tf_slim names them: variables Conv and Conv_1, nodes Conv and b/Conv.
    assert_eq!(layer()?.name(), "Conv/Relu:0");
    assert_eq!(g.name_scope("b", layer)?.name(), "b/Conv/Relu:0");
    let names: Vec<_> = g
        .global_variables()
        .iter()
        .map(|v| v.name().to_string())
        .collect();
    assert_eq!(
        names,
        [
            "Conv/weights",
            "Conv/biases",
            "Conv_1/weights",
            "Conv_1/biases"
        ]
    );
    Ok(())
}

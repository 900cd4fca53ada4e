//! Ten steps of a small network give the losses and weights that TensorFlow's gave
//! (`testdata/training.safetensors`).

use serde_json::Value;
use tconv_shape::Padding;
use tconv_tensor::Tensor;

use crate::optim::{AdamOptimizer, GradientDescentOptimizer, MomentumOptimizer, Optimizer};
use crate::recorded::Recorded;
use crate::{Feed, Graph, Initializer, Result, Session, array, math, nn, slim};

/// What one training run gave: per step the sum and the mean square of the difference, and the trained
/// variables at the end.
struct Trained {
    sums: Vec<f32>,
    squares: Vec<f32>,
    last: Vec<Vec<f32>>,
}

#[test]
fn every_optimizer() {
    let recorded = Recorded::open("training");
    let cases = recorded.cases();
    let (off, on): (Vec<&Value>, Vec<&Value>) =
        cases.iter().partition(|case| case["onednn"] == false);
    assert_eq!((off.len(), on.len()), (16, 16));
    for case in off {
        let same = |other: &&&Value| {
            ["size", "optimizer", "loss"]
                .into_iter()
                .all(|key| other[key] == case[key])
        };
        let other = read(&recorded, on.iter().find(same).unwrap());
        compare(
            case["name"].as_str().unwrap(),
            &train(&recorded, case).unwrap(),
            &read(&recorded, case),
            &other,
        );
    }
}

/// Ours to theirs: the first step to 1e-5, all to 1e-3 or to four times the distance of TensorFlow to
/// itself with other kernels.
fn compare(name: &str, ours: &Trained, theirs: &Trained, other: &Trained) {
    let near =
        |what: &str, i: usize, [ours, theirs, other]: [f32; 3], scale: f32, relative: f32| {
            let allowed = (relative * scale).max(4.0 * (theirs - other).abs());
            let same = ours == theirs || (ours - theirs).abs() <= allowed;
            assert!(same, "{name}, {what} {i}: {ours} is not {theirs}");
        };
    for i in 0..theirs.sums.len() {
        let relative = if i == 0 { 1e-5 } else { 1e-3 };
        let squares = [ours.squares[i], theirs.squares[i], other.squares[i]];
        near(
            "mean square of step",
            i,
            squares,
            theirs.squares[i].abs(),
            relative,
        );
        let sums = [ours.sums[i], theirs.sums[i], other.sums[i]];
        near("sum of step", i, sums, theirs.sums[i].abs(), relative);
    }
    for (i, theirs_last) in theirs.last.iter().enumerate() {
        let largest = theirs_last
            .iter()
            .fold(0.0f32, |largest, x| largest.max(x.abs()));
        for (j, &theirs) in theirs_last.iter().enumerate() {
            let values = [ours.last[i][j], theirs, other.last[i][j]];
            near(&format!("variable {i}, element"), j, values, largest, 1e-3);
        }
    }
}

fn read(recorded: &Recorded, case: &Value) -> Trained {
    let values = |key: &Value| recorded.tensor(key).into_vec::<f32>().unwrap();
    Trained {
        sums: values(&case["sum_per_step"]),
        squares: values(&case["mean_square_per_step"]),
        last: case["final"]
            .as_array()
            .unwrap()
            .iter()
            .map(values)
            .collect(),
    }
}

fn train(recorded: &Recorded, case: &Value) -> Result<Trained> {
    let graph = Graph::new();
    graph.set_random_seed(1);
    let inputs = graph.placeholder::<f32>([None, None, None, Some(3)])?;
    let conv = slim::conv2d(&inputs, 20, 3).stride(4).build()?;
    let de_weight = graph.get_variable("de_weight", [3, 3, 3, 20])?;
    let deconv = nn::conv2d_transpose(&conv, &de_weight, array::shape(&inputs)?)
        .strides([1, 4, 4, 1])
        .padding(Padding::Same)
        .build()?;
    let difference = math::subtract(&deconv, &inputs)?;
    let square = math::reduce_mean(math::square(&difference)?, math::Axes::All)?;
    let loss = match case["loss"].as_str().unwrap() {
        "deconv1 - inputs" => &difference,
        _ => &square,
    };
    let optimizer: Box<dyn Optimizer> = match case["optimizer"].as_str().unwrap() {
        "GradientDescent(0.001)" => Box::new(GradientDescentOptimizer::new(0.001)),
        "Momentum(0.001, 0.9)" => Box::new(MomentumOptimizer::new(0.001, 0.9)),
        "Momentum(0.001, 0.9, use_nesterov)" => {
            Box::new(MomentumOptimizer::new(0.001, 0.9).nesterov())
        }
        "Adam(0.001)" => Box::new(AdamOptimizer::new(0.001)),
        other => unreachable!("{other}"),
    };
    let step = optimizer.minimize(loss)?;
    let sum = math::reduce_sum(&difference, math::Axes::All)?;
    let names: Vec<_> = graph
        .global_variables()
        .iter()
        .map(|v| format!("{}:0", v.name()))
        .collect();
    let theirs: Vec<_> = case["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect();
    assert_eq!(names, theirs);
    let session = Session::new(&graph);
    session.run(graph.global_variables_initializer())?;
    for (variable, theirs) in graph
        .trainable_variables()
        .iter()
        .zip(case["initial"].as_array().unwrap())
    {
        assert_eq!(
            session.run(variable)?,
            recorded.tensor(theirs),
            "{}",
            variable.name()
        );
    }
    let (mut sums, mut squares) = (Vec::new(), Vec::new());
    let size = case["size"].as_u64().unwrap() as usize;
    for i in 0..case["steps"].as_u64().unwrap() {
        let feed = Feed::new().with(&inputs, data(size, i));
        let (sum, square, ()) = session.run_with((&sum, &square, &step), feed)?;
        sums.push(sum.item()?);
        squares.push(square.item()?);
    }
    let last = session.run(graph.trainable_variables())?;
    let last = last
        .into_iter()
        .map(|value| Ok(value.into_vec()?))
        .collect::<Result<_>>()?;
    Ok(Trained {
        sums,
        squares,
        last,
    })
}

/// The inputs of a step, by the formula in the recording's metadata.
fn data(size: usize, step: u64) -> Tensor {
    let shape = [3, size, size, 3];
    let bits = |i: u64| (i * 1_103_515_245 + 12_345 + step * 7919) % 65_536;
    let values =
        (0..shape.iter().product::<usize>() as u64).map(|i| bits(i) as f32 / 32_768.0 - 1.0);
    Tensor::new(&shape, values.collect::<Vec<f32>>()).unwrap()
}

/// TensorFlow rounds after each operation of an update, and so do ours: to the bit.
#[test]
fn three_steps_of_halves() -> Result<()> {
    let recorded = Recorded::open("half");
    let updates = recorded
        .cases()
        .iter()
        .filter(|case| case["op"] == "updates");
    let mut ran = 0;
    for case in updates {
        let name = case["name"].as_str().unwrap();
        let optimizer: Box<dyn Optimizer> = match name.rsplit_once(' ').unwrap().0 {
            "GradientDescent" => Box::new(GradientDescentOptimizer::new(0.1)),
            "Momentum" => Box::new(MomentumOptimizer::new(0.1, 0.9)),
            "Momentum Nesterov" => Box::new(MomentumOptimizer::new(0.1, 0.9).nesterov()),
            "Adam" => Box::new(AdamOptimizer::new(0.01).epsilon(1e-4)),
            other => unreachable!("{other}"),
        };
        let graph = Graph::new();
        let start = recorded.tensor(&case["inputs"][0]);
        let gradient = graph.constant(recorded.tensor(&case["inputs"][1]))?;
        let variable = graph
            .variable("w", start.shape())
            .dtype(start.dtype())
            .initializer(Initializer::Value(start))
            .build()?;
        let step = optimizer.apply_gradients(&[(Some(gradient), variable.clone())])?;
        let session = Session::new(&graph);
        session.run(graph.global_variables_initializer())?;
        for theirs in case["outputs"].as_array().unwrap() {
            session.run(&step)?;
            assert_eq!(session.run(&variable)?, recorded.tensor(theirs), "{name}");
        }
        ran += 1;
    }
    assert_eq!(ran, 8);
    Ok(())
}

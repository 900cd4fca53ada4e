use tconv_tensor::Tensor;

use super::{AdamOptimizer, GradientDescentOptimizer, MomentumOptimizer, Optimizer};
use crate::{Code, DType, Feed, Graph, Initializer, Output, Result, Session, math};

fn weights(graph: &Graph) -> Result<crate::Variable> {
    let start = Initializer::Value([1.0f64, -2.0, 0.5].into());
    graph
        .variable("w", [3])
        .dtype(DType::Float64)
        .initializer(start)
        .build()
}

/// Three steps on the sum of squares from 1, -2 and 0.5 in float64: what TensorFlow 2.21 gave.
#[test]
fn three_steps_of_float64() -> Result<()> {
    let cases: [(Box<dyn Optimizer>, [f64; 3]); 5] = [
        (
            Box::new(GradientDescentOptimizer::new(0.1)),
            [0.5119999942779541, -1.0239999885559081, 0.25599999713897703],
        ),
        (
            Box::new(MomentumOptimizer::new(0.1, 0.9)),
            [
                0.06200000485777868,
                -0.12400000971555736,
                0.03100000242888934,
            ],
        ),
        (
            Box::new(MomentumOptimizer::new(0.1, 0.9).nesterov()),
            [
                -0.10835198367714882,
                0.21670396735429764,
                -0.05417599183857441,
            ],
        ),
        (
            Box::new(AdamOptimizer::new(0.1)),
            [0.7015873258432849, -1.7006244343970733, 0.20487231423902907],
        ),
        (
            Box::new(AdamOptimizer::new(0.1).beta1(0.8).beta2(0.99).epsilon(1e-3)),
            [0.7038205834152991, -1.7017148846888888, 0.2095064130451989],
        ),
    ];
    for (optimizer, recorded) in cases {
        let graph = Graph::new();
        let w = weights(&graph)?;
        let step = optimizer.minimize(&math::square(&w)?)?;
        let session = Session::new(&graph);
        session.run(graph.global_variables_initializer())?;
        for _ in 0..3 {
            session.run(&step)?;
        }
        for (ours, theirs) in session.run(&w)?.as_slice::<f64>()?.iter().zip(recorded) {
            assert!(
                (ours - theirs).abs() <= 1e-14 * theirs.abs(),
                "{ours} is not {theirs}"
            );
        }
    }
    Ok(())
}

/// Recorded from TensorFlow 2.21: one `ResourceApplyAdam` with `use_nesterov`.
#[test]
fn adam_with_nesterov() -> Result<()> {
    let graph = Graph::new();
    let make = |name: &str, values: [f32; 3]| {
        graph
            .variable(name, [3])
            .initializer(Initializer::Value(values.into()))
            .build()
    };
    let w = make("w", [1.0, -2.0, 0.5])?;
    let m = make("m", [0.1, 0.2, 0.3])?;
    let v = make("v", [0.01, 0.02, 0.03])?;
    let mut node = graph
        .add("ResourceApplyAdam")
        .input(w.handle())
        .input(m.handle())
        .input(v.handle());
    for number in [0.81f32, 0.998, 0.1, 0.9, 0.999, 1e-3] {
        node = node.input(&graph.constant(number)?);
    }
    let node = node
        .input(&graph.constant([0.5f32, -0.25, 2.0])?)
        .attr("use_nesterov", true);
    let step = node.build()?;
    let session = Session::new(&graph);
    session.run(graph.global_variables_initializer())?;
    session.run(&step)?;
    let recorded = [
        [0.9594630599021912, -2.0189030170440674, 0.42086851596832275],
        [0.14000001549720764, 0.1550000011920929, 0.4700000584125519],
        [
            0.010239996947348118,
            0.020042499527335167,
            0.033969946205616,
        ],
    ];
    for (ours, theirs) in session.run([&w, &m, &v])?.iter().zip(recorded) {
        for (&ours, theirs) in ours.as_slice::<f32>()?.iter().zip(theirs) {
            assert!(
                (f64::from(ours) - theirs).abs() <= 2.5e-7 * theirs.abs(),
                "{ours} is not {theirs}"
            );
        }
    }
    Ok(())
}

/// As TensorFlow 2.21 names them.
#[test]
fn a_second_optimizers_names() -> Result<()> {
    let graph = Graph::new();
    let w = graph.get_variable("v/w", [2])?;
    let loss = math::square(&w)?;
    let first = AdamOptimizer::new(0.1).minimize(&loss)?;
    let second = AdamOptimizer::new(0.1).minimize(&loss)?;
    MomentumOptimizer::new(0.1, 0.9).minimize(&loss)?;
    assert_eq!((first.name(), second.name()), ("Adam", "Adam_1"));
    let variables = graph.global_variables();
    let names: Vec<_> = variables.iter().map(|variable| variable.name()).collect();
    let expected = [
        "v/w",
        "beta1_power",
        "beta2_power",
        "v/w/Adam",
        "v/w/Adam_1",
        "beta1_power_1",
        "beta2_power_1",
        "v/w/Adam_2",
        "v/w/Adam_3",
        "v/w/Momentum",
    ];
    assert_eq!(names, expected);
    assert_eq!(graph.trainable_variables(), [w]);
    for name in [
        "Adam/update_v/w/ResourceApplyAdam/ReadVariableOp_1",
        "Momentum/update_v/w/ResourceApplyMomentum",
    ] {
        graph.operation(name)?;
    }
    Ok(())
}

/// The first lines are TensorFlow's.
#[test]
fn losses_that_train_nothing() -> Result<()> {
    let graph = Graph::new();
    let optimizer = GradientDescentOptimizer::new(0.1);
    let loss = graph.constant(1.0f32)?;
    let error = optimizer.minimize(&loss).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Value, "No variables to optimize.")
    );
    let w = graph.get_variable("w", [2])?;
    assert_eq!(
        optimizer.minimize(&loss).unwrap_err().message(),
        "No gradients provided for any variable, check your graph for ops that do not support gradients, between variables [\"<tf.Variable 'w:0' shape=(2,) dtype=float32>\"] and loss Tensor(\"Const:0\", shape=(), dtype=float32)."
    );
    assert_eq!(
        optimizer
            .apply_gradients(&[(None, w)])
            .unwrap_err()
            .message(),
        "No gradients provided for any variable: [\"<tf.Variable 'w:0' shape=(2,) dtype=float32>\"]."
    );
    Ok(())
}

/// What is known to be wrong is refused while the graph is built; what is not, before anything changes.
#[test]
fn a_gradient_of_another_shape_changes_nothing() -> Result<()> {
    let graph = Graph::new();
    let w = weights(&graph)?;
    let of = |shape: crate::Shape, dtype| graph.placeholder_of(dtype, "gradient", shape);
    let optimizer = MomentumOptimizer::new(0.1, 0.9);
    let apply = |gradient: Output| optimizer.apply_gradients(&[(Some(gradient), w.clone())]);
    assert_eq!(
        apply(of([2].into(), DType::Float64)?).unwrap_err().code(),
        Code::Value
    );
    assert_eq!(
        apply(of([3].into(), DType::Float32)?).unwrap_err().code(),
        Code::Type
    );
    let gradient = of(crate::Shape::unknown(), DType::Float64)?;
    let step = apply(gradient.clone())?;
    let session = Session::new(&graph);
    let run = |shape: &[usize]| {
        session.run_with(
            &step,
            Feed::new().with(&gradient, Tensor::full(shape, 1.0f64)?),
        )
    };
    assert_eq!(run(&[3]).unwrap_err().code(), Code::FailedPrecondition);
    session.run(graph.global_variables_initializer())?;
    let before = session.run(graph.global_variables())?;
    for shape in [&[2][..], &[3, 1], &[]] {
        let error = run(shape).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(
            error
                .message()
                .starts_with("var and grad do not have the same shape[3] ["),
            "{error}"
        );
        assert_eq!(session.run(graph.global_variables())?, before);
    }
    run(&[3])?;
    assert_ne!(session.run(&w)?, before[0]);
    Ok(())
}

/// Losses of many elements, more than a thread updates at a time.
#[test]
fn any_number_of_threads_gives_the_same() -> Result<()> {
    let trained = |threads: usize| -> Result<Vec<Tensor>> {
        let graph = Graph::new();
        graph.set_random_seed(3);
        let w = graph.get_variable("w", [300, 301])?;
        let step = AdamOptimizer::new(0.1).minimize(&math::square(&w)?)?;
        let session = Session::with_threads(&graph, threads)?;
        session.run(graph.global_variables_initializer())?;
        session.run(&step)?;
        session.run(&step)?;
        session.run(graph.global_variables())
    };
    let one = trained(1)?;
    assert_eq!(one, trained(3)?);
    let w = one[0].as_slice::<f32>()?;
    // Every element moved towards zero by nearly the learning rate a step, or past it.
    assert!(w.iter().all(|w| w.abs() < 0.25));
    Ok(())
}

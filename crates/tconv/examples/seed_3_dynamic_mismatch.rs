//! Program 3: the same mistake, which TensorFlow sees only when the graph runs: here a diagnostic says it
//! before. Then the run, and the program mended.

use tconv::prelude::*;

fn train(stride: i64, initialize: bool) -> Result<()> {
    let g = Graph::new();
    let inputs = g.placeholder_named::<f32>("inputs", [None, None, None, Some(3)])?;

    let conv1 = slim::conv2d(&inputs, 20, 3).stride(4).build()?;

    let de_weight = g.get_variable("de_weight", [3, 3, 3, 20])?;

    let deconv1 = nn::conv2d_transpose(&conv1, &de_weight, &inputs.shape()?)
        .strides([1, stride, stride, 1])
        .padding(Same)
        .build()?;

    let loss = (&deconv1 - &inputs)?;
    let train_op = GradientDescentOptimizer::new(0.001).minimize(&loss)?;

    for found in g.diagnostics() {
        println!("{found}\n");
    }

    let session = Session::new(&g);
    if initialize {
        session.run(&g.global_variables_initializer())?;
    }
    let noise = Graph::new();
    let data_in = random::normal(&noise, [3, 97, 97, 3]).build()?;
    let data = Session::new(&noise);
    for _ in 0..10 {
        let (_, los_) =
            session.run_with((&train_op, &loss), feed![inputs => data.run(&data_in)?])?;
        println!("{los_}");
    }
    Ok(())
}

fn main() -> Result<()> {
    for (stride, initialize) in [(3, false), (3, true), (4, true)] {
        println!("strides=[1, {stride}, {stride}, 1], variables initialized: {initialize}");
        if let Err(error) = train(stride, initialize) {
            println!("{}: {error}", error.code().class());
        }
    }
    Ok(())
}

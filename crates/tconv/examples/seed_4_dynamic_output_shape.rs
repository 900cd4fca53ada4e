//! Program 4: an output shape that changes from run to run.

use tconv::prelude::*;

fn main() -> Result<()> {
    let g = Graph::new();
    g.set_random_seed(1);
    let x = random::normal(&g, [1, 3, 3, 1]).build()?;
    let kernel = random::normal(&g, [2, 2, 3, 1]).build()?;

    // A list of ints fixes output_shape; a tensor leaves it open.
    let output_shape = g.placeholder_named::<i32>("output_shape", [4])?;
    let y = nn::conv2d_transpose(&x, &kernel, &output_shape)
        .strides([1, 2, 2, 1])
        .padding(Same)
        .build()?;
    println!("output_shape is a placeholder: {}", y.static_shape());

    let session = Session::new(&g);
    let max = i32::MAX;
    for sizes in [
        [1, -5, 5, 3],
        [1, 7, 7, 3],
        [2, 5, 5, 3],
        [1, 5, 5, 2],
        [max, max, max, 3],
        [1, 6, 6, 3],
    ] {
        match session.run_with(&y, feed![output_shape => sizes]) {
            Ok(y) => println!("{sizes:?}: makes {:?}", y.shape()),
            Err(error) => println!("{sizes:?}: {}: {error}", error.code().class()),
        }
    }

    // The shape of inputs, with something changed.
    let inputs = g.placeholder_named::<f32>("inputs", [None, None, None, Some(3)])?;
    let conv1 = slim::conv2d(&inputs, 20, 3).stride(4).build()?;
    let s = inputs.shape()?;
    let some_value = 97;
    let outputs_shape = sizes![s.at(0)?, some_value, s.at(2)?, 3];
    let de_weight = g.get_variable("de_weight", [3, 3, 3, 20])?;
    let deconv1 = nn::conv2d_transpose(&conv1, &de_weight, outputs_shape)
        .strides([1, 4, 4, 1])
        .padding(Same)
        .build()?;
    println!(
        "the shape of inputs with its height fixed: {}",
        deconv1.static_shape()
    );
    session.run(&g.global_variables_initializer())?;
    for height in [97, 96] {
        let data = Tensor::full(&[2, height, 50, 3], 0.5f32)?;
        match session.run_with(&deconv1, feed![inputs => data]) {
            Ok(made) => println!("inputs of height {height}: makes {:?}", made.shape()),
            Err(error) => println!(
                "inputs of height {height}: {}: {error}",
                error.code().class()
            ),
        }
    }
    Ok(())
}

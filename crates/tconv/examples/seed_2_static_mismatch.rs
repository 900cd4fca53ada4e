//! Program 2: a mistake that is found while the graph is built.

use tconv::prelude::*;

fn main() -> Result<()> {
    let g = Graph::new();
    let inputs = random::normal(&g, [3, 97, 97, 10]).build()?;

    let conv1 = slim::conv2d(&inputs, 20, 3).stride(4).build()?;

    let de_weight = g.get_variable("de_weight", [3, 3, 10, 20])?;

    let deconv1 = nn::conv2d_transpose(&conv1, &de_weight, &inputs.shape()?)
        .strides([1, 3, 3, 1])
        .padding(Same)
        .build();

    // ValueError: Shapes (3, 33, 33, 20) and (3, 25, 25, 20) are not compatible
    match deconv1 {
        Err(error) => println!("{}: {error}", error.code().class()),
        Ok(deconv1) => println!("built {deconv1}"),
    }
    Ok(())
}

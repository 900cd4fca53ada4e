//! Program 1: two legal output shapes for one input.

use tconv::prelude::*;

fn main() -> Result<()> {
    let g = Graph::new();
    g.set_random_seed(1);
    let x = random::normal(&g, [1, 3, 3, 1]).build()?;
    let kernel = random::normal(&g, [2, 2, 3, 1]).build()?;

    // output_shape [1, 6, 6, 3] is right too; it may also be a tensor.
    let y = nn::conv2d_transpose(&x, &kernel, [1, 5, 5, 3])
        .strides([1, 2, 2, 1])
        .padding(Same)
        .build()?;

    let session = Session::new(&g);
    session.run(&g.global_variables_initializer())?;
    println!("{}", session.run(&y)?);
    Ok(())
}

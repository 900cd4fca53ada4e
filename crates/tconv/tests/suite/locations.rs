//! Each node knows the line of the program that made it.

use std::panic::Location;

use tconv::array::Index;
use tconv::optim::Gradient;
use tconv::prelude::*;

/// What `make` makes; all nodes that it adds must come from the line of this call.
#[track_caller]
fn here<T>(graph: &Graph, make: impl FnOnce() -> T) -> T {
    let line = Location::caller().line();
    let before = graph.operations().len();
    let made = make();
    let added = &graph.operations()[before..];
    assert!(!added.is_empty(), "line {line} adds no node");
    for operation in added {
        let location = operation.location().unwrap();
        assert_eq!(
            (location.file, location.line),
            (file!(), line),
            "{operation:?}"
        );
    }
    made
}

#[test]
#[rustfmt::skip]
fn placeholders_constants_and_variables() -> Result<()> {
    let g = Graph::new();
    let x = here(&g, || g.placeholder::<f32>([None, Some(2)]))?;
    here(&g, || g.placeholder_named::<f32>("x", [None, Some(2)]))?;
    here(&g, || g.placeholder_of(DType::Int32, "x", Shape::unknown()))?;
    here(&g, || g.constant(1.0f32))?;
    here(&g, || g.constant_named("one", 1.0f32))?;
    let square = here(&g, || g.add("Square").name("square").input(&x).output())?;
    here(&g, || g.add("Square").input(&x).build())?;
    here(&g, || g.group(&[square.op()]))?;
    let v = here(&g, || g.get_variable("v", [3, 2]))?;
    here(&g, || g.get_variable("large", [300, 20]))?;
    here(&g, || g.variable("w", [2]).initializer(Initializer::Ones).dtype(DType::Float64).build())?;
    for (i, random) in [Initializer::he_normal(), Initializer::random_normal(0.0, 1.0)].into_iter().enumerate() {
        here(&g, || g.variable(&format!("random{i}"), [2]).initializer(random.seed(3)).build())?;
    }
    here(&g, || Initializer::xavier_uniform().build(&g, &[2, 2], DType::Float32))?;
    here(&g, || v.read())?;
    here(&g, || v.assign(Tensor::full(&[3, 2], 1.0f32)?))?;
    here(&g, || g.global_variables_initializer());
    here(&g, || random::normal(&g, [2]).mean(1.0).build())?;
    here(&g, || random::truncated_normal(&g, x.shape()?).build())?;
    here(&g, || random::uniform(&g, [2]).build())?;
    here(&g, || random::uniform(&g, sizes![2, x.shape()?.at(0)?]).minval(-1.0).build())?;
    Ok(())
}

#[test]
#[rustfmt::skip]
fn arithmetic() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, Some(2)])?;
    let n = g.placeholder::<i32>([None, Some(2)])?;
    let v = g.get_variable("v", [2, 2])?;
    here(&g, || math::negative(&x))?;
    here(&g, || math::square(&x))?;
    here(&g, || math::abs(&x))?;
    here(&g, || math::sign(&x))?;
    here(&g, || math::sqrt(&x))?;
    here(&g, || math::rsqrt(&x))?;
    here(&g, || math::exp(&x))?;
    here(&g, || math::log(&x))?;
    here(&g, || math::reciprocal(&x))?;
    here(&g, || math::add(&x, 1.0))?;
    here(&g, || math::subtract(1.0, &x))?;
    here(&g, || math::multiply(&x, &v))?;
    here(&g, || math::divide(&x, &v))?;
    here(&g, || math::divide(&n, 2i64))?;
    here(&g, || math::floor_div(&n, 2i64))?;
    here(&g, || math::maximum(&x, 0.0))?;
    here(&g, || math::minimum(&x, 0.0))?;
    here(&g, || math::pow(&x, 2.0))?;
    here(&g, || math::equal(&x, &x))?;
    here(&g, || math::greater(&x, 0.0))?;
    here(&g, || math::greater_equal(&x, 0.0))?;
    let condition = here(&g, || math::less_equal(&x, 0.0))?;
    here(&g, || math::select(&condition, &x, 0.0))?;
    here(&g, || math::cast(&v, DType::Int32))?;
    here(&g, || math::range(0i64, x.shape()?.at(0)?, 1i64))?;
    here(&g, || math::add_n(&[x.clone(), x.clone()]))?;
    here(&g, || math::matmul(&x, &v))?;
    here(&g, || math::matmul_with(&v, true, &x, true))?;
    here(&g, || math::reduce_sum(&x, math::Axes::All))?;
    here(&g, || math::reduce_sum_keep_dims(&x, 0))?;
    here(&g, || math::reduce_mean(&v, [0, 1]))?;
    here(&g, || math::reduce_mean_keep_dims(&x, 0))?;
    here(&g, || math::reduce_max(&x, 1))?;
    here(&g, || math::reduce_max_keep_dims(&x, 1))?;
    let any = g.placeholder::<f32>(Shape::unknown())?;
    here(&g, || math::reduce_sum(&any, math::Axes::All))?;
    here(&g, || &x + &x)?;
    here(&g, || x.clone() - 1.0)?;
    here(&g, || &x * &v)?;
    here(&g, || &x / 2.0)?;
    here(&g, || &n / 2)?;
    here(&g, || &v + &x)?;
    here(&g, || v.clone() - 1.0)?;
    here(&g, || 1.0 - &x)?;
    here(&g, || 2.0 * v.clone())?;
    here(&g, || 2 / n.clone())?;
    here(&g, || -&x)?;
    here(&g, || -x.clone())?;
    here(&g, || -&v)?;
    here(&g, || -v.clone())?;
    Ok(())
}

#[test]
#[rustfmt::skip]
fn rearrangements() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, Some(2)])?;
    let known = g.placeholder::<f32>([1, 2])?;
    let any = g.placeholder::<f32>(Shape::unknown())?;
    let both = [x.clone(), x.clone()];
    here(&g, || array::identity(&x))?;
    here(&g, || array::concat(&both, 0))?;
    here(&g, || array::concat(&both[..1], 0))?;
    here(&g, || array::fill(x.shape()?, 1.0))?;
    here(&g, || array::zeros_like(&x))?;
    here(&g, || array::pack(&both, 0))?;
    here(&g, || array::unpack(&x, 1))?;
    here(&g, || array::pad(&x, [(1, 1), (0, 0)]))?;
    here(&g, || array::reshape(&x, [-1]))?;
    here(&g, || array::expand_dims(&x, 0i64))?;
    here(&g, || array::squeeze(&known, &[0]))?;
    here(&g, || array::shape(&x))?;
    here(&g, || array::shape(&known))?;
    here(&g, || x.shape())?;
    here(&g, || array::size(&x))?;
    here(&g, || array::rank(&any))?;
    here(&g, || array::slice(&x, [0, 0], [1, -1]))?;
    here(&g, || array::tile(&x, [1, 2]))?;
    here(&g, || array::transpose(&x, [1, 0]))?;
    here(&g, || x.at(0))?;
    here(&g, || x.slice(&[Index::from(1..), Index::NewAxis]))?;
    Ok(())
}

#[test]
#[rustfmt::skip]
fn layers() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, None, None, Some(3)])?;
    let w = g.get_variable("w", [3, 3, 3, 3])?;
    here(&g, || nn::conv2d(&x, &w).strides(2).build())?;
    here(&g, || nn::conv2d_transpose(&x, &w, sizes![1, x.shape()?.at(1)?, 7, 3]).build())?;
    here(&g, || nn::conv2d_backprop_input(x.shape()?, &w, &x).build())?;
    here(&g, || nn::conv2d_backprop_filter(&x, [3, 3, 3, 3], &x).build())?;
    here(&g, || nn::bias_add(&x, g.constant(vec![0.0f32; 3])?))?;
    here(&g, || nn::bias_add_format(&x, g.constant(vec![0.0f32; 3])?, DataFormat::ChannelsLast))?;
    here(&g, || nn::max_pool(&x, 2, 2, Same).build())?;
    here(&g, || nn::avg_pool(&x, 2, 2, Valid).build())?;
    here(&g, || nn::relu(&x))?;
    here(&g, || nn::leaky_relu(&x, 0.2))?;
    here(&g, || nn::sigmoid(&x))?;
    here(&g, || nn::tanh(&x))?;
    here(&g, || nn::softplus(&x))?;
    here(&g, || slim::conv2d(&x, 4, 3).stride(2).build())?;
    here(&g, || slim::conv2d_transpose(&x, 4, 3).stride(2).build())?;
    here(&g, || slim::conv2d_transpose(&x, 4, 3).stride(2).padding(Valid).scope("valid").build())?;
    here(&g, || slim::fully_connected(&x, 4).activation(slim::Activation::LeakyRelu(0.1)).build())?;
    Ok(())
}

/// Gradients of many ops, and every optimizer.
#[test]
#[rustfmt::skip]
fn gradients_and_optimizers() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, None, None, Some(3)])?;
    let small = slim::conv2d(&x, 4, 3).stride(2).build()?;
    let large = slim::conv2d_transpose(&small, 3, 3).stride(2).build()?;
    let pooled = nn::max_pool(math::divide(&large, &x)?, 2, 2, Same).build()?;
    let joined = array::concat(&[pooled.clone(), pooled], 3)?;
    let loss = math::reduce_mean(math::square(&joined)?, math::Axes::All)?;
    let variables = g.trainable_variables();
    let found = here(&g, || gradients(&[&loss], &variables))?;
    here(&g, || gradients_with(&[&joined], &[&x], &[&joined]))?;
    let pairs: Vec<Gradient> = found.into_iter().zip(variables.clone()).collect();
    here(&g, || GradientDescentOptimizer::new(0.1).minimize(&loss))?;
    here(&g, || AdamOptimizer::new(0.1).minimize(&loss))?;
    here(&g, || MomentumOptimizer::new(0.1, 0.9).minimize(&loss))?;
    let optimizer = AdamOptimizer::new(0.1);
    here(&g, || optimizer.compute_gradients(&loss, None))?;
    here(&g, || optimizer.apply_gradients(&pairs))?;
    here(&g, || MomentumOptimizer::new(0.1, 0.9).apply_gradients(&pairs))?;
    here(&g, || GradientDescentOptimizer::new(0.1).apply_gradients(&pairs))?;
    here(&g, || optimizer.minimize_over(&loss, &variables))?;
    here(&g, || Optimizer::minimize(&optimizer, &loss))?;
    Ok(())
}

/// Scopes are the program's: what their closures add comes from the closures' own lines.
#[test]
fn scopes_do_not_count() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([2])?;
    let y = g.name_scope("outer", || {
        here(&g, || nn::relu(&x))?;
        g.variable_scope("inner", || {
            let y = here(&g, || nn::relu(&x))?;
            g.control_dependencies(&[y.op()], || here(&g, || nn::tanh(&y)))
        })
    })?;
    here(&g, || nn::relu(&y))?;
    // A refusal leaves nothing behind.
    assert!(math::add(&x, [1, 2, 3]).is_err());
    here(&g, || nn::relu(&y))?;
    Ok(())
}

/// A chain comes from the line and column where it starts; an operator from where its whole expression
/// starts.
#[test]
#[rustfmt::skip]
fn chains_come_from_their_start() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, None, None, Some(3)])?;
    let start = line!() + 1;
    let y = slim::conv2d(&x, 4, 3)
        .stride(2)
        .build()?;
    let sum = (&y
        + &y)?;
    let square = g
        .add("Square").input(&sum)
        .output()?;
    let place = |output: &Output| {
        let location = output.op().location().unwrap();
        (location.line, location.column)
    };
    assert_eq!(place(&y), (start, 13));
    assert_eq!(place(&sum), (start + 3, 15));
    assert_eq!(place(&square), (start + 6, 10));
    Ok(())
}

/// While the graph is built and while it runs.
#[test]
#[rustfmt::skip]
fn errors_know_the_line() -> Result<()> {
    let g = Graph::new();
    let line = |error: Error| error.location().map(|at| (at.file, at.line));
    let x = g.placeholder::<f32>([None, Some(3)])?;
    let placeholder = line!() - 1;
    let sum = math::add(&x, g.placeholder_named::<f32>("y", [None, Some(3)])?)?;
    let add = line!() - 1;
    let refused = math::add(&x, [1, 2]).unwrap_err();
    assert_eq!(line(refused), Some((file!(), line!() - 1)));
    let unknown = g.add("Nonsense").build().unwrap_err();
    assert_eq!(line(unknown), Some((file!(), line!() - 1)));
    let session = Session::new(&g);
    assert_eq!(line(session.run(&sum).unwrap_err()), Some((file!(), placeholder)));
    let y = g.tensor("y")?;
    let apart = feed![x => Tensor::full(&[2, 3], 1.0f32)?, y => Tensor::full(&[4, 3], 1.0f32)?];
    assert_eq!(line(session.run_with(&sum, apart).unwrap_err()), Some((file!(), add)));
    assert_eq!(line(Error::value("nowhere")), None);
    Ok(())
}

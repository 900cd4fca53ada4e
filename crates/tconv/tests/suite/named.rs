//! `Graph::named`: each builder takes the name that TensorFlow takes as `name=`, and what it adds beside has
//! TensorFlow's names too. Compared with what TensorFlow 2.21 and tf_slim 1.1 made.

use tconv::array::Index;
use tconv::optim::Gradient;
use tconv::prelude::*;

/// The names of the nodes that `make` adds when what it makes is to be called `n`.
fn added<T>(g: &Graph, make: impl FnOnce() -> Result<T>) -> Result<Vec<String>> {
    let before = g.operations().len();
    let n = format!("n{before}");
    g.named(&n, make)?;
    let added = &g.operations()[before..];
    Ok(added.iter().map(|op| op.name().replace(&n, "n")).collect())
}

/// Asserts that the last node that `make` adds is `n`, and that all others stand below it.
#[track_caller]
fn named<T>(g: &Graph, make: impl FnOnce() -> Result<T>) {
    let added = added(g, make).unwrap();
    assert_eq!(added.last().map(String::as_str), Some("n"), "{added:?}");
    assert!(
        added
            .iter()
            .all(|name| name == "n" || name.starts_with("n/")),
        "{added:?}"
    );
}

#[test]
#[rustfmt::skip]
fn one_node_and_its_parts() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, Some(2)])?;
    let n = g.placeholder::<i32>([None, Some(2)])?;
    let v = g.get_variable("v", [2, 2])?;
    let known = g.placeholder::<f32>([1, 2])?;
    let any = g.placeholder::<f32>(Shape::unknown())?;
    let image = g.placeholder::<f32>([None, None, None, Some(3)])?;
    let w = g.get_variable("w", [3, 3, 3, 3])?;
    let b = g.constant([0.0f32; 3])?;
    let s = x.shape()?;
    let i = s.at(0)?;
    let both = [x.clone(), x.clone()];
    let condition = math::less_equal(&x, 0.0)?;
    let square = math::square(&v)?;
    let sizes = image.shape()?;
    let g = &g;
    named(g, || g.placeholder::<f32>([2]));
    named(g, || g.placeholder_named::<f32>("x", [2]));
    named(g, || g.placeholder_of(DType::Int32, "x", Shape::unknown()));
    named(g, || g.constant(1.0f32));
    named(g, || g.constant_named("one", 1.0f32));
    named(g, || g.add("Square").input(&x).output());
    named(g, || g.add("Square").name("square").input(&x).build());
    named(g, || g.group(&[x.op()]));
    named(g, || v.read());
    named(g, || v.assign(&square));
    named(g, || Ok(g.global_variables_initializer()));
    named(g, || random::normal(g, [2]).mean(1.0).build());
    named(g, || random::truncated_normal(g, &s).build());
    named(g, || random::uniform(g, sizes![2, &i]).minval(-1.0).build());
    named(g, || math::negative(&x));
    named(g, || math::square(&v));
    named(g, || math::abs(&x));
    named(g, || math::sign(&x));
    named(g, || math::sqrt(&x));
    named(g, || math::rsqrt(&x));
    named(g, || math::exp(&x));
    named(g, || math::log(&x));
    named(g, || math::reciprocal(&x));
    named(g, || math::add(&x, 1.0));
    named(g, || math::subtract(1.0, &x));
    named(g, || math::multiply(&x, &v));
    named(g, || math::divide(&x, &v));
    named(g, || math::divide(&n, 2i64));
    named(g, || math::floor_div(&n, 2i64));
    named(g, || math::maximum(&x, 0.0));
    named(g, || math::minimum(&x, 0.0));
    named(g, || math::pow(&x, 2.0));
    named(g, || math::equal(&x, &x));
    named(g, || math::greater(&x, 0.0));
    named(g, || math::greater_equal(&x, 0.0));
    named(g, || math::less_equal(&x, 0.0));
    named(g, || math::select(&condition, &x, 0.0));
    named(g, || math::cast(&v, DType::Int32));
    named(g, || math::range(0i64, &i, 1i64));
    named(g, || math::add_n(&both));
    named(g, || math::matmul(&x, &v));
    named(g, || math::matmul_with(&v, true, &x, true));
    named(g, || math::reduce_sum(&x, 0));
    named(g, || math::reduce_mean(&v, [0, 1]));
    named(g, || math::reduce_max_keep_dims(&x, 1));
    named(g, || &x + &v);
    named(g, || -&x);
    named(g, || array::identity(&v));
    named(g, || array::concat(&both, 0));
    named(g, || array::fill(&s, 1.0));
    named(g, || array::pack(&both, 0));
    named(g, || array::unpack(&x, 1));
    named(g, || array::pad(&x, [(1, 1), (0, 0)]));
    named(g, || array::reshape(&x, [-1]));
    named(g, || array::expand_dims(&x, 0i64));
    named(g, || array::squeeze(&known, &[0]));
    named(g, || array::shape(&x));
    named(g, || array::size(&x));
    named(g, || array::rank(&any));
    named(g, || array::slice(&x, [0, 0], [1, -1]));
    named(g, || array::tile(&x, [1, 2]));
    named(g, || array::transpose(&x, [1, 0]));
    named(g, || x.at(0));
    named(g, || x.slice(&[Index::from(1..), Index::NewAxis]));
    named(g, || nn::conv2d(&image, &w).strides(2).build());
    named(g, || nn::conv2d_transpose(&image, &w, sizes![1, &i, 7, 3]).build());
    named(g, || nn::conv2d_backprop_input(&sizes, &w, &image).build());
    named(g, || nn::conv2d_backprop_filter(&image, [3, 3, 3, 3], &image).build());
    named(g, || nn::bias_add(&image, &b));
    named(g, || nn::bias_add_format(&image, &b, DataFormat::ChannelsLast));
    named(g, || nn::max_pool(&image, 2, 2, Same).build());
    named(g, || nn::avg_pool(&image, 2, 2, Valid).build());
    named(g, || nn::relu(&x));
    named(g, || nn::leaky_relu(&x, 0.2));
    named(g, || nn::sigmoid(&x));
    named(g, || nn::tanh(&x));
    named(g, || nn::softplus(&x));
    let loss = math::square(&v)?;
    let pairs: Vec<Gradient> = gradients(&[&loss], &[&v])?.into_iter().zip([v.clone()]).collect();
    named(g, || GradientDescentOptimizer::new(0.1).apply_gradients(&pairs));
    Ok(())
}

/// What TensorFlow adds beside, in its order.
#[test]
#[rustfmt::skip]
fn more_than_one_name() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, Some(2)])?;
    let v = g.get_variable("v", [2, 2])?;
    let any = g.placeholder::<f32>(Shape::unknown())?;
    let image = g.placeholder::<f32>([None, None, None, Some(3)])?;
    assert_eq!(added(&g, || random::uniform(&g, [2]).build())?, ["n/shape", "n/RandomUniform"]);
    assert_eq!(added(&g, || math::reduce_sum(&x, math::Axes::All))?, ["Const", "n"]);
    assert_eq!(added(&g, || math::reduce_sum(&v, math::Axes::All))?, ["Const_1", "n/ReadVariableOp", "n"]);
    let names = ["Rank", "range/start", "range/delta", "range", "n"];
    assert_eq!(added(&g, || math::reduce_sum(&any, math::Axes::All))?, names);
    assert_eq!(added(&g, || array::concat(std::slice::from_ref(&x), 0))?, ["n/concat_dim", "n/n"]);
    assert_eq!(added(&g, || array::zeros_like(&x))?.last().unwrap(), "n");
    assert_eq!(added(&g, || math::cast(&x, DType::Float32))?, [""; 0]);
    let variable = ["n/Initializer/initial_value", "n", "n/IsInitialized/VarIsInitializedOp", "n/Assign", "n/Read/ReadVariableOp"];
    assert_eq!(added(&g, || g.variable_from(1.0, true, None, None))?, variable);
    assert_eq!(added(&g, || g.variable("w", [2]).initializer(Initializer::Value([1.0f32, 2.0].into())).build())?, variable);
    for layer in [
        added(&g, || slim::conv2d(&image, 4, 3).build())?,
        added(&g, || slim::conv2d_transpose(&image, 4, 3).stride(2).padding(Valid).build())?,
        added(&g, || slim::fully_connected(&x, 4).build())?,
    ] {
        assert_eq!((layer[0].as_str(), layer.last().unwrap().as_str()), ("n/weights/Initializer/random_uniform/shape", "n/Relu"));
    }
    let loss = math::square(&v)?;
    let names = added(&g, || gradients(&[&loss], &[&v]))?;
    assert!(names.iter().all(|name| name.starts_with("n/")), "{names:?}");
    let names = added(&g, || AdamOptimizer::new(0.1).minimize(&loss))?;
    assert_eq!(names.last().unwrap(), "n");
    assert!(names.iter().any(|name| name == "n/update_v/ResourceApplyAdam"), "{names:?}");
    assert!(names.iter().any(|name| name == "gradients/Square_grad/Mul"), "{names:?}");
    assert!(names.iter().any(|name| name == "v/Adam_1"), "{names:?}");
    Ok(())
}

/// A name is for one builder; a refusal leaves none behind.
#[test]
fn a_name_is_used_once() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([2])?;
    let pair = || Ok((nn::relu(&x)?, nn::relu(&x)?));
    let (first, second) = g.named("first", pair)?;
    assert_eq!(
        (first.name().as_str(), second.name().as_str()),
        ("first:0", "Relu:0")
    );
    let outermost = g.named("outer", || g.named("inner", || nn::tanh(&x)))?;
    assert_eq!(outermost.name(), "outer:0");
    assert!(
        g.named("lost", || -> Result<()> { Err(Error::value("refused")) })
            .is_err()
    );
    let error = g.named("wrong", || math::add(&x, [1, 2, 3])).unwrap_err();
    assert_eq!(error.node(), "wrong");
    let error = g.named("not a name", || nn::relu(&x)).unwrap_err();
    assert!(
        error
            .message()
            .starts_with("'not a name' is not a valid scope name"),
        "{error}"
    );
    assert_eq!(nn::relu(&x)?.name(), "Relu_1:0");
    assert_eq!(g.named("first", || nn::relu(&x))?.name(), "first_1:0");
    Ok(())
}

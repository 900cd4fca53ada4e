//! What the recorded values do not say: names, followed values, texts of errors, hostile input, and that
//! nothing is changed in place which somebody else sees.

use tconv_shape::Dim;

use super::*;
use crate::{
    Code, Error, Fact, Feed, Graph, Output, Result, Session, Shape, Tensor, feed, gradients,
};

fn x(graph: &Graph, shape: &[i64]) -> Output {
    graph.placeholder_named::<f32>("x", shape).unwrap()
}

fn names(graph: &Graph) -> Vec<String> {
    graph
        .operations()
        .iter()
        .map(|operation| operation.name().to_string())
        .collect()
}

/// The lists are those of `testdata/names.json`, without ops of other families.
#[test]
fn nodes_are_named_as_tensorflow_names_them() -> Result<()> {
    let g = Graph::new();
    let a = g.placeholder_named::<f32>("a", [2, 3])?;
    let b = g.placeholder_named::<f32>("b", [2, 3])?;
    let _ = (
        (&a + &b)?,
        (&a - &b)?,
        (&a * &b)?,
        (2 * &a)?,
        (&a * 2)?,
        (&a / &b)?,
        floor_div(&a, &b)?,
    );
    let _ = (
        (-&a)?,
        (1 - &a)?,
        (1.0 / &a)?,
        (&a + 1.0)?,
        abs(&a)?,
        square(&a)?,
        maximum(&a, 0.0)?,
    );
    let _ = (
        add(&a, &b)?,
        subtract(&a, &b)?,
        multiply(&a, &b)?,
        divide(&a, &b)?,
    );
    let _ = (matmul_with(&a, false, &b, true)?, cast(&a, DType::Int32)?);
    assert_eq!(
        names(&g)[2..].join(" "),
        "add sub mul mul_1/x mul_1 mul_2/y mul_2 truediv floordiv Neg sub_1/x sub_1 truediv_1/x truediv_1 \
         add_1/y add_1 Abs Square Maximum/y Maximum Add_2 Sub_2 Mul_3 truediv_2 MatMul Cast"
    );

    let g = Graph::new();
    let (a, b) = (g.placeholder::<i32>([2, 3])?, g.placeholder::<i32>([2, 3])?);
    let quotient = (&a / &b)?;
    assert_eq!(quotient.dtype(), DType::Float64);
    assert_eq!(
        names(&g)[2..].join(" "),
        "truediv/Cast truediv/Cast_1 truediv"
    );

    let g = Graph::new();
    let a = x(&g, &[2, 3]);
    reduce_mean(&a, Axes::All)?;
    reduce_sum(&a, 1)?;
    reduce_max_keep_dims(&a, [0, -1])?;
    reduce_sum(g.placeholder::<f32>(Shape::unknown())?, Axes::All)?;
    assert_eq!(
        names(&g)[1..].join(" "),
        "Const Mean Sum/reduction_indices Sum Max/reduction_indices Max Placeholder Rank range/start range/delta \
         range Sum_1"
    );
    Ok(())
}

/// `testdata/names.json`, "gradients", the nodes of the ops' own gradients.
#[test]
fn gradients_are_tensorflows_nodes() -> Result<()> {
    let g = Graph::new();
    let a = g.placeholder_named::<f32>("a", [2, 3])?;
    let b = g.placeholder_named::<f32>("b", [3])?;
    let loss = reduce_mean(square(((&a * &b)? + &a)?)?, Axes::All)?;
    gradients(&[&loss], &[&a, &b])?;
    let mut ours = names(&g);
    ours.retain(|name| name.contains("_grad/"));
    let mut theirs: Vec<String> = "Mean_grad/Reshape/shape Mean_grad/Reshape Mean_grad/Const Mean_grad/Tile \
         Mean_grad/Const_1 Mean_grad/truediv Square_grad/Const Square_grad/Mul Square_grad/Mul_1 mul_grad/Mul \
         mul_grad/Mul_1 mul_grad/Shape mul_grad/Shape_1 mul_grad/Sum/reduction_indices mul_grad/Sum \
         mul_grad/Reshape"
        .split_whitespace()
        .map(|name| format!("gradients/{name}"))
        .collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    Ok(())
}

#[test]
fn variables_and_numbers_are_operands() -> Result<()> {
    let g = Graph::new();
    let w = g
        .variable("w", [2])
        .initializer(crate::Initializer::Zeros)
        .build()?;
    let a = g.constant([1.0f32, 2.0])?;
    let sum = ((&w - &a)? + (&a * &w)?)?;
    let more = ((3.0 * (-&w)?)? + (1.0 - (&sum / 2.0)?)?)?;
    let session = Session::new(&g);
    session.run(g.global_variables_initializer())?;
    assert_eq!(session.run(&more)?, Tensor::from([1.5f32, 2.0]));
    Ok(())
}

/// The elements of an output's value as inference follows them.
fn followed(output: &Output) -> Option<String> {
    output
        .fact()
        .value
        .as_ref()
        .map(|value| format!("{value:?}"))
}

#[test]
fn small_integers_are_followed() -> Result<()> {
    let g = Graph::new();
    let input = g.placeholder_named::<f32>("x", [None, None, Some(3)])?;
    let sizes = input.shape()?;
    let vector = |values: &[i32]| g.constant(values.to_vec());
    let scalar = |value: i32| g.constant(value);
    let least = scalar(i32::MIN)?;
    let table: Vec<(Output, Option<&str>)> = vec![
        ((&sizes + 1)?, Some("[x:0[0] + 1, x:0[1] + 1, 4]")),
        ((2 * &sizes)?, Some("[2*x:0[0], 2*x:0[1], 6]")),
        (
            (&sizes - vector(&[1, 0, 5])?)?,
            Some("[x:0[0] - 1, x:0[1], -2]"),
        ),
        ((&sizes - &sizes)?, Some("[0, 0, 0]")),
        (
            floor_div(&sizes, 2)?,
            Some("[floor(x:0[0]/2), floor(x:0[1]/2), 1]"),
        ),
        (floor_div(vector(&[-7, 7])?, scalar(-2)?)?, Some("[3, -4]")),
        (floor_div(&sizes, 0)?, None),
        (maximum(vector(&[1, 5])?, 3)?, Some("[3, 5]")),
        (minimum(vector(&[1, 5])?, 3)?, Some("[1, 3]")),
        (maximum(&sizes, 1)?, Some("[x:0[0], x:0[1], 3]")),
        (
            minimum(&sizes, vector(&[8, 1, 2])?)?,
            Some("[min(8, x:0[0]), min(1, x:0[1]), 2]"),
        ),
        (negative(vector(&[1, -5])?)?, Some("[-1, 5]")),
        (negative(&least)?, None),
        (add(vector(&[i32::MAX, 0])?, 1)?, None),
        (multiply(scalar(1 << 16)?, scalar(1 << 16)?)?, None),
        (floor_div(&least, -1)?, None),
        (cast(&sizes, DType::Int64)?, Some("[x:0[0], x:0[1], 3]")),
        (cast(&sizes, DType::Float32)?, None),
        (cast(g.constant(1i64 << 32)?, DType::Int32)?, None),
        (reduce_sum(vector(&[4, 5, -2])?, 0)?, Some("[7]")),
        (range(scalar(0)?, 3, 1)?, Some("[0, 1, 2]")),
        (range(scalar(5)?, 0, -2)?, Some("[5, 3, 1]")),
        (add(scalar(1)?, g.constant(Vec::<i32>::new())?)?, Some("[]")),
    ];
    for (output, value) in &table {
        assert_eq!(followed(output).as_deref(), *value, "{output}");
    }
    // What is followed must be what a run gives.
    let known: Vec<&Output> = table
        .iter()
        .filter(|(output, _)| output.fact().known_values().is_some())
        .map(|(output, _)| output)
        .collect();
    let run = Session::new(&g).run_with(
        &known[..],
        feed![input => Tensor::zeros(DType::Float32, &[1, 2, 3])?],
    )?;
    for (output, value) in known.iter().zip(run) {
        assert_eq!(
            output.fact().known_values(),
            value.to_i64_vec().ok(),
            "{output}"
        );
    }
    Ok(())
}

#[test]
fn wrapped_integers_are_what_a_run_gives() -> Result<()> {
    let g = Graph::new();
    let least = g.constant(i32::MIN)?;
    let run = Session::new(&g).run([
        negative(&least)?,
        abs(&least)?,
        floor_div(&least, -1)?,
        subtract(&least, 1)?,
    ])?;
    let values: Vec<i32> = run.iter().map(|value| value.item().unwrap()).collect();
    assert_eq!(values, [i32::MIN, i32::MIN, i32::MIN, i32::MAX]);
    Ok(())
}

fn refused<T: std::fmt::Debug>(result: Result<T>) -> (Code, String) {
    let error: Error = result.unwrap_err();
    assert!(
        !error.help_lines().is_empty() || error.code() == Code::Type,
        "no help: {error}"
    );
    (error.code(), error.message().to_string())
}

/// The texts are those of `testdata/errors.json`, without what follows ` for '{{node`.
#[test]
fn building_refuses_in_tensorflows_words() -> Result<()> {
    let g = Graph::new();
    let i = g.placeholder::<i32>([2])?;
    let value = |text: &str| (Code::Value, text.to_string());
    let type_ = |text: &str| (Code::Type, text.to_string());
    let unequal = value("Dimensions must be equal, but are 3 and 4");
    let mixed = type_(
        "Input 'y' of 'AddV2' Op has type float32 that does not match type int32 of argument 'x'.",
    );
    assert_eq!(refused(x(&g, &[2, 3]) + x(&g, &[4])), unequal);
    assert_eq!(
        refused(select(g.constant(true)?, x(&g, &[2, 3]), x(&g, &[4]))),
        unequal
    );
    assert_eq!(refused(matmul(x(&g, &[2, 3]), x(&g, &[4, 5]))), unequal);
    assert_eq!(refused(&i + x(&g, &[2])), mixed);
    assert_eq!(
        refused(matmul(x(&g, &[2]), x(&g, &[2, 3]))),
        value("Shape must be rank 2 but is rank 1")
    );
    let axis = value("Invalid reduction dimension 2 for input with 2 dimensions.");
    assert_eq!(refused(reduce_sum(x(&g, &[2, 3]), 2)), axis);
    assert!(reduce_sum(x(&g, &[2, 3]), [0, 0]).is_ok());
    assert_eq!(refused(sqrt(&i)).0, Code::Type);
    let error = (x(&g, &[7, 2, 3]) + x(&g, &[5, 3])).unwrap_err();
    assert_eq!(
        error.help_lines(),
        [
            "shapes (7, 2, 3) and (5, 3) are compared from the last axis on; at axis -2 one has 2 and the other has \
          5: make them equal, or one of them 1, which is repeated"
        ]
    );
    Ok(())
}

#[test]
fn running_refuses_in_tensorflows_words() -> Result<()> {
    let g = Graph::new();
    let (a, b) = (
        g.placeholder::<f32>(Shape::unknown())?,
        g.placeholder::<f32>(Shape::unknown())?,
    );
    let (i, j) = (
        g.placeholder::<i32>(Shape::unknown())?,
        g.placeholder::<i32>(Shape::unknown())?,
    );
    let session = Session::new(&g);
    let zeros = |shape: &[usize]| Tensor::zeros(DType::Float32, shape).unwrap();
    let check = |output: &Output, feed: Feed, text: &str| {
        assert_eq!(
            refused(session.run_with(output, feed)),
            (Code::InvalidArgument, text.to_string())
        );
    };
    let floats = |x: &[usize], y: &[usize]| feed![a => zeros(x), b => zeros(y)];
    let integers = |x: [i32; 2], y: [i32; 2]| feed![i => x, j => y];
    check(
        &(&a + &b)?,
        floats(&[2, 3], &[4]),
        "Incompatible shapes: [2,3] vs. [4]",
    );
    check(
        &(&a - &b)?,
        floats(&[2, 3], &[2, 2]),
        "Incompatible shapes: [2,3] vs. [2,2]",
    );
    check(
        &matmul(&a, &b)?,
        floats(&[2, 3], &[4, 5]),
        "Matrix size-incompatible: In[0]: [2,3], In[1]: [4,5]",
    );
    check(
        &matmul(&a, &b)?,
        floats(&[2], &[2, 3]),
        "In[0] and In[1] has different ndims: [2] vs. [2,3]",
    );
    check(
        &floor_div(&i, &j)?,
        integers([1, 2], [1, 0]),
        "Integer division by zero",
    );
    let negative_power = "Integers to negative integer powers are not allowed";
    check(&pow(&i, &j)?, integers([2, 3], [-1, 2]), negative_power);
    let sum = reduce_sum(&a, Axes::Tensor(i.clone()))?;
    let axes = |axes: &[i32]| feed![a => zeros(&[2, 3]), i => axes.to_vec()];
    let outside = "Invalid reduction dimension (-3 for input with 2 dimension(s)";
    check(&sum, axes(&[-3]), outside);
    let twice = "Invalid reduction arguments: Axes contains duplicate dimension: 0";
    check(&sum, axes(&[0, -2]), twice);
    assert_eq!(session.run_with(&sum, axes(&[]))?.shape(), [2, 3]);
    Ok(())
}

#[test]
fn nothing_is_changed_that_somebody_else_sees() -> Result<()> {
    let g = Graph::new();
    let fed = g.placeholder::<f32>([2])?;
    let constant = g.constant([1.0f32, 2.0])?;
    let w = g
        .variable("w", [2])
        .initializer(crate::Initializer::Ones)
        .build()?;
    let sum = (&constant + &fed)?;
    let fetched = (&sum * 2.0)?;
    let rest = [
        negative(&fetched)?,
        exp(&sum)?,
        (&constant - &w)?,
        add_n(&[constant.clone(), sum.clone()])?,
    ];
    let session = Session::new(&g);
    session.run(g.global_variables_initializer())?;
    let value = Tensor::from([10.0f32, 20.0]);
    for _ in 0..2 {
        let (all, sum, doubled) =
            session.run_with((&rest[..], &sum, &fetched), feed![fed => &value])?;
        assert_eq!(sum, Tensor::from([11.0f32, 22.0]));
        assert_eq!(doubled, Tensor::from([22.0f32, 44.0]));
        assert_eq!(all[0], Tensor::from([-22.0f32, -44.0]));
        assert_eq!(all[2], Tensor::from([0.0f32, 1.0]));
        assert_eq!(all[3], Tensor::from([12.0f32, 24.0]));
        assert_eq!(
            session.run((&constant, &w))?,
            (Tensor::from([1.0f32, 2.0]), Tensor::from([1.0f32, 1.0]))
        );
        assert_eq!(value, Tensor::from([10.0f32, 20.0]));
    }
    Ok(())
}

#[test]
fn hostile_input_is_an_error() -> Result<()> {
    let g = Graph::new();
    let a = x(&g, &[2, 3]);
    for axis in [i64::MIN, i64::MAX, -3] {
        assert_eq!(
            reduce_max(&a, axis).unwrap_err().code(),
            Code::Value,
            "{axis}"
        );
    }
    assert!(reduce_sum(g.constant(1.0f32)?, 0).is_err());
    let nested = g.constant(Tensor::zeros(DType::Int32, &[1, 1])?)?;
    assert_eq!(
        reduce_sum(&a, Axes::Tensor(nested.clone()))
            .unwrap_err()
            .code(),
        Code::Value
    );
    assert!(g.add("AddN").build().is_err());
    assert!(add_n(&[]).is_err());
    assert!(
        g.add("Neg")
            .input(&a)
            .attr("frobnicate", true)
            .build()
            .is_err()
    );
    let scalar_false = g
        .add("Equal")
        .input(&a)
        .input(&a)
        .attr("incompatible_shape_error", false);
    assert!(scalar_false.build().is_err());
    assert!(
        g.add("Cast")
            .input(&a)
            .attr("DstT", DType::Resource)
            .build()
            .is_err()
    );
    for (start, limit, delta) in [(0, 5, 0), (0, 5, -1), (5, 0, 1)] {
        assert_eq!(
            range(g.constant(start)?, limit, delta).unwrap_err().code(),
            Code::Value
        );
    }
    assert!(range(0, &nested, 1).is_err());

    let session = Session::new(&g);
    let matrices = [
        g.placeholder::<f32>(Shape::unknown())?,
        g.placeholder::<f32>(Shape::unknown())?,
    ];
    let product = matmul(&matrices[0], &matrices[1])?;
    let huge = 1 << 40;
    let empty = |shape: &[usize]| Tensor::zeros(DType::Float32, shape).unwrap();
    let feed = feed![matrices[0] => empty(&[huge, 0]), matrices[1] => empty(&[0, huge])];
    assert_eq!(
        session.run_with(&product, feed).unwrap_err().code(),
        Code::ResourceExhausted
    );
    let outer = (&matrices[0] + &matrices[1])?;
    let feed = feed![matrices[0] => empty(&[huge, 0, 1]), matrices[1] => empty(&[0, 1, huge])];
    assert!(session.run_with(&outer, feed).is_err());
    let limit = g.placeholder::<i64>(Shape::unknown())?;
    let many = range(i64::MIN, &limit, 1)?;
    for value in [i64::MAX, 1 << 50] {
        assert_eq!(
            session
                .run_with(&many, feed![limit => value])
                .unwrap_err()
                .code(),
            Code::ResourceExhausted
        );
    }
    let axes = g.placeholder::<i64>(Shape::unknown())?;
    let sum = reduce_sum(&matrices[0], Axes::Tensor(axes.clone()))?;
    for bad in [i64::MIN, i64::MAX] {
        assert!(
            session
                .run_with(&sum, feed![matrices[0] => empty(&[2, 0]), axes => bad])
                .is_err()
        );
    }
    let feed = feed![matrices[0] => empty(&[2, 0]), axes => Tensor::zeros(DType::Int64, &[1, 1])?];
    assert!(session.run_with(&sum, feed).is_err());
    Ok(())
}

/// Where the axes are fed, the gradient finds the shape as the op does.
#[test]
fn gradients_of_reductions_over_fed_axes() -> Result<()> {
    let g = Graph::new();
    let input = g.placeholder::<f32>(Shape::unknown())?;
    let axes = g.placeholder::<i32>(Shape::unknown())?;
    let mean = reduce_mean(&input, Axes::Tensor(axes.clone()))?;
    let slope = gradients(&[&mean], &[&input])?.remove(0).unwrap();
    let value = Tensor::zeros(DType::Float32, &[2, 3])?;
    for (axis, expected) in [(0, 0.5f32), (-1, 1.0 / 3.0)] {
        let found = Session::new(&g).run_with(&slope, feed![input => &value, axes => axis])?;
        assert_eq!(found, Tensor::full(&[2, 3], expected)?);
    }
    Ok(())
}

/// A gradient's shape is known as far as the shape is whose gradient it is.
#[test]
fn gradients_keep_what_is_known_of_shapes() -> Result<()> {
    let g = Graph::new();
    let a = g.placeholder_named::<f32>("a", [None, None, Some(3)])?;
    let b = g.placeholder_named::<f32>("b", [3])?;
    let loss = reduce_sum((&a * &b)?, 1)?;
    for (slope, source) in gradients(&[&loss], &[&a, &b])?.iter().zip([&a, &b]) {
        let slope = slope.as_ref().unwrap();
        assert_eq!(slope.static_shape(), source.static_shape());
    }
    let same = |fact: &Fact| fact.shape.dims().map(<[Dim]>::len);
    assert_eq!(same(loss.fact()), Some(2));
    Ok(())
}

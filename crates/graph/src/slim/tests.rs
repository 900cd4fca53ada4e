use tconv_shape::{DataFormat, Padding};
use tconv_tensor::{DType, Tensor};

use std::sync::Arc;

use super::{
    Activation, avg_pool2d, conv2d, conv2d_transpose, flatten, fully_connected, max_pool2d,
};
use crate::{Feed, Graph, Initializer, Output, Result, Reuse, Session, Shape};

fn names(graph: &Graph) -> Vec<String> {
    graph
        .operations()
        .iter()
        .map(|op| op.name().to_string())
        .collect()
}

fn variables(graph: &Graph) -> Vec<(String, String)> {
    let describe = |v: &crate::Variable| (v.name().to_string(), v.static_shape().to_string());
    graph.global_variables().iter().map(describe).collect()
}

fn pair(name: &str, shape: &str) -> (String, String) {
    (name.to_string(), shape.to_string())
}

/// Heights and widths that tf_slim 1.1 gave for inputs of 3 and 2; the width was known only when the
/// graph ran.
#[test]
fn transposed_sizes_are_tf_slims() -> Result<()> {
    for (kernel, stride, same, valid) in [
        (1, 1, [3, 2], [3, 2]),
        (1, 2, [6, 4], [6, 4]),
        (1, 3, [9, 6], [9, 6]),
        (2, 1, [3, 2], [4, 3]),
        (2, 2, [6, 4], [6, 4]),
        (2, 3, [9, 6], [9, 6]),
        (3, 1, [3, 2], [5, 4]),
        (3, 2, [6, 4], [7, 5]),
        (3, 3, [9, 6], [9, 6]),
        (4, 1, [3, 2], [6, 5]),
        (4, 2, [6, 4], [8, 6]),
        (4, 3, [9, 6], [10, 7]),
    ] {
        for (padding, [height, width]) in [(Padding::Same, same), (Padding::Valid, valid)] {
            for format in [DataFormat::ChannelsLast, DataFormat::ChannelsFirst] {
                let arrange =
                    |n, spatial: &[Option<i64>]| format.arrange(Some(1), Some(n), spatial);
                let graph = Graph::new();
                let known = graph.placeholder::<f32>(arrange(2, &[Some(3), Some(2)]))?;
                let open = graph.placeholder::<f32>(arrange(2, &[Some(3), None]))?;
                let up = |inputs: &Output| {
                    let layer = conv2d_transpose(inputs, 5, kernel).stride(stride);
                    layer.padding(padding.clone()).data_format(format).build()
                };
                let (first, second) = (up(&known)?, up(&open)?);
                let expected = format.arrange(1, 5, &[height, width]);
                assert_eq!(first.static_shape(), &Shape::from(expected.clone()));
                let some = arrange(5, &[Some(height), None]);
                assert_eq!(
                    second.static_shape().to_string(),
                    Shape::from(some).to_string()
                );
                let session = Session::new(&graph);
                session.run(graph.global_variables_initializer())?;
                let sizes: Vec<usize> = format.arrange(1, 2, &[3, 2]);
                let zeros = Tensor::zeros(DType::Float32, &sizes)?;
                let made = session.run_with(&second, Feed::new().with(&open, zeros))?;
                assert_eq!(Shape::from(made.shape()), Shape::from(expected));
            }
        }
    }
    Ok(())
}

#[test]
fn variables_are_tf_slims() -> Result<()> {
    let graph = Graph::new();
    let x = graph.placeholder::<f32>([None, None, Some(5), Some(7)])?;
    conv2d(&x, 4, [3, 2]).build()?;
    conv2d_transpose(&x, 4, [3, 2]).build()?;
    fully_connected(&x, 4).no_biases().build()?;
    let expected = [
        pair("Conv/weights", "(3, 2, 7, 4)"),
        pair("Conv/biases", "(4,)"),
        pair("Conv2d_transpose/weights", "(3, 2, 4, 7)"),
        pair("Conv2d_transpose/biases", "(4,)"),
        pair("fully_connected/weights", "(7, 4)"),
    ];
    assert_eq!(variables(&graph), expected);
    let layer = conv2d(&x, 4, 1)
        .scope("q")
        .activation(Activation::None)
        .trainable(false);
    assert_eq!(layer.build()?.name(), "q/BiasAdd:0");
    assert_eq!(graph.trainable_variables().len(), 5);
    let again = || conv2d(&x, 4, 1).scope("q").activation(Activation::Tanh);
    assert!(
        again()
            .build()
            .unwrap_err()
            .message()
            .starts_with("Variable q/weights already exists")
    );
    assert_eq!(again().reuse(Reuse::Yes).build()?.op().op_name(), "Tanh");
    assert_eq!(graph.global_variables().len(), 7);
    Ok(())
}

/// As TensorFlow 2.21 with tf_slim 1.1 names them.
#[test]
fn a_fully_connected_layers_nodes() -> Result<()> {
    let graph = Graph::new();
    let x = graph.placeholder::<f32>([None, Some(7)])?;
    fully_connected(&x, 4).build()?;
    let names = names(&graph);
    let expected = [
        "MatMul/ReadVariableOp",
        "MatMul",
        "BiasAdd/ReadVariableOp",
        "BiasAdd",
        "Relu",
    ];
    let expected = expected.map(|name| format!("fully_connected/{name}"));
    assert_eq!(names[names.len() - 5..], expected);
    Ok(())
}

/// Names, shapes and variables as tf_slim 1.1 gave them.
#[test]
fn functions_of_the_programs_own() -> Result<()> {
    let graph = Graph::new();
    let x = graph.placeholder::<f32>([None, Some(4), Some(4), Some(3)])?;
    let halved = Activation::With(Arc::new(|sums: Output| &sums * 0.5));
    let twice = Activation::With(Arc::new(|sums: Output| &sums + &sums));
    let start = |graph: &Graph, sizes: &[i64], dtype| Initializer::Ones.build(graph, sizes, dtype);
    let y = conv2d(&x, 2, 3)
        .normalizer(halved)
        .activation(twice)
        .weights_initializer(Initializer::With(Arc::new(start)))
        .build()?;
    assert_eq!(y.name(), "Conv/add:0");
    assert_eq!(y.op().input(0).name(), "Conv/mul:0");
    // A normalizer stands in for the biases.
    assert_eq!(variables(&graph), [pair("Conv/weights", "(3, 3, 3, 2)")]);
    graph.operation("Conv/weights/Initializer/ones")?;
    let session = Session::new(&graph);
    session.run(graph.global_variables_initializer())?;
    let ones = Tensor::full(&[1, 4, 4, 3], 1.0f32)?;
    let made = session.run_with(&y, Feed::new().with(&x, ones))?;
    assert_eq!(
        (made.as_slice::<f32>()?[0], made.as_slice::<f32>()?[10]),
        (12.0, 27.0)
    );
    let refused = Activation::With(Arc::new(|_| Err(crate::Error::type_("no"))));
    let error = conv2d(&x, 2, 3).activation(refused).build().unwrap_err();
    assert_eq!(
        (error.message(), graph.current_name_scope()),
        ("no", String::new())
    );
    Ok(())
}

#[test]
fn layers_without_variables() -> Result<()> {
    let graph = Graph::new();
    let x = graph.placeholder::<f32>([None, Some(5), Some(4), Some(3)])?;
    let made = [
        max_pool2d(&x, 2).build()?,
        avg_pool2d(&x, [3, 2]).padding(Padding::Same).build()?,
        max_pool2d(&x, 2).stride(1).scope("n").build()?,
        flatten(&x)?,
        flatten(&graph.placeholder::<f32>([None, None, Some(3)])?)?,
        flatten(&graph.placeholder::<f32>([None, Some(0), Some(3)])?)?,
    ];
    let described = made.map(|y| format!("{} {}", y.name(), y.static_shape()));
    let expected = [
        "MaxPool2D/MaxPool:0 (None, 2, 2, 3)",
        "AvgPool2D/AvgPool:0 (None, 3, 2, 3)",
        "n/MaxPool:0 (None, 4, 3, 3)",
        "Flatten/flatten/Reshape:0 (None, 60)",
        "Flatten_1/flatten/Reshape:0 (None, None)",
        "Flatten_2/flatten/Reshape:0 (None, 0)",
    ];
    assert_eq!(described, expected);
    let scalar = graph.placeholder::<f32>(Shape::scalar())?;
    assert_eq!(flatten(&scalar).unwrap_err().code(), crate::Code::Value);
    Ok(())
}

/// A matrix product on the last axis, whatever is before it.
#[test]
fn a_fully_connected_layer_of_more_axes() -> Result<()> {
    let graph = Graph::new();
    let x = graph.placeholder::<f32>([None, Some(2), Some(3)])?;
    let layer = fully_connected(&x, 2)
        .weights_initializer(Initializer::constant([1.0f32, 0.0, 0.0, 1.0, 1.0, -1.0]));
    let y = layer
        .biases_initializer(Initializer::constant(0.5))
        .build()?;
    assert_eq!(y.static_shape().to_string(), "(None, 2, 2)");
    let session = Session::new(&graph);
    session.run(graph.global_variables_initializer())?;
    let x_value = Tensor::new(&[1, 2, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    let y = session.run_with(&y, Feed::new().with(&x, x_value))?;
    assert_eq!(y.shape(), [1, 2, 2]);
    assert_eq!(y.as_slice::<f32>()?, [4.5, 0.0, 10.5, 0.0]);
    Ok(())
}

/// The first lines are those of TensorFlow 2.21 with tf_slim 1.1.
#[test]
fn what_makes_no_layer() -> Result<()> {
    let graph = Graph::new();
    let image = graph.placeholder::<f32>([1, 5, 5, 3])?;
    let of = |shape: Shape| graph.placeholder::<f32>(shape);
    let open = of([None, None, None, None].into())?;
    let unnamed = conv2d(&image, 4, 3).reuse(Reuse::Yes).build();
    for (made, message) in [
        (
            conv2d(&open, 4, 3).build(),
            "The channel dimension of the inputs should be defined. Found `None`.",
        ),
        (
            conv2d_transpose(&open, 4, 3).build(),
            "The channel dimension of the inputs should be defined. Found `None`.",
        ),
        (
            conv2d(&of([None, None, Some(3)].into())?, 4, 3).build(),
            "Convolution expects input with rank 4, got 3",
        ),
        (
            conv2d(&of(Shape::unknown())?, 4, 3).build(),
            "Convolution expects input with rank 4, got an unknown rank",
        ),
        (
            fully_connected(&of([None, None].into())?, 4).build(),
            "The last dimension of the inputs to `Dense` should be defined. Found `None`.",
        ),
        (
            fully_connected(&of([7].into())?, 4).build(),
            "Input 0 of layer fully_connected is incompatible with the layer: : expected min_ndim=2, found ndim=1. Full shape received: (7,)",
        ),
        (unnamed, "reuse=True cannot be used without a name_or_scope"),
        (
            conv2d_transpose(&image, 4, 3)
                .padding(Padding::Explicit(vec![(1, 1); 2]))
                .build(),
            "padding must be either VALID or SAME: [(1, 1), (1, 1)]",
        ),
        (
            conv2d(&image, 0, 3).build(),
            "num_outputs must be at least 1, got 0",
        ),
        (
            conv2d(&image, 4, [3, 3, 3]).build(),
            "kernel_size should be of length 1, 2 or 4 but was 3",
        ),
    ] {
        assert_eq!(made.unwrap_err().message(), message);
    }
    for kernel in [0, -1, i64::MIN] {
        assert!(conv2d(&image, 4, kernel).build().is_err(), "{kernel}");
        assert!(
            conv2d_transpose(&image, 4, kernel).build().is_err(),
            "{kernel}"
        );
    }
    // A variable is only as large as the memory once the graph runs.
    let huge = conv2d(&image, 4, i64::MAX).scope("huge").build()?;
    let session = Session::new(&graph);
    assert!(session.run(graph.global_variables_initializer()).is_err());
    assert!(
        session
            .run_with(
                &huge,
                Feed::new().with(&image, Tensor::full(&[1, 5, 5, 3], 0.0f32)?)
            )
            .is_err()
    );
    for stride in [0, i64::MIN, i64::MAX] {
        assert!(
            conv2d_transpose(&image, 4, 3)
                .stride(stride)
                .build()
                .is_err(),
            "{stride}"
        );
    }
    Ok(())
}

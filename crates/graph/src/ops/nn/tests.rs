use tconv_shape::{DataFormat, Padding};
use tconv_tensor::Tensor;

use super::{avg_pool, bias_add, max_pool, relu, tanh};
use crate::{AttrValue, Code, Error, Feed, Graph, Output, Result, Session, gradients};

fn ints(values: &[i64]) -> AttrValue {
    values.into()
}

/// `-0, -1, -2, ...`
fn falling(shape: &[usize]) -> Tensor {
    let len = shape.iter().product::<usize>();
    Tensor::new(shape, (0..len).map(|i| -(i as f32)).collect()).unwrap()
}

#[track_caller]
fn assert_error(error: &Error, code: Code, message: &str) {
    assert_eq!((error.code(), error.message()), (code, message), "{error}");
}

/// The first lines are TensorFlow's.
#[test]
fn biases_that_do_not_fit() {
    let graph = Graph::new();
    let build = |value: &[i64], bias: &[i64]| {
        let value = graph.placeholder::<f32>(value)?;
        bias_add(value, graph.placeholder::<f32>(bias)?)
    };
    for (value, bias, message) in [
        (
            &[2i64, 3][..],
            &[4i64][..],
            "Dimensions must be equal, but are 3 and 4",
        ),
        (&[3], &[3], "Shape must be at least rank 2 but is rank 1"),
        (&[2, 3], &[3, 1], "Shape must be rank 1 but is rank 2"),
    ] {
        assert_error(&build(value, bias).unwrap_err(), Code::Value, message);
    }
    let [value, bias] =
        [(); 2].map(|()| graph.placeholder::<f32>(crate::Shape::unknown()).unwrap());
    let sum = bias_add(&value, &bias).unwrap();
    let session = Session::new(&graph);
    let run = |value_shape: &[usize], bias_shape: &[usize]| {
        let feed = Feed::new()
            .with(&value, falling(value_shape))
            .with(&bias, falling(bias_shape));
        session.run_with(&sum, feed)
    };
    for (value, bias, message) in [
        (
            &[2, 3][..],
            &[4][..],
            "Must provide as many biases as the last dimension of the input tensor: [4] vs. [2,3]",
        ),
        (&[3], &[3], "Input tensor must be at least 2D: [3]"),
        (&[2, 3], &[3, 1], "Biases must be 1D: [3,1]"),
    ] {
        assert_error(
            &run(value, bias).unwrap_err(),
            Code::InvalidArgument,
            message,
        );
    }
    assert_eq!(run(&[0, 3], &[3]).unwrap().shape(), [0, 3]);
    assert_eq!(run(&[2, 0], &[0]).unwrap().shape(), [2, 0]);
}

#[test]
fn poolings_that_are_none() {
    let graph = Graph::new();
    let x = graph.placeholder::<f32>([1, 2, 5, 3]).unwrap();
    let pool = |op: &str, ksize: &[i64], strides: &[i64], padding: &str, pads: Option<&[i64]>| {
        let node = graph
            .add(op)
            .input(&x)
            .attr("ksize", ints(ksize))
            .attr("strides", ints(strides));
        let node = node.attr("padding", padding);
        match pads {
            Some(pads) => node.attr("explicit_paddings", ints(pads)).output(),
            None => node.output(),
        }
    };
    let (one, two) = (&[1, 1, 1, 1][..], &[1, 2, 2, 1][..]);
    for (made, message) in [
        (
            pool("MaxPool", &[1, 3, 3, 1], one, "VALID", None),
            "Negative dimension size caused by subtracting 3 from 2",
        ),
        (
            pool("MaxPool", &[1, 2, 2], one, "SAME", None),
            "MaxPool requires the ksize attribute to contain 4 values, but got: 3",
        ),
        (
            pool("AvgPool", two, &[], "SAME", None),
            "AvgPool requires the strides attribute to contain 4 values, but got: 0",
        ),
        (
            pool("MaxPool", &[1, 0, 2, 1], one, "SAME", None),
            "Sliding window ksize must be positive. The specified or inferred ksize is: 1,0,2,1",
        ),
        (
            pool("AvgPool", two, &[1, 1, i64::MIN, 1], "SAME", None),
            "Stride must be > 0, but got -9223372036854775808",
        ),
        (
            pool("MaxPool", &[1, 2, 2, 2], one, "SAME", None),
            "Pooling is not yet supported on the batch or depth dimension.",
        ),
        (
            pool("MaxPool", two, one, "FOO", None),
            "Attr 'padding' of 'MaxPool' Op passed string 'FOO' not in: \"SAME\", \"VALID\", \"EXPLICIT\".",
        ),
        (
            pool("AvgPool", two, one, "EXPLICIT", None),
            "Attr 'padding' of 'AvgPool' Op passed string 'EXPLICIT' not in: \"SAME\", \"VALID\".",
        ),
        (
            pool("AvgPool", two, one, "SAME", Some(&[0; 8])),
            "attribute 'explicit_paddings' is not understood",
        ),
        (
            pool(
                "MaxPool",
                two,
                one,
                "EXPLICIT",
                Some(&[0, 0, 1, 0, 0, 2, 0, 0]),
            ),
            "Right padding 2 needs to be smaller than the window size 2",
        ),
        (
            pool("MaxPool", two, one, "EXPLICIT", Some(&[1, 1])),
            "explicit_paddings attribute must contain 8 values, but got: 2",
        ),
        (
            pool(
                "MaxPool",
                two,
                one,
                "EXPLICIT",
                Some(&[0, 0, -1, 0, 0, 0, 0, 0]),
            ),
            "All elements of explicit_paddings must be nonnegative",
        ),
    ] {
        assert_error(&made.unwrap_err(), Code::Value, message);
    }
    let huge = &[1, i64::MAX, i64::MAX, 1][..];
    assert!(pool("MaxPool", huge, one, "VALID", None).is_err());
    assert!(pool("MaxPool", two, huge, "SAME", None).is_ok());
}

#[test]
fn gradients_of_other_sizes_are_refused() {
    let graph = Graph::new();
    let [x, y] = [(); 2].map(|()| graph.placeholder::<f32>(crate::Shape::unknown()).unwrap());
    let pool = |op: &str, inputs: [&Output; 3], count: usize| {
        let node = graph
            .add(op)
            .inputs(inputs.into_iter().take(count))
            .attr("padding", "SAME");
        node.attr("ksize", ints(&[1, 2, 2, 1]))
            .attr("strides", ints(&[1, 2, 2, 1]))
            .output()
            .unwrap()
    };
    let sizes = graph.placeholder::<i32>([None]).unwrap();
    let max = pool("MaxPoolGrad", [&x, &y, &y], 3);
    let avg = pool("AvgPoolGrad", [&sizes, &y, &y], 2);
    let relu = graph.add("ReluGrad").input(&x).input(&y).output().unwrap();
    let session = Session::new(&graph);
    let feed = |sizes_given: Vec<i32>, y_shape: &[usize]| {
        let feed = Feed::new()
            .with(&x, falling(&[1, 4, 4, 1]))
            .with(&y, falling(y_shape));
        feed.with(&sizes, sizes_given)
    };
    let wrong = || feed(vec![1, 4, 4, 1], &[1, 3, 2, 1]);
    for (fetch, message) in [
        (
            &max,
            "Expected orig_output shape to be [1,2,2,1], but got [1,3,2,1]",
        ),
        (
            &avg,
            "Expected grad shape to be [1,2,2,1], but got [1,3,2,1]",
        ),
        (
            &relu,
            "Inputs to operation must have the same size and shape.  Input 0: [1,4,4,1] != input 1: [1,3,2,1]",
        ),
    ] {
        assert_error(
            &session.run_with(fetch, wrong()).unwrap_err(),
            Code::InvalidArgument,
            message,
        );
    }
    for sizes in [vec![1, -4, 4, 1], vec![], vec![1, 4, 4], vec![i32::MAX; 4]] {
        assert!(session.run_with(&avg, feed(sizes, &[1, 2, 2, 1])).is_err());
    }
    assert!(
        session
            .run_with(&avg, feed(vec![1, 4, 4, 1], &[1, 2, 2, 1]))
            .is_ok()
    );
}

/// Recorded from TensorFlow 2.21.
#[test]
fn explicit_padding_is_never_the_greatest() {
    let graph = Graph::new();
    let x = graph.constant(falling(&[1, 5, 5, 1])).unwrap();
    let y = max_pool(&x, [2, 3], 2, Padding::Explicit(vec![(1, 0), (0, 2)]))
        .build()
        .unwrap();
    let y = Session::new(&graph).run(&y).unwrap();
    assert_eq!(y.shape(), [1, 3, 3, 1]);
    assert_eq!(
        y.as_slice::<f32>().unwrap(),
        [-0., -2., -4., -5., -7., -9., -15., -17., -19.]
    );
}

/// One channel is the same in both formats, and so is a size that is known only when the graph runs.
#[test]
fn formats_and_unknown_sizes_agree() -> Result<()> {
    let pooled = |format: DataFormat, known: bool| -> Result<Vec<f32>> {
        let graph = Graph::new();
        let sizes = format.arrange(2, 1, &[7, 5]);
        let shape: Vec<i64> = sizes.iter().map(|&n| n as i64).collect();
        let x = match known {
            true => graph.placeholder::<f32>(shape)?,
            false => graph.placeholder::<f32>(crate::Shape::unknown())?,
        };
        let max = max_pool(&x, [3, 2], 2, Padding::Same)
            .data_format(format)
            .build()?;
        let avg = avg_pool(&max, 2, 1, Padding::Valid)
            .data_format(format)
            .build()?;
        let gradient = gradients(&[&avg], &[&x])?.remove(0).unwrap();
        let x_value = falling(&sizes);
        let found =
            Session::new(&graph).run_with([&avg, &gradient], Feed::new().with(&x, x_value))?;
        if known {
            let inferred = avg.static_shape().known();
            assert_eq!(
                inferred,
                Some(found[0].shape().iter().map(|&n| n as i64).collect())
            );
        }
        Ok([found[0].as_slice::<f32>()?, found[1].as_slice::<f32>()?].concat())
    };
    let first = pooled(DataFormat::ChannelsLast, true)?;
    assert_eq!(first, pooled(DataFormat::ChannelsFirst, true)?);
    assert_eq!(first, pooled(DataFormat::ChannelsFirst, false)?);
    Ok(())
}

/// A value that has another reader is not overwritten.
#[test]
fn working_in_place_changes_nobody_elses_value() -> Result<()> {
    let graph = Graph::new();
    let x = graph.constant([-1.0f32, 2.0])?;
    let (a, b) = (relu(&x)?, tanh(&x)?);
    let found = Session::new(&graph).run([&a, &x, &b])?;
    assert_eq!(found[0].as_slice::<f32>()?, [0.0, 2.0]);
    assert_eq!(found[1].as_slice::<f32>()?, [-1.0, 2.0]);
    assert_eq!(
        found[2].as_slice::<f32>()?,
        [(-1.0f32).tanh(), 2.0f32.tanh()]
    );
    Ok(())
}

//! First lines are TensorFlow's, and the rest helps.

use tconv::Code;
use tconv::prelude::*;

/// `conv2d_transpose` of a value of one 3x3 image, filter 2x2, stride 2: the notes' program 1.
fn transpose(
    value: impl Into<Shape>,
    filter: [i64; 4],
    output_shape: impl tconv::Operand,
    strides: &[i64],
) -> Result<Output> {
    let g = Graph::new();
    let value = g.placeholder_named::<f32>("value", value)?;
    let filter = g.placeholder_named::<f32>("filter", filter)?;
    nn::conv2d_transpose(&value, &filter, output_shape)
        .strides(strides)
        .padding(Same)
        .build()
}

#[track_caller]
fn refused(result: Result<Output>, first_line: &str, help: &str) {
    let error = result.expect_err(first_line);
    assert_eq!(error.message(), first_line);
    assert!(error.code().is_building(), "{error:?}");
    assert!(error.to_string().contains(help), "{error}");
}

#[test]
fn while_building() {
    let (value, filter) = ([1, 3, 3, 1], [2, 2, 3, 1]);
    refused(
        transpose([1, 3, 3, 2], filter, [1, 5, 5, 3], &[2]),
        "input channels does not match filter's input channels, 2 != 1",
        "[height, width, output channels, input channels]",
    );
    refused(
        transpose(value, filter, [1, 5, 5], &[2]),
        "output_shape must have shape (4,), got (3,)",
        "the two spatial ones",
    );
    for channels in [7, 2, 4] {
        refused(
            transpose(value, filter, [1, 6, 6, channels], &[2]),
            &format!("output_shape does not match filter's output channels, {channels} != 3"),
            "",
        );
    }
    refused(
        transpose(value, filter, [1, 6, 6, 6], &[2]),
        "output_shape does not match filter's output channels, 6 != 3",
        "2 groups of 3, which do not divide the value's 1 channels",
    );
    refused(
        transpose(value, filter, [1, 7, 6, 3], &[2]),
        "Shapes (1, 4, 3, 1) and (1, 3, 3, 1) are not compatible",
        "height 7 with stride 2 makes 4; an input of 3 goes with 5 to 6",
    );
    refused(
        transpose(value, filter, [2, 5, 5, 3], &[2]),
        "Shapes (2, 3, 3, 1) and (1, 3, 3, 1) are not compatible",
        "batch 2 does not go with a batch of 1",
    );
    refused(
        transpose(value, filter, [1, -5, 5, 3], &[2]),
        "Invalid value in tensor used for shape: -5",
        "",
    );
    refused(
        transpose(value, filter, [1, 5, 5, 3], &[0, 0]),
        "Row and column strides should be larger than 0.",
        "",
    );
    refused(
        transpose(value, filter, [1, 5, 5, 3], &[1, 2, -2, 1]),
        "Row and column strides should be larger than 0.",
        "-2",
    );
    refused(
        transpose(value, filter, [1, 5, 5, 3], &[1, 2, 2]),
        "strides should be of length 1, 2 or 4 but was 3",
        "",
    );
    refused(
        transpose(value, filter, [1, 5, 5, 3], &[2, 2, 2, 1]),
        "Current implementation does not yet support strides in the batch and depth dimensions.",
        "must be 1",
    );
    refused(
        transpose([1, 3, 3], filter, [1, 5, 5, 3], &[2]),
        "Shape must be rank 4 but is rank 3 for the value",
        "value: value:0 (1, 3, 3) float32",
    );
    let huge = i64::from(i32::MAX);
    assert!(transpose(value, filter, [1, huge, huge, 3], &[2]).is_err());
    assert!(transpose(value, filter, [1, i64::MAX, 6, 3], &[2]).is_err());
    assert!(transpose(value, filter, [1, 5, 5, 3], &[i64::MAX]).is_err());
}

fn transpose4(value: [i64; 4], filter: [i64; 4], output_shape: [i64; 4]) -> Result<Output> {
    transpose(value, filter, output_shape, &[2])
}

#[test]
fn what_is_right_is_accepted() {
    let (value, filter) = ([1, 3, 3, 1], [2, 2, 3, 1]);
    for side in [5, 6] {
        assert!(transpose4(value, filter, [1, side, side, 3]).is_ok());
        for strides in [&[2][..], &[2, 2], &[1, 2, 2, 1]] {
            let y = transpose(value, filter, [side, side], strides).unwrap();
            assert_eq!(y.static_shape().known(), Some(vec![1, side, side, 3]));
        }
    }
    // Two groups: the output has twice the filter's channels, and 2 divides the value's.
    let y = transpose4([1, 3, 3, 4], [2, 2, 3, 4], [1, 6, 6, 6]).unwrap();
    assert_eq!(y.static_shape().known(), Some(vec![1, 6, 6, 6]));
}

#[test]
fn padding_must_be_one_of_three() -> Result<()> {
    let g = Graph::new();
    let value = g.placeholder::<f32>([1, 3, 3, 1])?;
    let filter = g.placeholder::<f32>([2, 2, 3, 1])?;
    let sizes = g.constant([1i32, 5, 5, 3])?;
    let raw = |padding: &str| {
        let node = g
            .add("Conv2DBackpropInput")
            .inputs([&sizes, &filter, &value])
            .attr("padding", padding);
        node.attr("strides", vec![1, 2, 2, 1]).output()
    };
    assert!(raw("SAME").is_ok());
    assert_eq!(
        raw("FOO").unwrap_err().message(),
        "padding must be either VALID or SAME: FOO"
    );
    // An attribute that is not understood is an error, never ignored.
    let unknown = g
        .add("Conv2D")
        .inputs([&value, &filter])
        .attr("padding", "SAME")
        .attr("strides", vec![1, 1, 1, 1]);
    let error = unknown.attr("stride", 2i64).output().unwrap_err();
    assert_eq!(error.message(), "attribute 'stride' is not understood");
    Ok(())
}

#[test]
fn an_unknown_batch_is_written_none() -> Result<()> {
    let g = Graph::new();
    let value = g.placeholder::<f32>([None, Some(25), Some(25), Some(20)])?;
    let filter = g.get_variable("w", [3, 3, 10, 20])?;
    let batch = value.shape()?.at(0)?;
    let wrong = nn::conv2d_transpose(&value, &filter, sizes![batch, 97, 97, 10])
        .strides(3)
        .build()
        .unwrap_err();
    assert_eq!(
        wrong.message(),
        "Shapes (None, 33, 33, 20) and (None, 25, 25, 20) are not compatible"
    );
    Ok(())
}

#[test]
fn while_running_and_the_session_goes_on() -> Result<()> {
    let g = Graph::new();
    let value = g.placeholder_named::<f32>("value", [1, 3, 3, 1])?;
    let filter = g.placeholder_named::<f32>("filter", [2, 2, 3, 1])?;
    let sizes = g.placeholder_named::<i32>("sizes", [4])?;
    let y = nn::conv2d_transpose(&value, &filter, &sizes)
        .strides(2)
        .padding(Same)
        .build()?;
    let session = Session::new(&g);
    let run = |given: [i32; 4]| {
        let (x, w) = (
            Tensor::full(&[1, 3, 3, 1], 1.0f32)?,
            Tensor::full(&[2, 2, 3, 1], 1.0f32)?,
        );
        session.run_with(&y, feed![value => x, filter => w, sizes => given])
    };
    for (given, first_line, help) in [
        (
            [1, -5, 5, 3],
            "Dimension -5 must be >= 0",
            "output_shape[1] (height) is -5; 5 to 6 are right",
        ),
        (
            [1, 7, 7, 3],
            "Conv2DSlowBackpropInput: Size of out_backprop doesn't match computed: actual = 3, computed = 4",
            "width 7 with stride 2 makes 4; an input of 3 goes with 5 to 6",
        ),
        (
            [2, 5, 5, 3],
            "Conv2DSlowBackpropInput: input and out_backprop must have the same batch size. Input batch: 2, outbackprop batch: 1, batch_dim: 0",
            "must be the same",
        ),
        (
            [1, 5, 5, 2],
            "Conv2DSlowBackpropInput: input depth must be evenly divisible by filter depth",
            "output_shape[3] (channels) is 2, the filter makes 3",
        ),
    ] {
        let error = run(given).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Code::InvalidArgument, first_line)
        );
        assert_eq!(
            (error.node(), error.op()),
            ("conv2d_transpose", "Conv2DBackpropInput")
        );
        assert!(error.to_string().contains(help), "{error}");
        assert!(
            error.to_string().contains("value:0 (1, 3, 3, 1)"),
            "{error}"
        );
    }
    for sizes in [
        [i32::MAX; 4],
        [1, i32::MAX, i32::MAX, 3],
        [i32::MIN; 4],
        [0, 0, 0, 0],
        [1, 5, 0, 3],
    ] {
        assert!(run(sizes).is_err(), "{sizes:?}");
    }
    assert_eq!(run([1, 6, 6, 3])?.shape(), [1, 6, 6, 3]);
    Ok(())
}

#[test]
fn a_window_that_does_not_fit() -> Result<()> {
    let g = Graph::new();
    let filter = g.placeholder::<f32>([4, 4, 1, 1])?;
    let small = g.placeholder::<f32>([1, 1, 5, 1])?;
    let error = nn::conv2d(&small, &filter)
        .strides(2)
        .padding(Valid)
        .build()
        .unwrap_err();
    assert_eq!(
        error.message(),
        "Negative dimension size caused by subtracting 4 from 1"
    );
    // While running TensorFlow's division truncates: a window that lacks less than two strides gives none.
    let any = g.placeholder::<f32>([None, None, None, Some(1)])?;
    let y = nn::conv2d(&any, &filter)
        .strides([2, 4])
        .padding(Valid)
        .build()?;
    let session = Session::new(&g);
    let run = |side: usize| {
        let (x, w) = (
            Tensor::full(&[1, side, 5, 1], 1.0f32)?,
            Tensor::full(&[4, 4, 1, 1], 1.0f32)?,
        );
        session.run_with(&y, feed![any => x, filter => w])
    };
    assert_eq!(run(1)?.shape(), [1, 0, 1, 1]);
    assert_eq!(
        run(0).unwrap_err().message(),
        "Computed output size would be negative: -1 [input_size: 0, effective_filter_size: 4, stride: 2]"
    );
    assert_eq!(run(4)?.shape(), [1, 1, 1, 1]);
    Ok(())
}

#[test]
fn a_result_larger_than_the_memory_is_refused() -> Result<()> {
    let g = Graph::new();
    let sizes = g.placeholder::<i32>([None])?;
    let zeros = array::fill(&sizes, 0.0)?;
    let session = Session::new(&g);
    let error = session
        .run_with(&zeros, feed![sizes => [1_000_000i32, 1_000_000]])
        .unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
    assert!(
        error
            .message()
            .starts_with("OOM when allocating tensor with shape[1000000,1000000] and type float")
    );
    assert_eq!(
        session.run_with(&zeros, feed![sizes => [2i32, 3]])?.shape(),
        [2, 3]
    );
    Ok(())
}

#[test]
fn the_arguments_of_a_list_are_told_apart() -> Result<()> {
    let g = Graph::new();
    let a = g.placeholder_named::<f32>("a", [1, 16, 16, 8])?;
    let b = g.placeholder_named::<f32>("b", [1, 17, 16, 8])?;
    let error = array::concat(&[a, b], 3).unwrap_err();
    let inputs = [
        "values: a:0 (1, 16, 16, 8) float32",
        "values: b:0 (1, 17, 16, 8) float32",
        "axis: concat/axis:0 () int32",
    ];
    assert_eq!(error.inputs(), inputs);
    assert!(
        error.to_string().contains("concatenated along axis 3"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_gradient_that_is_given_must_be_like_its_tensor() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder_named::<f32>("x", [2, 3])?;
    let y = math::square(&x)?;
    let double = g.placeholder_named::<f64>("double", [2, 3])?;
    let other = g.placeholder_named::<f32>("other", [2, 4])?;
    for (given, name) in [(&double, "double:0"), (&other, "other:0")] {
        let error = gradients_with(&[&y], &[&x], &[given]).unwrap_err();
        assert!(
            error.code().is_building() && error.to_string().contains(name),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn a_layer_that_cannot_be_makes_no_variable() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([1, 8, 8, 3])?;
    assert!(slim::conv2d(&x, 4, 0).build().is_err());
    assert!(slim::conv2d(&x, 4, 3).stride(0).build().is_err());
    assert!(slim::conv2d(&x, 4, 3).rate(-1).build().is_err());
    assert!(slim::conv2d_transpose(&x, 4, 3).stride(-1).build().is_err());
    assert!(slim::conv2d(&x, 0, 3).build().is_err());
    assert!(g.global_variables().is_empty());
    Ok(())
}

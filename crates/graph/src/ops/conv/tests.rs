use tconv_tensor::{DType, Tensor};

use crate::{
    DataFormat, Dim, Eager, Fact, Graph, Padding, Result, Session, Shape, gradients, nn, sizes,
};

fn numbers(shape: &[usize]) -> Tensor {
    let len: usize = shape.iter().product();
    let data = (0..len).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
    Tensor::new(shape, data).unwrap()
}

fn wide(tensor: &Tensor, axis: usize) -> Tensor {
    let mut shape = tensor.shape().to_vec();
    shape.insert(axis, 1);
    tensor.clone().reshape(&shape).unwrap()
}

/// One axis gives what two give of which the first has size 1, in a graph and at once.
#[test]
fn one_axis_is_two_of_which_the_first_is_1() -> Result<()> {
    let eager = Eager::with_threads(1)?;
    for format in [DataFormat::ChannelsLast, DataFormat::ChannelsFirst] {
        for padding in [
            Padding::Same,
            Padding::Valid,
            Padding::Explicit(vec![(2, 1)]),
        ] {
            let axis = format.spatial_axis(0);
            let flat = match &padding {
                Padding::Explicit(pads) => Padding::Explicit(vec![(0, 0), pads[0]]),
                other => other.clone(),
            };
            let data = |width, channels| numbers(&format.arrange(2, channels, &[width]));
            let (x, w) = (data(9, 3), numbers(&[2, 3, 4]));
            let conv = || {
                nn::conv1d(&x, &w)
                    .strides(2)
                    .padding(padding.clone())
                    .data_format(format)
            };
            let y = conv().compute(&eager)?;
            let two = nn::conv2d(wide(&x, axis), wide(&w, 0))
                .strides([1, 2])
                .padding(flat)
                .data_format(format);
            assert_eq!(wide(&y, axis), two.compute(&eager)?);
            let mut out = vec![0.0f32; y.len()];
            conv().compute_into(&eager, &mut out)?;
            assert_eq!(out, y.as_slice::<f32>()?);
            assert_eq!(conv().shape()?, Shape::from(y.shape()));

            let g = Graph::new();
            let (gx, gw) = (g.constant(&x)?, g.constant(&w)?);
            let gy = nn::conv1d(&gx, &gw)
                .strides(2)
                .padding(padding.clone())
                .data_format(format)
                .build()?;
            let back = nn::conv1d_transpose(&gy, &gw, format.arrange(2, 3, &[9]))
                .strides(2)
                .padding(padding.clone())
                .data_format(format)
                .build()?;
            let loss = (&gy * &gy)?;
            let slopes = gradients(&[&loss], &[&gx, &gw])?;
            let slopes: Vec<_> = slopes.into_iter().flatten().collect();
            let (ones, back_of_y) = (Tensor::full(&[], 2.0f32)?, back);
            let dy = (&gy * g.constant(&ones)?)?;
            let found = Session::new(&g).run(&vec![
                gy,
                back_of_y,
                dy,
                slopes[0].clone(),
                slopes[1].clone(),
            ])?;
            assert_eq!(found[0], y);
            let like = |conv: nn::ConvBuilder<'_>| {
                conv.strides(2)
                    .padding(padding.clone())
                    .data_format(format)
                    .compute(&eager)
            };
            let sizes: Vec<i64> = format.arrange(2, 3, &[9]);
            assert_eq!(found[1], like(nn::conv1d_transpose(&y, &w, &sizes))?);
            assert_eq!(
                found[3],
                like(nn::conv1d_backprop_input(&sizes, &w, &found[2]))?
            );
            assert_eq!(
                found[4],
                like(nn::conv1d_backprop_filter(&x, [2, 3, 4], &found[2]))?
            );
        }
    }
    Ok(())
}

#[test]
fn one_axis_that_is_none() {
    let eager = Eager::with_threads(1).unwrap();
    let (x, w) = (numbers(&[2, 6, 3]), numbers(&[2, 3, 4]));
    let error = nn::conv1d(&x, &w)
        .strides([1, 2])
        .compute(&eager)
        .unwrap_err();
    // TensorFlow's words.
    assert!(
        error
            .message()
            .starts_with("stride should be of length 1, 1 or 3"),
        "{error}"
    );
    let error = nn::conv1d(numbers(&[6, 3]), &w)
        .compute(&eager)
        .unwrap_err();
    assert!(error.message().contains("rank 3 but is rank 2"), "{error}");
    let error = nn::conv1d_transpose(&x, numbers(&[2, 4, 3]), [6])
        .compute(&eager)
        .unwrap_err();
    assert!(error.message().contains("must have shape (3,)"), "{error}");
    let error = nn::conv1d_transpose(&x, numbers(&[2, 4, 3]), [2, 13, 4])
        .strides(2)
        .compute(&eager);
    let error = error.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("width 13 with stride 2 makes 7; an input of 6 goes with 11 to 12"),
        "{error}"
    );
    let g = Graph::new();
    let x = g.constant(&x).unwrap();
    assert!(nn::conv1d(&x, numbers(&[2, 2, 4])).build().is_err());
    assert!(
        nn::conv1d_transpose(&x, numbers(&[2, 4, 3]), [6])
            .build()
            .is_err()
    );
    assert!(
        nn::conv1d_transpose(&x, numbers(&[2, 4, 3]), Vec::<i64>::new())
            .build()
            .is_err()
    );
}

#[test]
fn three_axes_say_which() {
    let g = Graph::new();
    let value = g.placeholder::<f32>([1, 3, 4, 5, 2]).unwrap();
    let w = g
        .constant(Tensor::zeros(DType::Float32, &[2, 2, 2, 3, 2]).unwrap())
        .unwrap();
    let error = nn::conv3d_transpose(&value, &w, [1, 7, 8, 10, 3])
        .strides(2)
        .build()
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("depth 7 with stride 2 makes 4; an input of 3 goes with 5 to 6"),
        "{text}"
    );
    assert!(
        !text.contains("height") && text.contains("output_shape") && text.contains("value"),
        "{text}"
    );
    let error = nn::conv3d_transpose(&value, &w, [6, 8, 10])
        .strides(2)
        .build()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("write all 5 sizes of the output, in NDHWC order"),
        "{error}"
    );
    let error = nn::conv3d(&value, &w).build().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("[depth, height, width, input channels, output channels]"),
        "{error}"
    );
    let w = numbers(&[4, 2, 2, 2, 2]);
    let error = nn::conv3d(&value, &w)
        .padding(Padding::Valid)
        .build()
        .unwrap_err();
    assert!(
        error
            .message()
            .starts_with("Negative dimension size caused by subtracting 4 from 3"),
        "{error}"
    );
    for builder in [
        nn::conv3d(&value, &w).padding(Padding::Explicit(vec![(1, 1); 3])),
        nn::conv3d(&value, &w).strides([1, 2, 2, 1]),
        nn::conv3d(&value, &w).strides([2, 1, 1, 1, 1]),
        nn::conv3d(&value, &w).strides(0),
        nn::conv3d(&value, &w).dilations([1, 1, 0]),
        nn::conv3d(&value, numbers(&[2, 2, 2, 2])),
    ] {
        assert!(builder.build().is_err());
    }
}

#[test]
fn three_axes_of_unknown_sizes() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder_named::<f32>("x", [None, None, None, None, Some(3)])?;
    let w = g.constant(Tensor::zeros(DType::Float32, &[3, 3, 3, 3, 4])?)?;
    let y = nn::conv3d(&x, &w).strides(4).build()?;
    assert_eq!(y.static_shape().to_string(), "(None, None, None, None, 4)");
    let shape = x.shape()?;
    let right = nn::conv3d_transpose(&y, &w, &shape).strides(4).build()?;
    assert!(g.diagnostics().is_empty());
    assert!(x.static_shape() == right.static_shape());
    nn::conv3d_transpose(&y, &w, &shape).strides(3).build()?;
    let found = g.diagnostics();
    assert_eq!(found.len(), 1);
    let text = found[0].render(false);
    assert!(
        text.contains("conv3d_transpose: output_shape fits its value only for some sizes"),
        "{text}"
    );
    assert!(
        text.contains("depth: ") && text.contains("stride 4 in 'conv3d_transpose_1'"),
        "{text}"
    );
    let depth = shape.at(1)?;
    let sized = nn::conv3d_transpose(&y, &w, sizes![1, depth, 8, 8, 3])
        .strides(4)
        .build()?;
    assert_eq!(sized.static_shape().to_string(), "(1, None, 8, 8, 3)");
    Ok(())
}

#[test]
fn shapes_without_a_graph() -> Result<()> {
    let fact = |dims: &[Dim]| Fact::new(DType::Float32, Shape::new(dims.to_vec()));
    let known = |dims: &[i64]| fact(&dims.iter().map(|&n| Dim::Known(n)).collect::<Vec<_>>());
    let (n, h) = (Dim::unknown("N"), Dim::unknown("H"));
    let x = fact(&[n.clone(), h.clone(), 97.into(), 3.into()]);
    let shape = nn::conv2d(&x, known(&[3, 3, 3, 20])).strides(4).shape()?;
    assert_eq!(format!("{shape:?}"), "[N, ceil(H/4), 25, 20]");
    let x = fact(&[n.clone(), h.clone(), 3.into()]);
    let shape = nn::conv1d(&x, known(&[3, 3, 5]))
        .strides(2)
        .padding(Padding::Valid)
        .shape()?;
    assert_eq!(format!("{shape:?}"), "[N, ceil(H/2) - 1, 5]");
    // Twice as many as it can be, whatever it is.
    let times = |n: i64| h.times(n);
    let wanted = |size: Dim| Fact::vector_value(DType::Int32, vec![n.clone(), size, 3.into()]);
    let transposed = |size: Dim| {
        nn::conv1d_transpose(&x, known(&[2, 3, 3]), wanted(size))
            .strides(2)
            .shape()
    };
    assert_eq!(format!("{:?}", transposed(times(2)?)?), "[N, 2*H, 3]");
    let error = transposed(times(4)?).unwrap_err().to_string();
    assert!(
        error.contains("width: value is H wide") && error.contains("in op Conv2DBackpropInput"),
        "{error}"
    );
    let legal = |builder: nn::ConvBuilder<'_>| {
        let legal = builder.strides(2).legal_output_shapes();
        Ok::<_, crate::Error>(legal?.into_iter().flatten().collect::<Vec<_>>())
    };
    let none = || Fact::new(DType::Int32, Shape::unknown());
    let found = legal(nn::conv2d_transpose(
        known(&[2, 3, 4, 5]),
        known(&[3, 3, 6, 5]),
        none(),
    ))?;
    assert_eq!(found, [2..=2, 5..=6, 7..=8, 6..=6]);
    let found = legal(nn::conv1d_transpose(
        known(&[2, 3, 5]),
        known(&[3, 6, 5]),
        none(),
    ))?;
    assert_eq!(found, [2..=2, 5..=6, 6..=6]);
    assert!(
        legal(nn::conv1d_transpose(
            known(&[2, 3, 4]),
            known(&[3, 6, 5]),
            none()
        ))
        .is_err()
    );
    assert!(legal(nn::conv1d_transpose(&x, known(&[3, 6, 3]), none())).is_err());
    assert!(legal(nn::conv2d(known(&[2, 3, 4, 5]), known(&[3, 3, 5, 6]))).is_err());
    Ok(())
}

use tconv_tensor::{DType, Tensor, bf16, f16};

use super::Convolved;

use crate::{
    DataFormat, Dim, Eager, Fact, Feed, Graph, Output, Padding, Precision, Result, Session, Shape,
    gradients, nn, sizes,
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

/// The precision of a convolution is its own or the session's, and its gradients'; what it permits is told by name.
#[test]
fn less_precision_is_permitted_by_name() -> Result<()> {
    let g = Graph::new();
    let (x, w) = (numbers(&[1, 12, 12, 48]), numbers(&[3, 3, 48, 64]));
    let (gx, gw) = (g.constant(&x)?, g.constant(&w)?);
    let plain = nn::conv2d(&gx, &gw).build()?;
    let of = |output: &Output| output.op().attrs().get("_precision").cloned();
    assert_eq!(of(&plain), None);
    let mut expected = Session::new(&g).run(&plain)?;
    for precision in Precision::ALL {
        let own = nn::conv2d(&gx, &gw).precision(precision).build()?;
        let again = gradients(&[&own], &[&gx, &gw])?;
        let again: Vec<Output> = again.into_iter().flatten().collect();
        let more = gradients(&[&again[0]], &[&gw])?;
        for output in [&own]
            .into_iter()
            .chain(&again)
            .chain(more.iter().flatten())
        {
            assert_eq!(of(output), Some(precision.name().into()));
        }
        // Sums of small whole numbers are exact however they are computed.
        let mut session = Session::new(&g);
        session.run(&plain)?;
        session.set_precision(precision);
        let (found, own) = (session.run(&plain)?, session.run(&own)?);
        assert_eq!(found, expected);
        assert_eq!(own, expected);
        let mut eager = Eager::new()?;
        eager.set_precision(precision);
        expected = nn::conv2d(&x, &w).compute(&eager)?;
        assert_eq!(found, expected);
    }
    let wrong = g.add("Conv2D").inputs([&gx, &gw]);
    let wrong = wrong
        .attr("strides", vec![1i64, 1, 1, 1])
        .attr("padding", "SAME")
        .attr("_precision", "bf16")
        .output();
    let message = wrong.unwrap_err().to_string();
    let named = "precision must be 'highest', 'high' or 'medium', got 'bf16'";
    assert!(message.contains(named), "{message}");
    Ok(())
}

/// Halves give what they give widened, rounded once, infinities and NaN too; in a graph, at once and into memory.
#[test]
fn halves_are_rounded_once() -> Result<()> {
    fn check<T: Convolved + Half>(poison: Option<f32>) -> Result<()> {
        let halves = |shape: &[usize], poison: Option<f32>| {
            let len: usize = shape.iter().product();
            let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 64.0;
            let mut data: Vec<T> = (0..len).map(|i| T::of(value(i))).collect();
            if let Some(poison) = poison {
                data[len / 2] = T::of(poison);
            }
            Tensor::new(shape, data)
        };
        let (x, w) = (
            halves(&[2, 12, 12, 64], poison)?,
            halves(&[4, 4, 64, 64], None)?,
        );
        let wide = |x: &Tensor| -> Result<Tensor> {
            let data = x
                .as_slice::<T>()?
                .iter()
                .map(|x| x.wide())
                .collect::<Vec<f32>>();
            Ok(Tensor::new(x.shape(), data)?)
        };
        let sizes = [2i64, 24, 24, 64];
        let eager = Eager::new()?;
        let expected = nn::conv2d_transpose(wide(&x)?, wide(&w)?, sizes).strides(2);
        let expected = expected.compute(&eager)?;
        let conv = || nn::conv2d_transpose(&x, &w, sizes).strides(2);
        let found = conv().compute(&eager)?;
        assert_eq!(found.dtype(), T::DTYPE);
        let pairs = found
            .as_slice::<T>()?
            .iter()
            .zip(expected.as_slice::<f32>()?);
        for (found, &expected) in pairs {
            let (found, near) = (found.wide(), T::of(expected).wide());
            // Sums in another order may be rounded to a neighbour.
            let allowed = near.abs() / 120.0 + 1e-4;
            let same = match near.is_finite() {
                true => (found - near).abs() <= allowed,
                false => found.to_bits() == near.to_bits() || found.is_nan() && near.is_nan(),
            };
            assert!(same, "{found} is not {near}");
        }
        let mut out = vec![T::of(0.0); found.len()];
        assert!(conv().compute_into(&eager, &mut out[1..]).is_err());
        conv().compute_into(&eager, &mut out)?;
        let bits = |x: &[T]| x.iter().map(|x| x.wide().to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&out), bits(found.as_slice()?));
        let g = Graph::new();
        let (gx, gw) = (
            g.placeholder_of(T::DTYPE, "x", Shape::unknown())?,
            g.constant(&w)?,
        );
        let made = nn::conv2d_transpose(&gx, &gw, sizes).strides(2).build()?;
        let slopes = gradients(&[&made], &[&gx, &gw])?;
        let session = Session::new(&g);
        for _ in 0..2 {
            let found = session.run_with(&made, Feed::new().with(&gx, &x))?;
            assert_eq!(bits(&out), bits(found.as_slice()?));
            for slope in slopes.iter().flatten() {
                let slope = session.run_with(slope, Feed::new().with(&gx, &x))?;
                assert_eq!(slope.dtype(), T::DTYPE);
            }
        }
        Ok(())
    }
    for poison in [None, Some(f32::INFINITY), Some(f32::NAN)] {
        check::<bf16>(poison)?;
        check::<f16>(poison)?;
    }
    Ok(())
}

trait Half: Copy {
    fn of(x: f32) -> Self;
    fn wide(self) -> f32;
}

macro_rules! half {
    ($($type:ident),*) => {
        $(impl Half for $type {
            fn of(x: f32) -> Self {
                $type::from_f32(x)
            }

            fn wide(self) -> f32 {
                self.to_f32()
            }
        })*
    };
}
half!(bf16, f16);

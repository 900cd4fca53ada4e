//! What plans do by themselves: filters packed ahead, steps joined, memory used again. None of it shows in results.

use tconv_tensor::{DType, Tensor};

use super::{Session, lock};
use crate::{
    DataFormat, Eager, Feed, Graph, Initializer, Output, Padding, Result, Shape, feed, math, nn,
    optim,
};

fn numbers(shape: &[usize]) -> Tensor {
    let len: usize = shape.iter().product();
    let number = |i| ((i * 7 + i / 11) % 23) as f32 * 0.37 - 4.0;
    Tensor::new(shape, (0..len).map(number).collect()).unwrap()
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let values = tensor.as_slice::<f32>().unwrap();
    values.iter().map(|value| value.to_bits()).collect()
}

/// How many filters are packed now.
fn packed(session: &Session) -> usize {
    lock(&session.kept).values().map(|kept| kept.packed()).sum()
}

/// The numbers of steps of all plans.
fn steps(session: &Session) -> Vec<usize> {
    let plans = lock(&session.plans);
    let mut steps: Vec<usize> = plans.values().map(|plan| plan.steps.len()).collect();
    steps.sort_unstable();
    steps
}

const FILTER: [usize; 4] = [3, 3, 8, 16];

/// A transposed convolution to 8 channels of what has 16, its batch not known before.
fn transposed(x: &Output, filter: &Output) -> Result<Output> {
    let shape = x.shape()?;
    let sizes = crate::sizes![shape.at(0)?, 12, 12, 8];
    nn::conv2d_transpose(x, filter, sizes)
        .strides(2)
        .padding(Padding::Same)
        .build()
}

fn expected(x: &Tensor, filter: &Tensor) -> Result<Tensor> {
    let eager = Eager::with_threads(1)?;
    let sizes = [x.shape()[0] as i64, 12, 12, 8];
    nn::conv2d_transpose(x, filter, sizes)
        .strides(2)
        .padding(Padding::Same)
        .compute(&eager)
}

#[test]
fn a_constant_filter_is_packed_when_it_comes_again() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>(crate::shape![None, 6, 6, 16])?;
    let filter = numbers(&FILTER);
    let y = transposed(&x, &g.constant(&filter)?)?;
    let session = Session::new(&g);
    let batches = [2, 1, 2, 1, 2, 3, 4, 5, 2, 1];
    for (i, batch) in batches.into_iter().enumerate() {
        let value = numbers(&[batch, 6, 6, 16]);
        let found = session.run_with(&y, feed![x => &value])?;
        assert_eq!(bits(&found), bits(&expected(&value, &filter)?), "{batch}");
        let wanted = [0, 0, 1, 2, 2, 2, 2];
        if let Some(&wanted) = wanted.get(i) {
            assert_eq!(packed(&session), wanted, "run {i}");
        }
    }
    // Of the sizes that came last some are kept.
    assert!(packed(&session) <= 4);
    Ok(())
}

#[test]
fn a_variables_filter_is_packed_until_it_changes() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>(crate::shape![None, 6, 6, 16])?;
    let (old, new) = (numbers(&FILTER), Tensor::full(&FILTER, 0.25f32)?);
    let filter = g.variable("filter", FILTER.map(|n| n as i64));
    let filter = filter
        .initializer(Initializer::Value(old.clone()))
        .build()?;
    let given = g.placeholder::<f32>(crate::shape![3, 3, 8, 16])?;
    let assign = filter.assign(&given)?;
    let y = transposed(&x, filter.value())?;
    let value = numbers(&[2, 6, 6, 16]);
    let (was, is) = (expected(&value, &old)?, expected(&value, &new)?);
    let session = Session::new(&g);
    session.run(&g.global_variables_initializer())?;
    for runs in 0..3 {
        assert_eq!(packed(&session), usize::from(runs > 1));
        assert_eq!(bits(&session.run_with(&y, feed![x => &value])?), bits(&was));
    }
    session.run_with(&assign, feed![given => &new])?;
    assert_eq!(packed(&session), 0);
    for _ in 0..3 {
        assert_eq!(bits(&session.run_with(&y, feed![x => &value])?), bits(&is));
    }
    assert_eq!(packed(&session), 1);
    // The run that assigns sees the value from before.
    let both = session.run_with((&y, &assign), feed![x => &value, given => &old])?;
    assert_eq!(bits(&both.0), bits(&is));
    assert_eq!(packed(&session), 0);
    assert_eq!(bits(&session.run_with(&y, feed![x => &value])?), bits(&was));

    // Training packs nothing, and the variable stays where it is.
    let loss = math::reduce_sum(math::square(&y)?, math::Axes::All)?;
    let step = optim::GradientDescentOptimizer::new(1e-4).minimize(&loss)?;
    let place = |session: &Session| -> Result<*const f32> {
        let value = lock(&session.variable(&"filter".into())).clone();
        Ok(value.unwrap_or_default().as_slice::<f32>()?.as_ptr())
    };
    session.run_with(&step, feed![x => &value])?;
    let before = place(&session)?;
    for _ in 0..4 {
        session.run_with(&step, feed![x => &value])?;
        assert_eq!((packed(&session), place(&session)?), (0, before));
    }
    Ok(())
}

#[test]
fn a_float16_filter_is_widened_and_packed_once() -> Result<()> {
    let g = Graph::new();
    let eager = Eager::with_threads(1)?;
    for dtype in [DType::Float16, DType::Bfloat16] {
        let of = |tensor: Tensor| -> Result<Tensor> {
            let to = crate::Attrs::from([("DstT".into(), dtype.into())]);
            Ok(eager.run("Cast", to, vec![tensor])?.remove(0))
        };
        let x = g.placeholder_of(dtype, "x", crate::shape![None, 6, 6, 16])?;
        let given = g.placeholder_of(dtype, "given", crate::shape![3, 3, 8, 16])?;
        let (old, new) = (of(numbers(&FILTER))?, of(Tensor::full(&FILTER, 0.25f32)?)?);
        let filter = g.variable(&format!("filter_{dtype}"), FILTER.map(|n| n as i64));
        let filter = filter
            .dtype(dtype)
            .initializer(Initializer::Value(old.clone()))
            .build()?;
        let assign = filter.assign(&given)?;
        let y = transposed(&x, filter.value())?;
        let session = Session::new(&g);
        session.run(&g.global_variables_initializer())?;
        let value = of(numbers(&[2, 6, 6, 16]))?;
        for filter in [&old, &new] {
            session.run_with(&assign, feed![given => filter])?;
            assert_eq!(packed(&session), 0);
            let wanted = expected(&value, filter)?;
            for runs in 0..5 {
                assert_eq!(session.run_with(&y, feed![x => &value])?, wanted);
                assert_eq!(packed(&session), usize::from(runs > 1), "{dtype} {runs}");
            }
        }
    }
    Ok(())
}

#[test]
fn threads_share_packed_filters() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>(crate::shape![None, 6, 6, 16])?;
    let filter = g.variable("filter", FILTER.map(|n| n as i64));
    let filter = filter
        .initializer(Initializer::Value(numbers(&FILTER)))
        .build()?;
    let same = filter.assign((filter.value() * 1.0)?)?;
    let y = transposed(&x, filter.value())?;
    let session = &Session::with_threads(&g, 2)?;
    session.run(&g.global_variables_initializer())?;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=4)
            .map(|batch| {
                let (x, y, same) = (&x, &y, &same);
                scope.spawn(move || -> Result<()> {
                    let value = numbers(&[batch, 6, 6, 16]);
                    let wanted = bits(&expected(&value, &numbers(&FILTER))?);
                    for i in 0..20 {
                        let found = session.run_with(y, Feed::new().with(x, &value))?;
                        assert_eq!(bits(&found), wanted);
                        if batch == 4 && i % 5 == 0 {
                            session.run(same)?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap())
    })
}

/// A convolution, its bias and its activation.
struct Layer {
    graph: Graph,
    x: Output,
    bias: Output,
    conv: Output,
    biased: Output,
    y: Output,
}

fn layer(dtype: DType, format: DataFormat, forward: bool, activation: &str) -> Result<Layer> {
    let graph = Graph::new();
    let x = graph.placeholder_of(dtype, "x", Shape::unknown())?;
    let bias = graph.placeholder_of(dtype, "bias", Shape::unknown())?;
    let filter = math::cast(graph.constant(numbers(&[3, 2, 7, 5]))?, dtype)?;
    let conv = match forward {
        true => nn::conv2d(&x, &filter),
        false => nn::conv2d_transpose(&x, &filter, format.arrange(3, 7, &[61, 50])),
    };
    let conv = conv
        .strides(2)
        .padding(Padding::Same)
        .data_format(format)
        .build()?;
    let biased = nn::bias_add_format(&conv, &bias, format)?;
    let y = graph.add(activation).input(&biased).output()?;
    Ok(Layer {
        graph,
        x,
        bias,
        conv,
        biased,
        y,
    })
}

#[test]
fn what_is_joined_gives_the_same_bits() -> Result<()> {
    let formats = [DataFormat::ChannelsLast, DataFormat::ChannelsFirst];
    for (i, activation) in ["Relu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus"]
        .into_iter()
        .enumerate()
    {
        for (forward, dtype) in [
            (true, DType::Float32),
            (false, DType::Float32),
            (false, DType::Float64),
            (true, DType::Float16),
        ] {
            let format = formats[i % 2];
            let Layer {
                graph,
                x,
                bias,
                conv,
                biased,
                y,
            } = layer(dtype, format, forward, activation)?;
            let (sizes, channels) = match forward {
                true => (format.arrange(3, 7, &[61, 50]), 5),
                false => (format.arrange(3, 5, &[31, 25]), 7),
            };
            let eager = Eager::with_threads(1)?;
            let of = |tensor: Tensor| -> Result<Tensor> {
                let to = crate::Attrs::from([("DstT".into(), dtype.into())]);
                Ok(eager.run("Cast", to, vec![tensor])?.remove(0))
            };
            let (value, added) = (of(numbers(&sizes))?, of(numbers(&[channels]))?);
            let session = Session::new(&graph);
            let feed = || feed![x => &value, bias => &added];
            let joined = session.run_with(&y, feed())?;
            let number = match dtype {
                DType::Float32 => 1,
                _ => 3,
            };
            assert_eq!(steps(&session), [number], "{activation} {dtype}");
            let (_, _, apart) = session.run_with((&conv, &biased, &y), feed())?;
            assert_eq!(joined, apart, "{activation} {dtype} {format:?}");
            let (partly, apart) = session.run_with((&biased, &y), feed())?;
            assert_eq!(joined, apart);
            // Fed in the middle.
            let fed = session.run_with(&y, feed![biased => &partly])?;
            assert_eq!(joined, fed);
            let between = session.run_with(&conv, feed())?;
            let fed = session.run_with(&y, feed![conv => &between, bias => &added])?;
            assert_eq!(joined, fed);
        }
    }
    Ok(())
}

#[test]
fn what_follows_a_convolution_over_one_axis_is_joined() -> Result<()> {
    for format in [DataFormat::ChannelsLast, DataFormat::ChannelsFirst] {
        let g = Graph::new();
        let x = g.placeholder::<f32>(Shape::unknown())?;
        let bias = g.variable("b", [5]).build()?;
        let conv = nn::conv1d(&x, numbers(&[4, 7, 5]));
        let conv = conv.strides(2).data_format(format).build()?;
        let biased = nn::bias_add_format(&conv, &bias, format)?;
        let y = nn::leaky_relu(&biased, 0.3)?;
        let session = Session::new(&g);
        let value = numbers(&format.arrange(3, 7, &[61]));
        let feed = || feed![x => &value];
        let joined = session.run_with(&y, feed()).unwrap_err();
        // An axis more, the bias, and all the rest.
        assert_eq!(steps(&session), [3]);
        let apart = session.run_with((&conv, &biased, &y), feed()).unwrap_err();
        assert_eq!(joined.to_string(), apart.to_string());
        session.run(&g.global_variables_initializer())?;
        session.run_with(bias.assign(numbers(&[5]))?, feed![])?;
        let joined = session.run_with(&y, feed())?;
        let (_, _, apart) = session.run_with((&conv, &biased, &y), feed())?;
        assert_eq!((joined.shape(), &joined), (apart.shape(), &apart));
    }
    // Over three axes nothing is taken away.
    let g = Graph::new();
    let [x, bias] = ["x", "bias"].map(|name| g.placeholder_named::<f32>(name, Shape::unknown()));
    let (x, bias) = (x?, bias?);
    let conv = nn::conv3d(&x, numbers(&[2, 3, 1, 7, 5])).build()?;
    let y = nn::relu(nn::bias_add(&conv, &bias)?)?;
    let session = Session::new(&g);
    let (value, added) = (numbers(&[2, 5, 6, 4, 7]), numbers(&[5]));
    let feed = || feed![x => &value, bias => &added];
    let joined = session.run_with(&y, feed())?;
    assert_eq!(steps(&session), [1]);
    assert_eq!(joined, session.run_with((&conv, &y), feed())?.1);

    // What is taken away has another size: its error comes before the bias' that is read behind it.
    let g = Graph::new();
    let x = g.placeholder::<f32>(Shape::unknown())?;
    let conv = nn::conv2d(&x, numbers(&[1, 3, 2, 5])).build()?;
    let bias = g.variable("b", [5]).build()?;
    let y = nn::bias_add(crate::array::squeeze(&conv, &[1])?, &bias)?;
    let session = Session::new(&g);
    let value = numbers(&[1, 4, 4, 2]);
    let joined = session.run_with(&y, feed![x => &value]).unwrap_err();
    let apart = session
        .run_with((&conv, &y), feed![x => &value])
        .unwrap_err();
    assert_eq!(joined.to_string(), apart.to_string());
    assert_eq!(joined.node(), apart.node());
    Ok(())
}

#[test]
fn what_is_joined_fails_as_the_node_that_fails() -> Result<()> {
    let Layer {
        graph,
        x,
        bias,
        conv,
        biased,
        y,
    } = layer(DType::Float32, DataFormat::ChannelsLast, true, "Relu")?;
    let session = Session::new(&graph);
    let (right, wrong) = (numbers(&[5]), numbers(&[4]));
    let image = numbers(&[1, 6, 6, 7]);
    let errors = |x: &Output, value: &Tensor, added: &Tensor| {
        let feed = || feed![x => value, bias => added];
        let joined = session.run_with(&y, feed()).unwrap_err();
        let apart = session.run_with((&conv, &biased, &y), feed()).unwrap_err();
        assert_eq!(joined.to_string(), apart.to_string());
        assert_eq!((joined.node(), joined.code()), (apart.node(), apart.code()));
        joined.node().to_string()
    };
    assert_eq!(errors(&x, &image, &wrong), "BiasAdd");
    assert_eq!(errors(&x, &image, &numbers(&[1, 5])), "BiasAdd");
    assert_eq!(errors(&x, &numbers(&[1, 6, 6, 3]), &right), "Conv2D");
    assert_eq!(errors(&x, &numbers(&[1, 6, 6, 3]), &wrong), "Conv2D");
    assert!(
        session
            .run_with(&y, feed![x => &image, bias => &right])
            .is_ok()
    );

    // A bias that is read behind the convolution: what is wrong with that comes first.
    let variable = graph.variable("b", [5]).build()?;
    let late = nn::relu(nn::bias_add(&conv, &variable)?)?;
    let mut both = Vec::new();
    for value in [&image, &numbers(&[1, 6, 6, 3])] {
        let joined = session.run_with(&late, feed![x => value]).unwrap_err();
        let apart = session
            .run_with((&conv, &late), feed![x => value])
            .unwrap_err();
        assert_eq!(joined.to_string(), apart.to_string());
        both.push(joined.node().to_string());
    }
    assert_ne!(both[0], "Conv2D");
    assert_eq!(both[1], "Conv2D");
    session.run(&graph.global_variables_initializer())?;
    let joined = session.run_with(&late, feed![x => &image])?;
    assert_eq!(
        joined,
        session.run_with((&conv, &late), feed![x => &image])?.1
    );
    // An update of the bias in the same run is not seen, one that comes before is.
    let update = variable.assign(numbers(&[5]))?;
    let (_, same) = session.run_with((&update, &late), feed![x => &image])?;
    assert_eq!(joined, same);
    let read = graph.control_dependencies(&[&update], || variable.read())?;
    let after = nn::bias_add(&conv, read)?;
    let after = session.run_with(&after, feed![x => &image])?;
    let added = session.run_with(&biased, feed![x => &image, bias => numbers(&[5])])?;
    assert_eq!(after, added);
    Ok(())
}

#[test]
fn outputs_live_where_outputs_lived_that_nobody_holds() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>(crate::shape![None, 6, 6, 16])?;
    let y = transposed(&x, &g.constant(numbers(&FILTER))?)?;
    let z = (&y + 1.0)?;
    let session = Session::new(&g);
    let value = numbers(&[32, 6, 6, 16]);
    let other = Tensor::full(&[32, 6, 6, 16], 1.0f32)?;
    let run = |of: &Output, value: &Tensor| session.run_with(of, feed![x => value]);
    let place = |tensor: &Tensor| tensor.as_slice::<f32>().unwrap().as_ptr();

    let first = run(&y, &value)?;
    let (at, kept) = (place(&first), first.clone());
    drop(first);
    // It is held, so it stays as it is.
    let second = run(&y, &other)?;
    assert_ne!(place(&second), at);
    assert_eq!(bits(&kept), bits(&run(&y, &value)?));
    drop(kept);
    assert_eq!(place(&run(&z, &value)?), at);
    drop(session);
    assert_eq!(second.shape(), [32, 12, 12, 8]);
    Ok(())
}

//! What a run of a session costs beyond its kernels: program 1's graph, whose arithmetic is next to nothing.

use tconv::Eager;
use tconv::prelude::*;
use tconv_kernels::Threads;
use tconv_kernels::conv::{self, Pass};
use tconv_kernels::simd::InstructionSet;
use tconv_shape::{AxisPadding, ConvAxis, ConvShape, Window};

fn main() {
    divan::main();
}

const OUTPUT: [i64; 4] = [1, 5, 5, 3];

fn ones(shape: &[usize]) -> Tensor {
    Tensor::full(shape, 1.0f32).unwrap()
}

fn transposed(x: &Output, filter: &Output) -> Output {
    let y = nn::conv2d_transpose(x, filter, OUTPUT).strides(2);
    y.padding(Same).build().unwrap()
}

/// The kernel alone, as the others have it, and where its shape is looked at in each run.
#[divan::bench(args = [true, false])]
fn kernel(bencher: divan::Bencher, prepared: bool) {
    let window = Window::new(2, 2, 1, AxisPadding::Same).unwrap();
    let axis = ConvAxis::new(&window, 5).unwrap();
    let shape = ConvShape {
        batch: 1,
        in_channels: 3,
        out_channels: 1,
        groups: 1,
        format: DataFormat::ChannelsLast,
        axes: vec![axis; 2],
    };
    let pass = Pass::BackpropInput;
    let (threads, set) = (
        &Threads::new(0).unwrap(),
        InstructionSet::from_env().unwrap(),
    );
    let (x, filter, mut out) = ([1.0f32; 9], [1.0f32; 12], [0.0; 75]);
    let (x, filter, out) = (&x, &filter, &mut out);
    let conv =
        conv::Prepared::<f32>::new(set, conv::Precision::Highest, pass, shape.clone(), threads)
            .unwrap();
    let scratch = &mut vec![0.0; conv.scratch()];
    if prepared {
        bencher.bench_local(|| conv.run(x, filter, None, out, scratch, threads, &[]));
    } else {
        bencher.bench_local(|| conv::run(set, pass, &shape, x, filter, out, scratch, threads));
    }
}

/// Program 1: both operands random.
#[divan::bench]
fn random(bencher: divan::Bencher) {
    let g = Graph::new();
    g.set_random_seed(1);
    let x = random::normal(&g, [1, 3, 3, 1]).build().unwrap();
    let filter = random::normal(&g, [2, 2, 3, 1]).build().unwrap();
    let y = transposed(&x, &filter);
    let session = Session::new(&g);
    bencher.bench(|| session.run(&y).unwrap());
}

/// Of program 1 the random operands alone.
#[divan::bench]
fn random_alone(bencher: divan::Bencher) {
    let g = Graph::new();
    g.set_random_seed(1);
    let x = random::normal(&g, [1, 3, 3, 1]).build().unwrap();
    let filter = random::normal(&g, [2, 2, 3, 1]).build().unwrap();
    let session = Session::new(&g);
    bencher.bench(|| session.run((&x, &filter)).unwrap());
}

/// Both operands fed.
#[divan::bench]
fn fed(bencher: divan::Bencher) {
    let g = Graph::new();
    let x = g.placeholder::<f32>([1, 3, 3, 1]).unwrap();
    let filter = g.placeholder::<f32>([2, 2, 3, 1]).unwrap();
    let y = transposed(&x, &filter);
    let session = Session::new(&g);
    let values = (ones(&[1, 3, 3, 1]), ones(&[2, 2, 3, 1]));
    bencher.bench(|| {
        let feed = feed![x => &values.0, filter => &values.1];
        session.run_with(&y, feed).unwrap()
    });
}

/// The value fed, whose batch is not known before; the filter constant.
#[divan::bench]
fn constant_filter(bencher: divan::Bencher) {
    let g = Graph::new();
    let x = g
        .placeholder::<f32>([None, Some(3), Some(3), Some(1)])
        .unwrap();
    let filter = g.constant(ones(&[2, 2, 3, 1])).unwrap();
    let y = transposed(&x, &filter);
    let session = Session::new(&g);
    let value = ones(&[1, 3, 3, 1]);
    bencher.bench(|| session.run_with(&y, feed![x => &value]).unwrap());
}

/// The filter a variable; a bias and an activation behind it.
#[divan::bench]
fn layer(bencher: divan::Bencher) {
    let g = Graph::new();
    let x = g.placeholder::<f32>([1, 3, 3, 1]).unwrap();
    let filter = g.get_variable("filter", [2, 2, 3, 1]).unwrap();
    let bias = g.get_variable("bias", [3]).unwrap();
    let y = transposed(&x, filter.value());
    let y = nn::relu(nn::bias_add(y, &bias).unwrap()).unwrap();
    let session = Session::new(&g);
    session.run(&g.global_variables_initializer()).unwrap();
    let value = ones(&[1, 3, 3, 1]);
    bencher.bench(|| session.run_with(&y, feed![x => &value]).unwrap());
}

/// Without a graph.
#[divan::bench]
fn eager(bencher: divan::Bencher) {
    let eager = Eager::new().unwrap();
    let (x, filter) = (ones(&[1, 3, 3, 1]), ones(&[2, 2, 3, 1]));
    bencher.bench(|| {
        let y = nn::conv2d_transpose(&x, &filter, OUTPUT).strides(2);
        y.padding(Same).compute(&eager).unwrap()
    });
}

/// A layer whose output is large, 8 or 33 MB, and is let go after each run: as one step, and where what lies
/// between is fetched too, as three.
#[divan::bench(args = [(64, 32, 3, true), (64, 32, 3, false), (256, 128, 2, true), (256, 128, 2, false)])]
fn large(bencher: divan::Bencher, (from, to, kernel, joined): (usize, usize, usize, bool)) {
    let g = Graph::new();
    let x = g.placeholder::<f32>([1, 128, 128, from as i64]).unwrap();
    let filter = g.constant(ones(&[kernel, kernel, to, from])).unwrap();
    let bias = g.constant(ones(&[to])).unwrap();
    let conv = nn::conv2d_transpose(&x, &filter, [1, 256, 256, to as i64]).strides(2);
    let conv = conv.padding(Same).build().unwrap();
    let biased = nn::bias_add(&conv, &bias).unwrap();
    let y = nn::relu(&biased).unwrap();
    let fetches = match joined {
        true => vec![y],
        false => vec![conv, biased, y],
    };
    let session = Session::new(&g);
    let value = ones(&[1, 128, 128, from]);
    bencher.bench(|| drop(session.run_with(&fetches, feed![x => &value]).unwrap()));
}

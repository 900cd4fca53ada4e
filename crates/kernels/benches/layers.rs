//! Some layers of known networks; a divan `item` is a multiplication or an addition, so that `Gitem/s` are GF/s.
//!
//! `cargo bench -p tconv-kernels --bench layers`

use divan::Bencher;
use divan::counter::ItemsCount;
use tconv_kernels::Threads;
use tconv_kernels::conv::Pass;

#[path = "timed/call.rs"]
mod call;

use call::{Call, Layer, products};

fn main() {
    divan::main();
}

const fn layer(
    images: usize,
    input: (usize, usize),
    output: (usize, usize),
    kernel: i64,
    stride: i64,
) -> Layer {
    Layer {
        images,
        input,
        output,
        kernel,
        stride,
    }
}

/// DCGAN's third, its last, FCN-8s, FSRCNN on a square, pix2pix, stride 1, and the smallest.
const LAYERS: [Layer; 7] = [
    layer(16, (16, 256), (32, 128), 5, 2),
    layer(16, (32, 128), (64, 3), 5, 2),
    layer(1, (64, 21), (512, 21), 16, 8),
    layer(1, (180, 56), (540, 1), 9, 3),
    layer(1, (64, 256), (128, 128), 4, 2),
    layer(1, (56, 128), (56, 128), 3, 1),
    layer(1, (3, 1), (5, 3), 2, 2),
];

fn time(bencher: Bencher<'_, '_>, pass: Pass, layer: Layer, threads: usize) {
    let threads = Threads::new(threads).unwrap();
    let shape = layer.shape();
    let mut call = Call::new(pass, &shape, &threads);
    bencher
        .counter(ItemsCount::new(2 * products(&shape) as u64))
        .bench_local(|| call.run());
}

#[divan::bench(args = LAYERS, consts = [1, 2], max_time = 1)]
fn transposed<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: Layer) {
    time(bencher, Pass::BackpropInput, layer, THREADS);
}

#[divan::bench(args = LAYERS, consts = [1, 2], max_time = 1)]
fn forward<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: Layer) {
    time(bencher, Pass::Forward, layer, THREADS);
}

#[divan::bench(args = LAYERS, consts = [1, 2], max_time = 1)]
fn filter_gradient<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: Layer) {
    time(bencher, Pass::BackpropFilter, layer, THREADS);
}

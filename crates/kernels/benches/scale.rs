//! Whether speed holds as a layer grows: images, channels and pixels around pix2pix's 64x64x256 -> 128x128x128
//! with a kernel of 4 and a stride of 2, as long as the larger tensor has at most 256 MB.
//!
//! `cargo bench -p tconv-kernels --bench scale -- [transposed|forward|filter_gradient] [channels 32,64] [side 16]
//! [images 1,4]`
//!
//! GF/s count the products that there are, those with padding left out. An algorithm's plateau is its best in the
//! table. A row ends with what falls short: below 70 % of the plateau with more than 1 million products on one
//! thread or 20 million on two, or less than 1.85 times as fast on two as on one with more than 50 million
//! operations.

use std::time::Instant;

use tconv_kernels::conv::Pass;
use tconv_kernels::simd::InstructionSet;
use tconv_kernels::{Threads, peak};

#[path = "timed/call.rs"]
mod call;

use call::{Call, Layer, products};

const IMAGES: [usize; 4] = [1, 4, 16, 64];
const CHANNELS: [usize; 5] = [32, 64, 128, 256, 512];
const SIDES: [usize; 7] = [16, 32, 64, 128, 256, 512, 1024];
const LARGEST: usize = 256 << 20;
/// How long each point is timed on each number of threads, in seconds, if it takes no longer by itself.
const PATIENCE: f64 = 0.2;

struct Point {
    layer: Layer,
    algorithm: &'static str,
    products: f64,
    /// The seconds on one thread and on two.
    seconds: [f64; 2],
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    // As `cargo test --benches` runs it.
    let test = named("--test");
    let pass = match () {
        () if named("forward") => Pass::Forward,
        () if named("filter_gradient") => Pass::BackpropFilter,
        () => Pass::BackpropInput,
    };
    let threads = [1, 2].map(|count| Threads::new(count).unwrap());
    let peaks = threads
        .each_ref()
        .map(|threads| peak(InstructionSet::best(), threads).unwrap() / 1e9);
    let some = |name: &str, all: &[usize]| -> Vec<usize> {
        let place = arguments.iter().position(|argument| argument == name);
        let given = place.and_then(|place| arguments.get(place + 1));
        given.map_or(all.to_vec(), |list| {
            let numbers = list.split(',').map(|number| number.parse().unwrap());
            numbers.collect()
        })
    };
    let mut points = Vec::new();
    for channels in some("channels", &CHANNELS) {
        for side in some("side", &SIDES) {
            for images in some("images", &IMAGES) {
                let larger = images * side * side * (channels / 2) * size_of::<f32>();
                if larger <= LARGEST && (!test || points.is_empty()) {
                    points.push(measure(pass, images, channels, side, &threads));
                    eprint!("\r{} points", points.len());
                }
            }
        }
    }
    eprintln!();
    print(pass, &points, peaks);
}

fn measure(
    pass: Pass,
    images: usize,
    channels: usize,
    side: usize,
    threads: &[Threads; 2],
) -> Point {
    let layer = Layer {
        images,
        input: (side / 2, channels),
        output: (side, channels / 2),
        kernel: 4,
        stride: 2,
    };
    let shape = layer.shape();
    let mut calls = (threads.each_ref()).map(|threads| Call::new(pass, &shape, threads));
    let mut seconds = calls
        .each_mut()
        .map(|call| seconds_of(call, 1).min(seconds_of(call, 1)));
    // Short calls in batches; the two in turns, so that both see the same of a machine that does other work.
    let batch = (1e-4 / seconds[1]).ceil() as usize;
    let rounds = (PATIENCE / (batch as f64 * seconds[0])).min(30.0) as usize;
    for _ in 0..rounds {
        for (call, seconds) in calls.iter_mut().zip(&mut seconds) {
            *seconds = seconds.min(seconds_of(call, batch));
        }
    }
    Point {
        layer,
        algorithm: calls[0].algorithm.name,
        products: products(&shape),
        seconds,
    }
}

/// The seconds of each of so many calls.
fn seconds_of(call: &mut Call, calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        call.run();
    }
    start.elapsed().as_secs_f64() / calls as f64
}

fn print(pass: Pass, points: &[Point], peaks: [f64; 2]) {
    let speed = |point: &Point, threads: usize| 2e-9 * point.products / point.seconds[threads];
    let plateau = |algorithm: &str, threads: usize| {
        let same = points.iter().filter(|point| point.algorithm == algorithm);
        same.map(|point| speed(point, threads)).fold(0.0, f64::max)
    };
    println!(
        "{pass:?}: peaks of {:.1} GF/s on one thread, {:.1} on two",
        peaks[0], peaks[1]
    );
    println!(
        "{:>6} {:>8} {:>4} {:>10}  {:14} {:>7} {:>7} {:>7}  {:>7} {:>7} {:>7}  {:>7}",
        "images",
        "channels",
        "side",
        "products",
        "algorithm",
        "GF/s",
        "plateau",
        "peak",
        "2: GF/s",
        "plateau",
        "peak",
        "speedup"
    );
    for point in points {
        let (layer, speedup) = (point.layer, point.seconds[0] / point.seconds[1]);
        let mut short = String::new();
        let mut columns = String::new();
        for (threads, least) in [1e6, 20e6].into_iter().enumerate() {
            let speed = speed(point, threads);
            let share = speed / plateau(point.algorithm, threads);
            columns += &format!(
                " {speed:7.1} {:6.0}% {:6.0}% ",
                share * 100.0,
                speed / peaks[threads] * 100.0
            );
            if point.products > least && share < 0.7 {
                short += &format!("  below 70 % of its plateau on {}", threads + 1);
            }
        }
        if 2.0 * point.products > 50e6 && speedup < 1.85 {
            short += "  two threads below 1.85";
        }
        println!(
            "{:6} {:8} {:4} {:10.3e}  {:14}{columns} {speedup:7.2}{short}",
            layer.images, layer.input.1, layer.output.0, point.products, point.algorithm
        );
    }
}

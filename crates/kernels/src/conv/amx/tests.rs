//! That six products of bf16 parts are as exact as fused multiplications, or leave the work to them.

use tconv_shape::{ConvAxis, DataFormat};

use super::*;
use crate::conv::{Algorithm, Element, algorithms};
use crate::gemm::tests::numbers;

const PIXELS: usize = 64;
const COLUMNS: usize = 32;

/// A product of matrices: 64 pixels of `depth` channels by 32 columns.
fn product(depth: usize) -> ConvShape {
    let axis = |size| ConvAxis {
        input: size,
        kernel: 1,
        output: size,
        stride: 1,
        dilation: 1,
        pad_before: 0,
        pad_after: 0,
    };
    ConvShape {
        batch: 1,
        in_channels: depth,
        out_channels: COLUMNS,
        groups: 1,
        format: DataFormat::ChannelsLast,
        axes: vec![axis(4), axis(16)],
    }
}

fn by<T: Element>(name: &str, shape: &ConvShape, x: &[T], y: &[T]) -> Vec<T> {
    let mut rows = algorithms::<T>().iter();
    let algorithm: &Algorithm<T> = rows.find(|one| one.name == name).unwrap();
    let (pass, one) = (Pass::Forward, &Threads::ONE);
    let set = algorithm.sets().pop().unwrap();
    let mut scratch = vec![T::default(); (algorithm.scratch)(pass, shape, 1)];
    let mut out = vec![T::default(); PIXELS * COLUMNS];
    algorithm
        .run(set, pass, shape, x, y, &mut out, &mut scratch, one)
        .unwrap();
    out
}

/// Numbers like those of a normal distribution, from -4 to 4.
fn normal(seed: u64, count: usize) -> Vec<f32> {
    let many: Vec<f32> = numbers(seed, 4 * count);
    many.chunks(4).map(|some| some.iter().sum()).collect()
}

/// A power of ten for each of a row of numbers, between 10 to `-most` and to `most`.
fn scales(seed: u64, count: usize, most: f32) -> Vec<f32> {
    let all: Vec<f32> = numbers(seed, count);
    all.iter().map(|x| 10f32.powf(x * most)).collect()
}

fn scaled(x: Vec<f32>, scale: impl Fn(usize) -> f32) -> Vec<f32> {
    x.iter().enumerate().map(|(i, x)| x * scale(i)).collect()
}

/// The matrices of all kinds, by name.
fn kinds() -> Vec<(String, usize, Vec<f32>, Vec<f32>)> {
    let mut all = vec![];
    let mut add = |name: &str, depth: usize, x: Vec<f32>, y: Vec<f32>| {
        all.push((name.to_string(), depth, x, y));
    };
    let x = |depth: usize| normal(3, PIXELS * depth);
    let y = |depth: usize| normal(5, depth * COLUMNS);
    for depth in [32, 256, 1024, 4608] {
        add(&format!("normal, depth {depth}"), depth, x(depth), y(depth));
    }
    const DEPTH: usize = 1024;
    let (x, y) = (|| x(DEPTH), || y(DEPTH));
    let (rows, columns) = (scales(7, PIXELS, 6.0), scales(8, COLUMNS, 6.0));
    let channels = scales(9, DEPTH, 6.0);
    let positive = |x: Vec<f32>| x.iter().map(|x| x.abs()).collect::<Vec<_>>();
    add("all positive", DEPTH, positive(x()), positive(y()));
    add(
        "rows and columns scaled",
        DEPTH,
        scaled(x(), |i| rows[i / DEPTH]),
        scaled(y(), |i| columns[i % COLUMNS]),
    );
    add(
        "channels of x scaled",
        DEPTH,
        scaled(x(), |i| channels[i % DEPTH]),
        y(),
    );
    add(
        "channels of x scaled, those of y by the inverse",
        DEPTH,
        scaled(x(), |i| channels[i % DEPTH]),
        scaled(y(), |i| 1.0 / channels[i / COLUMNS]),
    );
    let (each, other) = (
        scales(10, PIXELS * DEPTH, 6.0),
        scales(11, DEPTH * COLUMNS, 6.0),
    );
    add(
        "every element scaled",
        DEPTH,
        scaled(x(), |i| each[i]),
        scaled(y(), |i| other[i]),
    );
    let wide = scales(12, PIXELS * DEPTH, 19.0);
    add("x from 1e-19 to 1e19", DEPTH, scaled(x(), |i| wide[i]), y());
    // Each second channel takes nearly all away that the one before it adds.
    let mut pairs = (x(), y());
    for pixel in pairs.0.chunks_mut(2) {
        pixel[1] = pixel[0];
    }
    for two in pairs.1.chunks_mut(2 * COLUMNS) {
        let (even, odd) = two.split_at_mut(COLUMNS);
        for (odd, even) in odd.iter_mut().zip(even) {
            *odd = -*even * (1.0 + 1e-6 * *odd);
        }
    }
    add("cancelling pairs", DEPTH, pairs.0, pairs.1);
    let sizes: [(f32, f32); 12] = [
        (1e18, 1e18),
        (8e37, 1e-4),
        (1e-29, 1e20),
        (1e-32, 1e20),
        (1e-35, 1e20),
        (1e-38, 1e20),
        (1e-41, 1e20),
        (1e-16, 1e-16),
        (1e-17, 1e-17),
        (1e-19, 1e-19),
        (1e20, 1e-35),
        (1.0, 1e-41),
    ];
    for (of_x, of_y) in sizes {
        let (x, y) = (scaled(x(), |_| of_x), scaled(y(), |_| of_y));
        add(&format!("x of {of_x:e}, y of {of_y:e}"), DEPTH, x, y);
    }
    let some = |value: f32| {
        let replaced = x().into_iter().enumerate();
        replaced
            .map(|(i, x)| if i % 97 == 0 { value.copysign(x) } else { x })
            .collect()
    };
    add("1 % of x subnormal", DEPTH, some(1e-40), y());
    let small = |y: Vec<f32>| scaled(y, |_| 1e-3);
    add(
        "some of x the greatest number",
        DEPTH,
        some(f32::MAX),
        small(y()),
    );
    all
}

#[test]
fn parts_are_as_exact_as_fused_multiplications() {
    for (name, depth, x, y) in kinds() {
        let shape = product(depth);
        let wide = |x: &[f32], f: fn(f64) -> f64| -> Vec<f64> {
            x.iter().map(|&x| f(f64::from(x))).collect()
        };
        let define = |f| by::<f64>("reference", &shape, &wide(&x, f), &wide(&y, f));
        let (exact, magnitudes) = (define(|x| x), define(f64::abs));
        let error = |name: &str| {
            let found = by::<f32>(name, &shape, &x, &y);
            let all = found.iter().zip(&exact).zip(&magnitudes);
            let errors = all.map(|((&found, exact), sum)| (f64::from(found) - exact).abs() / sum);
            errors.fold(0.0, |most: f64, error| {
                if error.is_nan() {
                    error
                } else {
                    most.max(error)
                }
            })
        };
        let (parts, fused) = (error("amx_bf16x6"), error("direct"));
        println!("{name}: {parts:.1e}, fused {fused:.1e}");
        assert!(parts <= 1.1 * fused, "{name}: {parts:e}, fused {fused:e}");
    }
}

#[test]
fn what_is_not_finite_goes_where_it_should() {
    let depth = 96;
    let shape = product(depth);
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        for in_filter in [false, true] {
            let (mut x, mut y) = (normal(3, PIXELS * depth), normal(5, depth * COLUMNS));
            let to = if in_filter { &mut y } else { &mut x };
            to.iter_mut().step_by(1999).for_each(|x| *x = value);
            let found = by::<f32>("amx_bf16x6", &shape, &x, &y);
            let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| x.into()).collect() };
            let expected = by::<f64>("reference", &shape, &wide(&x), &wide(&y));
            for (found, expected) in found.iter().zip(expected) {
                let same = match expected.is_finite() {
                    true => (f64::from(*found) - expected).abs() < 1e-3,
                    false => {
                        f64::from(*found).to_bits() == expected.to_bits()
                            || found.is_nan() && expected.is_nan()
                    }
                };
                assert!(same, "{value} {in_filter}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn all_three_kernels_are_computed() {
    let shape = product(96);
    assert!(
        Pass::ALL
            .iter()
            .all(|&pass| supports::<f32, 3>(pass, &shape))
    );
    let depthwise = ConvShape {
        out_channels: 96,
        groups: 96,
        ..shape
    };
    assert!(
        !Pass::ALL
            .iter()
            .any(|&pass| supports::<f32, 3>(pass, &depthwise))
    );
}

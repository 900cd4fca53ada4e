use half::{bf16, f16};
use proptest::prelude::*;
use tconv_shape::DataFormat;

use self::halves::check_halves;
use self::shapes::{large_shapes, measured_shapes, shape, square};
use super::*;
use crate::gemm::tests::numbers;
use crate::simd::Float;
use crate::stage::{Each, Stage};

mod halves;
mod recorded;
mod shapes;

fn operands<T: Float>(pass: Pass, shape: &ConvShape) -> (Vec<T>, Vec<T>, usize) {
    let [a, b, out] = pass.dims(shape).map(|dims| dims.iter().product::<usize>());
    (numbers(a as u64 + 1, a), numbers(b as u64 + 77, b), out)
}

fn apply<T: Element>(
    algorithm: &Algorithm<T>,
    set: InstructionSet,
    threads: &Threads,
    (pass, shape): (Pass, &ConvShape),
    (a, b): (&[T], &[T]),
    garbage: T,
) -> Vec<T> {
    let [.., out] = pass.dims(shape).map(|dims| dims.iter().product());
    let empty = a.is_empty() || b.is_empty() || out == 0;
    let scratch = match empty {
        true => 0,
        false => (algorithm.scratch)(pass, shape, threads.count()),
    };
    let (mut out, mut scratch) = (vec![garbage; out], vec![garbage; scratch]);
    algorithm
        .run(set, pass, shape, a, b, &mut out, &mut scratch, threads)
        .unwrap();
    out
}

/// [`apply`] with a filter that was packed before.
fn apply_packed<T: Element>(
    algorithm: &'static Algorithm<T>,
    set: InstructionSet,
    threads: &Threads,
    (pass, shape): (Pass, &ConvShape),
    (a, b): (&[T], &[T]),
    garbage: T,
) -> Vec<T> {
    let [.., out] = pass.dims(shape).map(|dims| dims.iter().product());
    let empty = a.is_empty() || b.is_empty() || out == 0;
    let (room, scratch) = match empty {
        true => (0, 0),
        false => (
            (algorithm.packed_len)(pass, shape),
            (algorithm.scratch)(pass, shape, threads.count()),
        ),
    };
    let room = vec![garbage; room];
    let packed = PackedFilter::new(algorithm, set, (pass, shape), b, room, threads).unwrap();
    let (mut out, mut scratch) = (vec![garbage; out], vec![garbage; scratch]);
    packed.run(a, b, &mut out, &mut scratch, threads).unwrap();
    out
}

/// The output that `first` is, with a bias and functions behind it: as stages of the convolution, with the filter
/// packed before and not, and all at once.
fn check_stages<T: Float + Element>(
    algorithm: &'static Algorithm<T>,
    set: InstructionSet,
    threads: &Threads,
    (pass, shape): (Pass, &ConvShape),
    (a, b): (&[T], &[T]),
    first: &[T],
) {
    struct Half;
    impl<T: Float> Each<T> for Half {
        fn apply(&self, piece: &mut [T]) {
            piece.iter_mut().for_each(|x| *x = *x * T::from_f64(0.5));
        }
    }
    let (channels, sizes) = match pass {
        Pass::Forward => (shape.out_channels, shape.output_dims()),
        _ => (shape.in_channels, shape.input_dims()),
    };
    let axis = shape.format.channel_axis(shape.axes.len());
    let (bias, inner) = (numbers(5, channels), sizes[axis + 1..].iter().product());
    let bias = Stage::Bias { bias: &bias, inner };
    let leaky = Stage::LeakyRelu(T::from_f64(0.3));
    let conv = Prepared::of(algorithm, set, pass, shape.clone(), threads).unwrap();
    let room = match a.is_empty() || b.is_empty() || first.is_empty() {
        true => 0,
        false => (algorithm.packed_len)(pass, shape),
    };
    let nan = T::from_f64(f64::NAN);
    let packed = conv.pack(b, vec![nan; room], threads).unwrap();
    for (packed, stages) in [
        (None, &[bias, Stage::Relu][..]),
        (Some(&packed), &[bias, leaky, Stage::Each(&Half), bias]),
        (Some(&packed), &[leaky, bias]),
    ] {
        let mut expected = first.to_vec();
        stage::apply(stages, 0, &mut expected);
        let (mut out, mut scratch) = (vec![nan; first.len()], vec![nan; conv.scratch()]);
        conv.run(a, b, packed, &mut out, &mut scratch, threads, stages)
            .unwrap();
        let bits = |x: &[T]| x.iter().map(|x| x.to_f64().to_bits()).collect::<Vec<_>>();
        assert!(
            bits(&out) == bits(&expected),
            "{} with stages {pass:?} {shape:?}",
            algorithm.name
        );
    }
}

/// The greatest error of a product, in units of its magnitude, that a precision adds to those of sums: numbers are
/// rounded to 8 bits, or to 16 and the product of what is left is left out.
fn product_error(precision: Precision) -> f64 {
    match precision {
        Precision::Medium => 1.01 / 128.0,
        Precision::High => 3.0 / 131_072.0,
        Precision::Highest => 0.0,
    }
}

/// Every algorithm on every instruction set against the definition in f64, within the error that sums of
/// so many terms can have; the same bits for any number of threads.
fn check_all<T: Float + Element>(
    table: &'static [Algorithm<T>],
    unit: f64,
    shape: &ConvShape,
    threads: &[Threads],
) {
    let reference = algorithms::<f64>().last().unwrap();
    assert_eq!(reference.name, "reference");
    for pass in Pass::ALL {
        let (a, b, _) = operands::<T>(pass, shape);
        let wide =
            |x: &[T], f: fn(f64) -> f64| -> Vec<f64> { x.iter().map(|x| f(x.to_f64())).collect() };
        let define = |f| {
            let (a, b) = (wide(&a, f), wide(&b, f));
            let one = &Threads::ONE;
            let portable = InstructionSet::Portable;
            apply(reference, portable, one, (pass, shape), (&a, &b), f64::NAN)
        };
        let (expected, magnitude) = (define(|x| x), define(f64::abs));
        let terms = (a.len().max(b.len()) + 2) as f64;
        for algorithm in supporting(table, pass, shape) {
            let allowed = unit * terms.min(4096.0) + product_error(algorithm.precision);
            for set in algorithm.sets() {
                let mut first: Option<Vec<T>> = None;
                for threads in threads {
                    let nan = T::from_f64(f64::NAN);
                    let out = apply(algorithm, set, threads, (pass, shape), (&a, &b), nan);
                    for (i, out) in out.iter().enumerate() {
                        let error = (out.to_f64() - expected[i]).abs();
                        assert!(
                            error <= allowed * magnitude[i],
                            "{} {set} {pass:?} {shape:?}: {i}: {out:?} is not {}",
                            algorithm.name,
                            expected[i]
                        );
                    }
                    let first = first.get_or_insert_with(|| out.clone());
                    assert!(*first == out, "{} {set} {pass:?} {shape:?}", algorithm.name);
                    if pass != Pass::BackpropFilter {
                        let out =
                            apply_packed(algorithm, set, threads, (pass, shape), (&a, &b), nan);
                        assert!(
                            *first == out,
                            "{} packed {pass:?} {shape:?}",
                            algorithm.name
                        );
                        let what = (pass, shape);
                        check_stages(algorithm, set, threads, what, (&a, &b), first);
                    }
                }
            }
        }
    }
}

/// Those that can compute a kernel.
fn supporting<T>(
    table: &'static [Algorithm<T>],
    pass: Pass,
    shape: &ConvShape,
) -> impl DoubleEndedIterator<Item = &'static Algorithm<T>> {
    table.iter().filter(move |one| (one.supports)(pass, shape))
}

/// The errors that are promised: of all elements together 1e-6 (more for sums of more than 1024 terms), of each
/// 4e-6 of its terms' magnitudes, on numbers alike and on channels from 1e-3 to 1e3; and more where less precision is
/// permitted.
#[test]
fn errors_are_small() {
    let reference = algorithms::<f64>().last().unwrap();
    for (shape, scaled) in measured_shapes()
        .iter()
        .flat_map(|shape| [(shape, false), (shape, true)])
    {
        for pass in Pass::ALL {
            let (mut a, b, out) = operands::<f32>(pass, shape);
            if scaled {
                // Windows are summed over in the filter's gradient, channels in the others.
                let channels = match pass {
                    Pass::BackpropInput => shape.out_channels,
                    _ => shape.in_channels,
                };
                for pixel in a.chunks_mut(channels) {
                    for (i, x) in pixel.iter_mut().enumerate() {
                        *x *= 10f32.powi(i as i32 % 7 - 3);
                    }
                }
            }
            let define = |f: fn(f32) -> f64| {
                let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f(x)).collect() };
                let (a, b) = (wide(&a), wide(&b));
                let one = &Threads::ONE;
                let set = InstructionSet::Portable;
                apply(reference, set, one, (pass, shape), (&a, &b), f64::NAN)
            };
            let expected = define(f64::from);
            let magnitudes = define(|x| f64::from(x).abs());
            let kernel: usize = shape.axes.iter().map(|axis| axis.kernel).product();
            let outputs: usize = shape.axes.iter().map(|axis| axis.output).product();
            let terms = match pass {
                Pass::Forward => kernel * shape.in_channels / shape.groups,
                Pass::BackpropInput => kernel * shape.out_channels / shape.groups,
                Pass::BackpropFilter => shape.batch * outputs,
            };
            let sums = 1e-6 * (terms as f64 / 1024.0).sqrt().max(1.0);
            let root = |x: &mut dyn Iterator<Item = f64>| {
                (x.map(|x| x * x).sum::<f64>() / out as f64).sqrt()
            };
            for algorithm in supporting(fast::<f32>(), pass, shape) {
                let allowed = match algorithm.precision {
                    Precision::Medium => 4e-3,
                    Precision::High => 6e-6,
                    Precision::Highest => sums,
                };
                let of_each = 4e-6 + product_error(algorithm.precision);
                for set in algorithm.sets() {
                    let found = apply(
                        algorithm,
                        set,
                        &Threads::ONE,
                        (pass, shape),
                        (&a, &b),
                        f32::NAN,
                    );
                    let errors: Vec<f64> = found
                        .iter()
                        .zip(&expected)
                        .map(|(&x, y)| f64::from(x) - y)
                        .collect();
                    let what = format!(
                        "{} {set} {pass:?} scaled {scaled} {shape:?}",
                        algorithm.name
                    );
                    let rms =
                        root(&mut errors.iter().copied()) / root(&mut expected.iter().copied());
                    assert!(rms <= allowed, "{what}: rms {rms:e}, {allowed:e} allowed");
                    for (error, magnitude) in errors.iter().zip(&magnitudes) {
                        assert!(
                            error.abs() <= of_each * magnitude,
                            "{what}: {error:e} of {magnitude:e}"
                        );
                    }
                }
            }
        }
    }
}

fn all_threads() -> &'static [Threads] {
    static ALL: std::sync::LazyLock<[Threads; 3]> =
        std::sync::LazyLock::new(|| [1, 2, 3].map(|n| Threads::new(n).unwrap()));
    &*ALL
}

/// All but the first and the last: what is for few numbers, and the definition, take too long for large shapes.
fn fast<T: Element>() -> &'static [Algorithm<T>] {
    let all = algorithms::<T>();
    assert_eq!(
        [all[0].name, all[all.len() - 1].name],
        ["tiny", "reference"]
    );
    &all[1..all.len() - 1]
}

#[test]
fn large_ones_agree_with_the_definition() {
    for shape in large_shapes() {
        check_all(
            fast::<f32>(),
            f64::from(f32::EPSILON),
            &shape,
            all_threads(),
        );
    }
    check_all(
        fast::<f64>(),
        f64::EPSILON,
        &large_shapes()[0],
        all_threads(),
    );
}

/// Where a part of the result would be packed for as another filter, or could not be said to see anything.
#[test]
fn the_first_axis_is_cut_with_care() {
    let plain = square(1, 1, 1);
    let axis = |input, kernel, stride, output| ConvAxis {
        input,
        output,
        pad_before: 0,
        ..square(input, kernel, stride)
    };
    for axes in [
        // Phases with more positions than others, along the last axis of more than one element.
        vec![axis(29, 4, 2, 14)],
        vec![axis(29, 4, 2, 14), plain],
        vec![axis(29, 4, 2, 14), square(3, 3, 2)],
        // One window alone.
        vec![axis(28, 28, 1, 1)],
        vec![axis(28, 28, 1, 1), square(3, 2, 1)],
        // Windows behind the input, before it, and in a hole of it.
        vec![axis(13, 1, 1, 29), square(3, 2, 1)],
        vec![ConvAxis {
            pad_before: 20,
            ..axis(13, 3, 1, 31)
        }],
        vec![ConvAxis {
            dilation: 16,
            ..axis(29, 2, 1, 14)
        }],
    ] {
        for batch in [1, 3] {
            let shape = ConvShape {
                batch,
                in_channels: 8,
                out_channels: 8,
                groups: 1,
                format: DataFormat::ChannelsFirst,
                axes: axes.clone(),
            };
            check_all(
                algorithms::<f32>(),
                f64::from(f32::EPSILON),
                &shape,
                all_threads(),
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_agree_with_the_definition(shape in shape()) {
        check_all(algorithms::<f32>(), f64::from(f32::EPSILON), &shape, all_threads());
        check_all(algorithms::<f64>(), f64::EPSILON, &shape, &all_threads()[..1]);
    }

    #[test]
    fn halves_agree_with_the_definition(shape in shape()) {
        check_halves::<bf16>(&shape, 8);
        check_halves::<f16>(&shape, 11);
    }

    #[test]
    fn the_gradients_are_adjoint(shape in shape()) {
        let len = |dims: Vec<usize>| dims.iter().product();
        let x: Vec<f64> = numbers(1, len(shape.input_dims()));
        let w: Vec<f64> = numbers(2, len(shape.filter_dims()));
        let dy: Vec<f64> = numbers(3, len(shape.output_dims()));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let all = |pass| supporting(algorithms::<f64>(), pass, &shape);
        for algorithm in all(Pass::Forward).filter(|one| Pass::ALL.iter().all(|&pass| (one.supports)(pass, &shape))) {
            let compute = |pass, a: &[f64], b: &[f64]| {
                let set = InstructionSet::best();
                apply(algorithm, set, &Threads::ONE, (pass, &shape), (a, b), f64::NAN)
            };
            let value = dot(&compute(Pass::Forward, &x, &w), &dy);
            let close = |other: f64| (value - other).abs() <= 1e-11 * (1.0 + dy.len() as f64);
            prop_assert!(close(dot(&compute(Pass::BackpropInput, &dy, &w), &x)));
            prop_assert!(close(dot(&compute(Pass::BackpropFilter, &x, &dy), &w)));
        }
    }

    #[test]
    fn infinities_go_the_same_ways(shape in shape(), places in prop::array::uniform4(any::<prop::sample::Index>())) {
        for pass in Pass::ALL {
            let (mut a, mut b, _) = operands::<f32>(pass, &shape);
            for (x, places) in [(&mut a, &places[..1]), (&mut b, &places[1..])] {
                for (place, bad) in places.iter().zip([f32::INFINITY, f32::NAN, f32::NEG_INFINITY]) {
                    if !x.is_empty() {
                        let place = place.index(x.len());
                        x[place] = bad;
                    }
                }
            }
            let class = |x: &f32| if x.is_finite() { 0.0 } else if x.is_nan() { 3.0 } else { x.signum() };
            let mut expected: Option<Vec<f32>> = None;
            for algorithm in supporting(algorithms::<f32>(), pass, &shape).rev() {
                for set in algorithm.sets() {
                    let out = apply(algorithm, set, &Threads::ONE, (pass, &shape), (&a, &b), f32::NAN);
                    let classes: Vec<_> = out.iter().map(class).collect();
                    let expected = expected.get_or_insert_with(|| classes.clone());
                    prop_assert_eq!(&*expected, &classes, "{} {:?} {}", algorithm.name, pass, set);
                    if pass != Pass::BackpropFilter {
                        check_stages(algorithm, set, &Threads::ONE, (pass, &shape), (&a, &b), &out);
                    }
                }
            }
        }
    }
}

/// What TensorFlow 2.21 gives for ones and a filter of ones whose first element is infinite, 4x4 with a
/// 3x3 kernel and 5x5 with stride 2, and for an infinite gradient at the first window.
#[test]
fn infinities_go_where_tensorflow_lets_them() {
    let (n, i) = (f32::NAN, f32::INFINITY);
    let shape = |size, stride| ConvShape {
        batch: 1,
        in_channels: 1,
        out_channels: 1,
        groups: 1,
        format: DataFormat::ChannelsLast,
        axes: vec![square(size, 3, stride); 2],
    };
    let same = |x: &[f32], y: &[f32]| {
        x.len() == y.len()
            && x.iter()
                .zip(y)
                .all(|(x, y)| x == y || x.is_nan() && y.is_nan())
    };
    let mut first = [1.0; 16];
    first[0] = i;
    type Case<'a> = (Pass, ConvShape, &'a [f32], &'a [f32], &'a [f32]);
    let cases: [Case<'_>; 4] = [
        (
            Pass::Forward,
            shape(4, 1),
            &[1.0; 16],
            &first[..9],
            &[n, n, n, n, n, i, i, i, n, i, i, i, n, i, i, i],
        ),
        (
            Pass::BackpropInput,
            shape(4, 1),
            &[1.0; 16],
            &first[..9],
            &[i, i, i, 4., i, i, i, 6., i, i, i, 6., 4., 6., 6., 4.],
        ),
        (
            Pass::BackpropInput,
            shape(5, 2),
            &[1.0; 9],
            &first[..9],
            &[
                1., 2., 1., 2., 1., 2., i, 2., i, 2., 1., 2., 1., 2., 1., 2., i, 2., i, 2., 1., 2.,
                1., 2., 1.,
            ],
        ),
        (
            Pass::BackpropFilter,
            shape(4, 1),
            &[1.0; 16],
            &first,
            &[n, n, n, n, i, i, n, i, i],
        ),
    ];
    for (pass, shape, a, b, expected) in &cases {
        for algorithm in supporting(algorithms::<f32>(), *pass, shape) {
            for set in algorithm.sets() {
                let out = apply(algorithm, set, &Threads::ONE, (*pass, shape), (a, b), 9.0);
                assert!(same(&out, expected), "{} {pass:?} {out:?}", algorithm.name);
            }
        }
    }
}

#[test]
fn one_element_is_defined_as_all_are() {
    let axes = vec![square(5, 3, 2), square(4, 2, 1)];
    let shape = ConvShape {
        batch: 2,
        in_channels: 4,
        out_channels: 6,
        groups: 2,
        format: DataFormat::ChannelsFirst,
        axes,
    };
    let reference = algorithms::<f32>().last().unwrap();
    for pass in Pass::ALL {
        let (a, b, len) = operands::<f32>(pass, &shape);
        let set = InstructionSet::Portable;
        let out = apply(
            reference,
            set,
            &Threads::ONE,
            (pass, &shape),
            (&a, &b),
            f32::NAN,
        );
        for (i, &out) in out.iter().enumerate() {
            let (sum, magnitude) = definition(pass, &shape, &a, &b, i).unwrap();
            assert!(sum as f32 == out && magnitude >= sum.abs());
        }
        assert!(definition(pass, &shape, &a, &b, len).is_err());
        assert!(definition(pass, &shape, &a[1..], &b, 0).is_err());
    }
}

#[test]
fn integers_wrap_around() {
    let shape = ConvShape {
        batch: 1,
        in_channels: 2,
        out_channels: 1,
        groups: 1,
        format: DataFormat::ChannelsLast,
        axes: vec![square(1, 1, 1)],
    };
    let mut out = [0];
    let one = &Threads::ONE;
    let set = InstructionSet::best();
    let (a, b) = ([i32::MAX, 3], [2, 5]);
    run(set, Pass::Forward, &shape, &a, &b, &mut out, &mut [], one).unwrap();
    assert_eq!(out, [13]);
}

#[test]
fn mistakes_are_errors() {
    let shape = large_shapes().swap_remove(1);
    let one = &Threads::ONE;
    for pass in Pass::ALL {
        let (a, b, out) = operands::<f32>(pass, &shape);
        let mut out = vec![0.0; out];
        let set = InstructionSet::best();
        let mut scratch = vec![0.0; scratch::<f32>(set, pass, &shape, one)];
        let mut call = |shape: &ConvShape, cut: [usize; 4]| {
            let (out, scratch) = (&mut out[cut[2]..], &mut scratch[cut[3]..]);
            run(
                set,
                pass,
                shape,
                &a[cut[0]..],
                &b[cut[1]..],
                out,
                scratch,
                one,
            )
        };
        assert_eq!(call(&shape, [0; 4]), Ok(()));
        for (i, what) in ["a", "b", "out", "scratch"].into_iter().enumerate() {
            let mut cut = [0; 4];
            cut[i] = 1;
            match call(&shape, cut) {
                Err(KernelError::Length { what: found, .. }) => assert_eq!(found, what),
                other => panic!("{other:?}"),
            }
        }
        let with = |change: fn(&mut ConvShape)| {
            let mut shape = shape.clone();
            change(&mut shape);
            shape
        };
        for bad in [
            with(|shape| shape.axes[0].stride = 0),
            with(|shape| shape.axes[1].dilation = 0),
            with(|shape| shape.axes[1].dilation = usize::MAX),
            with(|shape| shape.axes[0].pad_before = usize::MAX / 2),
            with(|shape| shape.groups = 2),
            with(|shape| shape.axes.clear()),
        ] {
            assert!(matches!(call(&bad, [0; 4]), Err(KernelError::Sizes(_))));
        }
    }
}

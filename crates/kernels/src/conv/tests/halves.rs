//! Numbers of 16 bits, and less exact products of those of 32.

use half::{bf16, f16};

use super::*;

/// Elements of a half type, and what they are in `f64`.
fn rounded<T: amx::Number>(seed: u64, len: usize) -> (Vec<T>, Vec<f64>) {
    let halves: Vec<T> = (numbers::<f32>(seed, len).into_iter().map(T::narrow)).collect();
    let wide = halves.iter().map(|x| x.wide().into()).collect();
    (halves, wide)
}

/// Halves are computed as if they were widened, and each result is rounded once, to `bits` bits.
pub(super) fn check_halves<T: amx::Number>(shape: &ConvShape, bits: i32) {
    let reference = algorithms::<f64>().last().unwrap();
    let algorithm = &algorithms::<T>()[0];
    for pass in [Pass::Forward, Pass::BackpropInput] {
        if !(algorithm.supports)(pass, shape) {
            continue;
        }
        let [a_len, b_len, _] = pass.lens(shape);
        let ((a, wide_a), (b, wide_b)) = (rounded::<T>(3, a_len), rounded::<T>(4, b_len));
        let define = |f: fn(f64) -> f64| {
            let [a, b] = [&wide_a, &wide_b].map(|x| x.iter().map(|&x| f(x)).collect::<Vec<_>>());
            let (set, one) = (InstructionSet::Portable, &Threads::ONE);
            apply(reference, set, one, (pass, shape), (&a, &b), f64::NAN)
        };
        let (expected, magnitudes) = (define(|x| x), define(f64::abs));
        let nan = T::narrow(f32::NAN);
        for set in algorithm.sets() {
            let mut first = None;
            for threads in all_threads() {
                let what = (pass, shape);
                let out = apply(algorithm, set, threads, what, (&a, &b), nan);
                for ((out, &expected), magnitude) in out.iter().zip(&expected).zip(&magnitudes) {
                    let error = (f64::from(out.wide()) - expected).abs();
                    // Of an f16 what is below the least number of all bits counts too.
                    let unit = expected.abs().max((-14f64).exp2());
                    let allowed = unit * f64::from(-bits).exp2() * 1.001 + 4e-6 * magnitude;
                    assert!(
                        error <= allowed,
                        "{pass:?} {shape:?}: {} is not {expected}",
                        out.wide()
                    );
                }
                let words: Vec<u32> = out.iter().map(|x| x.wide().to_bits()).collect();
                let packed = apply_packed(algorithm, set, threads, what, (&a, &b), nan);
                assert!(
                    packed
                        .iter()
                        .zip(&words)
                        .all(|(x, &y)| x.wide().to_bits() == y)
                );
                assert!(*first.get_or_insert_with(|| words.clone()) == words);
            }
        }
    }
}

#[test]
fn halves_are_computed_as_they_are() {
    let turned = |shape: &ConvShape| ConvShape {
        format: DataFormat::ChannelsFirst,
        ..shape.clone()
    };
    let shapes = measured_shapes();
    for shape in shapes.iter().cloned().chain(shapes.iter().map(turned)) {
        check_halves::<bf16>(&shape, 8);
        check_halves::<f16>(&shape, 11);
    }
    let shape = &shapes[3];
    let (pass, one) = (Pass::BackpropInput, &Threads::ONE);
    let [a, b, out] = pass.lens(shape);
    let algorithm = &algorithms::<bf16>()[0];
    for set in algorithm.sets() {
        for (of_a, of_b) in [(f32::INFINITY, 1.0), (1.0, f32::NAN), (1e-30, 1e-30)] {
            let halves = |len, value| vec![bf16::from_f32(value); len];
            let mut scratch = halves((algorithm.scratch)(pass, shape, 1), 0.0);
            let (a, b, mut out) = (halves(a, of_a), halves(b, of_b), halves(out, 0.0));
            let ran = algorithm.run(set, pass, shape, &a, &b, &mut out, &mut scratch, one);
            assert_eq!(ran, Err(KernelError::Inexact("amx_bf16")));
        }
    }
}

#[test]
fn less_precision_is_taken_where_it_is_permitted_and_there() {
    let names = [
        (Precision::Medium, "amx_bf16"),
        (Precision::High, "amx_bf16x3"),
        (Precision::Highest, "amx_bf16x6"),
    ];
    let axes = vec![square(128, 4, 2); 2];
    for format in [DataFormat::ChannelsLast, DataFormat::ChannelsFirst] {
        let shape = &ConvShape {
            batch: 1,
            in_channels: 128,
            out_channels: 256,
            groups: 1,
            format,
            axes: axes.clone(),
        };
        for pass in Pass::ALL {
            let taken = |set, precision| choose::<f32>(set, precision, pass, shape).name;
            for (precision, name) in names {
                assert_eq!(precision.to_string().parse(), Ok(precision));
                assert_eq!(taken(InstructionSet::Amx, precision), name);
                let highest = taken(InstructionSet::Avx512, Precision::Highest);
                assert_eq!(taken(InstructionSet::Avx512, precision), highest);
                assert!(!highest.starts_with("amx"));
            }
            let halves = |set| {
                let bf16 = choose::<bf16>(set, Precision::Highest, pass, shape);
                [
                    bf16.name,
                    choose::<f16>(set, Precision::Highest, pass, shape).name,
                ]
            };
            let expected = match pass {
                Pass::BackpropFilter => ["reference"; 2],
                _ => ["amx_bf16", "amx_bf16x3"],
            };
            assert_eq!(halves(InstructionSet::Amx), expected);
            assert_eq!(halves(InstructionSet::Avx512), ["reference"; 2]);
        }
    }
    let unknown = "bf16".parse::<Precision>().unwrap_err().to_string();
    for (_, name) in [(0, "highest"), (1, "high"), (2, "medium")] {
        assert!(unknown.contains(&format!("'{name}'")), "{unknown}");
    }
}

//! What holds for every geometry: known and unknown sizes give the same, and so does any number of
//! threads.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;
use tconv::prelude::*;

#[derive(Clone, Debug)]
struct Case {
    input: [i64; 4],
    kernel: [i64; 2],
    out_channels: i64,
    strides: [i64; 2],
    dilations: [i64; 2],
    padding: Padding,
    channels_first: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let padding = prop_oneof![
        Just(Same),
        Just(Valid),
        [(0..3i64, 0..3i64), (0..3i64, 0..3i64)].prop_map(|pads| Padding::Explicit(pads.to_vec())),
    ];
    (
        [0..3i64, 1..12i64, 1..12i64, 1..4i64],
        [1..5i64, 1..5i64],
        1..5i64,
        [1..6i64, 1..6i64],
        [1..3i64, 1..3i64],
        padding,
        any::<bool>(),
    )
        .prop_map(
            |(input, kernel, out_channels, strides, dilations, padding, channels_first)| Case {
                input,
                kernel,
                out_channels,
                strides,
                dilations,
                padding,
                channels_first,
            },
        )
}

/// Numbers without a pattern in [-1, 1).
fn noise(shape: &[i64], seed: u32) -> Tensor {
    let sizes: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let count = sizes.iter().product::<usize>();
    Tensor::new(&sizes, (0..count).map(|_| next()).collect()).unwrap()
}

/// A convolution, its transpose back to the input's shape, and the gradients of both, in a session of so
/// many threads; sizes known while building or not.
fn run(case: &Case, known: bool, threads: usize) -> Result<Vec<Tensor>> {
    let format = if case.channels_first {
        DataFormat::ChannelsFirst
    } else {
        DataFormat::ChannelsLast
    };
    let [n, h, w, c] = case.input;
    let input = format.arrange(n, c, &[h, w]);
    let filter = [case.kernel[0], case.kernel[1], c, case.out_channels];
    let shape = |sizes: &[i64]| match known {
        true => Shape::from(sizes),
        false => Shape::from(vec![None; 4]),
    };
    let g = Graph::new();
    let x = g.placeholder::<f32>(shape(&input))?;
    let k = g.placeholder::<f32>(shape(&filter))?;
    let set = |builder: nn::ConvBuilder| {
        let builder = builder.strides(case.strides).dilations(case.dilations);
        builder
            .padding(case.padding.clone())
            .data_format(format)
            .build()
    };
    let y = set(nn::conv2d(&x, &k))?;
    let z = set(nn::conv2d_transpose(&y, &k, x.shape()?))?;
    let gradients = gradients(&[&z], &[&x, &k])?;
    let mut fetches = vec![y.clone(), z.clone()];
    fetches.extend(gradients.into_iter().flatten());
    assert_eq!(fetches.len(), 4);
    let session = Session::with_threads(&g, threads)?;
    let values = session.run_with(
        &fetches,
        feed![x => noise(&input, 1), k => noise(&filter, 2)],
    )?;
    if known {
        for (fetch, value) in fetches.iter().zip(&values) {
            assert_eq!(
                fetch.static_shape(),
                &Shape::from(value.shape()),
                "inferred and made"
            );
        }
    }
    Ok(values)
}

proptest! {
    #![proptest_config(Config { cases: 200, ..Config::default() })]

    #[test]
    fn unknown_sizes_and_any_threads_give_the_same_bits(case in cases()) {
        match run(&case, true, 1) {
            Ok(known) => {
                for (known_sizes, threads) in [(false, 1), (true, 2), (false, 3)] {
                    assert_eq!(run(&case, known_sizes, threads).unwrap(), known);
                }
            }
            // Refused while building: a window that does not fit. Running is more lenient.
            Err(error) => {
                assert!(error.message().starts_with("Negative dimension size"), "{error}");
                assert_ne!(case.padding, Same);
            }
        }
    }

    #[test]
    fn the_legal_sizes_are_those_that_build(
        value in 1..6i64, kernel in 1..6i64, stride in 1..6i64, dilation in 1..3i64, size in 1..40i64, same in any::<bool>()
    ) {
        let padding = if same { Same } else { Valid };
        let g = Graph::new();
        let v = g.placeholder::<f32>([1, value, 1, 1]).unwrap();
        let k = g.placeholder::<f32>([kernel, 1, 1, 1]).unwrap();
        let y = nn::conv2d_transpose(&v, &k, [1, size, 1, 1]);
        let y = y.strides([stride, 1]).dilations([dilation, 1]).padding(padding).build();
        // The definition of what is legal, from the forward convolution.
        let x = g.placeholder::<f32>([1, size, 1, 1]).unwrap();
        let forward = nn::conv2d(&x, &k).strides([stride, 1]).dilations([dilation, 1]);
        let forward = forward.padding(if same { Same } else { Valid }).build();
        let legal = forward.is_ok_and(|f| f.static_shape().known() == Some(vec![1, value, 1, 1]));
        assert_eq!(y.is_ok(), legal);
    }
}

use super::*;
use crate::layout::axes::tests::Random;
use tconv_shape::{AxisPadding, Window};

fn axis(input: usize, kernel: i64, stride: i64, padding: AxisPadding) -> ConvAxis {
    ConvAxis::new(
        &Window::new(kernel, stride, 1, padding).unwrap(),
        input as i64,
    )
    .unwrap()
}

fn random_pool(random: &mut Random, format: DataFormat) -> Pool2 {
    let axes = [(); 2].map(|()| {
        loop {
            let (input, kernel) = (random.below(9), 1 + random.below(4));
            let padding = match random.below(3) {
                0 => AxisPadding::Same,
                1 => AxisPadding::Valid,
                _ => {
                    AxisPadding::Explicit(random.below(kernel) as i64, random.below(kernel) as i64)
                }
            };
            let window = Window::new(kernel as i64, 1 + random.below(4) as i64, 1, padding);
            if let Ok(axis) = ConvAxis::new(&window.unwrap(), input as i64) {
                break axis;
            }
        }
    });
    let channels = [0, 1, 2, 3, 8, 33, 40][random.below(7)];
    Pool2 {
        batch: random.below(3),
        channels,
        format,
        axes,
    }
}

/// Each window's elements as indices into the input and its index into the output, by definition.
fn every_window(pool: &Pool2, mut each: impl FnMut(&[usize], usize)) {
    let [height, width] = &pool.axes;
    let place = |n, c, i, j, height, width| match pool.format {
        DataFormat::ChannelsLast => ((n * height + i) * width + j) * pool.channels + c,
        DataFormat::ChannelsFirst => ((n * pool.channels + c) * height + i) * width + j,
    };
    let covered = |axis: &ConvAxis, index: usize| -> Vec<usize> {
        (0..axis.kernel)
            .filter_map(|k| (index * axis.stride + k).checked_sub(axis.pad_before))
            .filter(|&place| place < axis.input)
            .collect()
    };
    for n in 0..pool.batch {
        for i in 0..height.output {
            for j in 0..width.output {
                for c in 0..pool.channels {
                    let mut elements = Vec::new();
                    for &row in &covered(height, i) {
                        for &column in &covered(width, j) {
                            let (height, width) = (height.input, width.input);
                            elements.push(place(n, c, row, column, height, width));
                        }
                    }
                    each(&elements, place(n, c, i, j, height.output, width.output));
                }
            }
        }
    }
}

fn sizes(pool: &Pool2) -> (usize, usize) {
    let [height, width] = &pool.axes;
    let images = pool.batch * pool.channels;
    (
        images * height.input * width.input,
        images * height.output * width.output,
    )
}

#[test]
fn pools_are_the_definition() {
    let mut random = Random(7);
    for case in 0..3000 {
        let format = [DataFormat::ChannelsLast, DataFormat::ChannelsFirst][case % 2];
        let pool = random_pool(&mut random, format);
        let (x_len, y_len) = sizes(&pool);
        let x = random.values(x_len);
        let dy = random.values(y_len);
        let (mut max, mut mean) = (vec![f32::NAN; y_len], vec![f32::NAN; y_len]);
        let (mut max_dx, mut mean_dx) = (vec![0.0; x_len], vec![0.0; x_len]);
        every_window(&pool, |elements, at| {
            let greatest = elements.iter().map(|&i| x[i]).fold(f32::MIN, f32::max);
            let first = elements.iter().find(|&&i| x[i] == greatest);
            if let Some(&first) = first {
                max_dx[first] += dy[at];
            }
            max[at] = greatest;
            mean[at] = elements.iter().map(|&i| x[i]).sum::<f32>() / elements.len() as f32;
            for &i in elements {
                mean_dx[i] += dy[at] * (1.0 / elements.len() as f32);
            }
        });
        // Images side by side come in another order in `NCHW` but never meet, so sums are the same.
        let mut y = vec![f32::NAN; y_len];
        max_pool(&Threads::ONE, &pool, &x, &mut y).unwrap();
        assert_eq!(y, max, "{pool:?}");
        avg_pool(&Threads::ONE, &pool, &x, &mut y).unwrap();
        // Where all of a window is padding there is no mean.
        let same = |(&got, &mean): (&f32, &f32)| got == mean || got.is_nan() && mean.is_nan();
        assert!(std::iter::zip(&y, &mean).all(same), "{pool:?}");
        let mut dx = vec![f32::NAN; x_len];
        max_pool_grad(&Threads::ONE, &pool, &x, &dy, &mut dx).unwrap();
        assert_eq!(dx, max_dx, "{pool:?}");
        avg_pool_grad(&Threads::ONE, &pool, &dy, &mut dx).unwrap();
        assert_eq!(dx, mean_dx, "{pool:?}");
    }
}

fn row(kernel: i64, padding: AxisPadding) -> Pool2 {
    Pool2 {
        batch: 1,
        channels: 1,
        format: DataFormat::ChannelsLast,
        axes: [
            axis(1, 1, 1, AxisPadding::Valid),
            axis(3, kernel, 1, padding),
        ],
    }
}

/// Recorded from TensorFlow 2.21 (`MaxPool`, `MaxPoolGrad`): one window of three with the gradient 5,
/// and three windows of two, `SAME`, with the gradients 1, 10, 100.
#[test]
fn ties_and_nan_are_tensorflows() {
    const NAN: f32 = f32::NAN;
    const LOW: f32 = f32::MIN;
    const INF: f32 = f32::INFINITY;
    let cases = [
        (
            [NAN, 1., 2.],
            2.,
            [5., 0., 0.],
            [1., 2., 2.],
            [1., 0., 110.],
        ),
        (
            [1., NAN, 2.],
            2.,
            [0., 0., 5.],
            [1., 2., 2.],
            [1., 10., 100.],
        ),
        (
            [2., 1., NAN],
            2.,
            [5., 0., 0.],
            [2., 1., LOW],
            [1., 10., 100.],
        ),
        ([NAN; 3], LOW, [5., 0., 0.], [LOW; 3], [1., 10., 100.]),
        ([-INF; 3], LOW, [5., 0., 0.], [LOW; 3], [1., 10., 100.]),
        (
            [0., -0., 0.],
            0.,
            [5., 0., 0.],
            [0., -0., 0.],
            [1., 10., 100.],
        ),
    ];
    for (x, max, max_dx, same, same_dx) in cases {
        for channels in [1, 40] {
            let each = |values: &[f32]| -> Vec<f32> {
                let repeated = values.iter().map(|&x| vec![x; channels]);
                repeated.flatten().collect()
            };
            let (one, three) = (row(3, AxisPadding::Valid), row(2, AxisPadding::Same));
            for (pool, y, dy, dx) in [
                (one, &[max][..], &[5.][..], max_dx),
                (three, &same, &[1., 10., 100.], same_dx),
            ] {
                let pool = Pool2 { channels, ..pool };
                let mut out = each(&vec![0.0; y.len()]);
                max_pool(&Threads::ONE, &pool, &each(&x), &mut out).unwrap();
                assert_eq!(out, each(y));
                let mut out = each(&[0.0; 3]);
                max_pool_grad(&Threads::ONE, &pool, &each(&x), &each(dy), &mut out).unwrap();
                assert_eq!(out, each(&dx));
            }
        }
    }
}

/// Recorded from TensorFlow 2.21 (`MaxPoolGrad`): nine equal elements, windows that overlap.
#[test]
fn ties_on_two_axes_are_tensorflows() {
    let dy = [1., 10., 100., 1000.];
    for (kernel, stride, padding) in [(2, 1, AxisPadding::Valid), (3, 2, AxisPadding::Same)] {
        let pool = Pool2 {
            batch: 1,
            channels: 1,
            format: DataFormat::ChannelsFirst,
            axes: [axis(3, kernel, stride, padding); 2],
        };
        let mut dx = [0.0f32; 9];
        max_pool_grad(&Threads::ONE, &pool, &[1.0; 9], &dy, &mut dx).unwrap();
        assert_eq!(dx, [1., 10., 0., 100., 1000., 0., 0., 0., 0.]);
    }
}

/// Recorded from TensorFlow 2.21 for `[1, 2, 3, 1]`, a kernel of 2x2, stride 1, `SAME`.
#[test]
fn means_are_tensorflows() {
    let pool = Pool2 {
        batch: 1,
        channels: 1,
        format: DataFormat::ChannelsLast,
        axes: [2, 3].map(|input| axis(input, 2, 1, AxisPadding::Same)),
    };
    let mut y = [0.0f32; 6];
    avg_pool(&Threads::ONE, &pool, &[1., 2., 3., 4., 5., 6.], &mut y).unwrap();
    assert_eq!(y, [3.0, 4.0, 4.5, 4.5, 5.5, 6.0]);
    let dy = [1., 10., 100., 1000., 10_000., 100_000.];
    avg_pool_grad(&Threads::ONE, &pool, &dy, &mut y).unwrap();
    assert_eq!(y, [0.25, 2.75, 52.5, 500.25, 5502.75, 105_052.5]);
    let mut y = [0.0f32];
    let three = row(3, AxisPadding::Valid);
    avg_pool(&Threads::ONE, &three, &[0.1, 0.2, 0.3], &mut y).unwrap();
    assert_eq!(y.map(f32::to_bits), [0x3e4c_cccd]);
}

#[test]
fn every_number_of_threads_gives_the_same() {
    for format in [DataFormat::ChannelsLast, DataFormat::ChannelsFirst] {
        let pool = Pool2 {
            batch: 3,
            channels: 5,
            format,
            axes: [
                axis(61, 3, 2, AxisPadding::Same),
                axis(97, 3, 1, AxisPadding::Same),
            ],
        };
        let (x_len, y_len) = sizes(&pool);
        let x: Vec<_> = (0..x_len).map(|i| (i as f32 * 0.7).sin()).collect();
        let dy: Vec<_> = (0..y_len).map(|i| (i as f32 * 0.3).cos()).collect();
        let [one, two, three] = [1, 2, 3].map(|count| {
            let threads = Threads::new(count).unwrap();
            let mut y = vec![vec![0.0; y_len]; 2];
            let mut dx = vec![vec![0.0; x_len]; 2];
            max_pool(&threads, &pool, &x, &mut y[0]).unwrap();
            avg_pool(&threads, &pool, &x, &mut y[1]).unwrap();
            max_pool_grad(&threads, &pool, &x, &dy, &mut dx[0]).unwrap();
            avg_pool_grad(&threads, &pool, &dy, &mut dx[1]).unwrap();
            [y.concat(), dx.concat()].concat()
        });
        assert_eq!(one, two);
        assert_eq!(one, three);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let good = row(2, AxisPadding::Same);
    let (x, mut y) = ([1i32, 2, 3], [0; 3]);
    assert!(max_pool(&Threads::ONE, &good, &x, &mut y).is_ok());
    assert_eq!(y, [2, 3, 3]);
    assert!(max_pool(&Threads::ONE, &good, &x[1..], &mut y).is_err());
    assert!(max_pool(&Threads::ONE, &good, &x, &mut y[1..]).is_err());
    assert!(max_pool_grad(&Threads::ONE, &good, &x, &x, &mut y[1..]).is_err());
    let break_axis: [fn(&mut ConvAxis); 5] = [
        |axis| axis.stride = 0,
        |axis| axis.kernel = 0,
        |axis| axis.dilation = 2,
        |axis| axis.kernel = usize::MAX,
        |axis| axis.stride = usize::MAX,
    ];
    for break_axis in break_axis {
        let mut bad = good.clone();
        break_axis(&mut bad.axes[1]);
        assert!(max_pool(&Threads::ONE, &bad, &x, &mut y).is_err());
    }
    // Sizes that only the absence of images keeps from being too many.
    let mut none = good.clone();
    none.batch = 0;
    none.axes.iter_mut().for_each(|axis| axis.input = 1 << 62);
    assert!(max_pool_grad::<i32>(&Threads::ONE, &none, &[], &[], &mut []).is_ok());
    assert!(avg_pool_grad::<f32>(&Threads::ONE, &none, &[], &mut []).is_ok());
    // An axis that no window made: what is not covered is not read.
    let mut bad = good;
    bad.axes[1].input = 0;
    assert!(max_pool(&Threads::ONE, &bad, &[], &mut y).is_ok());
    assert_eq!(y, [i32::MIN; 3]);
}

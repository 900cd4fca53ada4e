//! Pooling over two spatial axes: `MaxPool`, `AvgPool` and their gradients.
//!
//! What TensorFlow's CPU kernels do where it is a matter of choice is done here too: a maximum starts from
//! the lowest finite value and passes over NaN, its gradient goes to the first of equal elements in row
//! order, and a mean leaves the padding out.
//! Source: `core/kernels/maxpooling_op.cc`, `core/kernels/avgpooling_op.cc`.

use std::ops::{Div, Mul, Range};

use tconv_shape::{ConvAxis, DataFormat};

use crate::layout::axes::{PIECE, elements};
use crate::reduce::Number;
use crate::{KernelError, Threads, check_len};

/// Channels whose maxima are sought side by side.
const LANES: usize = 32;

/// A pooling of two spatial axes, all sizes known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool2 {
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// The layout of input and output.
    pub format: DataFormat,
    /// Height and width.
    pub axes: [ConvAxis; 2],
}

/// A number that has a mean: `f32`, `f64`.
pub trait Real: Number + Mul<Output = Self> + Div<Output = Self> {
    /// One.
    const ONE: Self;

    /// The nearest number to a count.
    fn from_count(count: usize) -> Self;
}

impl Real for f32 {
    const ONE: f32 = 1.0;

    fn from_count(count: usize) -> f32 {
        count as f32
    }
}

impl Real for f64 {
    const ONE: f64 = 1.0;

    fn from_count(count: usize) -> f64 {
        count as f64
    }
}

/// `MaxPool`: `y[n, i, j, c]` is the greatest element of window `i, j`; the lowest finite value where all
/// of it is padding.
///
/// # Errors
/// `Length` when a slice is not of its sizes; `Sizes` when an axis is no window or the sizes are too large.
pub fn max_pool<T: Number>(
    threads: &Threads,
    pool: &Pool2,
    x: &[T],
    y: &mut [T],
) -> Result<(), KernelError> {
    let planes = Planes::new(pool, x.len(), y.len())?;
    let max = |y, x| if y < x { x } else { y };
    planes.forward(threads, x, y, T::LOWEST, max, |y, _| y);
    Ok(())
}

/// `AvgPool`: `y[n, i, j, c]` is the mean of those elements of window `i, j` that are no padding; NaN
/// where there are none.
///
/// # Errors
/// As [`max_pool`].
pub fn avg_pool<T: Real>(
    threads: &Threads,
    pool: &Pool2,
    x: &[T],
    y: &mut [T],
) -> Result<(), KernelError> {
    let planes = Planes::new(pool, x.len(), y.len())?;
    let mean = |sum, count| sum / T::from_count(count);
    planes.forward(threads, x, y, T::ZERO, T::plus, mean);
    Ok(())
}

/// `MaxPoolGrad`: the gradient `dx` of [`max_pool`]'s input `x` from that of its output, `dy`. A window's
/// gradient goes to its first element; to a later one that is greater than all before it.
///
/// # Errors
/// As [`max_pool`].
pub fn max_pool_grad<T: Number>(
    threads: &Threads,
    pool: &Pool2,
    x: &[T],
    dy: &[T],
    dx: &mut [T],
) -> Result<(), KernelError> {
    let planes = Planes::new(pool, x.len(), dy.len())?;
    check_len("dx", x.len(), dx.len())?;
    let ([height, width], depth) = (planes.axes, planes.depth);
    dx.fill(T::ZERO);
    if dy.is_empty() {
        return Ok(());
    }
    let size = height.input * width.input;
    if u32::try_from(size).is_err() {
        let text = format!("images of {size} elements are too large for max_pool_grad");
        return Err(KernelError::Sizes(text));
    }
    threads.for_each_piece(dx, size * depth, |plane, dx| {
        let x = &x[plane * size * depth..][..size * depth];
        let dy_size = height.output * width.output * depth;
        let dy = &dy[plane * dy_size..][..dy_size];
        match depth {
            1 => max_pool_grad_plane::<T, 1>(&planes, x, dy, dx),
            _ => max_pool_grad_plane::<T, LANES>(&planes, x, dy, dx),
        }
    });
    Ok(())
}

/// [`max_pool_grad`] of one plane, `LANES` channels at a time.
fn max_pool_grad_plane<T: Number, const LANES: usize>(
    planes: &Planes,
    x: &[T],
    dy: &[T],
    dx: &mut [T],
) {
    let ([height, width], depth) = (planes.axes, planes.depth);
    for (window, dy) in dy.chunks_exact(depth).enumerate() {
        let rows = inside(height, window / width.output);
        let columns = inside(width, window % width.output);
        if rows.is_empty() || columns.is_empty() {
            continue;
        }
        let first = rows.start * width.input + columns.start;
        for (block, dy) in dy.chunks(LANES).enumerate() {
            let channel = block * LANES;
            let at = |place: usize| &x[place * depth + channel..][..dy.len()];
            let (mut best, mut places) = ([T::ZERO; LANES], [first as u32; LANES]);
            best[..dy.len()].copy_from_slice(at(first));
            for row in rows.clone() {
                for column in columns.clone() {
                    let place = row * width.input + column;
                    for ((best, found), &x) in best.iter_mut().zip(&mut places).zip(at(place)) {
                        let greater = *best < x;
                        *found = if greater { place as u32 } else { *found };
                        *best = if greater { x } else { *best };
                    }
                }
            }
            for (lane, (&dy, place)) in dy.iter().zip(places).enumerate() {
                let dx = &mut dx[place as usize * depth + channel + lane];
                *dx = dx.plus(dy);
            }
        }
    }
}

/// `AvgPoolGrad`: the gradient `dx` of [`avg_pool`]'s input from that of its output, `dy`.
///
/// # Errors
/// As [`max_pool`].
pub fn avg_pool_grad<T: Real>(
    threads: &Threads,
    pool: &Pool2,
    dy: &[T],
    dx: &mut [T],
) -> Result<(), KernelError> {
    let planes = Planes::new(pool, dx.len(), dy.len())?;
    let ([height, width], depth) = (planes.axes, planes.depth);
    dx.fill(T::ZERO);
    if dy.is_empty() {
        return Ok(());
    }
    planes.rows(threads, dx, height.input, width.input, |plane, row, dx| {
        let row = row + height.pad_before;
        let first = (row + 1)
            .saturating_sub(height.kernel)
            .div_ceil(height.stride);
        let last = (row / height.stride + 1).min(height.output);
        for i in first..last {
            let rows = inside(height, i).len();
            let dy = &dy[(plane * height.output + i) * width.output * depth..];
            for (j, dy) in dy.chunks_exact(depth).take(width.output).enumerate() {
                let columns = inside(width, j);
                let share = T::ONE / T::from_count(rows * columns.len());
                for dx in dx[columns.start * depth..columns.end * depth].chunks_exact_mut(depth) {
                    for (dx, &dy) in dx.iter_mut().zip(dy) {
                        *dx = dx.plus(dy * share);
                    }
                }
            }
        }
    });
    Ok(())
}

/// The elements of the input that window `index` covers.
fn inside(axis: &ConvAxis, index: usize) -> Range<usize> {
    let start = index * axis.stride;
    let place = |padded: usize| padded.saturating_sub(axis.pad_before).min(axis.input);
    place(start)..place(start + axis.kernel)
}

/// The windows whose element `k` is inside of the input.
fn windows(axis: &ConvAxis, k: usize) -> Range<usize> {
    let first = |place: usize| {
        place
            .saturating_sub(k)
            .div_ceil(axis.stride)
            .min(axis.output)
    };
    first(axis.pad_before)..first(axis.pad_before + axis.input)
}

/// Images whose channels are last: those of `NCHW` are images of one channel.
struct Planes<'a> {
    axes: [&'a ConvAxis; 2],
    depth: usize,
}

impl Planes<'_> {
    fn new(pool: &Pool2, x_len: usize, y_len: usize) -> Result<Planes<'_>, KernelError> {
        let [height, width] = &pool.axes;
        for axis in [height, width] {
            let reach = || {
                let last = axis
                    .output
                    .checked_mul(axis.stride)?
                    .checked_add(axis.kernel)?;
                let padded = axis.input.checked_add(axis.pad_before)?;
                last.checked_add(padded)
            };
            let small = reach().is_some_and(|reach| reach <= isize::MAX as usize);
            if !small || axis.stride == 0 || axis.kernel == 0 || axis.dilation != 1 {
                return Err(KernelError::Sizes(format!("{axis:?} is no pooling")));
            }
        }
        let (images, depth) = (pool.batch, pool.channels);
        let count = |height, width| elements(&[images, height, width, depth]);
        check_len("x", count(height.input, width.input)?, x_len)?;
        check_len("y", count(height.output, width.output)?, y_len)?;
        Ok(Planes {
            axes: [height, width],
            depth: match pool.format {
                DataFormat::ChannelsLast => depth,
                DataFormat::ChannelsFirst => 1,
            },
        })
    }

    /// Calls `task(plane, row, elements)` for each row of `out`, whose planes are `height * width`.
    fn rows<T: Send>(
        &self,
        threads: &Threads,
        out: &mut [T],
        height: usize,
        width: usize,
        task: impl Fn(usize, usize, &mut [T]) + Sync + Send,
    ) {
        if out.is_empty() {
            return;
        }
        let row = width * self.depth;
        let rows = (PIECE / row).max(1);
        threads.for_each_piece(out, rows * row, |piece, out| {
            for (i, out) in out.chunks_exact_mut(row).enumerate() {
                let row = piece * rows + i;
                task(row / height, row % height, out);
            }
        });
    }

    /// Joins the elements of each window with `f`, in row order from `start` on, and hands the result to
    /// `finish` with the number of elements.
    fn forward<T: Number>(
        &self,
        threads: &Threads,
        x: &[T],
        y: &mut [T],
        start: T,
        f: impl Fn(T, T) -> T + Sync + Send,
        finish: impl Fn(T, usize) -> T + Sync + Send,
    ) {
        let ([height, width], depth) = (self.axes, self.depth);
        self.rows(threads, y, height.output, width.output, |plane, i, y| {
            y.fill(start);
            let rows = inside(height, i);
            for row in rows.clone() {
                let x = &x[(plane * height.input + row) * width.input * depth..];
                for k in 0..width.kernel {
                    let columns = windows(width, k);
                    if columns.is_empty() {
                        continue;
                    }
                    let x = &x[(columns.start * width.stride + k - width.pad_before) * depth..];
                    let y = &mut y[columns.start * depth..columns.end * depth];
                    if width.stride == 1 {
                        for (y, &x) in y.iter_mut().zip(x) {
                            *y = f(*y, x);
                        }
                    } else if depth == 1 {
                        for (y, &x) in y.iter_mut().zip(x.iter().step_by(width.stride)) {
                            *y = f(*y, x);
                        }
                    } else {
                        let x = x.chunks(width.stride * depth);
                        for (y, x) in y.chunks_exact_mut(depth).zip(x) {
                            for (y, &x) in y.iter_mut().zip(x) {
                                *y = f(*y, x);
                            }
                        }
                    }
                }
            }
            for (j, y) in y.chunks_exact_mut(depth).enumerate() {
                let count = rows.len() * inside(width, j).len();
                y.iter_mut().for_each(|y| *y = finish(*y, count));
            }
        });
    }
}

#[cfg(test)]
mod tests {
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
                    _ => AxisPadding::Explicit(
                        random.below(kernel) as i64,
                        random.below(kernel) as i64,
                    ),
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
}

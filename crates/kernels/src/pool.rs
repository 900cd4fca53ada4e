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

/// The elements of the window that some window has inside of the input.
fn reaching(axis: &ConvAxis) -> Range<usize> {
    let last = axis.output.saturating_sub(1) * axis.stride;
    axis.pad_before.saturating_sub(last)..axis.kernel.min(axis.pad_before + axis.input)
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
                for k in reaching(width) {
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
mod tests;

//! The filter's gradient: each of its elements is a lane's sum over the windows.

use tconv_shape::ConvAxis;

use super::SERIAL_WORK;
use crate::Threads;
use crate::conv::Call;
use crate::conv::direct::Shared;
use crate::conv::grid::{Strides, axes};
use crate::conv::phase::Phase;
use crate::simd::{Float, Vectors, Work};

/// The channels that a task takes, whole vectors of every instruction set.
const CHANNELS: usize = 16;
/// The most sums that a task has in registers, in vectors, and the most taps.
const MOST_SUMS: usize = 16;
const MOST_TAPS: usize = 4;

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    let (shape, out) = (call.shape, call.out);
    let gradient = Gradient {
        axes: axes(shape),
        batch: shape.batch,
        size: super::size(shape),
        input: Strides::new(shape, shape.in_channels, |axis| axis.input),
        output: Strides::new(shape, shape.out_channels, |axis| axis.output),
        a: call.a,
        b: call.b,
        out: Shared(out.as_mut_ptr(), out.len()),
    };
    let serial = call.b.len().saturating_mul(out.len() / shape.in_channels) < SERIAL_WORK;
    let threads = if serial { &Threads::ONE } else { call.threads };
    threads.for_each(gradient.tasks(), |task| {
        let gradient = &gradient;
        T::dispatch(call.set, Task { gradient, task });
    });
}

struct Gradient<'a, T> {
    axes: [ConvAxis; 3],
    batch: usize,
    /// The channels of a group.
    size: usize,
    input: Strides,
    output: Strides,
    a: &'a [T],
    b: &'a [T],
    out: Shared<T>,
}

impl<T> Gradient<'_, T> {
    /// The taps of the last axis that a task takes.
    fn taps(&self) -> usize {
        let kernel = self.axes[2].kernel;
        let most = (MOST_SUMS / self.size).min(MOST_TAPS);
        kernel.div_ceil(kernel.div_ceil(most))
    }

    fn parts(&self) -> usize {
        self.axes[2].kernel.div_ceil(self.taps())
    }

    fn tasks(&self) -> usize {
        let blocks = self.input.channels.div_ceil(CHANNELS);
        blocks * self.axes[0].kernel * self.axes[1].kernel * self.parts()
    }
}

/// The position that a window sees at a tap, if there is one.
fn position(axis: &ConvAxis, window: usize, tap: usize) -> Option<usize> {
    Phase::forward(axis).patch.position(window, tap)
}

/// A row of taps, or a part of it, for some channels.
struct Task<'a, T> {
    gradient: &'a Gradient<'a, T>,
    task: usize,
}

impl<T: Float> Work<T> for Task<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        match self.gradient.size {
            1 => self.some::<S, 1>(simd),
            2 => self.some::<S, 2>(simd),
            4 => self.some::<S, 4>(simd),
            _ => self.some::<S, { super::MOST }>(simd),
        }
    }
}

impl<T: Float> Task<'_, T> {
    #[inline(always)]
    fn some<S: Vectors<T>, const SIZE: usize>(self, simd: S) {
        let gradient = self.gradient;
        let (parts, taps) = (gradient.parts(), gradient.taps());
        let [deep, tall, wide] = gradient.axes.map(|axis| axis.kernel);
        let (row, first) = (self.task / parts, self.task % parts * taps);
        let rows = deep * tall;
        let (block, row) = (row / rows, row % rows);
        let channels = gradient.input.channels;
        let end = channels.min((block + 1) * CHANNELS);
        for channel in (block * CHANNELS..end).step_by(S::LANES) {
            let part = Part {
                gradient,
                tap: [row / tall, row % tall, first],
                channel,
                count: S::LANES.min(channels - channel),
            };
            match taps.min(wide - first) {
                1 => part.sum::<S, SIZE, 1>(simd),
                2 => part.sum::<S, SIZE, 2>(simd),
                3 => part.sum::<S, SIZE, 3>(simd),
                _ => part.sum::<S, SIZE, MOST_TAPS>(simd),
            }
        }
    }
}

/// What a task does for one vector of channels.
struct Part<'a, T> {
    gradient: &'a Gradient<'a, T>,
    tap: [usize; 3],
    channel: usize,
    /// How many channels there are, at most a vector's.
    count: usize,
}

impl<T: Float> Part<'_, T> {
    #[inline(always)]
    fn sum<S: Vectors<T>, const SIZE: usize, const TAPS: usize>(&self, simd: S) {
        let gradient = self.gradient;
        let (input, output) = (&gradient.input, &gradient.output);
        let [deep, tall, wide] = &gradient.axes;
        let lanes = super::lanes::<T, S, SIZE>(simd);
        let zero = simd.splat(T::default());
        // The windows all of whose taps see the tensor.
        let sees = |window: usize, tap: usize| position(wide, window, self.tap[2] + tap);
        let whole = |window: &usize| sees(*window, 0).and(sees(*window, TAPS - 1)).is_some();
        let low = (0..wide.output).find(whole).unwrap_or(wide.output);
        let high = (low..wide.output).rfind(whole).map_or(low, |last| last + 1);
        let steps = [wide.stride * input.channels, wide.dilation * input.channels];
        let mut totals = [[zero; SIZE]; TAPS];
        for row in 0..gradient.batch * deep.output * tall.output {
            let (rest, y) = (row / tall.output, row % tall.output);
            let (batch, z) = (rest / deep.output, rest % deep.output);
            let source = position(deep, z, self.tap[0]).zip(position(tall, y, self.tap[1]));
            let source = source.map(|(z, y)| input.place(batch, [z, y, 0], self.channel));
            let from = output.place(batch, [z, y, 0], self.channel);
            let from = &gradient.b[from..][..(wide.output - 1) * output.channels + self.count];
            // A row at a time, so that long sums are exact.
            let mut sums = [[zero; SIZE]; TAPS];
            let (low, high) = source.map_or((0, 0), |_| (low, high));
            for window in (0..low).chain(high..wide.output) {
                // SAFETY: a window's channels from this one on.
                let y = unsafe { self.load(simd, from.as_ptr().add(window * output.channels)) };
                for (tap, sums) in sums.iter_mut().enumerate() {
                    match source.zip(sees(window, tap)) {
                        Some((source, at)) => {
                            let x = &gradient.a[source + at * input.channels..][..self.count];
                            // SAFETY: a pixel's channels from this one on.
                            unsafe { self.add(simd, &lanes, x.as_ptr(), y, sums) };
                        }
                        // The padding's zeros show what is not finite.
                        None => {
                            for sum in sums {
                                *sum = simd.mul_add(zero, y, *sum);
                            }
                        }
                    }
                }
            }
            if let Some((source, at)) = source.zip(sees(low, 0)).filter(|_| low < high) {
                let len = (high - low - 1) * steps[0] + (TAPS - 1) * steps[1] + self.count;
                let x = &gradient.a[source + at * input.channels..][..len];
                for window in low..high {
                    // SAFETY: as above: the last window's last tap is inside.
                    unsafe {
                        let x = x.as_ptr().add((window - low) * steps[0]);
                        let y = self.load(simd, from.as_ptr().add(window * output.channels));
                        for (tap, sums) in sums.iter_mut().enumerate() {
                            self.add(simd, &lanes, x.add(tap * steps[1]), y, sums);
                        }
                    }
                }
            }
            for (totals, sums) in totals.iter_mut().zip(&sums) {
                for (total, &sum) in totals.iter_mut().zip(sums) {
                    *total = simd.add(*total, sum);
                }
            }
        }
        let row = (self.tap[0] * tall.kernel + self.tap[1]) * wide.kernel + self.tap[2];
        let to = row * SIZE * input.channels + self.channel;
        assert!(to + (TAPS * SIZE - 1) * input.channels + self.count <= gradient.out.1);
        for (i, &total) in totals.iter().flatten().enumerate() {
            let mut all = [T::default(); 16];
            // SAFETY: no vector has more elements; what is written is inside, as was checked, and no other task has
            // these taps and channels.
            unsafe {
                simd.store(all.as_mut_ptr(), total);
                let to = gradient.out.0.add(to + i * input.channels);
                to.copy_from_nonoverlapping(all.as_ptr(), self.count);
            }
        }
    }

    /// # Safety
    /// So many channels are there.
    #[inline(always)]
    unsafe fn load<S: Vectors<T>>(&self, simd: S, from: *const T) -> S::Vector {
        // SAFETY: the caller's.
        unsafe {
            if self.count == S::LANES {
                simd.load(from)
            } else {
                simd.load_some(from, self.count)
            }
        }
    }

    /// Adds the products of a pixel's group with the lanes of `y`.
    ///
    /// # Safety
    /// So many channels are there.
    #[inline(always)]
    unsafe fn add<S: Vectors<T>, const SIZE: usize>(
        &self,
        simd: S,
        lanes: &[S::Lanes; SIZE],
        x: *const T,
        y: S::Vector,
        sums: &mut [S::Vector; SIZE],
    ) {
        // SAFETY: the caller's; a group that is wider than a vector begins before it.
        unsafe {
            if SIZE > S::LANES {
                let group = x.sub(self.channel % SIZE);
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.mul_add(simd.splat(*group.add(i)), y, *sum);
                }
            } else {
                let x = self.load(simd, x);
                for (&lanes, sum) in lanes.iter().zip(sums) {
                    let x = if SIZE == 1 { x } else { simd.pick(x, lanes) };
                    *sum = simd.mul_add(x, y, *sum);
                }
            }
        }
    }
}

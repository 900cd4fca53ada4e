//! A channel in each lane, for groups of one or a few channels, as many as they make, where the channels come last.
//!
//! A lane's sum takes each channel of its group in turn: of the source's vector it is brought to all lanes of its group.

mod gradient;

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use super::grid::{Strides, Walk, axes};
use super::phase::{Part, Phase};
use super::{Call, Pack, Pass, implicit};
use crate::Threads;
use crate::simd::{Float, Vectors, Work};
use crate::stage::{self, Finish};

/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: usize = 1 << 17;

/// The most channels of a group.
const MOST: usize = 8;

pub(super) fn supports(_: Pass, shape: &ConvShape) -> bool {
    shape.format == DataFormat::ChannelsLast
        && shape.in_channels == shape.out_channels
        && size(shape).is_power_of_two()
        && size(shape) <= MOST
}

/// The channels of a group.
fn size(shape: &ConvShape) -> usize {
    shape.in_channels / shape.groups
}

pub(super) fn pays<T>(_: Pass, shape: &ConvShape) -> bool {
    shape.in_channels >= 64 / size_of::<T>()
}

/// The elements of the filter where it has to be turned.
pub(super) fn packed_len(pass: Pass, shape: &ConvShape) -> usize {
    match pass {
        Pass::BackpropInput if size(shape) > 1 => shape.filter_dims().iter().product(),
        _ => 0,
    }
}

/// Turns the matrix of each tap and group, so that the result's channels are side by side.
pub(super) fn pack<T: Float>(pack: Pack<'_, T>) {
    let (channels, size) = (pack.shape.in_channels, size(pack.shape));
    let filter = pack.filter;
    pack.threads
        .for_each_piece(pack.out, size * channels, |tap, out| {
            let tap = &filter[tap * size * channels..][..size * channels];
            for (channel, out) in out.chunks_exact_mut(channels).enumerate() {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = tap[i % size * channels + i / size * size + channel];
                }
            }
        });
}

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    match pass {
        Pass::Forward => implicit::scratch::<T>(pass, shape, threads),
        Pass::BackpropInput => packed_len(pass, shape),
        Pass::BackpropFilter => 0,
    }
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    if call.pass == Pass::Forward && !implicit::finite(call.b) {
        // The padding's zeros, which are left out here, make NaN.
        return implicit::compute(call);
    }
    if call.pass == Pass::BackpropFilter {
        return gradient::compute(call);
    }
    let finish = call.finish();
    let Call {
        set,
        threads,
        pass,
        shape,
        a,
        b,
        packed,
        out,
        scratch,
        ..
    } = call;
    let size = size(shape);
    let filter = match (packed, packed_len(pass, shape)) {
        (Some(packed), _) => packed,
        (None, 0) => b,
        (None, _) => {
            pack(Pack {
                set,
                threads,
                pass,
                shape,
                filter: b,
                out: &mut *scratch,
            });
            &*scratch
        }
    };
    let [source, result] = match pass {
        Pass::Forward => [|axis: &ConvAxis| axis.input, |axis: &ConvAxis| axis.output],
        _ => [|axis: &ConvAxis| axis.output, |axis: &ConvAxis| axis.input],
    };
    let axes = axes(shape);
    let rows = Rows {
        axes,
        pass,
        sizes: axes.each_ref().map(result),
        source: Strides::new(shape, shape.in_channels, source),
        size,
        input: a,
        filter,
        finish,
    };
    let row = rows.sizes[2] * shape.in_channels;
    let taps: usize = axes.iter().map(|axis| axis.kernel).product();
    let serial = out.len().saturating_mul(taps * size) < SERIAL_WORK;
    let threads = if serial { &Threads::ONE } else { threads };
    threads.for_each_piece(out, row, |index, out| {
        let rows = &rows;
        T::dispatch(set, Row { rows, index, out });
    });
}

/// The result, row by row.
struct Rows<'a, T> {
    axes: [ConvAxis; 3],
    pass: Pass,
    /// The result's.
    sizes: [usize; 3],
    source: Strides,
    /// The channels of a group.
    size: usize,
    input: &'a [T],
    /// For each tap and channel of a group what all of the result's channels multiply it with.
    filter: &'a [T],
    finish: Finish<'a, T>,
}

impl<T> Rows<'_, T> {
    fn phases(&self, axis: usize) -> impl Iterator<Item = Phase> {
        let axis = &self.axes[axis];
        let count = match self.pass {
            Pass::Forward => 1,
            _ => Phase::count(axis),
        };
        (0..count).map(|index| match self.pass {
            Pass::Forward => Phase::forward(axis),
            _ => Phase::new(axis, index),
        })
    }

    /// The taps that lead to one position of an axis, if any do.
    fn part(&self, axis: usize, position: usize) -> Option<Part> {
        let mut phases = self.phases(axis);
        let reaches = |phase: &Phase| position % phase.step == phase.first;
        let phase = phases.find(reaches)?;
        Some(phase.part(position / phase.step))
    }

    fn leaves_gaps(&self) -> bool {
        self.pass != Pass::Forward && Phase::leaves_gaps(&self.axes[2])
    }
}

/// A row of the result to be computed.
struct Row<'a, T> {
    rows: &'a Rows<'a, T>,
    index: usize,
    out: &'a mut [T],
}

/// As many neighbouring positions as share what they read of the filter.
const PIXELS: usize = 8;

impl<T: Float> Work<T> for Row<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        match self.rows.size {
            1 => self.compute::<S, 1>(simd),
            2 => self.compute::<S, 2>(simd),
            4 => self.compute::<S, 4>(simd),
            _ => self.compute::<S, MOST>(simd),
        }
    }
}

impl<T: Float> Row<'_, T> {
    #[inline(always)]
    fn compute<S: Vectors<T>, const SIZE: usize>(self, simd: S) {
        let Row { rows, index, out } = self;
        let [deep, tall, _] = rows.sizes;
        let walk = Walk::new([1, deep, tall], index);
        let (z, y) = (rows.part(0, walk.at[1]), rows.part(1, walk.at[2]));
        let seen = z.zip(y);
        if seen.is_none() || rows.leaves_gaps() {
            // A row begins with the first channel.
            out.fill(T::default());
            stage::apply(rows.finish.stages(), 0, out);
        }
        let Some((z, y)) = seen else { return };
        let lanes = lanes::<T, S, SIZE>(simd);
        for phase in rows.phases(2) {
            let mut start = 0;
            while start < phase.patch.windows {
                let part = phase.part(start);
                start = part.end;
                let phases = [z.phase, y.phase, part.phase];
                let stretch = Stretch {
                    rows,
                    phases,
                    batch: walk.batch,
                };
                let count = part.phase.patch.windows;
                // The last ones overlap those before.
                for first in (0..count).step_by(PIXELS) {
                    if count >= PIXELS {
                        let first = first.min(count - PIXELS);
                        stretch.run::<S, PIXELS, SIZE>(simd, &lanes, first, out);
                    } else {
                        (first..count)
                            .for_each(|first| stretch.run::<S, 1, SIZE>(simd, &lanes, first, out));
                    }
                }
            }
        }
    }
}

/// Where the lanes of a vector that begins with a group find each channel of their group.
#[inline(always)]
fn lanes<T, S: Vectors<T>, const SIZE: usize>(simd: S) -> [S::Lanes; SIZE] {
    let mut lanes = [simd.lanes(&[0; 16]); SIZE];
    for (channel, lanes) in lanes.iter_mut().enumerate() {
        let mut from = [0; 16];
        for (lane, from) in from.iter_mut().enumerate() {
            *from = ((lane / SIZE * SIZE + channel) % S::LANES) as u32;
        }
        *lanes = simd.lanes(&from);
    }
    lanes
}

/// Neighbours in a phase of a row that have the same taps, all of which exist.
struct Stretch<'a, T> {
    rows: &'a Rows<'a, T>,
    phases: [Phase; 3],
    batch: usize,
}

impl<T: Float> Stretch<'_, T> {
    /// Computes so many neighbours from the one at `first` on.
    #[inline(always)]
    fn run<S: Vectors<T>, const COUNT: usize, const SIZE: usize>(
        &self,
        simd: S,
        lanes: &[S::Lanes; SIZE],
        first: usize,
        out: &mut [T],
    ) {
        let rows = self.rows;
        let channels = rows.source.channels;
        let x = self.phases[2];
        let steps = [x.patch.step * channels, x.step * channels];
        let place = (x.first + first * x.step) * channels;
        let mut channel = 0;
        while channel < channels {
            // The last vector overlaps the one before; fewer channels than a vector has are computed one by one.
            let count = if channels < S::LANES { 1 } else { S::LANES };
            let at = channel.min(channels - count);
            // Whether all lanes belong to one group.
            let shared = count == 1 || SIZE > S::LANES;
            let mut sums = [simd.splat(T::default()); COUNT];
            self.for_each_tap(first, |source, tap| {
                let source = &rows.input[source..][..(COUNT - 1) * steps[0] + channels];
                let filter = &rows.filter[tap * SIZE * channels..][..SIZE * channels];
                let source = source.as_ptr().wrapping_add(at);
                let group = source.wrapping_sub(at % SIZE);
                // SAFETY: both have so many elements; a splat reads one.
                unsafe {
                    let mut x = [simd.splat(T::default()); COUNT];
                    if !shared {
                        for (pixel, x) in x.iter_mut().enumerate() {
                            *x = simd.load(source.add(pixel * steps[0]));
                        }
                    }
                    for (i, &lanes) in lanes.iter().enumerate() {
                        let filter = filter.as_ptr().add(i * channels + at);
                        let scale = match count {
                            1 => simd.splat(*filter),
                            _ => simd.load(filter),
                        };
                        for (pixel, sum) in sums.iter_mut().enumerate() {
                            let x = if shared {
                                simd.splat(*group.add(pixel * steps[0] + i))
                            } else if SIZE == 1 {
                                x[pixel]
                            } else {
                                simd.pick(x[pixel], lanes)
                            };
                            *sum = simd.mul_add(x, scale, *sum);
                        }
                    }
                }
            });
            let out = &mut out[place + at..][..(COUNT - 1) * steps[1] + count];
            let bias = rows.finish.lanes(simd, at, count);
            let mut sums = [sums];
            rows.finish.columns(simd, &mut sums, [bias; COUNT]);
            for (i, &sum) in sums[0].iter().enumerate() {
                let out = &mut out[i * steps[1]..][..count];
                if count == S::LANES {
                    // SAFETY: there are as many elements.
                    unsafe { simd.store(out.as_mut_ptr(), sum) };
                } else {
                    let mut all = [T::default(); 16];
                    // SAFETY: no vector has more elements.
                    unsafe { simd.store(all.as_mut_ptr(), sum) };
                    out[0] = all[0];
                }
            }
            channel += count;
        }
    }

    /// Calls `term` with the place of the source's channels and the kernel's element of each tap.
    #[inline(always)]
    fn for_each_tap(&self, first: usize, mut term: impl FnMut(usize, usize)) {
        let [deep, tall, wide] = self.phases;
        let [_, kernel_tall, kernel_wide] = self.rows.axes.map(|axis| axis.kernel);
        let strides = &self.rows.source;
        let at = |phase: &Phase, tap: usize| {
            (phase.patch.base + (tap * phase.patch.tap_step) as isize) as usize
        };
        for z in 0..deep.patch.taps {
            for y in 0..tall.patch.taps {
                let tap = (deep.tap(z) * kernel_tall + tall.tap(y)) * kernel_wide;
                let row = strides.place(self.batch, [at(&deep, z), at(&tall, y), 0], 0);
                for x in 0..wide.patch.taps {
                    let from = wide.patch.base
                        + (first * wide.patch.step + x * wide.patch.tap_step) as isize;
                    term(row + from as usize * strides.axes[2], tap + wide.tap(x));
                }
            }
        }
    }
}

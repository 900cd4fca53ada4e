//! Convolutions as matrix products whose operands are gathered from the tensors block by block, and whose
//! results are stored where they belong: no patches and no zeros between a stride's steps are stored.
//!
//! With the channels last, a result's rows are pixels and its columns channels; with the channels first,
//! the other way round, so that what is written side by side is side by side in memory.

use std::ops::Range;

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use super::grid::{Pixels, Strides, axes};
use super::patches::{PatchAxis, Patches};
use super::phase::Phase;
use super::sides::{Places, Side, Taps};
use super::{Call, Pass};
use crate::Threads;
use crate::gemm::{self, Along, Dense, Dims, Linear, Product, Products};
use crate::simd::Float;
use crate::stage::{self, Finish};

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    gemm::scratch::<T, _>(&Convolution::new(pass, shape, &[], &[]), threads)
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    // With the channels last, this is not the algorithm to take.
    let finish = match call.shape.format {
        DataFormat::ChannelsFirst if call.pass != Pass::BackpropFilter => call.finish(),
        _ => Finish::NONE,
    };
    let Call {
        set,
        threads,
        pass,
        shape,
        a,
        b,
        out,
        scratch,
        ..
    } = call;
    let mut all = Convolution::new(pass, shape, a, b);
    if pass == Pass::BackpropInput {
        if shape.axes.iter().any(Phase::leaves_gaps) {
            clear(threads, &finish, out);
        }
        if !finite(b) {
            all.for_each_part_without_padding(|part| {
                // SAFETY: as below; the parts have no pixel in common.
                unsafe { gemm::run(set, threads, part, out, scratch, finish) }
            });
            return;
        }
    }
    // SAFETY: groups differ in the channel, phases in the pixel; within one, row and column are the pixel
    // and the channel, or the filter's row and column.
    unsafe { gemm::run(set, threads, &all, out, scratch, finish) };
}

pub(super) fn finite<T: Float>(x: &[T]) -> bool {
    // Without a branch in it, the inner loop is vectorised.
    let all = |x: &[T]| x.iter().fold(true, |all, x| all & x.to_f64().is_finite());
    x.chunks(1024).all(all)
}

/// Writes zeros, and does to them what is done to sums.
pub(super) fn clear<T: Float>(threads: &Threads, finish: &Finish<'_, T>, out: &mut [T]) {
    const PIECE: usize = 1 << 16;
    threads.for_each_piece(out, PIECE, |i, piece| {
        piece.fill(T::default());
        stage::apply(finish.stages(), i * PIECE, piece);
    });
}

/// One of a convolution's kernels as matrix products: one for each group, and for the input's gradient for
/// each stride phase of it.
struct Convolution<'a, T> {
    pass: Pass,
    shape: &'a ConvShape,
    axes: [ConvAxis; 3],
    input: Strides,
    output: Strides,
    a: &'a [T],
    b: &'a [T],
    /// A part of a phase, to be computed instead of all phases.
    part: Option<[Phase; 3]>,
}

impl<'a, T: Float> Convolution<'a, T> {
    fn new(pass: Pass, shape: &'a ConvShape, a: &'a [T], b: &'a [T]) -> Self {
        Convolution {
            pass,
            shape,
            axes: axes(shape),
            input: Strides::new(shape, shape.in_channels, |axis| axis.input),
            output: Strides::new(shape, shape.out_channels, |axis| axis.output),
            a,
            b,
            part: None,
        }
    }

    fn phases(&self) -> usize {
        match (self.pass, self.part) {
            (Pass::BackpropInput, None) => self.axes.iter().map(Phase::count).product(),
            _ => 1,
        }
    }

    /// The phase of product `index`.
    fn phase(&self, index: usize) -> [Phase; 3] {
        self.part.unwrap_or_else(|| {
            let mut rest = index / self.shape.groups;
            self.axes.each_ref().map(|axis| {
                let count = Phase::count(axis);
                let phase = Phase::new(axis, rest % count);
                rest /= count;
                phase
            })
        })
    }

    /// Calls `run` for parts of the phases that need no padding.
    ///
    /// Where the filter is not finite, padding the output's gradient with zeros would make NaN of windows
    /// that do not exist.
    fn for_each_part_without_padding(&mut self, mut run: impl FnMut(&Self)) {
        let phases = self.phases();
        for index in 0..phases {
            self.part = None;
            let whole = self.phase(index * self.shape.groups);
            let mut start = [0; 3];
            if whole.iter().any(|phase| phase.patch.windows == 0) {
                continue;
            }
            while start[0] < whole[0].patch.windows {
                let mut parts = whole;
                let mut ends = [0; 3];
                for i in 0..3 {
                    let part = whole[i].part(start[i]);
                    (parts[i], ends[i]) = (part.phase, part.end);
                }
                self.part = Some(parts);
                run(self);
                start[2] = ends[2];
                for i in [2, 1] {
                    if start[i] == whole[i].patch.windows {
                        start[i] = 0;
                        start[i - 1] = ends[i - 1];
                    }
                }
            }
        }
    }

    /// The group's channels among `channels`.
    fn group(&self, index: usize, channels: usize) -> Range<usize> {
        let size = channels / self.shape.groups;
        let group = index % self.shape.groups;
        group * size..(group + 1) * size
    }

    /// What the forward convolution's windows see of the input.
    fn windows(&self) -> [PatchAxis; 3] {
        self.axes.map(|axis| Phase::forward(&axis).patch)
    }

    /// Puts pixels and channels where the format wants them.
    fn arrange(
        &self,
        pixels: (Patches<'a, T>, Pixels),
        channels: (Side<'a, T>, Linear),
    ) -> Product<Side<'a, T>, Side<'a, T>, Places, Places> {
        let pixels = (Side::Patches(pixels.0), Places::Pixels(pixels.1));
        let channels = (channels.0, Places::Linear(channels.1));
        let (rows, columns) = if self.input.channels_last {
            (pixels, channels)
        } else {
            (channels, pixels)
        };
        Product {
            left: rows.0,
            right: columns.0,
            rows: rows.1,
            columns: columns.1,
        }
    }
}

impl<'a, T: Float> Products<T> for Convolution<'a, T> {
    type Left = Side<'a, T>;
    type Right = Side<'a, T>;
    type Rows = Places;
    type Columns = Places;

    fn count(&self) -> usize {
        self.phases() * self.shape.groups
    }

    fn dims(&self, index: usize) -> Dims {
        let ConvShape {
            batch,
            in_channels,
            out_channels,
            groups,
            ..
        } = *self.shape;
        let product = |sizes: [usize; 3]| sizes.iter().product::<usize>();
        let kernel = product(self.axes.map(|axis| axis.kernel));
        let outputs = batch * product(self.axes.map(|axis| axis.output));
        let (pixels, channels, depth) = match self.pass {
            Pass::Forward => (
                outputs,
                out_channels / groups,
                kernel * (in_channels / groups),
            ),
            Pass::BackpropInput => {
                let phase = self.phase(index);
                (
                    batch * product(phase.map(|phase| phase.patch.windows)),
                    in_channels / groups,
                    product(phase.map(|phase| phase.patch.taps)) * (out_channels / groups),
                )
            }
            Pass::BackpropFilter => {
                return Dims {
                    rows: kernel * (in_channels / groups),
                    columns: out_channels / groups,
                    depth: outputs,
                };
            }
        };
        let (rows, columns) = if self.input.channels_last {
            (pixels, channels)
        } else {
            (channels, pixels)
        };
        Dims {
            rows,
            columns,
            depth,
        }
    }

    fn product(&self, index: usize) -> Product<Side<'a, T>, Side<'a, T>, Places, Places> {
        let inputs = self.group(index, self.shape.in_channels);
        let outputs = self.group(index, self.shape.out_channels);
        let step = self.shape.out_channels;
        match self.pass {
            Pass::Forward => self.arrange(
                (
                    Patches {
                        data: self.a,
                        strides: self.input,
                        axes: self.windows(),
                        channels: inputs,
                        windows_are_lanes: true,
                    },
                    Pixels {
                        sizes: self.axes.map(|axis| axis.output),
                        origin: 0,
                        batch: self.output.batch,
                        axes: self.output.axes,
                    },
                ),
                (
                    Side::Dense(Dense {
                        data: self.b,
                        offset: outputs.start,
                        stride: step,
                        along: Along::Lanes,
                    }),
                    Linear {
                        origin: outputs.start * self.output.channel,
                        step: self.output.channel,
                    },
                ),
            ),
            Pass::BackpropInput => {
                let phase = self.phase(index);
                let first = phase.map(|phase| phase.first);
                self.arrange(
                    (
                        Patches {
                            data: self.a,
                            strides: self.output,
                            axes: phase.map(|phase| phase.patch),
                            channels: outputs.clone(),
                            windows_are_lanes: true,
                        },
                        Pixels {
                            sizes: phase.map(|phase| phase.patch.windows),
                            origin: self.input.place(0, first, 0),
                            batch: self.input.batch,
                            axes: std::array::from_fn(|i| self.input.axes[i] * phase[i].step),
                        },
                    ),
                    (
                        Side::Taps(Taps {
                            filter: self.b,
                            kernel: self.axes.map(|axis| axis.kernel),
                            phase,
                            depth: inputs.len(),
                            step,
                            channels: outputs,
                        }),
                        Linear {
                            origin: inputs.start * self.input.channel,
                            step: self.input.channel,
                        },
                    ),
                )
            }
            Pass::BackpropFilter => Product {
                left: Side::Patches(Patches {
                    data: self.a,
                    strides: self.input,
                    axes: self.windows(),
                    channels: inputs,
                    windows_are_lanes: false,
                }),
                // The output's gradient is its own patches of one tap.
                right: Side::Patches(Patches {
                    data: self.b,
                    strides: self.output,
                    axes: self.axes.map(|axis| PatchAxis {
                        windows: axis.output,
                        step: 1,
                        base: 0,
                        taps: 1,
                        tap_step: 1,
                        size: axis.output,
                    }),
                    channels: outputs.clone(),
                    windows_are_lanes: false,
                }),
                rows: Places::Linear(Linear {
                    origin: outputs.start,
                    step,
                }),
                columns: Places::Linear(Linear { origin: 0, step: 1 }),
            },
        }
    }

    fn may_slice(&self) -> bool {
        self.pass == Pass::BackpropFilter
    }
}

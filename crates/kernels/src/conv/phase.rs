use tconv_shape::ConvAxis;

use super::Pass;
use super::patches::PatchAxis;

/// One axis of the input's gradient, seen by stride phase: the positions that are equal modulo the stride
/// are reached by the same taps, and windows and taps both go by equal steps, so that a phase is a dense
/// convolution of the output's gradient.
///
/// Taps are taken from the last to the first, in which order the windows that they lead to ascend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Phase {
    /// The first position.
    pub(super) first: usize,
    /// From one position to the next: the convolution's stride.
    pub(super) step: usize,
    /// How the windows are gathered.
    pub(super) patch: PatchAxis,
    /// The kernel's element of the first tap taken, and how far it is to the next.
    pub(super) first_tap: usize,
    pub(super) tap_step: isize,
}

/// Taps this far apart reach the same positions modulo the stride.
pub(super) fn tap_period(axis: &ConvAxis) -> usize {
    let (mut a, mut b) = (axis.stride, axis.dilation);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    axis.stride / a
}

/// The part of a phase whose positions all have the same taps inside the tensor, with these taps alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) phase: Phase,
    /// How many of the phase's taps come before the part's.
    pub(super) skipped: usize,
    /// Where the next part starts.
    pub(super) end: usize,
}

impl Phase {
    /// The forward convolution of an axis, as a phase of its own: from the windows' positions to the output's.
    pub(super) fn forward(axis: &ConvAxis) -> Phase {
        Phase {
            first: 0,
            step: 1,
            patch: PatchAxis {
                windows: axis.output,
                step: axis.stride,
                base: -(axis.pad_before as isize),
                taps: axis.kernel,
                tap_step: axis.dilation,
                size: axis.input,
            },
            first_tap: 0,
            tap_step: 1,
        }
    }

    /// The kernel's element of tap `index`.
    pub(super) fn tap(&self, index: usize) -> usize {
        self.first_tap
            .wrapping_add_signed(index as isize * self.tap_step)
    }

    /// How many phases have taps.
    pub(super) fn count(axis: &ConvAxis) -> usize {
        axis.kernel.min(tap_period(axis))
    }

    /// Whether there are phases without taps, whose positions no window sees.
    pub(super) fn leaves_gaps(axis: &ConvAxis) -> bool {
        Phase::count(axis) < axis.stride
    }

    /// The phase that tap `index` is in, for `index` below [`Phase::count`].
    pub(super) fn new(axis: &ConvAxis, index: usize) -> Phase {
        let period = tap_period(axis);
        let (stride, pad) = (axis.stride as isize, axis.pad_before as isize);
        let first = ((index * axis.dilation) as isize - pad).rem_euclid(stride) as usize;
        let taps = (axis.kernel - index).div_ceil(period);
        let last_tap = index + (taps - 1) * period;
        let reach = (last_tap * axis.dilation) as isize;
        Phase {
            first,
            step: axis.stride,
            patch: PatchAxis {
                windows: axis.input.saturating_sub(first).div_ceil(axis.stride),
                step: 1,
                base: (first as isize + pad - reach) / stride,
                taps,
                tap_step: period * axis.dilation / axis.stride,
                size: axis.output,
            },
            first_tap: last_tap,
            tap_step: -(period as isize),
        }
    }

    /// The taps whose window exists for the phase's position `index`; neighbours, since windows ascend.
    pub(super) fn real_taps(&self, index: usize) -> (usize, usize) {
        let PatchAxis {
            step,
            base,
            taps,
            tap_step,
            size,
            ..
        } = self.patch;
        let before = |end: isize| {
            let end = end - base - (index * step) as isize;
            usize::try_from(end)
                .map_or(0, |n| n.div_ceil(tap_step))
                .min(taps)
        };
        (before(0), before(size as isize))
    }

    /// The part from position `start` on.
    pub(super) fn part(&self, start: usize) -> Part {
        let taps = self.real_taps(start);
        let patch = &self.patch;
        let end = if taps == (0, patch.taps) {
            // All taps are inside until the last one leaves.
            let reach = ((patch.taps - 1) * patch.tap_step) as isize;
            let last = (patch.size as isize - 1 - patch.base - reach) as usize / patch.step;
            patch.windows.min(last + 1)
        } else {
            let mut rest = start + 1..patch.windows;
            rest.find(|&i| self.real_taps(i) != taps)
                .unwrap_or(patch.windows)
        };
        let mut phase = *self;
        phase.first += start * self.step;
        phase.patch.windows = end - start;
        phase.patch.taps = taps.1 - taps.0;
        phase.patch.base += (start * self.patch.step + taps.0 * self.patch.tap_step) as isize;
        phase.first_tap = self.tap(taps.0.min(self.patch.taps - 1));
        Part {
            phase,
            skipped: taps.0,
            end,
        }
    }

    /// The phases of an axis: for the input's gradient by the stride, else one.
    pub(super) fn all(pass: Pass, axis: &ConvAxis) -> impl Iterator<Item = Phase> {
        let count = match pass {
            Pass::BackpropInput => Phase::count(axis),
            _ => 1,
        };
        (0..count).map(move |index| match pass {
            Pass::BackpropInput => Phase::new(axis, index),
            _ => Phase::forward(axis),
        })
    }

    /// Whether each position has a tap inside the tensor.
    pub(super) fn sees_all(&self) -> bool {
        let mut start = 0;
        while start < self.patch.windows {
            let part = self.part(start);
            if part.phase.patch.taps == 0 {
                return false;
            }
            start = part.end;
        }
        true
    }

    /// All of it as one part, taps in the padding included.
    pub(super) fn whole(&self) -> Part {
        Part {
            phase: *self,
            skipped: 0,
            end: self.patch.windows,
        }
    }

    /// The sum over its positions of the taps inside the tensor.
    pub(super) fn real_work(&self) -> usize {
        let mut start = 0;
        let mut work = 0usize;
        while start < self.patch.windows {
            let part = self.part(start);
            let patch = &part.phase.patch;
            work = patch
                .windows
                .saturating_mul(patch.taps)
                .saturating_add(work);
            start = part.end;
        }
        work
    }
}

use tconv_shape::ConvAxis;

use super::patches::PatchAxis;

/// One axis of the input's gradient, seen by stride phase: the positions that are equal modulo the stride
/// are reached by the same taps, and windows and taps both go by equal steps, so that a phase is a dense
/// convolution of the output's gradient.
///
/// Taps are taken from the last to the first, in which order the windows that they lead to ascend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    /// The first position.
    pub(super) first: usize,
    /// From one position to the next: the convolution's stride.
    pub(super) step: usize,
    /// How the windows are gathered.
    pub(super) patch: PatchAxis,
    /// The kernel's element of the first tap taken, and how far it is to the next, downwards.
    pub(super) last_tap: usize,
    pub(super) tap_period: usize,
}

/// Taps this far apart reach the same positions modulo the stride.
fn tap_period(axis: &ConvAxis) -> usize {
    let (mut a, mut b) = (axis.stride, axis.dilation);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    axis.stride / a
}

impl Phase {
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
            last_tap,
            tap_period: period,
        }
    }

    /// The taps whose window exists for the phase's position `index`; neighbours, since windows ascend.
    fn real_taps(&self, index: usize) -> (usize, usize) {
        let PatchAxis {
            base,
            taps,
            tap_step,
            size,
            ..
        } = self.patch;
        let before = |end: isize| {
            let end = end - base - index as isize;
            usize::try_from(end)
                .map_or(0, |n| n.div_ceil(tap_step))
                .min(taps)
        };
        (before(0), before(size as isize))
    }

    /// The part of the phase from position `start` on in which all positions have the same taps, with
    /// those taps alone, and where the next part starts.
    pub(super) fn without_padding(&self, start: usize) -> (Phase, usize) {
        let taps = self.real_taps(start);
        let rest = start + 1..self.patch.windows;
        let end = rest
            .into_iter()
            .find(|&i| self.real_taps(i) != taps)
            .unwrap_or(self.patch.windows);
        let mut part = *self;
        part.first += start * self.step;
        part.patch.windows = end - start;
        part.patch.taps = taps.1 - taps.0;
        part.patch.base += (start + taps.0 * self.patch.tap_step) as isize;
        part.last_tap -= taps.0.min(self.patch.taps - 1) * self.tap_period;
        (part, end)
    }
}

//! What the windows see, in runs of neighbours in memory.

use std::ops::Range;

use tconv_shape::ConvAxis;

use super::super::grid::{Strides, unravel};
use super::tile::Segment;
use crate::simd::Float;

/// The windows that see an element of the input at tap `tap`.
pub(super) fn seeing(axis: &ConvAxis, tap: usize) -> Range<usize> {
    let before = |end: usize| {
        let distance = end.saturating_sub(tap * axis.dilation);
        distance.div_ceil(axis.stride).min(axis.output)
    };
    before(axis.pad_before)..before(axis.pad_before + axis.input)
}

/// The windows that see no padding.
pub(super) fn always_seeing(axis: &ConvAxis) -> Range<usize> {
    // The first tap leaves the padding last, the last one reaches it first.
    let start = seeing(axis, 0).start;
    start..seeing(axis, axis.kernel - 1).end.max(start)
}

/// What window `window` sees at tap `tap`, if that is not in the padding.
pub(super) fn seen(axis: &ConvAxis, window: usize, tap: usize) -> Option<usize> {
    let padded = window * axis.stride + tap * axis.dilation;
    let at = padded.checked_sub(axis.pad_before)?;
    (at < axis.input).then_some(at)
}

/// How the filter's rows (its elements without the output channel) are cut into bands of rows whose elements
/// of the input are neighbours: those of a tap, or of all taps in a row of the kernel.
#[derive(Clone, Copy)]
pub(super) struct Bands {
    pub(super) axes: [ConvAxis; 3],
    pub(super) input: Strides,
    pub(super) output: Strides,
    /// Whether a band is a row of the kernel.
    pub(super) joined: bool,
}

impl Bands {
    /// Taps of the kernel in a band.
    fn taps(&self) -> usize {
        if self.joined { self.axes[2].kernel } else { 1 }
    }

    pub(super) fn count(&self) -> usize {
        self.axes.iter().map(|axis| axis.kernel).product::<usize>() / self.taps()
    }

    /// Rows of a band.
    pub(super) fn width(&self) -> usize {
        self.taps() * self.input.channels
    }

    /// The windows of a line that see no padding with the taps of a band that starts at tap `tap`.
    fn inside(&self, tap: usize) -> Range<usize> {
        let axis = &self.axes[2];
        if self.joined {
            always_seeing(axis)
        } else {
            seeing(axis, tap)
        }
    }

    /// The room for copies of what the windows of a line, or of `most` in it, see with padding.
    pub(super) fn border(&self, most: usize) -> usize {
        if !self.joined {
            return 0;
        }
        let windows = self.axes[2].output - self.inside(0).len();
        windows.min(most) * self.width()
    }

    /// From what a window sees to what the next one sees.
    pub(super) fn step(&self) -> usize {
        self.axes[2].stride * self.input.channels
    }

    /// Adds the segments of a band and of some windows of a line; copies go to the front of `border`, whose
    /// rest is returned.
    ///
    /// The windows' output is at `output`, with so many elements from one window to the next.
    pub(super) fn segments<'a, T: Float>(
        &self,
        band: usize,
        (line, windows): (usize, Range<usize>),
        input: &[T],
        (output, step): (*const T, usize),
        mut border: &'a mut [T],
        mut add: impl FnMut((usize, Segment<T>)),
    ) -> &'a mut [T] {
        let [tall, high, wide] = &self.axes;
        let per_row = wide.kernel / self.taps();
        let (tap, x) = (band / per_row, band % per_row);
        let [batch, z, y] = unravel(line, [usize::MAX, tall.output, high.output]);
        let (Some(z), Some(y)) = (
            seen(tall, z, tap / high.kernel),
            seen(high, y, tap % high.kernel),
        ) else {
            return border;
        };
        let row = self.input.place(batch, [z, y, 0], 0);
        let width = self.width();
        let inside = self.inside(x);
        let inside = inside.start.clamp(windows.start, windows.end)
            ..inside.end.clamp(windows.start, windows.end);
        let from = windows.start;
        let at = |window: usize| output.wrapping_add((window - from) * step);
        let copied = |windows: Range<usize>, border: &'a mut [T]| -> (Segment<T>, &'a mut [T]) {
            let (copies, rest) = border.split_at_mut(windows.len() * width);
            for (window, copy) in windows.clone().zip(copies.chunks_exact_mut(width)) {
                for (tap, copy) in copy.chunks_exact_mut(self.input.channels).enumerate() {
                    match seen(wide, window, tap) {
                        Some(at) => copy.copy_from_slice(
                            &input[row + at * self.input.channels..][..copy.len()],
                        ),
                        None => copy.fill(T::default()),
                    }
                }
            }
            let segment = Segment {
                left: copies.as_ptr(),
                ahead: [copies.as_ptr(); 2],
                left_step: width,
                right: at(windows.start),
                right_step: step,
                count: windows.len(),
            };
            (segment, rest)
        };
        if self.joined && windows.start < inside.start {
            let (segment, rest) = copied(windows.start..inside.start, border);
            border = rest;
            add((0, segment));
        }
        if !inside.is_empty() {
            let first = inside.start * wide.stride + x * wide.dilation - wide.pad_before;
            // The last element that is seen, which the others precede.
            let last = first + (inside.len() - 1) * wide.stride;
            let seen =
                &input[row + first * self.input.channels..row + last * self.input.channels + width];
            add((
                inside.start - from,
                Segment {
                    left: seen.as_ptr(),
                    ahead: [seen.as_ptr(); 2],
                    left_step: self.step(),
                    right: at(inside.start),
                    right_step: step,
                    count: inside.len(),
                },
            ));
        }
        if self.joined && inside.end < windows.end {
            let (segment, rest) = copied(inside.end..windows.end, border);
            border = rest;
            add((inside.end - from, segment));
        }
        border
    }
}

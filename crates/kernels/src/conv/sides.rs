//! What the products of a convolution are made of: their operands and the places of their results.

use std::ops::Range;

use super::grid::Pixels;
use super::patches::Patches;
use super::phase::Phase;
use crate::gemm::{Along, Dense, Linear, Offsets, Source};
use crate::simd::Float;

/// The filter as the input's gradient needs it: a phase's taps and a group's output channels along the
/// depth, input channels as lanes.
pub(super) struct Taps<'a, T> {
    pub(super) filter: &'a [T],
    pub(super) kernel: [usize; 3],
    pub(super) phase: [Phase; 3],
    /// Input channels of a group.
    pub(super) depth: usize,
    /// Output channels of all groups.
    pub(super) step: usize,
    /// The group's output channels.
    pub(super) channels: Range<usize>,
}

impl<T: Copy + Sync> Source<T> for Taps<'_, T> {
    fn along(&self) -> Along {
        Along::Depth
    }

    fn gather(&self, lanes: Range<usize>, depth: Range<usize>, out: &mut [T], pitch: usize) {
        let channels = self.channels.len();
        let [_, tall, wide] = self.phase.map(|phase| phase.patch.taps);
        let mut at = depth.start;
        while at < depth.end {
            let (tap, skip) = (at / channels, at % channels);
            let len = (channels - skip).min(depth.end - at);
            let taps = [tap / wide / tall, tap / wide % tall, tap % wide];
            let [z, y, x]: [usize; 3] = std::array::from_fn(|i| self.phase[i].tap(taps[i]));
            let tap = (z * self.kernel[1] + y) * self.kernel[2] + x;
            for (i, lane) in lanes.clone().enumerate() {
                let from = (tap * self.depth + lane) * self.step + self.channels.start + skip;
                out[i * pitch + at - depth.start..][..len]
                    .copy_from_slice(&self.filter[from..][..len]);
            }
            at += len;
        }
    }
}

/// Either operand of the products.
pub(super) enum Side<'a, T> {
    Patches(Patches<'a, T>),
    Dense(Dense<'a, T>),
    Taps(Taps<'a, T>),
}

impl<T: Float> Source<T> for Side<'_, T> {
    fn along(&self) -> Along {
        match self {
            Side::Patches(side) => side.along(),
            Side::Dense(side) => side.along(),
            Side::Taps(side) => side.along(),
        }
    }

    fn gather(&self, lanes: Range<usize>, depth: Range<usize>, out: &mut [T], pitch: usize) {
        match self {
            Side::Patches(side) => side.gather(lanes, depth, out, pitch),
            Side::Dense(side) => side.gather(lanes, depth, out, pitch),
            Side::Taps(side) => side.gather(lanes, depth, out, pitch),
        }
    }
}

/// The places of a result's rows or columns.
pub(super) enum Places {
    Pixels(Pixels),
    Linear(Linear),
}

impl Offsets for Places {
    fn fill(&self, first: usize, offsets: &mut [usize]) {
        match self {
            Places::Pixels(places) => places.fill(first, offsets),
            Places::Linear(places) => places.fill(first, offsets),
        }
    }
}

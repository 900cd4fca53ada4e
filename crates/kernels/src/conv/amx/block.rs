//! What is split at once: some windows of some images, and the lanes of what they see.

use std::ops::Range;

use tconv_shape::ConvAxis;

use super::super::Pass;
use super::super::patches::PatchAxis;
use super::super::phase::Phase;
use super::plan::ROWS;
use crate::tiles::SIDE;

/// An axis of the result, with all its stride phases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    /// The most windows of a phase.
    pub(super) windows: usize,
    /// From one window to the next in the source.
    pub(super) step: usize,
    /// Where the first window's first tap is, of all phases the least.
    pub(super) base: isize,
    /// How far from there its last tap is, of all phases the most.
    pub(super) reach: usize,
    /// The remainders by `step` of the places that taps see are below this.
    pub(super) residues: usize,
    /// The source's size.
    pub(super) size: usize,
    /// Which part of the products is no padding's.
    pub(super) real: f64,
}

impl Along {
    pub(super) fn new(pass: Pass, axis: &ConvAxis) -> Along {
        let phases = || Phase::all(pass, axis).filter(|phase| phase.patch.windows > 0);
        let patches = || phases().map(|phase| phase.patch);
        let base = patches().map(|patch| patch.base).min().unwrap_or(0);
        let step = patches().map(|patch| patch.step).max().unwrap_or(1);
        let taps = |patch: PatchAxis| {
            let first = (patch.base - base) as usize;
            (0..patch.taps).map(move |tap| first + tap * patch.tap_step)
        };
        let all = patches().map(|patch| patch.windows as f64 * patch.taps as f64);
        let real = phases().map(|phase| phase.real_work() as f64);
        Along {
            windows: patches().map(|patch| patch.windows).max().unwrap_or(1),
            step,
            base,
            reach: patches().flat_map(taps).max().unwrap_or(0),
            residues: (patches().flat_map(taps).map(|at| at % step).max()).map_or(1, |r| r + 1),
            size: patches().map(|patch| patch.size).max().unwrap_or(0),
            real: real.sum::<f64>() / all.sum::<f64>().max(1.0),
        }
    }

    /// The places, by `step`, that so many windows see.
    pub(super) fn seen(&self, windows: usize) -> usize {
        windows - 1 + self.reach / self.step + 1
    }
}

/// Some windows of some images: what is split once and multiplied with all of the filter.
///
/// Its lanes are places of the split source, those of a row of windows side by side, and the images' innermost.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) images: Range<usize>,
    /// The first window, and how many there are.
    pub(super) first: [usize; 3],
    pub(super) windows: [usize; 3],
    /// The places along each axis, by its step.
    pub(super) seen: [usize; 3],
    pub(super) residues: [usize; 3],
    /// Whether all lanes from the first window to the last are one run.
    pub(super) flat: bool,
}

impl Block {
    /// The lanes of one remainder of the places.
    pub(super) fn residue_lanes(&self) -> usize {
        let seen = self.seen.into_iter();
        seen.fold(self.images.len(), usize::saturating_mul)
    }

    /// The lanes of the split source.
    pub(super) fn lanes(&self) -> usize {
        let residues = self.residues.into_iter();
        residues.fold(self.residue_lanes(), usize::saturating_mul)
    }

    /// The lane, for the first window, of a place seen from the block's first.
    pub(super) fn lane(&self, along: &[Along; 3], place: [usize; 3]) -> usize {
        let at = |i: usize| (place[i] % along[i].step, place[i] / along[i].step);
        let [(rz, z), (ry, y), (rx, x)] = [at(0), at(1), at(2)];
        let [_, ty, tx] = self.residues;
        let [_, sy, sx] = self.seen;
        ((rz * ty + ry) * tx + rx) * self.residue_lanes()
            + ((z * sy + y) * sx + x) * self.images.len()
    }

    /// The window and the image of a lane, if it has one.
    pub(super) fn window(&self, lane: usize) -> ([usize; 3], usize) {
        let images = self.images.len();
        let (at, image) = (lane / images, lane % images);
        let [_, sy, sx] = self.seen;
        ([at / sx / sy, at / sx % sy, at % sx], image)
    }

    /// How many runs of lanes have all windows, and few others, and how long each is.
    fn run_sizes(&self) -> (usize, usize) {
        let images = self.images.len();
        let [_, sy, sx] = self.seen;
        let [z, y, x] = self.windows;
        if !self.flat {
            return (z.saturating_mul(y), x.saturating_mul(images));
        }
        let rows = (z - 1).saturating_mul(sy).saturating_add(y - 1);
        let len = rows.saturating_mul(sx).saturating_add(x);
        (1, len.saturating_mul(images))
    }

    /// These runs.
    pub(super) fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let images = self.images.len();
        let [_, sy, sx] = self.seen;
        let ([_, y, _], (rows, len)) = (self.windows, self.run_sizes());
        (0..rows).map(move |row| {
            let start = ((row / y) * sy + row % y) * sx * images;
            start..start + len
        })
    }

    /// How many pairs of tiles the runs take, if each begins with one.
    pub(super) fn whole_pairs(&self) -> usize {
        let (rows, len) = self.run_sizes();
        rows.saturating_mul(len.div_ceil(ROWS))
    }

    /// How many tiles the runs take.
    pub(super) fn tiles(&self) -> usize {
        let (rows, len) = self.run_sizes();
        rows.saturating_mul(len.div_ceil(SIDE))
    }
}

use std::ops::Range;

use super::grid::{Strides, Walk};
use crate::gemm::{Along, Source};
use crate::simd::{Float, InstructionSet, Vectors, Work};

/// One axis of the patches that windows see: the window at `p` sees, at tap `t`, the tensor's position
/// `p * step + base + t * tap_step`, and zero where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PatchAxis {
    pub(super) windows: usize,
    pub(super) step: usize,
    pub(super) base: isize,
    pub(super) taps: usize,
    pub(super) tap_step: usize,
    /// The tensor's size.
    pub(super) size: usize,
}

impl PatchAxis {
    /// The tensor's position that a window sees at a tap, or `None` in the padding.
    pub(super) fn position(&self, window: usize, tap: usize) -> Option<usize> {
        let at = (window * self.step + tap * self.tap_step) as isize + self.base;
        usize::try_from(at).ok().filter(|&at| at < self.size)
    }
}

/// The matrix of a tensor's patches: one side is the windows (batch, axes), the other what a window
/// sees (taps, channels of a group). It is never stored; parts are gathered.
pub(super) struct Patches<'a, T> {
    pub(super) data: &'a [T],
    pub(super) strides: Strides,
    pub(super) axes: [PatchAxis; 3],
    /// The group's channels.
    pub(super) channels: Range<usize>,
    /// Whether the lanes are the windows, or the depth is.
    pub(super) windows_are_lanes: bool,
}

impl<T: Copy + Default + Sync> Source<T> for Patches<'_, T> {
    fn along(&self) -> Along {
        if self.strides.channels_last == self.windows_are_lanes {
            Along::Depth
        } else {
            Along::Lanes
        }
    }

    fn gather(&self, lanes: Range<usize>, depth: Range<usize>, out: &mut [T], pitch: usize) {
        let (windows, seen) = if self.windows_are_lanes {
            (lanes, depth)
        } else {
            (depth, lanes)
        };
        if windows.is_empty() || seen.is_empty() {
            return;
        }
        if self.strides.channels_last {
            self.gather_channels(windows, seen, out, pitch);
        } else {
            self.gather_rows(windows, seen, out, pitch);
        }
    }
}

impl<T: Copy + Default + Sync> Patches<'_, T> {
    fn windows(&self) -> [usize; 3] {
        self.axes.map(|axis| axis.windows)
    }

    /// The position that tap 0 of a window sees.
    fn origin(&self, walk: &Walk) -> [isize; 3] {
        std::array::from_fn(|i| (walk.at[i] * self.axes[i].step) as isize + self.axes[i].base)
    }

    /// Whether all taps of a window are inside the tensor.
    fn sees_all(&self, origin: [isize; 3]) -> bool {
        let mut axes = self.axes.iter().zip(origin);
        axes.all(|(axis, at)| {
            let last = at + ((axis.taps - 1) * axis.tap_step) as isize;
            at >= 0 && last < axis.size as isize
        })
    }

    /// The start of the row that taps (`z`, `y`) of a window see, or `None` in the padding.
    fn row(&self, walk: &Walk, origin: [isize; 3], z: usize, y: usize) -> Option<usize> {
        let mut place = walk.batch * self.strides.batch;
        for (i, tap) in [z, y].into_iter().enumerate() {
            let at = origin[i] + (tap * self.axes[i].tap_step) as isize;
            let at = usize::try_from(at)
                .ok()
                .filter(|&at| at < self.axes[i].size)?;
            place += at * self.strides.axes[i];
        }
        Some(place)
    }

    /// With the channels last: a row for each window, copied in runs of channels; neighbouring taps that
    /// are neighbours in memory are one run.
    fn gather_channels(
        &self,
        windows: Range<usize>,
        seen: Range<usize>,
        out: &mut [T],
        pitch: usize,
    ) {
        let channels = self.channels.len();
        let [_, tall, wide] = self.axes;
        let joined = wide.tap_step == 1 && channels == self.strides.channels;
        let run_taps = if joined { wide.taps } else { 1 };
        let run = run_taps * channels;
        let per_row = wide.taps / run_taps;
        let (first, skip) = (seen.start / run, seen.start % run);
        let taps = first / per_row;
        let start = (taps / tall.taps, taps % tall.taps, first % per_row);
        let whole = skip == 0 && per_row == 1 && seen.len().is_multiple_of(run);
        let mut walk = Walk::new(self.windows(), windows.start);
        for out in out.chunks_mut(pitch).take(windows.len()) {
            let out = &mut out[..seen.len()];
            let origin = self.origin(&walk);
            let (mut z, mut y, mut x) = start;
            if whole && self.sees_all(origin) {
                let [batch, deep] = [walk.batch * self.strides.batch, self.channels.start];
                let origin = origin.map(|at| at as usize);
                for part in out.chunks_exact_mut(run) {
                    let at = [
                        origin[0] + z * self.axes[0].tap_step,
                        origin[1] + y * tall.tap_step,
                        origin[2],
                    ];
                    let at = at
                        .iter()
                        .zip(&self.strides.axes)
                        .map(|(at, step)| at * step);
                    copy(&self.data[batch + deep + at.sum::<usize>()..][..run], part);
                    y += 1;
                    if y == tall.taps {
                        (y, z) = (0, z + 1);
                    }
                }
                walk.advance(1);
                continue;
            }
            let mut row = self.row(&walk, origin, z, y);
            let (mut within, mut done) = (skip, 0);
            while done < out.len() {
                let len = (run - within).min(out.len() - done);
                let part = &mut out[done..done + len];
                let at = origin[2] + (x * run_taps * wide.tap_step) as isize;
                match row {
                    Some(row) => {
                        let place = |at: usize| {
                            let pixel = row + at * self.strides.axes[2];
                            pixel + self.channels.start + within
                        };
                        let end = at + run_taps as isize;
                        if at >= 0 && end <= wide.size as isize {
                            copy(&self.data[place(at as usize)..][..len], part);
                        } else {
                            // The run's elements that are inside the tensor, seen from this part's start.
                            let inside =
                                |at: isize| at.clamp(0, run_taps as isize) as usize * channels;
                            let low = inside(-at).clamp(within, within + len) - within;
                            let high = inside(wide.size as isize - at)
                                .clamp(within + low, within + len)
                                - within;
                            part[..low].fill(T::default());
                            part[high..].fill(T::default());
                            if low < high {
                                let start = at * self.strides.axes[2] as isize
                                    + (self.channels.start + within + low) as isize;
                                let from = &self.data[row + start as usize..][..high - low];
                                part[low..high].copy_from_slice(from);
                            }
                        }
                    }
                    None => part.fill(T::default()),
                }
                done += len;
                within = 0;
                x += 1;
                if x == per_row {
                    (x, y) = (0, y + 1);
                    if y == tall.taps {
                        (y, z) = (0, z + 1);
                    }
                    row = self.row(&walk, origin, z, y);
                }
            }
            walk.advance(1);
        }
    }

    /// With the channels first: a row for each thing seen, copied in runs of windows.
    fn gather_rows(&self, windows: Range<usize>, seen: Range<usize>, out: &mut [T], pitch: usize) {
        let channels = self.channels.len();
        let [_, tall, wide] = self.axes;
        for tap in seen.start / channels..seen.end.div_ceil(channels) {
            let some = (tap * channels).max(seen.start)..((tap + 1) * channels).min(seen.end);
            let (taps, x) = (tap / wide.taps, tap % wide.taps);
            let mut walk = Walk::new(self.windows(), windows.start);
            let mut done = 0;
            while done < windows.len() {
                let len = walk.left().min(windows.len() - done);
                let origin = self.origin(&walk);
                let row = self.row(&walk, origin, taps / tall.taps, taps % tall.taps);
                let at = origin[2] + (x * wide.tap_step) as isize;
                // The windows that are inside the tensor: those with 0 <= at + i * step < size.
                let inside = |from: isize| {
                    usize::try_from(from)
                        .map_or(0, |n| n.div_ceil(wide.step))
                        .min(len)
                };
                let (low, high) = match row {
                    Some(_) => (inside(-at), inside(wide.size as isize - at)),
                    None => (len, len),
                };
                for index in some.clone() {
                    let part = &mut out[(index - seen.start) * pitch + done..][..len];
                    part[..low].fill(T::default());
                    part[high.max(low)..].fill(T::default());
                    if let (Some(row), true) = (row, low < high) {
                        let channel = self.channels.start + index % channels;
                        let start = (at + (low * wide.step) as isize) as usize;
                        let from = &self.data[row + channel * self.strides.channel + start..];
                        if wide.step == 1 {
                            part[low..high].copy_from_slice(&from[..high - low]);
                        } else {
                            let from = from.iter().step_by(wide.step);
                            for (to, &x) in part[low..high].iter_mut().zip(from) {
                                *to = x;
                            }
                        }
                    }
                }
                walk.advance(len);
                done += len;
            }
        }
    }
}

impl<T: Float> Patches<'_, T> {
    /// [`Source::gather`] along the depth, faster where taps of the last axis are neighbours in memory: what the windows of
    /// a row that are inside the tensor see is copied in whole vectors. What it writes behind a row's end, less than a
    /// vector, is of no importance.
    pub(super) fn gather_runs(
        &self,
        set: InstructionSet,
        windows: Range<usize>,
        seen: Range<usize>,
        out: &mut [T],
        pitch: usize,
    ) {
        let [_, tall, wide] = self.axes;
        let pixel = self.strides.axes[2];
        if !self.strides.channels_last || wide.tap_step != 1 || self.channels.len() != pixel {
            return self.gather(windows, seen, out, pitch);
        }
        // The windows of a row that are inside: 0 <= base + i * step and base + i * step + taps <= size.
        let first = |at: isize| usize::try_from(at).map_or(0, |at| at.div_ceil(wide.step));
        let end = (wide.size + 1) as isize - wide.base - wide.taps as isize;
        let inside = [first(-wide.base), first(end)];
        let run = wide.taps * pixel;
        let mut walk = Walk::new(self.windows(), windows.start);
        let mut done = 0;
        while done < windows.len() {
            let len = walk.left().min(windows.len() - done);
            let [low, high] = inside.map(|n| n.saturating_sub(walk.at[2]).min(len));
            let high = high.max(low);
            for i in (0..low).chain(high..len) {
                let window = windows.start + done + i;
                let to = &mut out[(done + i) * pitch..];
                self.gather(window..window + 1, seen.clone(), to, pitch);
            }
            let origin = self.origin(&walk);
            let mut at = seen.start;
            while low < high && at < seen.end {
                let (tap, within) = (at / run, at % run);
                let row = self.row(&walk, origin, tap / tall.taps, tap % tall.taps);
                let start = (origin[2] + (low * wide.step) as isize) as usize * pixel;
                let len = (run - within).min(seen.end - at);
                let runs = Runs {
                    from: row.map(|row| &self.data[row + start + within..]),
                    to: &mut out[(done + low) * pitch + at - seen.start..],
                    count: high - low,
                    steps: [wide.step * pixel, pitch],
                    len,
                };
                T::dispatch(set, runs);
                at += len;
            }
            walk.advance(len);
            done += len;
        }
    }
}

/// Copies runs of elements, or writes as many zeros, in whole vectors.
struct Runs<'a, T> {
    from: Option<&'a [T]>,
    to: &'a mut [T],
    count: usize,
    /// From one run to the next in `from` and in `to`.
    steps: [usize; 2],
    len: usize,
}

impl<T: Float> Work<T> for Runs<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let (count, len) = (self.count, self.len);
        let room = len.next_multiple_of(S::LANES);
        assert!(count > 0 && (count - 1) * self.steps[1] + room <= self.to.len());
        let to = self.to.as_mut_ptr();
        // SAFETY: the last vector written and the last elements read are inside, as is checked.
        unsafe {
            let Some(from) = self.from else {
                for i in 0..count {
                    for at in (0..len).step_by(S::LANES) {
                        simd.store(to.add(i * self.steps[1] + at), simd.splat(T::default()));
                    }
                }
                return;
            };
            assert!((count - 1) * self.steps[0] + len <= from.len());
            let whole = len - len % S::LANES;
            for i in 0..count {
                let from = from.as_ptr().add(i * self.steps[0]);
                let to = to.add(i * self.steps[1]);
                for at in (0..whole).step_by(S::LANES) {
                    simd.store(to.add(at), simd.load(from.add(at)));
                }
                if whole < len {
                    let rest = simd.load_some(from.add(whole), len - whole);
                    simd.store(to.add(whole), rest);
                }
            }
        }
    }
}

/// Copies few elements faster than the library's function is called.
#[inline(always)]
fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    const FEW: usize = 8;
    const MANY: usize = 64;
    if to.len() < FEW {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
    } else if to.len() < MANY {
        let last = to.len() - FEW;
        for at in (0..to.len()).step_by(FEW) {
            let at = at.min(last);
            to[at..][..FEW].copy_from_slice(&from[at..][..FEW]);
        }
    } else {
        to.copy_from_slice(from);
    }
}

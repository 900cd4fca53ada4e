use std::ops::Range;

use tconv_shape::{ConvAxis, ConvShape};

use super::super::Pass;
use super::super::grid::{Strides, axes};
use super::super::phase::{Part, Phase};
pub(super) use crate::gemm::ROWS_UNIT;
use crate::gemm::{DEPTH, DEPTH_PITCH, Piece, strip_width};

/// The most rows that are gathered at once ...
pub(super) const MOST_ROWS: usize = 240;
/// ... and the most pieces of depth, in which the rows' number falls: together they stay in the second-level cache.
pub(super) const MOST_PIECES: usize = 8;
const MOST_GATHERED: usize = 2 * MOST_ROWS;

/// The most bytes of a unit's strips, which may be packed on the way.
const PANEL_BYTES: usize = 3 << 20;
/// The most strips of a unit, so that there are units enough for many threads.
const MOST_STRIPS: usize = 16;
/// As many strips as are worth the gathering of what they share, where they need not be packed first.
const LEAST_STRIPS: usize = 4;
/// A task smaller than this many multiplications is not worth another thread.
const LEAST_WORK: usize = 1 << 20;
/// As many tasks as keep many threads busy to the end.
const ENOUGH_TASKS: usize = 12;
/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: usize = 1 << 18;

/// Neighbouring phases of an axis that see the same positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The first of them.
    pub(super) phase: Phase,
    index: usize,
    pub(super) count: usize,
    /// Where the least of them begins.
    least: usize,
}

/// Phases, the same along each axis, and a group: what shares gathered rows.
#[derive(Clone, Debug)]
pub(super) struct Bundle {
    pub(super) group: usize,
    pub(super) runs: [Run; 3],
    /// What a product sums over: taps, then channels.
    pub(super) depth: usize,
    /// Its place in the packed filter.
    packed: usize,
}

impl Bundle {
    /// The first position of a part along axis `i`.
    pub(super) fn origin(&self, i: usize, part: &Part) -> usize {
        part.phase.first - self.runs[i].phase.first + self.runs[i].least
    }
}

/// Some strips of a bundle.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) bundle: Bundle,
    pub(super) strips: Range<usize>,
    /// Their place in the packed filter.
    pub(super) packed: usize,
}

impl Unit {
    /// How many elements its strips have.
    pub(super) fn len<T>(&self) -> usize {
        self.strips.len() * self.bundle.depth * strip_width::<T>()
    }
}

/// How a convolution is cut into products and tasks: by its geometry alone.
pub(super) struct Layout {
    pub(super) pass: Pass,
    pub(super) axes: [ConvAxis; 3],
    batch: usize,
    groups: usize,
    pub(super) source: Strides,
    pub(super) target: Strides,
    /// Whether taps in the padding are left out.
    pub(super) crop: bool,
    /// Whether there are such taps.
    pub(super) padded: bool,
    /// Multiplications.
    pub(super) work: usize,
    /// The elements that are gathered, for the columns of one go.
    pub(super) gathered: usize,
    /// Whether the caller's thread does it alone.
    pub(super) serial: bool,
    strip: usize,
    /// A unit's strips; fewer where the depth is large.
    unit_strips: usize,
    unit_depth: usize,
    /// Whether the filter was packed ahead.
    packed: bool,
    rows_limit: usize,
}

impl Layout {
    pub(super) fn new<T>(pass: Pass, shape: &ConvShape, packed: bool) -> Layout {
        let input = Strides::new(shape, shape.in_channels, |axis| axis.input);
        let output = Strides::new(shape, shape.out_channels, |axis| axis.output);
        let (source, target) = match pass {
            Pass::Forward => (input, output),
            _ => (output, input),
        };
        let strip = strip_width::<T>();
        let mut layout = Layout {
            pass,
            axes: axes(shape),
            batch: shape.batch,
            groups: shape.groups,
            source,
            target,
            crop: false,
            padded: false,
            work: 0,
            gathered: 0,
            serial: false,
            strip,
            unit_strips: MOST_STRIPS,
            unit_depth: PANEL_BYTES / size_of::<T>() / strip,
            packed,
            rows_limit: MOST_ROWS,
        };
        let (mut all, mut real, mut gathered) = (0usize, 0usize, 0usize);
        let each = layout.channels().saturating_mul(layout.depth_channels());
        let scale = each
            .saturating_mul(shape.batch)
            .saturating_mul(shape.groups);
        for runs in layout.runs() {
            let seen = runs.map(|run| run.phase.patch.windows.saturating_mul(run.phase.patch.taps));
            let each = shape.batch.saturating_mul(layout.source.channels);
            let seen = seen.into_iter().fold(each, usize::saturating_mul);
            gathered = gathered.saturating_add(seen);
            let work = |one: fn(&Phase) -> usize| {
                let sizes = runs.map(|run| one(&run.phase).saturating_mul(run.count));
                sizes.into_iter().fold(scale, usize::saturating_mul)
            };
            all = all.saturating_add(work(|phase| {
                phase.patch.windows.saturating_mul(phase.patch.taps)
            }));
            real = real.saturating_add(work(Phase::real_work));
        }
        // Short pieces of depth would cost more than the padding's products.
        layout.crop = real < all - all / 32 && layout.depth_channels() >= 64;
        layout.padded = real < all;
        layout.work = if layout.crop { real } else { all };
        layout.gathered = gathered;
        layout.serial = all < SERIAL_WORK;
        let wanted = (all / LEAST_WORK).clamp(1, ENOUGH_TASKS);
        while layout.tasks() < wanted {
            let wide = layout.unit_strips * strip >= layout.rows_limit;
            if layout.unit_strips > 1 && (wide || layout.rows_limit <= 2 * ROWS_UNIT) {
                layout.unit_strips /= 2;
            } else if layout.rows_limit > 2 * ROWS_UNIT {
                layout.rows_limit = (layout.rows_limit / 2).next_multiple_of(ROWS_UNIT);
            } else {
                break;
            }
        }
        layout
    }

    fn tasks(&self) -> usize {
        let tasks = |unit: Unit| {
            let parts = self.parts(&unit.bundle);
            parts
                .map(|part| {
                    let rows = self.rows(&part);
                    rows.div_ceil(self.block_rows(&unit.bundle, rows))
                })
                .sum::<usize>()
        };
        // No more are counted than matter.
        let mut sum = 0;
        for unit in self.units() {
            sum += tasks(unit);
            if sum >= ENOUGH_TASKS {
                break;
            }
        }
        sum
    }

    /// The group's channels among `channels`.
    pub(super) fn group(&self, group: usize, channels: usize) -> Range<usize> {
        let size = channels / self.groups;
        group * size..(group + 1) * size
    }

    /// A group's channels of the result.
    pub(super) fn channels(&self) -> usize {
        self.target.channels / self.groups
    }

    /// A group's channels that are summed over.
    pub(super) fn depth_channels(&self) -> usize {
        self.source.channels / self.groups
    }

    /// Phase `index` of axis `i`.
    pub(super) fn phase(&self, i: usize, index: usize) -> Phase {
        match self.pass {
            Pass::Forward => Phase::forward(&self.axes[i]),
            _ => Phase::new(&self.axes[i], index),
        }
    }

    fn axis_runs(&self, i: usize) -> impl Iterator<Item = Run> {
        let mut phases = Phase::all(self.pass, &self.axes[i]).enumerate().peekable();
        // Along the last axis phases side by side are columns side by side, as their channels are.
        let side_by_side = i == 2;
        let alone = side_by_side && self.groups > 1;
        let joins = move |run: &Run, other: &Phase| {
            let next = !side_by_side || other.first == run.phase.first + run.count;
            !alone && next && other.patch == run.phase.patch
        };
        std::iter::from_fn(move || {
            let (index, phase) = phases.next()?;
            let mut run = Run {
                phase,
                index,
                count: 1,
                least: phase.first,
            };
            while let Some((_, other)) = phases.next_if(|(_, other)| joins(&run, other)) {
                run.count += 1;
                run.least = run.least.min(other.first);
            }
            Some(run)
        })
    }

    /// The outermost axis comes last, and first within a bundle: whether its phases are computed together, which
    /// its size decides, changes no place in the packed filter.
    fn runs(&self) -> impl Iterator<Item = [Run; 3]> {
        self.axis_runs(2).flat_map(move |x| {
            self.axis_runs(1)
                .flat_map(move |y| self.axis_runs(0).map(move |z| [z, y, x]))
        })
    }

    fn bundles(&self) -> impl Iterator<Item = Bundle> {
        let mut packed = 0;
        let all =
            (0..self.groups).flat_map(move |group| self.runs().map(move |runs| (group, runs)));
        all.map(move |(group, runs)| {
            let taps: usize = runs.iter().map(|run| run.phase.patch.taps).product();
            let bundle = Bundle {
                group,
                runs,
                depth: taps * self.depth_channels(),
                packed,
            };
            packed += self.strips(&bundle) * bundle.depth * self.strip;
            bundle
        })
    }

    /// How many strips a bundle has.
    fn strips(&self, bundle: &Bundle) -> usize {
        let [z, y, _] = bundle.runs.map(|run| run.count);
        z * y * self.width(bundle).div_ceil(self.strip)
    }

    /// The columns that are side by side: a group's channels, of all phases of the last axis.
    fn width(&self, bundle: &Bundle) -> usize {
        bundle.runs[2].count * self.channels()
    }

    pub(super) fn units(&self) -> impl Iterator<Item = Unit> {
        self.bundles().flat_map(move |bundle| {
            let strips = self.strips(&bundle);
            let most = self.unit_depth / bundle.depth.max(1);
            let least = if self.packed { LEAST_STRIPS } else { 1 };
            let size = self.unit_strips.min(most.max(least));
            (0..strips).step_by(size).map(move |start| Unit {
                strips: start..strips.min(start + size),
                packed: bundle.packed + start * bundle.depth * self.strip,
                bundle: bundle.clone(),
            })
        })
    }

    /// Whether nearly all lanes are used of strips, or of the vectors that hold the columns, the last of which may be
    /// narrow; and there are many columns.
    pub(super) fn fills(&self, strips: bool) -> bool {
        let (unit, least) = match strips {
            true => (self.strip, 2 * self.strip),
            false => (self.strip / 4, self.strip + self.strip / 2),
        };
        let (mut used, mut room) = (0, 0);
        for bundle in self.bundles() {
            let [z, y, _] = bundle.runs.map(|run| run.count);
            let width = self.width(&bundle);
            used += z * y * width;
            room += z * y * width.next_multiple_of(unit);
            if width < least {
                return false;
            }
        }
        used >= room - room / 16
    }

    /// The elements of the whole packed filter.
    pub(super) fn packed(&self) -> usize {
        let bundles = self.bundles();
        bundles
            .map(|bundle| self.strips(&bundle) * bundle.depth * self.strip)
            .sum()
    }

    /// Room for the strips of any unit that is packed on the way.
    pub(super) fn panel<T>(&self) -> usize {
        let units = (!self.packed).then(|| self.units());
        units
            .into_iter()
            .flatten()
            .map(|unit| unit.len::<T>())
            .max()
            .unwrap_or(0)
    }

    /// Room for gathered rows.
    pub(super) fn room(&self) -> usize {
        MOST_GATHERED * DEPTH_PITCH
    }

    /// The parts of a bundle.
    pub(super) fn parts(&self, bundle: &Bundle) -> impl Iterator<Item = [Part; 3]> {
        let runs = bundle.runs;
        let along = move |i: usize| {
            let run: Run = runs[i];
            let mut start = 0;
            std::iter::from_fn(move || {
                (start < run.phase.patch.windows).then(|| {
                    let part = match self.crop {
                        true => run.phase.part(start),
                        false => run.phase.whole(),
                    };
                    start = part.end;
                    part
                })
            })
        };
        along(0).flat_map(move |z| along(1).flat_map(move |y| along(2).map(move |x| [z, y, x])))
    }

    /// How many rows a part has.
    pub(super) fn rows(&self, part: &[Part; 3]) -> usize {
        self.batch
            * part
                .iter()
                .map(|part| part.phase.patch.windows)
                .product::<usize>()
    }

    /// The rows of a task, where there are so many in all.
    pub(super) fn block_rows(&self, bundle: &Bundle, rows: usize) -> usize {
        let most = MOST_GATHERED / self.pieces(bundle) / ROWS_UNIT * ROWS_UNIT;
        let blocks = rows.div_ceil(most.min(self.rows_limit)).max(1);
        if self.packed {
            return rows
                .div_ceil(blocks)
                .next_multiple_of(ROWS_UNIT)
                .max(ROWS_UNIT);
        }
        // Two threads or four should be done with a unit that was packed on the way at the same time.
        let blocks = match blocks.max(rows.div_ceil(3 * ROWS_UNIT).min(4)) {
            few @ ..=2 => few,
            many => many.next_multiple_of(4),
        };
        rows.div_ceil(blocks).next_multiple_of(2).max(2)
    }

    /// The pieces of depth that are gathered at once: all, or if these are too many as few as leave the most rows, for
    /// which the filter is read but once.
    pub(super) fn pieces(&self, bundle: &Bundle) -> usize {
        if self.crop {
            let [z, y, x] = bundle.runs.map(|run| run.phase.patch.taps);
            let row = (x * self.depth_channels()).div_ceil(DEPTH);
            return (z * y * row).clamp(1, MOST_PIECES);
        }
        let pieces = bundle.depth.div_ceil(DEPTH).max(1);
        if pieces <= MOST_PIECES {
            return pieces;
        }
        let windows = bundle.runs.map(|run| run.phase.patch.windows);
        let rows = windows.iter().product::<usize>() * self.batch;
        let rows = rows.next_multiple_of(ROWS_UNIT).clamp(ROWS_UNIT, MOST_ROWS);
        (MOST_GATHERED / rows).min(MOST_PIECES)
    }

    /// Where a strip's columns are, seen from the least of its bundle's phases, and how many there are.
    pub(super) fn columns(&self, bundle: &Bundle, strip: usize) -> (usize, usize) {
        let (phase, start) = self.strip_at(bundle, strip);
        let mut place = bundle.group * self.channels() + start;
        for (i, &index) in phase.iter().enumerate() {
            let first = self.phase(i, index).first;
            place += (first - bundle.runs[i].least) * self.target.axes[i];
        }
        (place, self.strip.min(self.width(bundle) - start))
    }

    /// The phases of a strip, that of the last axis the first of its run, and its first column.
    pub(super) fn strip_at(&self, bundle: &Bundle, strip: usize) -> ([usize; 3], usize) {
        let per_phase = self.width(bundle).div_ceil(self.strip);
        let rest = strip / per_phase;
        let [z, y, x] = &bundle.runs;
        let phase = [z.index + rest / y.count, y.index + rest % y.count, x.index];
        (phase, strip % per_phase * self.strip)
    }
}

/// The depth of a part, cut where the strip's depth has holes and where a piece is long enough.
pub(super) struct Piecewise {
    taps: [usize; 3],
    skipped: [usize; 3],
    all: [usize; 3],
    channels: usize,
    at: usize,
    depth: usize,
}

impl Piecewise {
    pub(super) fn new(layout: &Layout, bundle: &Bundle, part: &[Part; 3]) -> Piecewise {
        let taps = part.map(|part| part.phase.patch.taps);
        let channels = layout.depth_channels();
        Piecewise {
            taps,
            skipped: part.map(|part| part.skipped),
            all: bundle.runs.map(|run| run.phase.patch.taps),
            channels,
            at: 0,
            depth: taps.iter().product::<usize>() * channels,
        }
    }
}

impl Iterator for Piecewise {
    type Item = (Piece, Range<usize>);

    /// A piece and its range in the part's depth.
    fn next(&mut self) -> Option<(Piece, Range<usize>)> {
        if self.at == self.depth {
            return None;
        }
        let whole = self.taps == self.all;
        let run = if whole {
            self.depth
        } else {
            self.taps[2] * self.channels
        };
        let (row, within) = (self.at / run, self.at % run);
        let len = (run - within).min(DEPTH);
        let right = if whole {
            self.at
        } else {
            let z = row / self.taps[1] + self.skipped[0];
            let y = row % self.taps[1] + self.skipped[1];
            ((z * self.all[1] + y) * self.all[2] + self.skipped[2]) * self.channels + within
        };
        let here = self.at..self.at + len;
        self.at = here.end;
        Some((Piece { len, right }, here))
    }
}

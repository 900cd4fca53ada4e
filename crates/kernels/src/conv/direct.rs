//! Matrix products of gathered pixels with a packed filter, for channels that come last.
//!
//! Each stride phase of the result is a small dense convolution; phases that see the same pixels are the columns of
//! one product. Where the borders are a large part, positions with the same taps are computed together, and the
//! taps in the padding not at all.

mod pack;
mod plan;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use tconv_shape::{ConvShape, DataFormat};

pub(super) use self::pack::turn;
use self::plan::{Layout, MOST_PIECES, Piecewise, Unit};
use super::grid::Pixels;
use super::implicit::{clear, finite};
use super::patches::Patches;
use super::phase::{Part, Phase};
use super::{Call, Pack, Pass};
use crate::Threads;
use crate::gemm::{Before, DEPTH_PITCH, Offsets, Piece, Strip, aligned, alignment, strip_width};
use crate::simd::{Float, InstructionSet};
use crate::stage::{Epilogue, Finish, Stage};

/// The element behind a filter's packed strips says whether all its numbers are finite.
const FLAG: usize = 1;

pub(super) fn supports(pass: Pass, shape: &ConvShape) -> bool {
    pass != Pass::BackpropFilter && shape.format == DataFormat::ChannelsLast
}

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let layout = Layout::new::<T>(pass, shape, false);
    let threads = if layout.serial { 1 } else { threads };
    layout
        .room()
        .saturating_mul(threads)
        .saturating_add(layout.panel::<T>())
        .saturating_add(alignment::<T>())
}

/// How many multiplications it takes, and those that gathering is worth.
pub(super) fn work<T: Float>(pass: Pass, shape: &ConvShape) -> f64 {
    /// What an element takes, counted in multiplications of the products.
    const GATHER: f64 = 3.0;
    let layout = Layout::new::<T>(pass, shape, true);
    layout.work as f64 + GATHER * layout.gathered as f64
}

/// Whether its tiles waste no lanes, few as the channels may be; or no strip does.
pub(super) fn fills<T: Float>(pass: Pass, shape: &ConvShape, strips: bool) -> bool {
    supports(pass, shape) && Layout::new::<T>(pass, shape, true).fills(strips)
}

pub(super) fn packed_len<T: Float>(pass: Pass, shape: &ConvShape) -> usize {
    Layout::new::<T>(pass, shape, true).packed() + FLAG + alignment::<T>()
}

pub(super) fn pack<T: Float>(call: Pack<'_, T>) {
    let layout = Layout::new::<T>(call.pass, call.shape, true);
    let skip = aligned(call.out);
    let (strips, flag) = call.out[skip..].split_at_mut(layout.packed());
    flag[0] = T::from_f64(f64::from(u8::from(finite(call.filter))));
    for unit in layout.units() {
        let strips = &mut strips[unit.packed..][..unit.len::<T>()];
        pack::strips(call.set, call.threads, &layout, &unit, call.filter, strips);
    }
}

/// Computes what another algorithm found not to be finite, with the stages that were its part.
pub(super) fn anew<T: Float>(
    (set, threads): (InstructionSet, &Threads),
    (pass, shape): (Pass, &ConvShape),
    [a, b]: [&[T]; 2],
    stages: &[Stage<'_, T>],
    (out, scratch): (&mut [T], &mut [T]),
) {
    compute(Call {
        set,
        threads,
        pass,
        shape,
        a,
        b,
        packed: None,
        out,
        scratch,
        epilogue: &Epilogue::new(stages),
    });
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
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
    let mut layout = Layout::new::<T>(pass, shape, packed.is_some());
    let threads = if layout.serial {
        &Threads::ONE
    } else {
        threads
    };
    let packed = packed.map(|packed| packed[aligned(packed)..].split_at(layout.packed()));
    // A forward convolution multiplies with the padding's zeros, its gradient leaves out windows that do not exist.
    // It can be seen only where the filter is not finite.
    let exact = pass == Pass::BackpropInput;
    if layout.padded && layout.crop != exact {
        let finite = match packed {
            Some((_, flag)) => flag[0].to_f64() == 1.0,
            None => finite(b),
        };
        layout.crop = finite != exact;
    }
    if pass == Pass::BackpropInput && shape.axes.iter().any(Phase::leaves_gaps) {
        clear(threads, &finish, out);
    }
    let skip = aligned(scratch);
    let (panel, rooms) = scratch[skip..].split_at_mut(layout.panel::<T>());
    let rooms = &mut rooms[..layout.room() * threads.count()];
    let mut crew = Crew {
        set,
        layout: &layout,
        source: a,
        strips: &[],
        target: Shared(out.as_mut_ptr(), out.len()),
        finish,
        next: AtomicUsize::new(0),
    };
    match packed {
        Some((strips, _)) => {
            crew.strips = strips;
            let crew = &crew;
            threads.for_each_piece(rooms, layout.room(), |_, room| {
                crew.work(layout.units(), room);
            });
        }
        None => {
            for unit in layout.units() {
                let panel = &mut panel[..unit.len::<T>()];
                pack::strips(set, threads, &layout, &unit, b, panel);
                let crew = Crew {
                    strips: panel,
                    next: AtomicUsize::new(0),
                    target: Shared(crew.target.0, crew.target.1),
                    ..crew
                };
                let unit = Unit { packed: 0, ..unit };
                threads.for_each_piece(rooms, layout.room(), |_, room| {
                    crew.work(std::iter::once(unit.clone()), room);
                });
            }
        }
    }
}

/// The result's memory, which the threads share.
pub(super) struct Shared<T>(pub(super) *mut T, pub(super) usize);

// SAFETY: each element is written by one thread only: units differ in the phase or the channel, tasks in the pixel.
unsafe impl<T: Send> Sync for Shared<T> {}

/// What all threads work at.
struct Crew<'a, T> {
    set: InstructionSet,
    layout: &'a Layout,
    source: &'a [T],
    /// Packed strips, those of a unit from `Unit::packed` on.
    strips: &'a [T],
    target: Shared<T>,
    finish: Finish<'a, T>,
    next: AtomicUsize,
}

impl<T: Float> Crew<'_, T> {
    /// Takes one task after the other until none is left.
    fn work(&self, units: impl Iterator<Item = Unit>, room: &mut [T]) {
        let mut before = 0;
        let mut ticket = self.next.fetch_add(1, Ordering::Relaxed);
        for unit in units {
            for part in self.layout.parts(&unit.bundle) {
                let rows = self.layout.rows(&part);
                let block = self.layout.block_rows(&unit.bundle, rows);
                let after = before + rows.div_ceil(block);
                while ticket < after {
                    let start = (ticket - before) * block;
                    self.task(&unit, &part, start..rows.min(start + block), room);
                    ticket = self.next.fetch_add(1, Ordering::Relaxed);
                }
                before = after;
            }
        }
    }

    /// Some rows of a part by a unit's strips.
    fn task(&self, unit: &Unit, part: &[Part; 3], rows: Range<usize>, room: &mut [T]) {
        let (layout, bundle) = (self.layout, &unit.bundle);
        let mut offsets = [0; plan::MOST_ROWS];
        let offsets = &mut offsets[..rows.len()];
        let target = &layout.target;
        Pixels {
            sizes: part.map(|part| part.phase.patch.windows),
            origin: target.place(0, std::array::from_fn(|i| bundle.origin(i, &part[i])), 0),
            batch: target.batch,
            axes: std::array::from_fn(|i| target.axes[i] * part[i].phase.step),
        }
        .fill(rows.start, offsets);
        let patches = Patches {
            data: self.source,
            strides: layout.source,
            axes: part.map(|part| part.phase.patch),
            channels: layout.group(bundle.group, layout.source.channels),
            windows_are_lanes: true,
        };
        let left_step = rows.len().next_multiple_of(plan::ROWS_UNIT) * DEPTH_PITCH;
        let width = strip_width::<T>();
        let strip_len = bundle.depth * width;
        let most = layout.pieces(bundle);
        let mut depth = Piecewise::new(layout, bundle, part).peekable();
        let mut before = Before::Nothing;
        loop {
            let mut pieces = [Piece::default(); MOST_PIECES];
            let mut count = 0;
            while count < most
                && let Some((piece, here)) = depth.next()
            {
                let to = &mut room[count * left_step..][..left_step];
                patches.gather_runs(self.set, rows.clone(), here, to, DEPTH_PITCH);
                pieces[count] = piece;
                count += 1;
            }
            let last = depth.peek().is_none();
            for index in 0..unit.strips.len() {
                let (column, columns) = layout.columns(bundle, unit.strips.start + index);
                T::dispatch(
                    self.set,
                    Strip {
                        left: room,
                        left_step,
                        pieces: &pieces[..count],
                        right: &self.strips[unit.packed + index * strip_len..][..strip_len],
                        rows: offsets,
                        columns,
                        target: self.target.0.wrapping_add(column),
                        target_len: self.target.1 - column,
                        before,
                        finish: if last { self.finish } else { Finish::NONE },
                        channel: column,
                    },
                );
            }
            if last {
                return;
            }
            before = Before::Added;
        }
    }
}

//! Winograd's short convolutions: a phase of two or three taps an axis is computed in tiles with 4 multiplications
//! where the definition has 6, so that 16 stand for 36 on two axes.
//!
//! The stride phases of an input's gradient read the same transformed tiles; those of a forward convolution's input are
//! added up before the outputs are transformed back. What is not finite would spread over a tile: a result that is not
//! finite anywhere is computed anew by the direct algorithm.

mod filter;
mod plan;
mod tiles;
mod transform;

use std::sync::atomic::{AtomicBool, Ordering};

use tconv_shape::ConvShape;

pub(super) use self::plan::supports;
use self::plan::{Layout, MOST_ROWS, Set};
use self::tiles::{Outputs, Tiles};
use super::direct::{self, Shared};
use super::implicit::clear;
use super::phase::Phase;
use super::{Call, Pack, Pass};
use crate::Threads;
use crate::gemm::{DEPTH, DEPTH_PITCH, Piece, ROWS_UNIT, Strip, aligned, alignment, strip_width};
use crate::simd::{Float, InstructionSet};

/// The most pieces of depth that are multiplied in one go.
const MOST_PIECES: usize = 8;
/// Tiles that are transformed by one task.
const TILES: usize = ROWS_UNIT;

pub(super) fn pays<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    let layout = Layout::new::<T>(pass, shape, true);
    let [products, transforms] = layout.cost();
    let thin = layout.depth < 32 || layout.target.channels < strip_width::<T>();
    !thin && products + transforms < 0.85 * direct::work::<T>(pass, shape)
}

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let layouts = [false, true].map(|packed| Layout::new::<T>(pass, shape, packed));
    let needed = layouts.map(|layout| {
        let [tiles, panel, products] = layout.rooms();
        products
            .saturating_mul(threads)
            .saturating_add(tiles + panel + 3 * alignment::<T>())
    });
    needed[0]
        .max(needed[1])
        .max(direct::scratch::<T>(pass, shape, threads))
}

pub(super) fn packed_len<T: Float>(pass: Pass, shape: &ConvShape) -> usize {
    Layout::new::<T>(pass, shape, true).packed_len() + alignment::<T>()
}

pub(super) fn pack<T: Float>(call: Pack<'_, T>) {
    let layout = Layout::new::<T>(call.pass, call.shape, true);
    let skip = aligned(call.out);
    let out = &mut call.out[skip..];
    for set in layout.sets() {
        let len = layout.strips(&set) * layout.strip_len(&set);
        let out = &mut out[set.packed..][..len];
        filter::strips(call.set, call.threads, (&layout, &set, 0), call.filter, out);
    }
}

pub(super) fn compute<T: Float>(call: Call<'_, T>) {
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
        epilogue,
    } = call;
    let layout = Layout::new::<T>(pass, shape, packed.is_some());
    if pass == Pass::BackpropInput && shape.axes.iter().any(Phase::leaves_gaps) {
        clear(threads, out);
    }
    let [tiles, panel, products] = layout.rooms();
    let [tiles, panel, rooms] = split(scratch, [tiles, panel, products * threads.count()]);
    let crew = Crew {
        set,
        threads,
        layout: &layout,
        source: a,
        target: Shared(out.as_mut_ptr(), out.len()),
        finite: AtomicBool::new(true),
    };
    for set in layout.sets().filter(|set| set.rows > 0) {
        let chunks = (0..set.rows).step_by(set.chunk);
        let (strips, len) = (layout.strips(&set), layout.strip_len(&set));
        if let Some(packed) = packed {
            let filters = &packed[aligned(packed) + set.packed..][..strips * len];
            for first in chunks {
                crew.transform(&set, first, tiles);
                crew.multiply(&set, first, 0..strips, (tiles, filters, rooms));
            }
            continue;
        }
        let panels = (0..strips).step_by(set.panel);
        let pack = |start: usize, panel: &mut [T]| {
            let some = start..strips.min(start + set.panel);
            filter::strips(
                crew.set,
                threads,
                (&layout, &set, start),
                b,
                &mut panel[..some.len() * len],
            );
            some
        };
        // Either the tiles or the filters are transformed again: whatever is less.
        let again = [
            (panels.len() - 1) * set.rows,
            (chunks.len() - 1) * strips * strip_width::<T>(),
        ];
        if again[0] < again[1] {
            for start in panels {
                let some = pack(start, panel);
                for first in chunks.clone() {
                    crew.transform(&set, first, tiles);
                    crew.multiply(&set, first, some.clone(), (tiles, panel, rooms));
                }
            }
        } else {
            for first in chunks {
                crew.transform(&set, first, tiles);
                for start in panels.clone() {
                    let some = pack(start, panel);
                    crew.multiply(&set, first, some, (tiles, panel, rooms));
                }
            }
        }
    }
    if !crew.finite.into_inner() {
        direct::compute(Call {
            set,
            threads,
            pass,
            shape,
            a,
            b,
            packed: None,
            out,
            scratch,
            epilogue,
        });
    }
}

/// Cuts parts of these lengths off, each from the beginning of a cache line on.
fn split<T, const N: usize>(mut scratch: &mut [T], lens: [usize; N]) -> [&mut [T]; N] {
    lens.map(|len| {
        let skip = aligned(scratch);
        let (part, rest) = std::mem::take(&mut scratch)[skip..].split_at_mut(len);
        scratch = rest;
        part
    })
}

/// What all threads work at.
struct Crew<'a, T> {
    set: InstructionSet,
    threads: &'a Threads,
    layout: &'a Layout,
    source: &'a [T],
    target: Shared<T>,
    finite: AtomicBool,
}

impl<T: Float> Crew<'_, T> {
    /// Transforms a chunk of tiles, the one that starts with tile `first`.
    fn transform(&self, set: &Set, first: usize, tiles: &mut [T]) {
        let rows = set.chunk.min(set.rows - first);
        let target = Shared(tiles.as_mut_ptr(), tiles.len());
        let target = &target;
        let [y, x] = &set.lines;
        self.threads.for_each(rows.div_ceil(TILES), |task| {
            let start = task * TILES;
            for phase in y.sources().flat_map(|y| x.sources().map(move |x| [y, x])) {
                let tiles = Tiles {
                    layout: self.layout,
                    set,
                    source: self.source,
                    phase,
                    first,
                    rows: start..rows.min(start + TILES),
                    target: target.0,
                    target_len: target.1,
                };
                T::dispatch(self.set, tiles);
            }
        });
    }

    /// Multiplies a chunk of tiles with some strips, and writes the outputs.
    fn multiply(
        &self,
        set: &Set,
        first: usize,
        strips: std::ops::Range<usize>,
        (tiles, filters, rooms): (&[T], &[T], &mut [T]),
    ) {
        let rows = set.chunk.min(set.rows - first);
        let blocks = rows.div_ceil(MOST_ROWS);
        let block = rows.div_ceil(blocks).next_multiple_of(ROWS_UNIT);
        let next = std::sync::atomic::AtomicUsize::new(0);
        let each = rooms.len() / self.threads.count();
        self.threads.for_each_piece(rooms, each, |_, products| {
            loop {
                let task = next.fetch_add(1, Ordering::Relaxed);
                if task >= strips.len() * blocks {
                    return;
                }
                let (strip, start) = (task / blocks, task % blocks * block);
                let some = start..rows.min(start + block);
                let len = self.layout.strip_len(set);
                let filter = &filters[strip * len..][..len];
                self.products(set, some.clone(), (tiles, filter), products);
                let outputs = Outputs {
                    layout: self.layout,
                    set,
                    strip: strips.start + strip,
                    first: first + start,
                    rows: some.len(),
                    products,
                    target: self.target.0,
                    target_len: self.target.1,
                };
                if !T::dispatch(self.set, outputs) {
                    self.finite.store(false, Ordering::Relaxed);
                }
            }
        });
    }

    /// The products of some rows of a chunk with a strip, point by point.
    fn products(
        &self,
        set: &Set,
        rows: std::ops::Range<usize>,
        (tiles, filter): (&[T], &[T]),
        products: &mut [T],
    ) {
        let width = strip_width::<T>();
        let places: [usize; MOST_ROWS] = std::array::from_fn(|row| row * width);
        let left_step = set.chunk * DEPTH_PITCH;
        let mut right = filter;
        for point in 0..set.points() {
            let depth = set.sharing(point) * self.layout.depth;
            let (strip, rest) = right.split_at(depth * width);
            right = rest;
            let left = &tiles[self.layout.row_plane(set, point) * set.chunk..];
            let target = &mut products[point * MOST_ROWS * width..][..MOST_ROWS * width];
            for start in (0..depth).step_by(MOST_PIECES * DEPTH) {
                let mut pieces = [Piece::default(); MOST_PIECES];
                let mut count = 0;
                for (piece, at) in pieces.iter_mut().zip((start..depth).step_by(DEPTH)) {
                    *piece = Piece {
                        len: DEPTH.min(depth - at),
                        right: at,
                    };
                    count += 1;
                }
                let work = Strip {
                    left: &left[start / DEPTH * left_step + rows.start * DEPTH_PITCH..],
                    left_step,
                    pieces: &pieces[..count],
                    right: strip,
                    rows: &places[..rows.len()],
                    columns: width,
                    target: target.as_mut_ptr(),
                    target_len: target.len(),
                    first: start == 0,
                };
                T::dispatch(self.set, work);
            }
        }
    }
}

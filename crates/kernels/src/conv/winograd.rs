//! Winograd's short convolutions: a phase of two or three taps an axis is computed in tiles with 4 multiplications
//! where the definition has 6, so that 16 stand for 36 on two axes.
//!
//! The stride phases of an input's gradient read the same transformed tiles; those of a forward convolution's input are
//! added up before the outputs are transformed back. What is not finite would spread over a tile: a result that is not
//! finite anywhere is computed anew by the direct algorithm.

mod filter;
mod plan;
pub(super) mod rows;
pub(super) mod thin;
mod tiles;
mod transform;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tconv_shape::ConvShape;

pub(super) use self::plan::supports;
use self::plan::{Layout, MOST_ROWS, Set};
use self::tiles::{Outputs, Tiles};
use super::direct::{self, Shared};
use super::implicit::clear;
use super::phase::Phase;
use super::{Call, Pack, Pass};
use crate::Threads;
use crate::gemm::{DEPTH, DEPTH_PITCH, Piece, Strip, aligned, alignment, strip_width};
use crate::simd::{Float, InstructionSet};
use crate::stage::{Epilogue, Finish};

/// The most bytes of scratch for small tensors.
const SCRATCH_BYTES: usize = 8 << 20;
/// The most pieces of depth that are multiplied in one go.
const MOST_PIECES: usize = 8;

pub(super) fn pays<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    let layout = Layout::new::<T>(pass, shape, true);
    let [products, transforms] = layout.cost();
    let thin = layout.depth < 32 || layout.target.channels < strip_width::<T>();
    // Two threads' scratch may be so large, and a tenth of the larger tensor.
    let [input, _, output] = pass.lens(shape);
    let most = SCRATCH_BYTES / size_of::<T>() + input.max(output) / 10;
    !thin
        && products + transforms < 0.95 * direct::work::<T>(pass, shape)
        && scratch::<T>(pass, shape, 2) <= most
}

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let layouts = [false, true].map(|packed| Layout::new::<T>(pass, shape, packed));
    let needed = layouts.map(|layout| {
        let [panel, tiles, products] = layout.rooms();
        (tiles + products)
            .saturating_mul(threads)
            .saturating_add(panel + 2 * alignment::<T>())
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
    let layout = Layout::new::<T>(pass, shape, packed.is_some());
    if pass == Pass::BackpropInput && shape.axes.iter().any(Phase::leaves_gaps) {
        clear(threads, &finish, out);
    }
    let [panel, tiles, products] = layout.rooms();
    let [panel, rooms] = split(scratch, [panel, (tiles + products) * threads.count()]);
    let crew = Crew {
        set,
        threads,
        layout: &layout,
        source: a,
        target: Shared(out.as_mut_ptr(), out.len()),
        finish,
        finite: AtomicBool::new(true),
    };
    for set in layout.sets().filter(|set| set.rows > 0) {
        let (strips, len) = (layout.strips(&set), layout.strip_len(&set));
        match packed {
            Some(packed) => {
                let filters = &packed[aligned(packed) + set.packed..][..strips * len];
                crew.work(&set, 0..strips, filters, rooms);
            }
            None => {
                for start in (0..strips).step_by(set.panel) {
                    let some = start..strips.min(start + set.panel);
                    let panel = &mut panel[..some.len() * len];
                    filter::strips(crew.set, threads, (&layout, &set, start), b, panel);
                    crew.work(&set, some, panel, rooms);
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
            epilogue: &Epilogue::new(finish.stages()),
        });
    }
}

/// Cuts parts of these lengths off, each from the beginning of a cache line on.
pub(super) fn split<T, const N: usize>(mut scratch: &mut [T], lens: [usize; N]) -> [&mut [T]; N] {
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
    finish: Finish<'a, T>,
    finite: AtomicBool,
}

impl<T: Float> Crew<'_, T> {
    /// Multiplies all tiles with some strips. Each thread transforms its own tiles: what another one has just written
    /// may be far away.
    fn work(&self, set: &Set, strips: Range<usize>, filters: &[T], rooms: &mut [T]) {
        let chunks = set.rows.div_ceil(set.chunk);
        let parts = self.layout.parts(set, strips.len());
        let part = strips.len().div_ceil(parts);
        let next = AtomicUsize::new(0);
        let each = rooms.len() / self.threads.count();
        let [_, tiles, _] = self.layout.rooms();
        self.threads.for_each_piece(rooms, each, |_, room| {
            let (tiles, products) = room.split_at_mut(tiles);
            let mut transformed = None;
            loop {
                let task = next.fetch_add(1, Ordering::Relaxed);
                let (chunk, start) = (task % chunks, task / chunks * part);
                if start >= strips.len() {
                    return;
                }
                let first = chunk * set.chunk;
                let rows = set.chunk.min(set.rows - first);
                if transformed != Some(chunk) {
                    self.transform(set, first, rows, tiles);
                    transformed = Some(chunk);
                }
                let len = self.layout.strip_len(set);
                for strip in start..strips.len().min(start + part) {
                    let filter = &filters[strip * len..][..len];
                    for block in (0..rows).step_by(MOST_ROWS) {
                        let some = block..rows.min(block + MOST_ROWS);
                        self.products(set, some.clone(), (tiles, filter), products);
                        let outputs = Outputs {
                            layout: self.layout,
                            set,
                            strip: strips.start + strip,
                            first: first + block,
                            rows: some.len(),
                            products,
                            finish: &self.finish,
                            target: self.target.0,
                            target_len: self.target.1,
                        };
                        if !T::dispatch(self.set, outputs) {
                            self.finite.store(false, Ordering::Relaxed);
                        }
                    }
                }
            }
        });
    }

    /// Transforms a chunk of tiles.
    fn transform(&self, set: &Set, first: usize, rows: usize, target: &mut [T]) {
        for from in set.sources() {
            let tiles = Tiles {
                layout: self.layout,
                set,
                source: self.source,
                from,
                first,
                rows,
                target,
            };
            T::dispatch(self.set, tiles);
        }
    }

    /// The products of some rows of a chunk with a strip, point by point.
    fn products(
        &self,
        set: &Set,
        rows: Range<usize>,
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
                    finish: Finish::NONE,
                    channel: 0,
                };
                T::dispatch(self.set, work);
            }
        }
    }
}

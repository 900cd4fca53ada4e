//! Winograd's short convolutions: a phase of two or three taps an axis is computed in tiles with 4 multiplications
//! where the definition has 6, so that 16 stand for 36 on two axes.
//!
//! The stride phases of an input's gradient read the same transformed tiles; those of a forward convolution's input are
//! added up before the outputs are transformed back. What is not finite would spread over a tile: a result that is not
//! finite anywhere is computed anew by the direct algorithm.

mod filter;
mod line;
mod plan;
pub(super) mod rows;
pub(super) mod runs;
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
use crate::gemm::{
    Before, DEPTH, DEPTH_PITCH, Piece, ROWS_UNIT, Strip, aligned, alignment, strip_width,
};
use crate::simd::{Float, InstructionSet};
use crate::stage::Finish;

/// The most pieces of depth that are multiplied in one go.
const MOST_PIECES: usize = 8;

pub(super) fn pays<T: Float>(pass: Pass, shape: &ConvShape) -> bool {
    let layout = Layout::new::<T>(pass, shape, true);
    let [products, transforms] = layout.cost();
    let thin = layout.depth < 32 || layout.target.channels < strip_width::<T>();
    !thin
        && products + transforms < 0.95 * direct::work::<T>(pass, shape)
        && scratch::<T>(pass, shape, 2) <= layout.most_scratch()
}

pub(super) fn scratch<T: Float>(pass: Pass, shape: &ConvShape, threads: usize) -> usize {
    let layouts = [false, true].map(|packed| Layout::new::<T>(pass, shape, packed));
    let needed = layouts.map(|layout| {
        let [common, first, products] = layout.rooms();
        (first + products)
            .saturating_mul(threads)
            .saturating_add(common + 2 * alignment::<T>())
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
        filter::strips(call.set, call.threads, (&layout, &set), call.filter, out);
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
    let [common, first, products] = layout.rooms();
    let [common, rooms] = split(scratch, [common, (first + products) * threads.count()]);
    let crew = Crew {
        set,
        threads,
        layout: &layout,
        source: a,
        filter: b,
        target: Shared(out.as_mut_ptr(), out.len()),
        finish,
        finite: AtomicBool::new(true),
    };
    for set in layout.sets().filter(|set| set.rows > 0) {
        let len = layout.strips(&set) * layout.strip_len(&set);
        let packed = packed.map(|packed| &packed[aligned(packed) + set.packed..][..len]);
        if set.shared {
            for first in (0..set.rows).step_by(set.chunk) {
                crew.share((&set, first), packed, common, rooms);
            }
            continue;
        }
        let filters = match packed {
            Some(packed) => packed,
            None => {
                filter::strips(crew.set, threads, (&layout, &set), b, &mut common[..len]);
                &common[..len]
            }
        };
        crew.work(&set, filters, rooms);
    }
    if !crew.finite.into_inner() {
        direct::anew(
            (set, threads),
            (pass, shape),
            [a, b],
            finish.stages(),
            (out, scratch),
        );
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
    filter: &'a [T],
    target: Shared<T>,
    finish: Finish<'a, T>,
    finite: AtomicBool,
}

impl<T: Float> Crew<'_, T> {
    /// Multiplies all tiles with all strips. Each thread transforms its own tiles: what another one has just written
    /// may be far away.
    fn work(&self, set: &Set, filters: &[T], rooms: &mut [T]) {
        let chunks = set.rows.div_ceil(set.chunk);
        let (strips, len) = (self.layout.strips(set), self.layout.strip_len(set));
        let part = strips.div_ceil(self.layout.parts(set));
        let next = AtomicUsize::new(0);
        let each = rooms.len() / self.threads.count();
        let [_, tiles, _] = self.layout.rooms();
        self.threads.for_each_piece(rooms, each, |_, room| {
            let (tiles, products) = room.split_at_mut(tiles);
            let mut transformed = None;
            loop {
                let task = next.fetch_add(1, Ordering::Relaxed);
                let (chunk, start) = (task % chunks, task / chunks * part);
                if start >= strips {
                    return;
                }
                let first = chunk * set.chunk;
                let rows = set.chunk.min(set.rows - first);
                if transformed != Some(chunk) {
                    let target = Shared(tiles.as_mut_ptr(), tiles.len());
                    self.transform(set, first, 0..rows, &target);
                    transformed = Some(chunk);
                }
                for strip in start..strips.min(start + part) {
                    let filter = &filters[strip * len..][..len];
                    for block in (0..rows).step_by(MOST_ROWS) {
                        let some = block..rows.min(block + MOST_ROWS);
                        self.all_points(set, (tiles, &some), filter, products);
                        self.outputs(set, (strip, first + block, some.len()), products);
                    }
                }
            }
        });
    }

    /// Multiplies a chunk's tiles, which all threads transform and share, with all strips; what is not packed is packed on
    /// the way.
    fn share(
        &self,
        (set, first): (&Set, usize),
        packed: Option<&[T]>,
        tiles: &mut [T],
        rooms: &mut [T],
    ) {
        let rows = set.chunk.min(set.rows - first);
        let target = Shared(tiles.as_mut_ptr(), tiles.len());
        self.threads.for_each(rows.div_ceil(ROWS_UNIT), |i| {
            let start = i * ROWS_UNIT;
            let some = start..rows.min(start + ROWS_UNIT);
            self.transform(set, first, some, &target);
        });
        let tiles = &*tiles;
        let (strips, len) = (self.layout.strips(set), self.layout.strip_len(set));
        let next = AtomicUsize::new(0);
        let each = rooms.len() / self.threads.count();
        let [_, room, _] = self.layout.rooms();
        self.threads.for_each_piece(rooms, each, |_, rooms| {
            let (room, products) = rooms.split_at_mut(room);
            loop {
                let strip = next.fetch_add(1, Ordering::Relaxed);
                if strip >= strips {
                    return;
                }
                match packed {
                    Some(packed) => {
                        let filter = &packed[strip * len..][..len];
                        self.all_points(set, (tiles, &(0..rows)), filter, products);
                    }
                    None => self.packing((set, strip), (tiles, rows), room, products),
                }
                self.outputs(set, (strip, first, rows), products);
            }
        });
    }

    /// Transforms some rows of a chunk.
    fn transform(&self, set: &Set, first: usize, rows: Range<usize>, target: &Shared<T>) {
        for from in set.sources() {
            let tiles = Tiles {
                layout: self.layout,
                set,
                source: self.source,
                from,
                first: first + rows.start,
                row: rows.start,
                rows: rows.len(),
                target: target.0,
                target_len: target.1,
            };
            T::dispatch(self.set, tiles);
        }
    }

    /// The products of some rows of a chunk with a packed strip, point by point.
    fn all_points(
        &self,
        set: &Set,
        (tiles, rows): (&[T], &Range<usize>),
        mut filter: &[T],
        products: &mut [T],
    ) {
        let each = set.products(1) * strip_width::<T>();
        for (point, products) in (0..set.points()).zip(products.chunks_mut(each)) {
            let depth = set.sharing(point) * self.layout.depth;
            let (strip, rest) = filter.split_at(depth * strip_width::<T>());
            filter = rest;
            self.products((set, point), (tiles, rows), 0..depth, strip, products);
        }
    }

    /// The products of a chunk's first rows with a strip, some depths of which are packed at once.
    fn packing(
        &self,
        (set, index): (&Set, usize),
        (tiles, rows): (&[T], usize),
        room: &mut [T],
        products: &mut [T],
    ) {
        let width = strip_width::<T>();
        let each = set.products(1) * width;
        for source in set.sources() {
            for start in (0..self.layout.depth).step_by(DEPTH) {
                let part = filter::Part {
                    layout: self.layout,
                    set,
                    index,
                    source,
                    depths: start..self.layout.depth.min(start + DEPTH),
                    filter: self.filter,
                };
                part.pack(self.set, |point| point * DEPTH, room);
                for point in part.points() {
                    let place = set.share(point, source) * self.layout.depth + start;
                    let depths = place..place + part.depths.len();
                    let strip = &room[point * DEPTH * width..][..depths.len() * width];
                    let products = &mut products[point * each..][..each];
                    self.products((set, point), (tiles, &(0..rows)), depths, strip, products);
                }
            }
        }
    }

    /// Adds the products of some rows at a point over some depths, whose filter is given; the first depths' begin anew.
    fn products(
        &self,
        (set, point): (&Set, usize),
        (tiles, rows): (&[T], &Range<usize>),
        depths: Range<usize>,
        strip: &[T],
        products: &mut [T],
    ) {
        let width = strip_width::<T>();
        let places: [usize; MOST_ROWS] = std::array::from_fn(|row| row * width);
        let left_step = set.chunk * DEPTH_PITCH;
        let left = &tiles[self.layout.row_plane(set, point) * set.chunk..];
        let mut start = depths.start;
        while start < depths.end {
            // The tiles' pieces begin at whole multiples.
            let skip = start % DEPTH;
            let most = match skip {
                0 => MOST_PIECES * DEPTH,
                _ => DEPTH - skip,
            };
            let end = depths.end.min(start + most);
            let mut pieces = [Piece::default(); MOST_PIECES];
            let mut count = 0;
            for (piece, at) in pieces.iter_mut().zip((start..end).step_by(DEPTH)) {
                *piece = Piece {
                    len: DEPTH.min(end - at),
                    right: at - depths.start,
                };
                count += 1;
            }
            for block in rows.clone().step_by(MOST_ROWS) {
                let some = MOST_ROWS.min(rows.end - block);
                let target = &mut products[(block - rows.start) * width..][..some * width];
                let work = Strip {
                    left: &left[start / DEPTH * left_step + block * DEPTH_PITCH + skip..],
                    left_step,
                    pieces: &pieces[..count],
                    right: strip,
                    rows: &places[..some],
                    columns: width,
                    target: target.as_mut_ptr(),
                    target_len: target.len(),
                    // The same sums wherever the filter's depths are cut.
                    before: match start {
                        0 => Before::Nothing,
                        _ => Before::Continued,
                    },
                    finish: Finish::NONE,
                    channel: 0,
                };
                T::dispatch(self.set, work);
            }
            start = end;
        }
    }

    /// Writes the results of some tiles, the first of them given, from their products with a strip.
    fn outputs(&self, set: &Set, (strip, first, rows): (usize, usize, usize), products: &[T]) {
        let outputs = Outputs {
            layout: self.layout,
            set,
            strip,
            first,
            rows,
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

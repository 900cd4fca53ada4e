//! Products of split lanes with a panel of the filter, on tile registers.

use std::ops::Range;

use super::block::Block;
use super::multiply::{LINE, Left, multiply};
use super::number::Number;
use super::places::{NONE, Pair, Places};
use super::plan::{CHUNK, COLUMNS, Panel, Plan, ROWS};
use crate::simd::{InstructionSet, Sealed, Vectors, Work};
use crate::stage::Finish;
use crate::tiles::{DEPTH, SIDE, TILE, Tiles};

/// Where a step of depth has its operands.
#[derive(Clone, Copy, Default)]
struct Step {
    /// The elements from a lane's place in the split source to those that the step's tap sees.
    left: usize,
    /// The elements from the beginning of the panel.
    right: usize,
    tap: [usize; 3],
}

/// A panel of a block's results.
pub(super) struct Products<'a, T, const PARTS: usize> {
    pub(super) set: InstructionSet,
    /// What is done to whole sums.
    pub(super) finish: &'a Finish<'a, f32>,
    pub(super) plan: &'a Plan,
    pub(super) block: &'a Block,
    pub(super) panel: &'a Panel,
    /// Where its results are.
    pub(super) places: &'a Places,
    /// The block's split source, of these blocks of channels.
    pub(super) blocks: Range<usize>,
    pub(super) left: &'a [u16],
    /// The panel's filter.
    pub(super) right: &'a [u16],
    pub(super) target: *mut T,
    pub(super) target_len: usize,
    /// The sums that are kept apart until they are whole; none where they fit the result, or are whole at once.
    pub(super) sums: (*mut f32, usize),
}

impl<T: Number, const PARTS: usize> Products<'_, T, PARTS> {
    /// The products of the blocks of channels that `left` has.
    pub(super) fn run(&self, tiles: &mut Tiles) {
        let (plan, panel) = (self.plan, self.panel);
        let taps = panel.taps();
        let all_taps: usize = taps.iter().product();
        let pitch = self.block.lanes() * DEPTH;
        assert_eq!(self.right.len(), panel.len());
        let lanes = self.blocks.len() * PARTS * self.block.lanes() + ROWS;
        assert!(self.left.len() >= lanes * DEPTH);
        let last_channel = panel.group * plan.columns() + panel.column + panel.columns - 1;
        assert!(self.places.last + last_channel * plan.target.channel < self.target_len);
        let end = self.blocks.end * all_taps;
        let once = self.blocks.len() * all_taps <= plan.steps();
        let pairs = self.places.pairs().count();
        assert!(T::WIDE || once || pairs * ROWS * COLUMNS <= self.sums.1);
        for start in (self.blocks.start * all_taps..end).step_by(plan.steps()) {
            let mut steps = [Step::default(); CHUNK];
            let count = plan.steps().min(end - start);
            for (i, step) in steps[..count].iter_mut().enumerate() {
                let index = start + i;
                let (block, tap) = (index / all_taps, index % all_taps);
                let tap = [
                    tap / taps[2] / taps[1],
                    tap / taps[2] % taps[1],
                    tap % taps[2],
                ];
                let place: [usize; 3] = std::array::from_fn(|i| {
                    let patch = &panel.phases[i].patch;
                    (patch.base - plan.along[i].base) as usize + tap[i] * patch.tap_step
                });
                *step = Step {
                    left: (block - self.blocks.start) * PARTS * pitch
                        + self.block.lane(&plan.along, place) * DEPTH,
                    right: index * panel.step_len(),
                    tap,
                };
            }
            let ends = (start == 0, start + count == panel.steps);
            self.chunk(tiles, &steps[..count], ends);
        }
    }

    /// All lanes, with some steps of depth, which may be the first and the last.
    fn chunk(&self, tiles: &mut Tiles, steps: &[Step], (first, last): (bool, bool)) {
        let count = self.places.pairs().count();
        let step_len = self.panel.step_len();
        // The steps behind these are fetched meanwhile: so many lines for each step of each pair.
        let ahead = self.right[steps[0].right..]
            .as_ptr()
            .wrapping_add(steps.len() * step_len);
        let lines = (step_len / LINE).div_ceil(count.max(1));
        for (index, (pair, places)) in self.places.pairs().enumerate() {
            if !pair.used {
                continue;
            }
            let mut some = [Step::default(); CHUNK];
            let steps = match pair.all {
                true => steps,
                false => {
                    let inside = steps.iter().filter(|step| pair.sees(step.tap));
                    let mut count = 0;
                    for (to, step) in some.iter_mut().zip(inside) {
                        *to = *step;
                        count += 1;
                    }
                    &some[..count]
                }
            };
            if steps.is_empty() && !first && !last {
                continue;
            }
            let job = Job {
                products: self,
                index,
                left: self.left[pair.lanes[0] * DEPTH..].as_ptr(),
                tile: (pair.lanes[1].wrapping_sub(pair.lanes[0])).wrapping_mul(DEPTH),
                pair,
                places,
                steps,
                first,
                last,
                ahead: ahead.wrapping_add(index * steps.len() * lines * LINE),
                lines,
            };
            match (pair.tiles > 1, self.panel.tiles() > 1) {
                (true, true) => job.run::<2, 2>(tiles),
                (true, false) => job.run::<2, 1>(tiles),
                (false, true) => job.run::<1, 2>(tiles),
                (false, false) => job.run::<1, 1>(tiles),
            }
        }
    }
}

/// Up to two tiles of rows times up to two tiles of columns.
struct Job<'a, T, const PARTS: usize> {
    products: &'a Products<'a, T, PARTS>,
    /// The number of its pair.
    index: usize,
    left: *const u16,
    /// From the first tile of lanes to the second.
    tile: usize,
    pair: &'a Pair,
    places: &'a [usize; ROWS],
    steps: &'a [Step],
    first: bool,
    last: bool,
    /// What is to be fetched, and how many lines for each step.
    ahead: *const u16,
    lines: usize,
}

impl<T: Number, const PARTS: usize> Job<'_, T, PARTS> {
    fn run<const TALL: usize, const WIDE: usize>(&self, tiles: &mut Tiles) {
        let mut room = [0f32; ROWS * COLUMNS];
        let room = match T::WIDE || self.first && self.last {
            true => &mut room[..],
            // SAFETY: there is room for those of all pairs, which was checked, and a pair's are one thread's.
            false => unsafe {
                let from = self.products.sums.0.add(self.index * room.len());
                std::slice::from_raw_parts_mut(from, room.len())
            },
        };
        let targets: [Target<'_>; 4] = std::array::from_fn(|i| self.target(i / 2, i % 2));
        macro_rules! each {
            ($do:ident) => {
                $do!(0, 0, 0);
                if WIDE > 1 {
                    $do!(1, 0, 1);
                }
                if TALL > 1 {
                    $do!(2, 1, 0);
                    if WIDE > 1 {
                        $do!(3, 1, 1);
                    }
                }
            };
        }
        macro_rules! begin {
            ($sum:literal, $row:literal, $column:literal) => {
                if self.first {
                    tiles.zero::<$sum>();
                } else {
                    let part = &mut room[$sum * SIDE * SIDE..][..SIDE * SIDE];
                    // SAFETY: the target is inside the result, or it was copied to the room.
                    unsafe {
                        match self.read(&targets[$sum], part) {
                            Some((from, step)) => tiles.load_sums::<$sum>(from, step),
                            None => tiles.load_sums::<$sum>(part.as_ptr(), SIDE),
                        }
                    }
                }
            };
        }
        each!(begin);
        let pitch = self.products.block.lanes() * DEPTH;
        for (at, step) in self.steps.iter().enumerate() {
            let left = self.left.wrapping_add(step.left);
            let right = self.products.right[step.right..][..PARTS * WIDE * TILE].as_ptr();
            let fetch = (self.ahead.wrapping_add(at * self.lines * LINE), self.lines);
            let left = Left {
                first: left,
                part: pitch,
                tile: self.tile,
                row: DEPTH,
            };
            // SAFETY: a step's taps are inside the split source, which has room behind it for what is no lane.
            unsafe { multiply::<PARTS, TALL, WIDE>(tiles, left, right, fetch) };
        }
        macro_rules! end {
            ($sum:literal, $row:literal, $column:literal) => {
                // SAFETY: the target is inside the result, or the room is copied to it.
                unsafe {
                    match targets[$sum].whole {
                        Some((to, step)) => {
                            tiles.store::<$sum>(to, step);
                            self.finish(&targets[$sum], (to, step));
                        }
                        None => {
                            let part = &mut room[$sum * SIDE * SIDE..][..SIDE * SIDE];
                            tiles.store::<$sum>(part.as_mut_ptr(), SIDE);
                            if T::WIDE || self.last {
                                self.write(&targets[$sum], part);
                            }
                        }
                    }
                }
            };
        }
        each!(end);
    }

    /// Where a tile of results goes.
    fn target(&self, row: usize, column: usize) -> Target<'_> {
        let products = self.products;
        let rows = &self.places[row * SIDE..][..SIDE];
        let (panel, channel) = (products.panel, products.plan.target.channel);
        let columns = panel.columns.saturating_sub(column * SIDE).min(SIDE);
        let first = panel.group * products.plan.columns() + panel.column + column * SIDE;
        let step = self.pair.steps[row];
        let whole = T::WIDE && columns == SIDE && channel == 1 && step != NONE;
        Target {
            whole: whole.then(|| (products.target.wrapping_add(rows[0] + first).cast(), step)),
            rows,
            first: first * channel,
            columns,
            channel,
        }
    }

    /// Copies what is there to the room, if it does not lie as a tile may be read or is kept in the room.
    ///
    /// # Safety
    /// The target's places are inside the result, and nobody else's.
    unsafe fn read(&self, target: &Target<'_>, room: &mut [f32]) -> Option<(*const f32, usize)> {
        if let Some((from, step)) = target.whole {
            return Some((from, step));
        }
        if !T::WIDE {
            return None;
        }
        let from = self.products.target.cast::<f32>();
        for (room, &row) in room.chunks_mut(SIDE).zip(target.rows) {
            if row == NONE {
                continue;
            }
            if target.columns == SIDE && target.channel == 1 {
                // SAFETY: the caller's.
                unsafe {
                    let from = from.add(row + target.first);
                    room.as_mut_ptr().copy_from_nonoverlapping(from, SIDE);
                }
                continue;
            }
            for (i, room) in room[..target.columns].iter_mut().enumerate() {
                // SAFETY: the caller's.
                *room = unsafe { *from.add(row + target.place(i)) };
            }
        }
        None
    }

    /// Copies the room to its place.
    ///
    /// # Safety
    /// As [`Job::read`].
    unsafe fn write(&self, target: &Target<'_>, room: &[f32]) {
        let finish = match self.last {
            true => self.products.finish,
            false => &Finish::NONE,
        };
        if target.columns == SIDE && target.channel == 1 {
            let work = NarrowRows {
                sums: room,
                rows: target.rows,
                to: self.products.target.wrapping_add(target.first),
            };
            f32::dispatch(self.products.set, work);
            if T::WIDE && !finish.stages().is_empty() {
                let work = FinishRows {
                    finish,
                    channel: target.first,
                    rows: target.rows,
                    to: self.products.target.cast(),
                };
                f32::dispatch(self.products.set, work);
            }
            return;
        }
        for (i, column) in (0..target.columns).map(|i| (i, target.place(i))) {
            let bias = finish.bias(column / target.channel);
            for (room, &row) in room.chunks(SIDE).zip(target.rows) {
                if row != NONE {
                    // SAFETY: the caller's.
                    unsafe {
                        let to = self.products.target.add(row + column);
                        *to = T::narrow(finish.one(room[i], bias));
                    };
                }
            }
        }
    }

    /// Finishes a whole tile of results where it lies.
    ///
    /// # Safety
    /// As [`Job::read`].
    unsafe fn finish(&self, target: &Target<'_>, (to, step): (*mut f32, usize)) {
        let finish = self.products.finish;
        if self.last && !finish.stages().is_empty() {
            let rows: [usize; SIDE] = std::array::from_fn(|i| i * step);
            let work = FinishRows {
                finish,
                channel: target.first,
                rows: &rows,
                to: to.wrapping_sub(target.first),
            };
            f32::dispatch(self.products.set, work);
        }
    }
}

/// Writes rows of a tile of sums to pixels whose channels are side by side.
struct NarrowRows<'a, T> {
    sums: &'a [f32],
    /// Where the pixels are, or [`NONE`].
    rows: &'a [usize],
    to: *mut T,
}

impl<T: Number> Work<f32> for NarrowRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<f32>>(self, _simd: S) {
        let (sums, _) = self.sums.as_chunks::<SIDE>();
        for (sums, &row) in sums.iter().zip(self.rows) {
            if row != NONE {
                let mut numbers = [T::default(); SIDE];
                T::narrow_all(sums, &mut numbers);
                let to = self.to.wrapping_add(row);
                // SAFETY: whoever made it vouches for the places.
                unsafe { to.copy_from_nonoverlapping(numbers.as_ptr(), SIDE) };
            }
        }
    }
}

/// Rows of a tile of sums that have been stored, their channels side by side.
struct FinishRows<'a> {
    finish: &'a Finish<'a, f32>,
    /// The first channel.
    channel: usize,
    /// Where their pixels are, or [`NONE`].
    rows: &'a [usize],
    to: *mut f32,
}

impl Work<f32> for FinishRows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<f32>>(self, simd: S) {
        for column in (0..SIDE).step_by(S::LANES) {
            let channel = self.channel + column;
            let bias = self.finish.lanes(simd, channel, S::LANES);
            for &row in self.rows.iter().filter(|&&row| row != NONE) {
                let to = self.to.wrapping_add(row + channel);
                // SAFETY: these have just been written.
                unsafe {
                    let mut sums = [[simd.load(to)]];
                    self.finish.columns(simd, &mut sums, [bias]);
                    simd.store(to, sums[0][0]);
                }
            }
        }
    }
}

/// Where a tile of results goes: as a whole, or number by number.
struct Target<'a> {
    whole: Option<(*mut f32, usize)>,
    rows: &'a [usize],
    /// The place of the first column, seen from a row's, and how far it is to the next.
    first: usize,
    channel: usize,
    columns: usize,
}

impl Target<'_> {
    /// The place of a column, seen from a row's.
    fn place(&self, column: usize) -> usize {
        self.first + column * self.channel
    }
}

//! The filter's gradient: for each tap the product of what its windows see, channels as rows, with the output's
//! gradient, summed over the windows block by block.
//!
//! The output's gradient of a block is split once for all threads; the source by each for the channels that it has
//! taken, so that the places that a tap sees are side by side, a shift away from those of another tap.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::block::Block;
use super::multiply::{LINE, Left, multiply};
use super::places::{NONE, Places};
use super::plan::{COLUMNS, Plan, ROWS};
use super::split::{Lanes, copy, parts};
use super::{Call, cut, fused, halves, is_exact, rooms};
use crate::conv::direct::Shared;
use crate::conv::phase::Phase;
use crate::simd::{Sealed, Vectors, Work};
use crate::tiles::{DEPTH, SIDE, TILE, Tiles};

pub(super) fn compute<const PARTS: usize>(call: Call<'_, f32>) {
    let plan = &Plan::new::<f32>(call.pass, call.shape, PARTS);
    let (set, threads) = (call.set, call.threads);
    let [shared, own] = rooms::<f32>(plan);
    let [shared, rooms] = cut(&mut *call.scratch, [shared, own * threads.count()]);
    let shared = halves(shared);
    let phases = plan.axes.each_ref().map(Phase::forward);
    let mut places = Places::new();
    let exact = AtomicBool::new(true);
    for index in 0..plan.blocks() {
        if !exact.load(Ordering::Relaxed) {
            break;
        }
        let block = &plan.nth_block(index);
        places.fill(plan, block, &phases);
        let greatest = AtomicU32::new(0);
        let gradient = Gradient {
            plan,
            block,
            phases: &phases,
            places: &places,
            first: index == 0,
            target: Shared(call.out.as_mut_ptr(), call.out.len()),
        };
        let panels = plan.columns().div_ceil(COLUMNS);
        let room = Shared(shared.as_mut_ptr(), shared.len());
        threads.for_each(panels * plan.groups, |index| {
            let (room, panel) = (&room, gradient.panel(index % panels));
            let start = gradient.group_len() * (index / panels) + panel.start;
            assert!(start + panel.len <= room.1);
            // SAFETY: inside, and panels are apart.
            let out = unsafe { std::slice::from_raw_parts_mut(room.0.add(start), panel.len) };
            let split = SplitGradient::<PARTS> {
                gradient: &gradient,
                group: index / panels,
                panel,
                source: call.b,
                out,
            };
            greatest.fetch_max(f32::dispatch(set, split), Ordering::Relaxed);
        });
        let greatest = greatest.into_inner();
        let tasks = plan.depth_blocks() * plan.parts * plan.groups;
        let shared = &*shared;
        let next = AtomicU32::new(0);
        threads.for_each_piece(rooms, own, |_, room| {
            let Some(mut tiles) = Tiles::new() else {
                return;
            };
            let room = &mut halves(room)[..plan.room()];
            loop {
                let task = next.fetch_add(1, Ordering::Relaxed) as usize;
                if task >= tasks || !exact.load(Ordering::Relaxed) {
                    return;
                }
                let (part, task) = (task % plan.parts, task / plan.parts);
                let (channel, group) = (
                    task % plan.depth_blocks() * DEPTH,
                    task / plan.depth_blocks(),
                );
                let split = SplitSource::<PARTS> {
                    gradient: &gradient,
                    group,
                    channel,
                    source: call.a,
                    out: room,
                };
                let seen = f32::dispatch(set, split);
                if !is_exact(seen, greatest, plan.terms()) {
                    exact.store(false, Ordering::Relaxed);
                    return;
                }
                let right = &shared[gradient.group_len() * group..][..gradient.group_len()];
                gradient.run::<PARTS>(&mut tiles, (group, channel), part, room, right);
            }
        });
    }
    if !exact.into_inner() {
        fused::all(call);
    }
}

/// Columns that are computed at once.
#[derive(Clone, Copy)]
struct Panel {
    column: usize,
    columns: usize,
    /// Its place in the split gradient of its group, and how long it is.
    start: usize,
    len: usize,
}

/// A block's share of the filter's gradient.
struct Gradient<'a> {
    plan: &'a Plan,
    block: &'a Block,
    phases: &'a [Phase; 3],
    places: &'a Places,
    /// Whether to write; else to add to what is there.
    first: bool,
    target: Shared<f32>,
}

impl Gradient<'_> {
    fn panel(&self, index: usize) -> Panel {
        let (column, all) = (index * COLUMNS, self.plan.columns());
        let columns = COLUMNS.min(all - column);
        let tile = self.plan.pairs(self.block) * self.plan.split * TILE;
        Panel {
            column,
            columns,
            start: column / SIDE * tile,
            len: columns.div_ceil(SIDE) * tile,
        }
    }

    /// The elements of a group's split gradient.
    fn group_len(&self) -> usize {
        self.plan.columns().div_ceil(SIDE) * self.plan.pairs(self.block) * self.plan.split * TILE
    }

    /// A part of the products with some channels of the source.
    fn run<const PARTS: usize>(
        &self,
        tiles: &mut Tiles,
        (group, channel): (usize, usize),
        part: usize,
        left: &[u16],
        right: &[u16],
    ) {
        let taps = self.phases.map(|phase| phase.patch.taps);
        let all_taps: usize = taps.iter().product();
        let all = self.plan.columns().div_ceil(COLUMNS) * all_taps;
        let some = all.div_ceil(self.plan.parts);
        let channels = DEPTH.min(self.plan.depth() - channel);
        for index in part * some..all.min((part + 1) * some) {
            let (panel, tap) = (self.panel(index / all_taps), index % all_taps);
            let at = [
                tap / taps[2] / taps[1],
                tap / taps[2] % taps[1],
                tap % taps[2],
            ];
            let place = std::array::from_fn(|i| at[i] * self.phases[i].patch.tap_step);
            let kernel = self.plan.axes.map(|axis| axis.kernel);
            let [z, y, x]: [usize; 3] = std::array::from_fn(|i| self.phases[i].tap(at[i]));
            let row = ((z * kernel[1] + y) * kernel[2] + x) * self.plan.depth() + channel;
            let column = group * self.plan.columns() + panel.column;
            let job = Job {
                gradient: self,
                left: &left[self.block.lane(&self.plan.along, place)..],
                right: &right[panel.start..][..panel.len],
                tap: at,
                taps: (tap, all_taps),
                target: row * self.plan.target.channels + column,
                rows: channels,
                columns: panel.columns,
            };
            match (channels > SIDE, panel.columns > SIDE) {
                (true, true) => job.run::<PARTS, 2, 2>(tiles),
                (true, false) => job.run::<PARTS, 2, 1>(tiles),
                (false, true) => job.run::<PARTS, 1, 2>(tiles),
                (false, false) => job.run::<PARTS, 1, 1>(tiles),
            }
        }
    }
}

/// Up to 32 channels of the source times up to 32 of the output's gradient, for one tap.
struct Job<'a> {
    gradient: &'a Gradient<'a>,
    left: &'a [u16],
    right: &'a [u16],
    tap: [usize; 3],
    /// The tap's number, and how many there are.
    taps: (usize, usize),
    /// The place of the first element.
    target: usize,
    rows: usize,
    columns: usize,
}

impl Job<'_> {
    fn run<const PARTS: usize, const TALL: usize, const WIDE: usize>(&self, tiles: &mut Tiles) {
        let gradient = self.gradient;
        let step = gradient.plan.target.channels;
        let pitch = gradient.plan.row_pitch(gradient.block);
        let target = &gradient.target;
        assert!(self.target + (self.rows - 1) * step + self.columns <= target.1);
        let to = target.0.wrapping_add(self.target);
        let whole = self.rows == TALL * SIDE && self.columns == WIDE * SIDE;
        let mut room = [0f32; ROWS * COLUMNS];
        if !whole && !gradient.first {
            for (row, room) in room.chunks_mut(COLUMNS).take(self.rows).enumerate() {
                for (column, room) in room[..self.columns].iter_mut().enumerate() {
                    // SAFETY: inside the result, of which this is one task's.
                    *room = unsafe { *to.add(row * step + column) };
                }
            }
        }
        let (sums, sums_step) = match whole {
            true => (to, step),
            false => (room.as_mut_ptr(), COLUMNS),
        };
        macro_rules! each {
            ($do:ident) => {
                $do!(0, 0, 0);
                if WIDE > 1 {
                    $do!(1, 0, SIDE);
                }
                if TALL > 1 {
                    $do!(2, SIDE, 0);
                    if WIDE > 1 {
                        $do!(3, SIDE, SIDE);
                    }
                }
            };
        }
        macro_rules! begin {
            ($sum:literal, $row:expr, $column:expr) => {
                match gradient.first {
                    true => tiles.zero::<$sum>(),
                    // SAFETY: inside the result, or the room.
                    false => unsafe {
                        let from = sums.wrapping_add($row * sums_step + $column);
                        tiles.load_sums::<$sum>(from, sums_step);
                    },
                }
            };
        }
        each!(begin);
        let pairs = gradient.plan.pairs(gradient.block);
        let lines = (PARTS * WIDE * TILE / LINE).div_ceil(self.taps.1);
        let ahead = self.right.as_ptr().wrapping_add(self.right.len());
        let last = (PARTS * DEPTH - 1) * pitch + ROWS;
        for (index, (pair, _)) in gradient.places.pairs().enumerate() {
            if !pair.sees(self.tap) {
                continue;
            }
            let left = &self.left[pair.lanes[0]..];
            // What the last rows of the last part have behind them is another lane's, or the room's end.
            assert!(left.len() >= last - (DEPTH - TALL * SIDE) * pitch);
            let left = Left {
                first: left.as_ptr(),
                part: DEPTH * pitch,
                tile: SIDE * pitch,
                row: pitch,
            };
            let right = self.right[index * PARTS * WIDE * TILE..][..PARTS * WIDE * TILE].as_ptr();
            let fetch = (self.taps.0 * pairs + index) * lines * LINE;
            // SAFETY: all rows are inside, which was checked.
            unsafe {
                multiply::<PARTS, TALL, WIDE>(
                    tiles,
                    left,
                    right,
                    (ahead.wrapping_add(fetch), lines),
                )
            };
        }
        macro_rules! end {
            ($sum:literal, $row:expr, $column:expr) => {
                // SAFETY: inside the result, of which this is one task's, or the room.
                unsafe {
                    let to = sums.wrapping_add($row * sums_step + $column);
                    tiles.store::<$sum>(to, sums_step);
                }
            };
        }
        each!(end);
        if !whole {
            for (row, room) in room.chunks(COLUMNS).take(self.rows).enumerate() {
                for (column, &sum) in room[..self.columns].iter().enumerate() {
                    // SAFETY: inside the result, of which this is one task's.
                    unsafe { *to.add(row * step + column) = sum };
                }
            }
        }
    }
}

/// Splits a panel of the output's gradient: for each pair of tiles of lanes and each part tiles whose rows are pairs of
/// lanes. Lanes that are no window are zero. Returns the bits of the greatest magnitude.
struct SplitGradient<'a, const PARTS: usize> {
    gradient: &'a Gradient<'a>,
    group: usize,
    panel: Panel,
    source: &'a [f32],
    out: &'a mut [u16],
}

impl<const PARTS: usize> Work<f32> for SplitGradient<'_, PARTS> {
    type Output = u32;
    #[inline(always)]
    fn run<S: Vectors<f32>>(self, _simd: S) -> u32 {
        let plan = self.gradient.plan;
        let tiles = self.panel.columns.div_ceil(SIDE);
        let channel = plan.target.channel;
        let mut greatest = [0; SIDE];
        let pairs = self.gradient.places.pairs();
        for ((_, places), out) in pairs.zip(self.out.chunks_exact_mut(PARTS * tiles * TILE)) {
            for tile in 0..tiles {
                let column = self.panel.column + tile * SIDE;
                let columns = SIDE.min(plan.columns() - column);
                let first = (self.group * plan.columns() + column) * channel;
                for (k, places) in places.chunks_exact(2).enumerate() {
                    let mut rows = [[0.0; SIDE]; 2];
                    for (row, &place) in rows.iter_mut().zip(places) {
                        if place == NONE {
                            continue;
                        }
                        copy(
                            (&self.source[place + first..], channel),
                            &mut row[..columns],
                        );
                    }
                    let even = parts::<PARTS, SIDE>(&rows[0], &mut greatest);
                    let odd = parts::<PARTS, SIDE>(&rows[1], &mut greatest);
                    for part in 0..PARTS {
                        let at = (part * tiles + tile) * TILE + k * DEPTH;
                        let to = out[at..][..DEPTH].chunks_exact_mut(2);
                        for (to, (&even, &odd)) in to.zip(even[part].iter().zip(&odd[part])) {
                            to[0] = even;
                            to[1] = odd;
                        }
                    }
                }
            }
        }
        greatest.into_iter().fold(0, u32::max)
    }
}

/// Splits some channels of what a block sees: for each part and channel all lanes side by side. What is in the padding is
/// zero. Returns the bits of the greatest magnitude.
struct SplitSource<'a, const PARTS: usize> {
    gradient: &'a Gradient<'a>,
    group: usize,
    channel: usize,
    source: &'a [f32],
    out: &'a mut [u16],
}

impl<const PARTS: usize> Work<f32> for SplitSource<'_, PARTS> {
    type Output = u32;
    #[inline(always)]
    fn run<S: Vectors<f32>>(self, simd: S) -> u32 {
        let (plan, block) = (self.gradient.plan, self.gradient.block);
        let pitch = plan.row_pitch(block);
        let channels = DEPTH.min(plan.depth() - self.channel);
        let step = plan.source.channel;
        let first = (self.group * plan.depth() + self.channel) * step;
        let mut greatest = [0; SIDE];
        let mut places = [NONE; SIDE];
        let mut lane = 0;
        let mut each = |place: Option<usize>| {
            places[lane % SIDE] = place.unwrap_or(NONE);
            lane += 1;
            if lane % SIDE == 0 {
                let to = &mut self.out[lane - SIDE..];
                lanes::<PARTS, S>(
                    simd,
                    (self.source, first, step),
                    (&places, channels),
                    (to, pitch),
                    &mut greatest,
                );
            }
        };
        // The lanes that are read behind the last are in no place.
        let behind = pitch - block.lanes();
        Lanes { plan, block }.for_each_place(behind, &mut each);
        greatest.into_iter().fold(0, u32::max)
    }
}

/// Splits some channels, `step` apart from the `first` on, of 16 lanes' places.
#[inline(always)]
fn lanes<const PARTS: usize, S: Vectors<f32>>(
    simd: S,
    (source, first, step): (&[f32], usize, usize),
    (places, channels): (&[usize; SIDE], usize),
    (to, pitch): (&mut [u16], usize),
    greatest: &mut [u32; SIDE],
) {
    // Pixels as rows, then channels as rows.
    let mut pixels = [[0.0; DEPTH]; SIDE];
    for (pixel, &place) in pixels.iter_mut().zip(places) {
        if place == NONE {
            continue;
        }
        copy((&source[place + first..], step), &mut pixel[..channels]);
    }
    let mut rows = [[0.0; SIDE]; DEPTH];
    turn(simd, &pixels, &mut rows);
    for (channel, row) in rows.iter().enumerate() {
        let parts = parts::<PARTS, SIDE>(row, greatest);
        for (part, numbers) in parts.iter().enumerate() {
            to[(part * DEPTH + channel) * pitch..][..SIDE].copy_from_slice(numbers);
        }
    }
}

/// Turns 16 rows of 32 numbers.
#[inline(always)]
fn turn<S: Vectors<f32>>(simd: S, from: &[[f32; DEPTH]; SIDE], to: &mut [[f32; SIDE]; DEPTH]) {
    const { assert!(SIDE.is_multiple_of(S::LANES)) }
    for row in (0..SIDE).step_by(S::LANES) {
        for column in (0..DEPTH).step_by(S::LANES) {
            // SAFETY: the square is inside both.
            unsafe {
                let from = from.as_ptr().cast::<f32>().add(row * DEPTH + column);
                let to = to.as_mut_ptr().cast::<f32>().add(column * SIDE + row);
                simd.turn_lanes((from, DEPTH), (to, SIDE));
            }
        }
    }
}

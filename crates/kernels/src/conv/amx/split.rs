//! Splits numbers into bf16 parts: each is the one nearest to what those before it leave, so that three have all 24
//! bits of an `f32`, two the 11 of an `f16`.

use std::ops::Range;

use super::block::Block;
use super::number::Number;
use super::plan::Plan;
use crate::simd::{Vectors, Work};
use crate::tiles::{DEPTH, SIDE};

/// The parts of some numbers, and in each part the greatest magnitude's bits so far.
#[inline(always)]
pub(super) fn parts<const PARTS: usize, const N: usize>(
    numbers: &[f32; N],
    greatest: &mut [u32; N],
) -> [[u16; N]; PARTS] {
    let mut parts = [[0; N]; PARTS];
    let mut rest = *numbers;
    for (x, greatest) in numbers.iter().zip(greatest) {
        *greatest = (*greatest).max(x.to_bits() & !(1 << 31));
    }
    for part in &mut parts {
        for (part, rest) in part.iter_mut().zip(&mut rest) {
            let bits = rest.to_bits();
            let high = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
            *part = high as u16;
            *rest -= f32::from_bits(high << 16);
        }
    }
    parts
}

/// Splits what a block sees, for each of some blocks of channels and each part: all its lanes, 32 channels each. What is in the
/// padding is zero. Returns the bits of the greatest magnitude.
pub(super) struct Split<'a, T, const PARTS: usize> {
    pub(super) plan: &'a Plan,
    pub(super) block: &'a Block,
    pub(super) group: usize,
    /// The blocks of channels.
    pub(super) blocks: Range<usize>,
    pub(super) source: &'a [T],
    pub(super) out: &'a mut [u16],
}

impl<T: Number, const PARTS: usize> Work<f32> for Split<'_, T, PARTS> {
    type Output = u32;
    #[inline(always)]
    fn run<S: Vectors<f32>>(self, simd: S) -> u32 {
        let Split {
            plan,
            block,
            group,
            blocks,
            source,
            out,
        } = self;
        let channels = &plan.source;
        let first_channel = blocks.start * DEPTH;
        let depth = plan.depth().min(blocks.end * DEPTH) - first_channel;
        let first_channel = group * plan.depth() + first_channel;
        let pitch = block.lanes() * DEPTH;
        let lanes = Lanes { plan, block };
        let mut greatest = [0; DEPTH];
        lanes.for_each_row(|row| {
            // The rows outside the source, and what a row has outside it.
            let zero = |out: &mut [u16], lane: usize| {
                for k in 0..blocks.len() * PARTS {
                    out[k * pitch + lane * DEPTH..][..DEPTH].fill(0);
                }
            };
            for at in row.outside() {
                zero(out, row.lane(at));
            }
            let Some((first, inside)) = row.inside() else {
                return;
            };
            if plan.source.channels_last {
                for i in 0..inside {
                    let (place, lane) = (row.place(first + i), row.lane(first + i));
                    let pixel = &source[place + first_channel..][..depth];
                    let mut to = lane * DEPTH;
                    for some in pixel.chunks(DEPTH) {
                        let mut numbers = [0.0; DEPTH];
                        match <&[T; DEPTH]>::try_from(some) {
                            Ok(all) => T::widen(all, &mut numbers),
                            Err(_) => T::widen(some, &mut numbers[..some.len()]),
                        }
                        for part in parts::<PARTS, DEPTH>(&numbers, &mut greatest) {
                            out[to..][..DEPTH].copy_from_slice(&part);
                            to += pitch;
                        }
                    }
                }
                return;
            }
            // Squares of pixels and channels are turned.
            for start in (0..inside).step_by(SIDE) {
                let count = SIDE.min(inside - start);
                let from = row.place(first + start) + first_channel * channels.channel;
                for (k, channel) in (0..depth).step_by(DEPTH).enumerate() {
                    let some = DEPTH.min(depth - channel);
                    let mut square = [[0.0; DEPTH]; SIDE];
                    let from = &source[from + channel * channels.channel..];
                    turn(
                        simd,
                        (from, channels.channel, row.step()),
                        (some, count),
                        &mut square,
                    );
                    for (i, numbers) in square[..count].iter().enumerate() {
                        let lane = row.lane(first + start + i);
                        let mut to = k * PARTS * pitch + lane * DEPTH;
                        for part in parts::<PARTS, DEPTH>(numbers, &mut greatest) {
                            out[to..][..DEPTH].copy_from_slice(&part);
                            to += pitch;
                        }
                    }
                }
            }
        });
        // What is read behind the last lane is a number of no use.
        out[blocks.len() * PARTS * pitch..].fill(0);
        greatest.into_iter().fold(0, u32::max)
    }
}

/// Copies channels that are `step` apart.
#[inline(always)]
pub(super) fn copy((from, step): (&[f32], usize), to: &mut [f32]) {
    if step == 1 {
        to.copy_from_slice(&from[..to.len()]);
    } else {
        for (to, &x) in to.iter_mut().zip(from.iter().step_by(step)) {
            *to = x;
        }
    }
}

/// The bits of the greatest magnitude that [`Split`] finds.
pub(super) fn greatest_seen(plan: &Plan, block: &Block, group: usize, source: &[f32]) -> u32 {
    let depth = plan.depth();
    let mut greatest = 0;
    Lanes { plan, block }.for_each_row(|row| {
        let (first, count) = row.inside().unwrap_or((0, 0));
        for at in first..first + count {
            let place = row.place(at) + group * depth * plan.source.channel;
            let channels = source[place..].iter().step_by(plan.source.channel);
            let bits = channels.take(depth).map(|x| x.to_bits() & !(1 << 31));
            greatest = bits.fold(greatest, u32::max);
        }
    });
    greatest
}

/// Turns `rows` channels, `step` apart, of `columns` pixels, which are `apart`.
#[inline(always)]
fn turn<T: Number, S: Vectors<f32>>(
    simd: S,
    (from, step, apart): (&[T], usize, usize),
    (rows, columns): (usize, usize),
    to: &mut [[f32; DEPTH]; SIDE],
) {
    let mut start = 0;
    if columns == SIDE && apart == 1 {
        let whole = rows - rows % S::LANES;
        assert!(
            SIDE.is_multiple_of(S::LANES)
                && (whole == 0 || (whole - 1) * step + SIDE <= from.len())
        );
        let mut wide = [[0.0; SIDE]; DEPTH];
        let (from, step) = T::wide_rows((from, step), &mut wide[..whole]);
        for row in (0..whole).step_by(S::LANES) {
            for column in (0..SIDE).step_by(S::LANES) {
                // SAFETY: the square is inside both, which was checked.
                unsafe {
                    let from = from.add(row * step + column);
                    let to = to.as_mut_ptr().cast::<f32>().add(column * DEPTH + row);
                    simd.turn_lanes((from, step), (to, DEPTH));
                }
            }
        }
        start = whole;
    }
    for row in start..rows {
        let from = from[row * step..].iter().step_by(apart);
        for (to, &x) in to[..columns].iter_mut().zip(from) {
            to[row] = x.wide();
        }
    }
}

/// The places that a block sees.
pub(super) struct Lanes<'a> {
    pub(super) plan: &'a Plan,
    pub(super) block: &'a Block,
}

/// The places of a row along the last axis, by its remainder and image; or those outside the source.
pub(super) struct Row<'a> {
    lanes: &'a Lanes<'a>,
    /// The lane of the first place ...
    lane: usize,
    /// ... which is this one in the source's row, and the row's place, if there is one.
    first: isize,
    row: Option<usize>,
}

impl Lanes<'_> {
    /// Calls `each` for all rows.
    #[inline(always)]
    pub(super) fn for_each_row(&self, mut each: impl FnMut(Row<'_>)) {
        let (plan, block) = (self.plan, self.block);
        let starts: [isize; 3] = std::array::from_fn(|i| {
            let along = &plan.along[i];
            along.base + (block.first[i] * along.step) as isize
        });
        let inside = |i: usize, place: usize| {
            let at = starts[i] + place as isize;
            usize::try_from(at)
                .ok()
                .filter(|&at| at < plan.along[i].size)
        };
        let all = |i: usize| {
            let along = plan.along[i];
            (0..block.seen[i]).flat_map(move |seen| {
                (0..along.residues).map(move |residue| seen * along.step + residue)
            })
        };
        for z in all(0) {
            for y in all(1) {
                for residue in 0..plan.along[2].residues {
                    for (i, image) in block.images.clone().enumerate() {
                        let row = inside(0, z).zip(inside(1, y));
                        let place = |(z, y)| plan.source.place(image, [z, y, 0], 0);
                        each(Row {
                            lanes: self,
                            lane: block.lane(&plan.along, [z, y, residue]) + i,
                            first: starts[2] + residue as isize,
                            row: row.map(place),
                        });
                    }
                }
            }
        }
    }
}

impl Lanes<'_> {
    /// Calls `each` for all lanes in their order, and for so many behind them, with the places in the source of those that
    /// are not in the padding.
    #[inline(always)]
    pub(super) fn for_each_place(&self, behind: usize, mut each: impl FnMut(Option<usize>)) {
        let (plan, block) = (self.plan, self.block);
        let inside = |i: usize, residue: usize, seen: usize| {
            let along = &plan.along[i];
            let place = (block.first[i] + seen) * along.step + residue;
            let at = along.base + place as isize;
            usize::try_from(at).ok().filter(|&at| at < along.size)
        };
        let [tz, ty, tx] = plan.along.map(|along| along.residues);
        let [sz, sy, sx] = block.seen;
        let images = block.images.len();
        // The pixels of a row, then the images, and one row that is none behind all others.
        for row in 0..tz * ty * tx * sz * sy + 1 {
            let (residue, row) = (row / (sz * sy), row % (sz * sy));
            let (rz, ry, rx) = (residue / tx / ty, residue / tx % ty, residue % tx);
            let last = rz == tz;
            let found = inside(0, rz, row / sy).zip(inside(1, ry, row % sy));
            let found = found.filter(|_| !last);
            let count = if last { behind } else { sx * images };
            for index in 0..count {
                let (x, image) = (index / images, index % images);
                let at = found.zip(inside(2, rx, x)).map(|((z, y), x)| [z, y, x]);
                each(at.map(|at| plan.source.place(block.images.start + image, at, 0)));
            }
        }
    }
}

impl Row<'_> {
    fn count(&self) -> usize {
        self.lanes.block.seen[2]
    }

    fn step(&self) -> usize {
        self.lanes.plan.along[2].step
    }

    /// The lane of place `index`.
    #[inline(always)]
    pub(super) fn lane(&self, index: usize) -> usize {
        self.lane + index * self.lanes.block.images.len()
    }

    /// Where in the source place `index` is, which must be inside.
    #[inline(always)]
    pub(super) fn place(&self, index: usize) -> usize {
        let at = self.first + (index * self.step()) as isize;
        self.row.unwrap_or(0) + at as usize * self.lanes.plan.source.axes[2]
    }

    /// The first place inside the source and how many there are, if there are any.
    pub(super) fn inside(&self) -> Option<(usize, usize)> {
        self.row?;
        let before = |end: isize| {
            let end = end - self.first;
            let count = usize::try_from(end).map_or(0, |end| end.div_ceil(self.step()));
            count.min(self.count())
        };
        let (first, end) = (before(0), before(self.lanes.plan.along[2].size as isize));
        (first < end).then(|| (first, end - first))
    }

    /// The places outside.
    pub(super) fn outside(&self) -> impl Iterator<Item = usize> {
        let (first, count) = self.inside().unwrap_or((self.count(), 0));
        (0..first).chain(first + count..self.count())
    }
}

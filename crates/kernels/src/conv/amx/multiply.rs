//! One step of depth on tile registers.

use crate::simd::prefetch_second;
use crate::tiles::{DEPTH, TILE, Tiles};

/// The bf16 numbers of a cache line.
pub(super) const LINE: usize = 32;

/// Where two tiles of lanes or channels are.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub(super) first: *const u16,
    /// From one part to the next, from one tile to the next, and from one row to the next.
    pub(super) part: usize,
    pub(super) tile: usize,
    pub(super) row: usize,
}

/// Adds the products of a step of depth: of three parts each the six that are greatest, of two the three.
///
/// # Safety
/// The parts of `left` have all rows; `right` has the tiles of all parts.
#[inline(always)]
pub(super) unsafe fn multiply<const PARTS: usize, const TALL: usize, const WIDE: usize>(
    tiles: &mut Tiles,
    left: Left,
    right: *const u16,
    (ahead, lines): (*const u16, usize),
) {
    let mut fetched = 0;
    let mut fetch = |until: usize| {
        while fetched < (lines * until).div_ceil(PARTS * (PARTS + 1) / 2) {
            prefetch_second(ahead.wrapping_add(fetched * LINE));
            fetched += 1;
        }
    };
    macro_rules! left {
        ($part:literal) => {
            let from = left.first.add($part * left.part);
            tiles.load::<4>(from, left.row);
            if TALL > 1 {
                tiles.load::<5>(from.add(left.tile), left.row);
            }
        };
    }
    macro_rules! right {
        ($part:literal) => {
            tiles.load::<6>(right.add($part * WIDE * TILE), DEPTH);
            if WIDE > 1 {
                tiles.load::<7>(right.add($part * WIDE * TILE + TILE), DEPTH);
            }
        };
    }
    macro_rules! products {
        () => {
            tiles.product::<0, 4, 6>();
            if WIDE > 1 {
                tiles.product::<1, 4, 7>();
            }
            if TALL > 1 {
                tiles.product::<2, 5, 6>();
                if WIDE > 1 {
                    tiles.product::<3, 5, 7>();
                }
            }
        };
    }
    // In this order no more than two tiles of the one side are read for two of the other, and what was read last stays.
    // SAFETY: the caller's.
    unsafe {
        left!(0);
        match PARTS {
            1 => {
                right!(0);
                products!();
            }
            2 => {
                right!(1);
                products!();
                fetch(1);
                right!(0);
                products!();
                fetch(2);
                left!(1);
                products!();
            }
            _ => {
                right!(2);
                products!();
                fetch(1);
                right!(0);
                products!();
                fetch(2);
                right!(1);
                products!();
                fetch(3);
                left!(1);
                products!();
                fetch(4);
                right!(0);
                products!();
                fetch(5);
                left!(2);
                products!();
            }
        }
        fetch(PARTS * (PARTS + 1) / 2);
    }
}

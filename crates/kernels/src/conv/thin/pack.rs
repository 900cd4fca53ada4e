//! Lays the filter out in the order in which tiles of results read it.

use std::ops::Range;

use tconv_shape::ConvShape;

use super::super::{Pass, grid};
use super::lattice::{Class, Lattice, TILE};
use super::plan::Plan;
use super::{SERIAL_WORK, Target};
use crate::Threads;
use crate::simd::Float;

/// The rows of the next tile, where so many are left of its class.
pub(super) fn tile_rows(left: usize) -> usize {
    left.div_ceil(left.div_ceil(TILE))
}

/// A tile of the filter: a group, a class and the class' rows.
type Tile = (usize, Class, Range<usize>);

fn tiles(lattice: &Lattice) -> impl Iterator<Item = Tile> {
    let bands =
        (0..lattice.groups).flat_map(|group| lattice.bands().map(move |band| (group, band)));
    let classes = bands.flat_map(|(group, band)| {
        let classes = lattice.classes(band);
        classes.map(move |class| (group, class))
    });
    classes.flat_map(|(group, class)| {
        let mut end = 0;
        std::iter::from_fn(move || {
            let start = end;
            end += if start < class.rows {
                tile_rows(class.rows - start)
            } else {
                0
            };
            (start < end).then_some((group, class, start..end))
        })
    })
}

/// Writes the plan and the filter in the order in which the tiles read it: for each tile and term a row of the tile's
/// elements.
pub(super) fn pack_into<T: Float>(
    lattice: &Lattice,
    threads: &Threads,
    (pass, shape): (Pass, &ConvShape),
    filter: &[T],
    out: &mut [T],
) {
    /// As many tasks as keep many threads busy to the end.
    const TASKS: usize = 32;
    let out = Plan::write(lattice, out);
    assert!(out.len() == filter.len());
    let count = tiles(lattice).count();
    let each = count.div_ceil(TASKS);
    let threads = if out.len() < SERIAL_WORK {
        &Threads::ONE
    } else {
        threads
    };
    let target = Target(out.as_mut_ptr(), out.len());
    let target = &target;
    threads.for_each(count.div_ceil(each), |task| {
        let mut place = 0;
        for (i, tile) in tiles(lattice).take((task + 1) * each).enumerate() {
            let len = tile.2.len() * tile.1.depth;
            if i >= task * each {
                assert!(place + len <= target.1);
                // SAFETY: inside, and no other tile has these elements.
                let out = unsafe { std::slice::from_raw_parts_mut(target.0.add(place), len) };
                pack_tile(lattice, (pass, shape), filter, tile, out);
            }
            place += len;
        }
    });
}

fn pack_tile<T: Float>(
    lattice: &Lattice,
    (pass, shape): (Pass, &ConvShape),
    filter: &[T],
    (group, class, rows): Tile,
    out: &mut [T],
) {
    let kernel = grid::axes(shape).map(|axis| axis.kernel);
    let inputs = shape.in_channels / shape.groups;
    // An element's place is the sum of what its row and its term say.
    let place = |[z, y, x]: [usize; 3], input: usize, output: usize| {
        let tap = (z * kernel[1] + y) * kernel[2] + x;
        (tap * inputs + input) * shape.out_channels + output
    };
    let mut parts = [0; TILE];
    for (part, row) in parts.iter_mut().zip(rows.clone()) {
        let (phase, channel) = row_of(lattice, &class, row);
        *part = match pass {
            Pass::Forward => place(phase, 0, group * lattice.result_channels + channel),
            _ => place(phase, channel, group * lattice.source_channels),
        };
    }
    let parts = &parts[..rows.len()];
    for ((taps, channel), out) in lattice.terms(class).zip(out.chunks_exact_mut(rows.len())) {
        let first = std::array::from_fn(|i| class.runs[i].element(taps[i]));
        let part = match pass {
            Pass::Forward => place(first, channel, 0),
            _ => place(first, 0, channel),
        };
        for (out, row) in out.iter_mut().zip(parts) {
            *out = filter[part + row];
        }
    }
}

/// The phases, within the class' runs, and the group's channel that a row is.
fn row_of(lattice: &Lattice, class: &Class, row: usize) -> ([usize; 3], usize) {
    let (phase, channel) = (row / lattice.result_channels, row % lattice.result_channels);
    let [_, tall, wide] = class.runs.map(|run| run.len);
    (
        [phase / wide / tall, phase / wide % tall, phase % wide],
        channel,
    )
}

use super::super::line::Sub;
use super::super::plan::MOST_TAPS;
use super::plan::{Band, Piece, Plan};
use crate::Threads;
use crate::conv::Pass;
use crate::conv::direct::Shared;
use crate::simd::Float;

/// The rows of a tile of products: their sums and an operand fill the registers.
pub(super) const TILE: usize = 12;

/// Tiles of so many rows, as few as there can be: the first row and how many.
pub(super) fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(TILE);
    (0..count).map(move |i| {
        let start = i * rows / count;
        (start, (i + 1) * rows / count - start)
    })
}

/// Writes the filter at the points, in the order in which products read it: for each band and piece, for each point and
/// tile of rows, channel by channel.
pub(super) fn pack_into<T: Float>(plan: &Plan, threads: &Threads, filter: &[T], out: &mut [T]) {
    assert!(out.len() == plan.packed_len());
    let target = Shared(out.as_mut_ptr(), out.len());
    let target = &target;
    let pieces = plan.pieces().count();
    let bands = plan.bands().count();
    threads.for_each(bands * pieces, |task| {
        let Some(band) = plan.bands().nth(task / pieces) else {
            return;
        };
        let mut place = band.filter;
        for (i, piece) in plan.pieces().enumerate() {
            let len = piece.points().len() * piece.channels.len() * band.rows;
            if i == task % pieces {
                assert!(place + len <= target.1);
                // SAFETY: inside, and no other task has this piece of this band.
                let out = unsafe { std::slice::from_raw_parts_mut(target.0.add(place), len) };
                pack_piece(plan, (&band, &piece), filter, out);
            }
            place += len;
        }
    });
}

fn pack_piece<T: Float>(plan: &Plan, (band, piece): (&Band, &Piece), filter: &[T], out: &mut [T]) {
    let (layout, lines) = (&plan.layout, &plan.set.lines);
    let channels = piece.channels.clone();
    // From one channel of the source to the next, and of the result.
    let steps = match layout.pass {
        Pass::Forward => [layout.target.channels, 1],
        _ => [1, layout.source.channels],
    };
    let tap_len = layout.source.channels * layout.target.channels;
    let counts = [0, 1].map(|k| lines[k].points + 1 - lines[k].outputs);
    for (first, count) in tiles(band.rows) {
        for row in first..first + count {
            let (written, result) = plan.row_at(band, row);
            let phase = match layout.pass {
                Pass::Forward => [piece.from[1], piece.from[2]],
                _ => written,
            };
            let subs = [0, 1].map(|k| lines[k].sub(phase[k]));
            // Only a forward convolution's phases have points of their own.
            let taps = match layout.pass {
                Pass::Forward => subs.each_ref().map(|sub| sub.taps),
                _ => counts,
            };
            for channel in channels.clone() {
                let place = channel * steps[0] + result * steps[1];
                let element = |y: usize, x: usize| {
                    let tap = layout.tap([0, subs[0].tap(y), subs[1].tap(x)]);
                    filter[tap * tap_len + place]
                };
                let points = at_points(&subs, taps, piece.sides, element);
                for (i, &value) in points[..piece.points().len()].iter().enumerate() {
                    let tile = (i * band.rows + first) * channels.len();
                    out[tile + (channel - channels.start) * count + row - first] = value;
                }
            }
        }
    }
}

/// A phase's taps, filled up with zeros to so many, at the points.
fn at_points<T: Float>(
    subs: &[Sub; 2],
    taps: [usize; 2],
    [tall, wide]: [usize; 2],
    element: impl Fn(usize, usize) -> T,
) -> [T; super::plan::POINTS] {
    let mut across = [[T::default(); 4]; MOST_TAPS];
    for (y, across) in across[..subs[0].taps].iter_mut().enumerate() {
        let mut row = [T::default(); MOST_TAPS];
        for (x, tap) in row[..subs[1].taps].iter_mut().enumerate() {
            *tap = element(y, x);
        }
        *across = transform(row, taps[1], wide);
    }
    let mut all = [T::default(); super::plan::POINTS];
    for x in 0..wide {
        let column = transform(across.map(|row| row[x]), taps[0], tall);
        for y in 0..tall {
            all[y * wide + x] = column[y];
        }
    }
    all
}

/// So many taps at so many of the points 0, 1, -1 and infinity: with three -1 is left out, with two 1 as well.
pub(in super::super) fn transform<T: Float>(
    taps: [T; MOST_TAPS],
    count: usize,
    points: usize,
) -> [T; 4] {
    let mut out = [taps[0]; 4];
    let even = match count {
        3 => taps[0] + taps[2],
        _ => taps[0],
    };
    let odd = match count {
        1 => T::default(),
        _ => taps[1],
    };
    match points {
        3 => out[1] = even + odd,
        4 => {
            let half = T::from_f64(0.5);
            out[1] = (even + odd) * half;
            out[2] = (even - odd) * half;
        }
        _ => {}
    }
    out[points - 1] = taps[count - 1];
    out
}

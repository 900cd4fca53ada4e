//! Lays a filter out in panels: for each step of depth and each part tiles whose rows are pairs of channels.

use std::sync::atomic::{AtomicU32, Ordering};

use super::super::Pass;
use super::number::Number;
use super::plan::{Panel, Plan};
use super::split::parts;
use crate::Threads;
use crate::simd::{InstructionSet, Sealed, Vectors, Work};
use crate::tiles::{DEPTH, SIDE, TILE};

/// Packs a panel.
pub(super) struct PackPanel<'a, T, const PARTS: usize> {
    pub(super) plan: &'a Plan,
    pub(super) panel: &'a Panel,
    pub(super) filter: &'a [T],
    pub(super) out: &'a mut [u16],
}

impl<T: Number, const PARTS: usize> Work<f32> for PackPanel<'_, T, PARTS> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<f32>>(self, simd: S) {
        let PackPanel {
            plan,
            panel,
            filter,
            out,
        } = self;
        let taps = panel.taps();
        let all_taps: usize = taps.iter().product();
        let kernel = plan.axes.map(|axis| axis.kernel);
        let [sources, columns] = [plan.depth(), plan.columns()];
        let forward = plan.pass == Pass::Forward;
        for (step, out) in out.chunks_exact_mut(panel.step_len()).enumerate() {
            let (channel, tap) = (step / all_taps * DEPTH, step % all_taps);
            let tap = [
                tap / taps[2] / taps[1],
                tap / taps[2] % taps[1],
                tap % taps[2],
            ];
            let [z, y, x]: [usize; 3] = std::array::from_fn(|i| panel.phases[i].tap(tap[i]));
            let tap = (z * kernel[1] + y) * kernel[2] + x;
            let channels = DEPTH.min(sources - channel);
            for tile in 0..panel.tiles() {
                let column = panel.column + tile * SIDE;
                let count = SIDE.min(columns - column);
                // Channels as rows, columns side by side.
                let mut square = [[0.0; SIDE]; DEPTH];
                if forward {
                    let step = plan.target.channels;
                    let from = (tap * sources + channel) * step + panel.group * columns + column;
                    for (k, to) in square[..channels].iter_mut().enumerate() {
                        T::widen(&filter[from + k * step..][..count], &mut to[..count]);
                    }
                } else {
                    let step = plan.source.channels;
                    let from = (tap * columns + column) * step + panel.group * sources + channel;
                    let from = &filter[from..];
                    turn(simd, (from, step), (count, channels), &mut square);
                }
                let mut greatest = [0; SIDE];
                for (pair, rows) in square.chunks_exact(2).enumerate() {
                    let even = parts::<PARTS, SIDE>(&rows[0], &mut greatest);
                    let odd = parts::<PARTS, SIDE>(&rows[1], &mut greatest);
                    for part in 0..PARTS {
                        let at = (part * panel.tiles() + tile) * TILE + pair * 2 * SIDE;
                        let to = out[at..][..2 * SIDE].chunks_exact_mut(2);
                        for (to, (&even, &odd)) in to.zip(even[part].iter().zip(&odd[part])) {
                            to[0] = even;
                            to[1] = odd;
                        }
                    }
                }
            }
        }
    }
}

/// The bits of the greatest magnitude.
pub(super) fn greatest<T: Number>(set: InstructionSet, threads: &Threads, numbers: &[T]) -> u32 {
    const PIECE: usize = 1 << 16;
    let found = AtomicU32::new(0);
    threads.for_each(numbers.len().div_ceil(PIECE), |index| {
        let piece = &numbers[index * PIECE..];
        let greatest = f32::dispatch(set, Greatest(&piece[..PIECE.min(piece.len())]));
        found.fetch_max(greatest, Ordering::Relaxed);
    });
    found.into_inner()
}

struct Greatest<'a, T>(&'a [T]);

impl<T: Number> Work<f32> for Greatest<'_, T> {
    type Output = u32;
    #[inline(always)]
    fn run<S: Vectors<f32>>(self, _simd: S) -> u32 {
        let mut greatest = [0; DEPTH];
        for some in self.0.chunks(DEPTH) {
            let mut numbers = [0.0; DEPTH];
            T::widen(some, &mut numbers[..some.len()]);
            for (greatest, x) in greatest.iter_mut().zip(numbers) {
                *greatest = (*greatest).max(x.to_bits() & !(1 << 31));
            }
        }
        greatest.into_iter().fold(0, u32::max)
    }
}

/// Turns `rows` columns of the filter, `step` apart, of so many channels.
#[inline(always)]
fn turn<T: Number, S: Vectors<f32>>(
    simd: S,
    (from, step): (&[T], usize),
    (rows, channels): (usize, usize),
    to: &mut [[f32; SIDE]; DEPTH],
) {
    const { assert!(SIDE.is_multiple_of(S::LANES)) }
    let whole = rows - rows % S::LANES;
    if channels == DEPTH && whole > 0 {
        assert!((whole - 1) * step + DEPTH <= from.len());
        let mut wide = [[0.0; DEPTH]; SIDE];
        let (from, step) = T::wide_rows((from, step), &mut wide[..whole]);
        for row in (0..whole).step_by(S::LANES) {
            for channel in (0..DEPTH).step_by(S::LANES) {
                // SAFETY: the square is inside both, which was checked.
                unsafe {
                    let from = from.add(row * step + channel);
                    let to = to.as_mut_ptr().cast::<f32>().add(channel * SIDE + row);
                    simd.turn_lanes((from, step), (to, SIDE));
                }
            }
        }
    }
    let first = if channels == DEPTH { whole } else { 0 };
    for row in first..rows {
        for (to, &x) in to.iter_mut().zip(&from[row * step..][..channels]) {
            to[row] = x.wide();
        }
    }
}

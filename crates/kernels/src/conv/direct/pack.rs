//! Lays a filter out in strips: for each step of depth (taps, then channels) the columns of a strip side by side.

use super::super::Pass;
use super::plan::{Layout, Unit};
use crate::Threads;
use crate::gemm::strip_width;
use crate::simd::{Float, InstructionSet, Vectors, Work};

/// Packs a unit's strips.
pub(super) fn strips<T: Float>(
    set: InstructionSet,
    threads: &Threads,
    layout: &Layout,
    unit: &Unit,
    filter: &[T],
    out: &mut [T],
) {
    let each = unit.bundle.depth * strip_width::<T>();
    if each == 0 {
        return;
    }
    threads.for_each_piece(out, each, |i, strip| {
        let strip = PackStrip {
            layout,
            unit,
            index: unit.strips.start + i,
            filter,
            strip,
        };
        T::dispatch(set, strip);
    });
}

struct PackStrip<'a, T> {
    layout: &'a Layout,
    unit: &'a Unit,
    index: usize,
    filter: &'a [T],
    strip: &'a mut [T],
}

impl<T: Float> Work<T> for PackStrip<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let (layout, bundle) = (self.layout, &self.unit.bundle);
        let width = strip_width::<T>();
        let (phases, start) = layout.strip_at(bundle, self.index);
        let phase: [_; 3] = std::array::from_fn(|i| layout.phase(i, phases[i]));
        let taps = phase.map(|phase| phase.patch.taps);
        let (_, columns) = layout.columns(bundle, self.index);
        let depth = layout.depth_channels();
        let kernel = layout.axes.map(|axis| axis.kernel);
        let mut strip = self.strip.chunks_exact_mut(depth * width);
        for tap in 0..taps.iter().product() {
            let Some(to) = strip.next() else { return };
            let at = [
                tap / taps[2] / taps[1],
                tap / taps[2] % taps[1],
                tap % taps[2],
            ];
            let [z, y, x]: [usize; 3] = std::array::from_fn(|i| phase[i].tap(at[i]));
            let tap = (z * kernel[1] + y) * kernel[2] + x;
            if layout.pass == Pass::Forward {
                let from =
                    tap * depth * layout.target.channels + bundle.group * layout.channels() + start;
                for (k, to) in to.chunks_exact_mut(width).enumerate() {
                    let from = &self.filter[from + k * layout.target.channels..][..columns];
                    to[..columns].copy_from_slice(from);
                    to[columns..].fill(T::default());
                }
            } else {
                // The next phase's tap is the next one of the kernel, so the columns go on at the same steps.
                let step = layout.source.channels;
                let from = (tap * layout.channels() + start) * step + bundle.group * depth;
                turn(simd, (&self.filter[from..], step), columns, to, depth);
            }
        }
    }
}

/// Turns `columns` rows of `depth` elements, `step` apart, into `depth` rows of a strip's width; the columns that
/// are missing are zeros.
#[inline(always)]
pub(in crate::conv) fn turn<T: Float, S: Vectors<T>>(
    simd: S,
    (from, step): (&[T], usize),
    columns: usize,
    to: &mut [T],
    depth: usize,
) {
    let width = strip_width::<T>();
    let whole = depth - depth % S::SIDE;
    let squares = columns - columns % S::SIDE;
    assert!(columns <= width && whole * width <= to.len());
    assert!(squares == 0 || (squares - 1) * step + whole <= from.len());
    for k in (0..whole).step_by(S::SIDE) {
        for column in (0..squares).step_by(S::SIDE) {
            // SAFETY: the squares are inside both, which was checked.
            unsafe {
                let from = from.as_ptr().add(column * step + k);
                let to = to.as_mut_ptr().add(k * width + column);
                simd.turn((from, step), (to, width));
            }
        }
    }
    for k in 0..depth {
        let first = if k < whole { squares } else { 0 };
        for column in first..columns {
            to[k * width + column] = from[column * step + k];
        }
        to[k * width + columns..][..width - columns].fill(T::default());
    }
}

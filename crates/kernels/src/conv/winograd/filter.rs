//! Filters at the points, in strips: for each point and each step of depth (phases that are read, then channels)
//! the columns of a strip side by side.

use super::super::Pass;
use super::plan::{CHANNELS_UNIT, Layout, MOST_POINTS, MOST_TAPS, Set, Sub};
use super::transform;
use crate::Threads;
use crate::conv::direct::turn;
use crate::gemm::strip_width;
use crate::simd::{Float, InstructionSet, Vectors, Work};

/// Packs the strips of a set from strip `first` on.
pub(super) fn strips<T: Float>(
    set: InstructionSet,
    threads: &Threads,
    (layout, of, first): (&Layout, &Set, usize),
    filter: &[T],
    out: &mut [T],
) {
    threads.for_each_piece(out, layout.strip_len(of), |i, strip| {
        let work = PackStrip {
            layout,
            set: of,
            index: first + i,
            filter,
            strip,
        };
        T::dispatch(set, work);
    });
}

struct PackStrip<'a, T> {
    layout: &'a Layout,
    set: &'a Set,
    index: usize,
    filter: &'a [T],
    strip: &'a mut [T],
}

/// The most numbers in some channels' taps of a strip.
const BLOCK: usize = MOST_TAPS * MOST_TAPS * CHANNELS_UNIT * strip_width::<f32>();

impl<T: Float> Work<T> for PackStrip<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let (layout, set) = (self.layout, self.set);
        let width = strip_width::<T>();
        let [y, x] = &set.lines;
        let (target, start) = layout.strip_at(set, self.index);
        let columns = width.min(layout.target.channels - start);
        let mut planes = [0; MOST_POINTS * MOST_POINTS];
        for (point, plane) in planes[..set.points()].iter_mut().enumerate() {
            *plane = layout.plane(set, point);
        }
        let mut block = [T::default(); BLOCK];
        for source in set.sources() {
            // A forward convolution's taps go by the phase that is read, its gradient's by the one that is written.
            let phase = match layout.pass {
                Pass::Forward => [source[1], source[2]],
                _ => target,
            };
            let subs = [y.sub(phase[0]), x.sub(phase[1])];
            let points = [y.points_of(&subs[0]), x.points_of(&subs[1])];
            let mut starts = [[0; MOST_POINTS]; MOST_POINTS];
            for (row, starts) in starts[..points[0]].iter_mut().enumerate() {
                for (column, start) in starts[..points[1]].iter_mut().enumerate() {
                    let point = y.point(points[0], row) * x.points + x.point(points[1], column);
                    *start = (planes[point] + set.share(point, source) * layout.depth) * width;
                }
            }
            for depth in (0..layout.depth).step_by(CHANNELS_UNIT) {
                self.gather(
                    simd,
                    (source[0], &subs),
                    (start, columns),
                    depth,
                    &mut block,
                );
                let transformed = Transformed {
                    block: &block,
                    taps: subs.map(|sub| sub.taps),
                    points,
                    starts: &starts,
                };
                transformed.write(simd, depth * width, self.strip);
            }
        }
    }
}

impl<T: Float> PackStrip<'_, T> {
    /// For each tap, some steps of depth of the strip's columns; zeros where there is no channel.
    #[inline(always)]
    fn gather<S: Vectors<T>>(
        &self,
        simd: S,
        (deep, subs): (usize, &[Sub; 2]),
        (start, columns): (usize, usize),
        depth: usize,
        block: &mut [T],
    ) {
        let layout = self.layout;
        let (width, inner) = (strip_width::<T>(), layout.source.channels);
        let some = CHANNELS_UNIT.min(inner - depth);
        let taps = subs[0].taps * subs[1].taps;
        let tiles = block.chunks_exact_mut(CHANNELS_UNIT * width);
        for (tap, to) in tiles.take(taps).enumerate() {
            let at = layout.tap([
                self.set.deep.tap(deep),
                subs[0].tap(tap / subs[1].taps),
                subs[1].tap(tap % subs[1].taps),
            ]);
            if layout.pass == Pass::Forward {
                let outer = layout.target.channels;
                let from = &self.filter[(at * inner + depth) * outer + start..];
                for (k, to) in to.chunks_exact_mut(width).enumerate().take(some) {
                    to[..columns].copy_from_slice(&from[k * outer..][..columns]);
                    to[columns..].fill(T::default());
                }
            } else {
                let from = (at * layout.target.channels + start) * inner + depth;
                turn(simd, (&self.filter[from..], inner), columns, to, some);
            }
            to[some * width..].fill(T::default());
        }
    }
}

/// Some channels' taps, and where their points go.
struct Transformed<'a, T> {
    block: &'a [T],
    taps: [usize; 2],
    points: [usize; 2],
    starts: &'a [[usize; MOST_POINTS]; MOST_POINTS],
}

impl<T: Float> Transformed<'_, T> {
    #[inline(always)]
    fn write<S: Vectors<T>>(&self, simd: S, offset: usize, out: &mut [T]) {
        let len = CHANNELS_UNIT * strip_width::<T>();
        let [tall, wide] = self.taps;
        let half = simd.splat(T::from_f64(0.5));
        let zero = simd.splat(T::default());
        for at in (0..len).step_by(S::LANES) {
            let mut rows = [[zero; MOST_POINTS]; MOST_TAPS];
            for (y, row) in rows[..tall].iter_mut().enumerate() {
                let mut taps = [zero; MOST_TAPS];
                for (x, tap) in taps[..wide].iter_mut().enumerate() {
                    let from = &self.block[(y * wide + x) * len + at..][..S::LANES];
                    // SAFETY: a vector's elements.
                    *tap = unsafe { simd.load(from.as_ptr()) };
                }
                transform::filter(simd, half, zero, &taps[..wide], self.points[1], row);
            }
            for x in 0..self.points[1] {
                let mut taps = [zero; MOST_TAPS];
                for (tap, row) in taps.iter_mut().zip(&rows) {
                    *tap = row[x];
                }
                let mut column = [zero; MOST_POINTS];
                transform::filter(simd, half, zero, &taps[..tall], self.points[0], &mut column);
                for (column, starts) in column.iter().zip(self.starts).take(self.points[0]) {
                    let to = &mut out[starts[x] + offset + at..][..S::LANES];
                    // SAFETY: a vector's elements.
                    unsafe { simd.store(to.as_mut_ptr(), *column) };
                }
            }
        }
    }
}

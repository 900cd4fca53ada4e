//! Filters at the points, in strips: for each point and each step of depth (phases that are read, then channels)
//! the columns of a strip side by side.

use std::ops::Range;

use super::super::Pass;
use super::line::Sub;
use super::plan::{CHANNELS_UNIT, Layout, MOST_POINTS, MOST_TAPS, Set};
use super::transform;
use crate::Threads;
use crate::conv::direct::turn;
use crate::gemm::{alignment, strip_width};
use crate::simd::{Float, InstructionSet, Vectors, Work, prefetch};

/// Packs all strips of a set.
pub(super) fn strips<T: Float>(
    set: InstructionSet,
    threads: &Threads,
    (layout, of): (&Layout, &Set),
    filter: &[T],
    out: &mut [T],
) {
    threads.for_each_piece(out, layout.strip_len(of), |index, out| {
        for source in of.sources() {
            let place = |point| layout.plane(of, point) + of.share(point, source) * layout.depth;
            let part = Part {
                layout,
                set: of,
                index,
                source,
                depths: 0..layout.depth,
                filter,
            };
            part.pack(set, place, out);
        }
    });
}

/// A part of a strip: some depths of a tap of the outermost axis and a phase that is read.
pub(super) struct Part<'a, T> {
    pub(super) layout: &'a Layout,
    pub(super) set: &'a Set,
    /// The strip.
    pub(super) index: usize,
    pub(super) source: [usize; 3],
    pub(super) depths: Range<usize>,
    pub(super) filter: &'a [T],
}

impl<T: Float> Part<'_, T> {
    /// The set's points that it has, ascending.
    pub(super) fn points(&self) -> impl Iterator<Item = usize> {
        let lines = &self.set.lines;
        let [y, x] = [0, 1].map(|k| lines[k].points_of(&lines[k].sub(self.source[k + 1])));
        (0..y).flat_map(move |row| {
            (0..x).map(move |column| {
                lines[0].point(y, row) * lines[1].points + lines[1].point(x, column)
            })
        })
    }

    /// Packs it; `place` says for each of its points at which step of depth of `out` it goes.
    pub(super) fn pack(&self, set: InstructionSet, place: impl Fn(usize) -> usize, out: &mut [T]) {
        let mut starts = [0; MOST_POINTS * MOST_POINTS];
        for (start, point) in starts.iter_mut().zip(self.points()) {
            *start = place(point) * strip_width::<T>();
        }
        T::dispatch(
            set,
            PackPart {
                part: self,
                starts,
                out,
            },
        );
    }
}

struct PackPart<'a, T> {
    part: &'a Part<'a, T>,
    starts: [usize; MOST_POINTS * MOST_POINTS],
    out: &'a mut [T],
}

/// The most numbers in some channels' taps of a strip.
const BLOCK: usize = MOST_TAPS * MOST_TAPS * CHANNELS_UNIT * strip_width::<f32>();

impl<T: Float> Work<T> for PackPart<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let (layout, set, source) = (self.part.layout, self.part.set, self.part.source);
        let width = strip_width::<T>();
        let [y, x] = &set.lines;
        let (target, start) = layout.strip_at(set, self.part.index);
        let columns = width.min(layout.target.channels - start);
        // A forward convolution's taps go by the phase that is read, its gradient's by the one that is written.
        let phase = match layout.pass {
            Pass::Forward => [source[1], source[2]],
            _ => target,
        };
        let subs = [y.sub(phase[0]), x.sub(phase[1])];
        let points = [y.points_of(&subs[0]), x.points_of(&subs[1])];
        let mut block = [T::default(); BLOCK];
        for depth in self.part.depths.clone().step_by(CHANNELS_UNIT) {
            self.part.gather(
                simd,
                (source[0], &subs),
                (start, columns),
                depth,
                &mut block,
            );
            let transformed = Transformed {
                block: &block,
                starts: &self.starts,
                offset: (depth - self.part.depths.start) * width,
                out: self.out,
            };
            macro_rules! sizes {
                ($($taps:literal $points:literal),*) => {
                    match (subs[0].taps, points[0]) {
                        $(($taps, $points) => {
                            transformed.tall::<S, $taps, $points>(simd, (subs[1].taps, points[1]));
                        })*
                        _ => unreachable!("a phase has one to three taps and one to four points"),
                    }
                };
            }
            sizes!(1 1, 1 2, 1 3, 2 3, 2 4, 3 4);
        }
    }
}

impl<T: Float> Part<'_, T> {
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
                    let ahead = from.as_ptr().wrapping_add((k + CHANNELS_UNIT) * outer);
                    for line in (0..columns).step_by(alignment::<T>()) {
                        prefetch(ahead.wrapping_add(line));
                    }
                    to[..columns].copy_from_slice(&from[k * outer..][..columns]);
                    to[columns..].fill(T::default());
                }
            } else {
                let from = (at * layout.target.channels + start) * inner + depth;
                let from = &self.filter[from..];
                for column in 0..columns {
                    prefetch(from.as_ptr().wrapping_add(column * inner + CHANNELS_UNIT));
                }
                turn(simd, (from, inner), columns, to, some);
            }
            to[some * width..].fill(T::default());
        }
    }
}

/// Some channels' taps, and where their points go.
struct Transformed<'a, T> {
    block: &'a [T],
    starts: &'a [usize; MOST_POINTS * MOST_POINTS],
    offset: usize,
    out: &'a mut [T],
}

impl<T: Float> Transformed<'_, T> {
    #[inline(always)]
    fn tall<S: Vectors<T>, const TY: usize, const PY: usize>(self, simd: S, wide: (usize, usize)) {
        match wide {
            (1, 1) => self.write::<S, TY, PY, 1, 1>(simd),
            (1, 2) => self.write::<S, TY, PY, 1, 2>(simd),
            (1, 3) => self.write::<S, TY, PY, 1, 3>(simd),
            (2, 3) => self.write::<S, TY, PY, 2, 3>(simd),
            (2, 4) => self.write::<S, TY, PY, 2, 4>(simd),
            (3, 4) => self.write::<S, TY, PY, 3, 4>(simd),
            _ => unreachable!("a phase has one to three taps and one to four points"),
        }
    }

    #[inline(always)]
    fn write<S: Vectors<T>, const TY: usize, const PY: usize, const TX: usize, const PX: usize>(
        self,
        simd: S,
    ) {
        let len = CHANNELS_UNIT * strip_width::<T>();
        assert!(TY * TX * len <= self.block.len());
        let starts = &self.starts[..PY * PX];
        assert!(
            starts
                .iter()
                .all(|start| start + self.offset + len <= self.out.len())
        );
        let half = simd.splat(T::from_f64(0.5));
        for at in (0..len).step_by(S::LANES) {
            let mut taps = [[half; TX]; TY];
            for (i, tap) in taps.as_flattened_mut().iter_mut().enumerate() {
                // SAFETY: inside the block, whose length was checked.
                *tap = unsafe { simd.load(self.block.as_ptr().add(i * len + at)) };
            }
            let points = transform::filter_tile::<T, S, TY, TX, PY, PX>(simd, half, &taps);
            for (&point, start) in points.as_flattened().iter().zip(starts) {
                // SAFETY: inside the packed filter, as checked.
                unsafe {
                    let to = self.out.as_mut_ptr().add(start + self.offset + at);
                    simd.store(to, point);
                }
            }
        }
    }
}

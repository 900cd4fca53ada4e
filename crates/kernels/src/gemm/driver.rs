use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::block::{Block, Transpose};
use super::plan::{COLUMNS_UNIT_BYTES, DEPTH, DEPTH_PITCH, Dims, Plan, Policy, ROWS_UNIT, most};
use super::{Along, Linear, Offsets, Product, Products, Source};
use crate::Threads;
use crate::simd::{Float, InstructionSet};
use crate::stage::Finish;

/// A cache line, in bytes.
const LINE: usize = 64;

/// From one step of depth to the next in a block of the right matrix with so many columns: whole tiles,
/// in whole cache lines, and not a power of two, so that they do not meet in one cache set.
fn right_pitch<T>(columns: usize) -> usize {
    columns.next_multiple_of(COLUMNS_UNIT_BYTES / size_of::<T>()) + LINE / size_of::<T>()
}

/// The parts of a thread's scratch.
#[derive(Clone, Copy)]
struct Room {
    left: usize,
    right: usize,
    transposed: usize,
}

impl Room {
    /// Room for any block of a product that is not larger than `dims`.
    fn new<T>(dims: Dims) -> Room {
        let (most_rows, most_columns) = most::<T>();
        let unit = COLUMNS_UNIT_BYTES / size_of::<T>();
        let depth = dims.depth.min(DEPTH);
        let rows = dims.rows.min(most_rows).next_multiple_of(ROWS_UNIT);
        let columns = dims.columns.min(most_columns).next_multiple_of(unit);
        if dims.rows == 0 || dims.columns == 0 {
            return Room {
                left: 0,
                right: 0,
                transposed: 0,
            };
        }
        Room {
            left: rows * DEPTH_PITCH,
            right: right_pitch::<T>(columns) * depth,
            transposed: unit * DEPTH_PITCH,
        }
    }

    /// The three parts of `scratch`. The panels of the right matrix, which is read in vectors, start
    /// where a cache line does.
    fn split<T>(self, scratch: &mut [T]) -> [&mut [T]; 3] {
        let skip = scratch
            .as_ptr()
            .align_offset(LINE)
            .min(LINE / size_of::<T>());
        let (right, rest) = scratch[skip..].split_at_mut(self.right);
        let (left, rest) = rest.split_at_mut(self.left);
        [left, right, &mut rest[..self.transposed]]
    }

    fn union(self, other: Room) -> Room {
        Room {
            left: self.left.max(other.left),
            right: self.right.max(other.right),
            transposed: self.transposed.max(other.transposed),
        }
    }

    fn total<T>(self) -> usize {
        match self.left + self.right + self.transposed {
            0 => 0,
            parts => parts + LINE / size_of::<T>(),
        }
    }
}

fn room<T, P: Products<T>>(products: &P) -> Room {
    let rooms = (0..products.count()).map(|i| Room::new::<T>(products.dims(i)));
    rooms.reduce(Room::union).unwrap_or(Room {
        left: 0,
        right: 0,
        transposed: 0,
    })
}

fn partial_sums<T, P: Products<T>>(products: &P, policy: Policy) -> usize {
    match products.count() {
        1 => Plan::new::<T>(products.dims(0), policy).partial_sums(),
        _ => 0,
    }
}

/// How many elements of scratch [`run`] needs with so many threads.
pub(crate) fn scratch<T, P: Products<T>>(products: &P, threads: usize) -> usize {
    let policy = Policy::new::<T, P>(products);
    let threads = if policy.serial { 1 } else { threads };
    room(products)
        .total::<T>()
        .saturating_mul(threads)
        .saturating_add(partial_sums(products, policy))
}

/// The result's memory, which the threads share.
struct Shared<T>(*mut T, usize);

// SAFETY: each element is written by one thread only; `run`'s caller vouches for it.
unsafe impl<T: Send> Sync for Shared<T> {}

/// Computes all `products` into `out`; `scratch` has at least [`scratch`] elements. What finishes the sums is for
/// products whose rows are channels and which are not cut along their depth.
///
/// # Safety
/// No two elements of the results have the same place.
pub(crate) unsafe fn run<T: Float, P: Products<T>>(
    set: InstructionSet,
    threads: &Threads,
    products: &P,
    out: &mut [T],
    scratch: &mut [T],
    finish: Finish<'_, T>,
) {
    let policy = Policy::new::<T, P>(products);
    let threads = if policy.serial {
        &Threads::ONE
    } else {
        threads
    };
    let room = room(products);
    let (partial, scratch) = scratch.split_at_mut(partial_sums(products, policy));
    let sliced = !partial.is_empty();
    let target = if sliced { &mut *partial } else { &mut *out };
    let crew = Crew {
        set,
        products,
        policy,
        room,
        sliced,
        target: Shared(target.as_mut_ptr(), target.len()),
        finish,
        next: AtomicUsize::new(0),
    };
    let each = room.total::<T>();
    if each == 0 {
        return;
    }
    let scratch = &mut scratch[..each * threads.count()];
    threads.for_each_piece(scratch, each, |_, own| crew.work(own));
    if sliced {
        let plan = Plan::new::<T>(products.dims(0), policy);
        // SAFETY: as this function's own.
        unsafe { add_slices(threads, &plan, &products.product(0), partial, out) };
    }
}

/// Writes the sum of a product's slices, in their order, to the result's places.
///
/// # Safety
/// No two elements of the result have the same place.
unsafe fn add_slices<T: Float, L, R>(
    threads: &Threads,
    plan: &Plan,
    product: &Product<L, R, impl Offsets, impl Offsets>,
    partial: &[T],
    out: &mut [T],
) where
    L: Source<T>,
    R: Source<T>,
{
    const CHUNK: usize = 64;
    let Dims { rows, columns, .. } = plan.dims;
    let target = Shared(out.as_mut_ptr(), out.len());
    let target = &target;
    threads.for_each(rows, |row| {
        let mut row_offset = [0];
        product.rows.fill(row, &mut row_offset);
        for start in (0..columns).step_by(CHUNK) {
            let width = CHUNK.min(columns - start);
            let mut offsets = [0; CHUNK];
            product.columns.fill(start, &mut offsets[..width]);
            let mut sums = [T::default(); CHUNK];
            for slice in partial.chunks_exact(rows * columns) {
                let values = &slice[row * columns + start..][..width];
                for (sum, &x) in sums.iter_mut().zip(values) {
                    *sum += x;
                }
            }
            for (&sum, offset) in sums.iter().zip(&offsets[..width]) {
                let place = row_offset[0] + offset;
                assert!(place < target.1);
                // SAFETY: inside `out`; nobody else writes this element.
                unsafe { target.0.add(place).write(sum) };
            }
        }
    });
}

/// What all threads work at.
struct Crew<'a, T, P> {
    set: InstructionSet,
    products: &'a P,
    policy: Policy,
    room: Room,
    sliced: bool,
    target: Shared<T>,
    finish: Finish<'a, T>,
    next: AtomicUsize,
}

impl<T: Float, P: Products<T>> Crew<'_, T, P> {
    /// Takes one task after the other until none is left.
    fn work(&self, scratch: &mut [T]) {
        let mut before = 0;
        let mut ticket = self.next.fetch_add(1, Ordering::Relaxed);
        for index in 0..self.products.count() {
            let plan = Plan::new::<T>(self.products.dims(index), self.policy);
            let after = before + plan.tasks();
            if ticket < after {
                let product = self.products.product(index);
                while ticket < after {
                    self.task(&plan, &product, ticket - before, scratch);
                    ticket = self.next.fetch_add(1, Ordering::Relaxed);
                }
            }
            before = after;
        }
    }

    /// One block of one slice of the result.
    fn task(
        &self,
        plan: &Plan,
        product: &Product<P::Left, P::Right, P::Rows, P::Columns>,
        task: usize,
        scratch: &mut [T],
    ) {
        let Dims {
            rows,
            columns,
            depth,
        } = plan.dims;
        let (slice, block) = (task % plan.slices(), task / plan.slices());
        let part = |index: usize, size: usize, end: usize| {
            let start = index * size;
            start..end.min(start + size)
        };
        let rows = part(block % plan.row_blocks(), plan.rows, rows);
        let columns = part(block / plan.row_blocks(), plan.columns, columns);
        let depth = part(slice, plan.depth, depth);

        let mut row_offsets = [0; most::<f32>().0];
        let mut column_offsets = [0; most::<f32>().1];
        let row_offsets = &mut row_offsets[..rows.len()];
        let column_offsets = &mut column_offsets[..columns.len()];
        if self.sliced {
            let step = plan.dims.columns;
            let origin = slice * plan.dims.rows * step;
            Linear { origin, step }.fill(rows.start, row_offsets);
            Linear { origin: 0, step: 1 }.fill(columns.start, column_offsets);
        } else {
            product.rows.fill(rows.start, row_offsets);
            product.columns.fill(columns.start, column_offsets);
        }

        let [left, right, transposed] = self.room.split(scratch);
        let mut start = depth.start;
        loop {
            let now = start..depth.end.min(start + DEPTH);
            let along = product.left.along();
            let pitch = match along {
                Along::Depth => DEPTH_PITCH,
                Along::Lanes => rows.len().next_multiple_of(ROWS_UNIT),
            };
            product.left.gather(rows.clone(), now.clone(), left, pitch);
            let right_pitch = right_pitch::<T>(columns.len());
            self.gather_right(
                &product.right,
                [columns.clone(), now.clone()],
                (right, right_pitch),
                transposed,
            );
            T::dispatch(
                self.set,
                Block {
                    depth: now.len(),
                    left,
                    left_along: along,
                    left_pitch: pitch,
                    right,
                    right_pitch,
                    rows: row_offsets,
                    columns: column_offsets,
                    target: self.target.0,
                    target_len: self.target.1,
                    first: start == depth.start,
                    finish: match now.end == depth.end {
                        true => self.finish,
                        false => Finish::NONE,
                    },
                },
            );
            start = now.end;
            if start >= depth.end {
                break;
            }
        }
    }

    /// Gathers a block of the right matrix along the lanes, turning what comes along the depth.
    fn gather_right(
        &self,
        source: &P::Right,
        [lanes, depth]: [Range<usize>; 2],
        (out, pitch): (&mut [T], usize),
        scratch: &mut [T],
    ) {
        if depth.is_empty() {
            return;
        }
        if source.along() == Along::Lanes {
            return source.gather(lanes, depth, out, pitch);
        }
        let unit = COLUMNS_UNIT_BYTES / size_of::<T>();
        for start in lanes.clone().step_by(unit) {
            let some = start..lanes.end.min(start + unit);
            source.gather(some.clone(), depth.clone(), scratch, DEPTH_PITCH);
            let turn = Transpose {
                lanes: some.len(),
                depth: depth.len(),
                from: scratch,
                to: &mut out[start - lanes.start..],
                pitch,
            };
            T::dispatch(self.set, turn);
        }
    }
}

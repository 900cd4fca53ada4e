//! Products of numbers split into bf16 parts on tile registers. Of three parts each the six greatest of the nine
//! products, summed in `f32`, are more exact than a fused multiplication and addition; of two parts three products,
//! and one of one part, are where that is permitted, or where halves have no more bits.
//!
//! That holds within a window of magnitudes. What is outside it (infinities, NaN, numbers that no bf16 is near to,
//! products that are subnormal) the fused kernels compute, for all of an image's block or, where the filter is the
//! reason, for all; with halves the caller, who widens them.

mod block;
mod filter;
mod fused;
mod gradient;
mod multiply;
mod number;
mod places;
mod plan;
mod products;
mod split;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tconv_shape::ConvShape;

use self::filter::{PackPanel, greatest};
pub(super) use self::number::Number;
use self::places::Places;
use self::plan::{Plan, Unit};
use self::products::Products;
use self::split::Split;
use super::direct::Shared;
use super::phase::Phase;
use super::winograd::split as cut;
use super::{Call, Pack, Pass, direct, filter_gradient, winograd};
use crate::Threads;
use crate::gemm::{aligned, alignment};
use crate::simd::{InstructionSet, Sealed};
use crate::stage::Finish;
use crate::tiles::Tiles;

/// The bf16 numbers behind a filter's packed panels: the bits of the greatest magnitude.
const FLAG: usize = 2;

pub(super) fn supports<T: Number, const PARTS: usize>(pass: Pass, shape: &ConvShape) -> bool {
    // One channel alone would leave nearly all of a tile empty.
    let alone = shape.groups > 1 && shape.in_channels == shape.groups;
    // Sums of halves over many blocks have no place.
    let summed = T::WIDE || pass != Pass::BackpropFilter;
    let plan = || Plan::new::<T>(pass, shape, PARTS);
    !alone && summed && !pass.lens(shape).contains(&0) && plan().fits()
}

pub(super) fn pays<T: Number, const PARTS: usize>(pass: Pass, shape: &ConvShape) -> bool {
    /// How much faster than fused multiplications six products are, where all of a tile is of use, and how much faster other
    /// algorithms are that multiply less.
    const GAIN: f64 = 2.2;
    const SHORT: f64 = 1.7;
    /// What it takes to split a number of the source and of the output's gradient, and to write a result or add to it:
    /// in six products of a term with all columns, or of all terms with a column.
    const SPLIT: f64 = 70.0;
    const WRITE: f64 = 80.0;
    /// Fewer multiplications than this are not worth the preparation.
    const LEAST_WORK: f64 = 4e6;
    let plan = Plan::new::<T>(pass, shape, PARTS);
    let products = (PARTS * (PARTS + 1) / 2) as f64 / 6.0;
    let kernel: f64 = shape.axes.iter().map(|axis| axis.kernel as f64).product();
    let (columns, depth) = (plan.columns() as f64, plan.depth() as f64);
    let (other, short) = match pass {
        Pass::BackpropFilter => (
            SPLIT / (kernel * depth),
            filter_gradient::winograd::supports(pass, shape)
                && filter_gradient::winograd::pays::<f32>(pass, shape),
        ),
        _ => (
            WRITE / plan.terms() as f64,
            winograd::supports(pass, shape) && winograd::pays::<f32>(pass, shape),
        ),
    };
    let useful = plan.efficiency() / (products + SPLIT / (kernel * columns) + other);
    let rival = if short { SHORT } else { 1.0 };
    direct::work::<f32>(pass, shape) >= LEAST_WORK && GAIN * useful > rival
}

pub(super) fn scratch<T: Number, const PARTS: usize>(
    pass: Pass,
    shape: &ConvShape,
    threads: usize,
) -> usize {
    let plan = Plan::new::<T>(pass, shape, PARTS);
    let [shared, own] = rooms::<T>(&plan);
    let needed = own
        .saturating_mul(threads)
        .saturating_add(shared + 2 * alignment::<T>());
    match T::WIDE {
        true => needed.max(fused::scratch(&plan, shape, threads)),
        false => needed,
    }
}

/// The elements that all threads share, and those that each has.
fn rooms<T>(plan: &Plan) -> [usize; 2] {
    let shared = match plan.pass {
        Pass::BackpropFilter => plan.gradient_room(),
        _ => plan.panel_room(),
    };
    let own = plan.room().saturating_add(2 * plan.sums());
    let own = numbers::<T>(own).next_multiple_of(alignment::<T>());
    [numbers::<T>(shared), own]
}

pub(super) fn packed_len<T: Number, const PARTS: usize>(pass: Pass, shape: &ConvShape) -> usize {
    let plan = Plan::new::<T>(pass, shape, PARTS);
    numbers::<T>(plan.packed() + FLAG) + alignment::<T>()
}

/// So many bf16 numbers, in the memory of other numbers.
fn numbers<T>(halves: usize) -> usize {
    halves.div_ceil(size_of::<T>() / size_of::<u16>())
}

/// Memory of numbers, as that of bf16 numbers.
fn halves<T: Number>(numbers: &mut [T]) -> &mut [u16] {
    let len = size_of_val(numbers) / size_of::<u16>();
    // SAFETY: the same bytes, and any bits will do for either.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), len) }
}

fn read_halves<T: Number>(numbers: &[T]) -> &[u16] {
    let len = size_of_val(numbers) / size_of::<u16>();
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), len) }
}

pub(super) fn pack<T: Number, const PARTS: usize>(call: Pack<'_, T>) {
    let plan = &Plan::new::<T>(call.pass, call.shape, PARTS);
    let skip = aligned(call.out);
    let (panels, flag) = halves(&mut call.out[skip..]).split_at_mut(plan.packed());
    let bits = greatest(call.set, call.threads, call.filter);
    flag[..FLAG].copy_from_slice(&[bits as u16, (bits >> 16) as u16]);
    for unit in units(plan, true) {
        let out = &mut panels[unit.packed..][..unit.len];
        pack_unit::<T, PARTS>(call.set, call.threads, (plan, &unit), call.filter, out);
    }
}

fn units(plan: &Plan, packed: bool) -> impl Iterator<Item = Unit> {
    (0..plan.groups).flat_map(move |group| plan.units(group, packed))
}

/// Packs a unit's panels.
fn pack_unit<T: Number, const PARTS: usize>(
    set: InstructionSet,
    threads: &Threads,
    (plan, unit): (&Plan, &Unit),
    filter: &[T],
    out: &mut [u16],
) {
    let target = Shared(out.as_mut_ptr(), out.len());
    threads.for_each(unit.panels.len(), |index| {
        let target = &target;
        let Some(panel) = plan.panels(unit.group).nth(unit.panels.start + index) else {
            return;
        };
        let place = panel.packed - unit.packed;
        assert!(place + panel.len() <= target.1);
        // SAFETY: inside, and panels are apart.
        let out = unsafe { std::slice::from_raw_parts_mut(target.0.add(place), panel.len()) };
        let pack = PackPanel::<T, PARTS> {
            plan,
            panel: &panel,
            filter,
            out,
        };
        f32::dispatch(set, pack);
    });
}

/// Whether products of parts are as exact as parts can be, six as a fused multiplication, given the bits of the greatest magnitudes of
/// a block of the source and of the filter, and how many products are summed.
///
/// Below, the third part must not be lost, nor products to the flush of subnormal numbers; above, no part may become
/// infinite, nor a sum that would not be so anyway.
fn is_exact(source: u32, filter: u32, terms: usize) -> bool {
    /// From these bits on a number may be rounded to an infinite bf16 number, if it is not infinite anyway.
    const MOST: u32 = 0x7f7f_8000;
    if source >= MOST || filter >= MOST {
        return false;
    }
    let [source, filter] = [source, filter].map(|bits| f64::from(f32::from_bits(bits)));
    let terms = terms as f64;
    let least = (-103f64).exp2();
    source == 0.0
        || filter == 0.0
        || source >= least
            && filter >= least
            && source * filter * terms < 127f64.exp2()
            && source * filter >= 6.0 * terms * (-102f64).exp2()
}

pub(super) fn compute<T: Number, const PARTS: usize>(call: Call<'_, T>) {
    if call.pass == Pass::BackpropFilter {
        return T::gradient::<PARTS>(call);
    }
    let plan = &Plan::new::<T>(call.pass, call.shape, PARTS);
    let (set, threads) = (call.set, call.threads);
    let packed = call.packed.map(|packed| {
        let (panels, flag) = read_halves(&packed[aligned(packed)..]).split_at(plan.packed());
        (panels, u32::from(flag[0]) | u32::from(flag[1]) << 16)
    });
    let greatest = match packed {
        Some((_, greatest)) => greatest,
        None => greatest(set, threads, call.b),
    };
    if !is_exact(1f32.to_bits(), greatest, 1) {
        return T::leave(call);
    }
    let finish = T::finish(&call);
    if call.pass == Pass::BackpropInput && call.shape.axes.iter().any(Phase::leaves_gaps) {
        T::clear(threads, &finish, call.out);
    }
    let [shared, room] = rooms::<T>(plan);
    let [panels, rooms] = cut(&mut *call.scratch, [shared, room * threads.count()]);
    let crew = Crew::<T, PARTS> {
        set,
        threads,
        plan,
        source: call.a,
        filter: greatest,
        target: Shared(call.out.as_mut_ptr(), call.out.len()),
        exact: AtomicBool::new(true),
        finish,
    };
    for unit in units(plan, packed.is_some()) {
        match packed {
            Some((all, _)) => {
                let right = &all[unit.packed..][..unit.len];
                crew.work(&unit, right, (&mut *rooms, room));
            }
            None => {
                let right = &mut halves(panels)[..unit.len];
                crew.pack(&unit, call.b, right);
                crew.work(&unit, right, (&mut *rooms, room));
            }
        }
    }
    if !crew.exact.into_inner() {
        T::leave_inexact(call, plan, greatest, &finish);
    }
}

/// What all threads work at.
struct Crew<'a, T, const PARTS: usize> {
    set: InstructionSet,
    threads: &'a Threads,
    plan: &'a Plan,
    source: &'a [T],
    /// The bits of the filter's greatest magnitude.
    filter: u32,
    target: Shared<T>,
    exact: AtomicBool,
    finish: Finish<'a, f32>,
}

impl<T: Number, const PARTS: usize> Crew<'_, T, PARTS> {
    /// Packs a unit's panels.
    fn pack(&self, unit: &Unit, filter: &[T], out: &mut [u16]) {
        pack_unit::<T, PARTS>(self.set, self.threads, (self.plan, unit), filter, out);
    }

    /// Multiplies all blocks with a unit's panels. Each thread splits what it multiplies: what another one has just
    /// written may be far away.
    fn work(&self, unit: &Unit, right: &[u16], (rooms, each): (&mut [T], usize)) {
        let plan = self.plan;
        let blocks = plan.blocks();
        let part = unit.panels.len().div_ceil(plan.parts);
        let next = AtomicUsize::new(0);
        self.threads.for_each_piece(rooms, each, |_, room| {
            let Some(mut tiles) = Tiles::new() else {
                return;
            };
            let (room, sums) = halves(room).split_at_mut(plan.room());
            // SAFETY: any bits are numbers.
            let (_, sums, _) = unsafe { sums.align_to_mut::<f32>() };
            let mut places = Places::new();
            loop {
                let task = next.fetch_add(1, Ordering::Relaxed);
                let start = task / blocks * part;
                if start >= unit.panels.len() {
                    return;
                }
                let block = plan.nth_block(task % blocks);
                let mut greatest = 0;
                for first in (0..plan.depth_blocks()).step_by(plan.chunk) {
                    let blocks = first..plan.depth_blocks().min(first + plan.chunk);
                    let split = Split::<T, PARTS> {
                        plan,
                        block: &block,
                        group: unit.group,
                        blocks: blocks.clone(),
                        source: self.source,
                        out: &mut *room,
                    };
                    greatest = greatest.max(f32::dispatch(self.set, split));
                    let mut phases = None;
                    let some = plan.panels(unit.group).skip(unit.panels.start + start);
                    for panel in some.take(part.min(unit.panels.len() - start)) {
                        if phases != Some(panel.phases) {
                            places.fill(plan, &block, &panel.phases);
                            phases = Some(panel.phases);
                        }
                        let products = Products::<T, PARTS> {
                            set: self.set,
                            finish: &self.finish,
                            plan,
                            block: &block,
                            panel: &panel,
                            places: &places,
                            blocks: blocks.clone(),
                            left: room,
                            right: &right[panel.packed - unit.packed..][..panel.len()],
                            target: self.target.0,
                            target_len: self.target.1,
                            sums: (sums.as_mut_ptr(), sums.len()),
                        };
                        products.run(&mut tiles);
                    }
                }
                if !is_exact(greatest, self.filter, plan.terms()) {
                    self.exact.store(false, Ordering::Relaxed);
                }
            }
        });
    }
}

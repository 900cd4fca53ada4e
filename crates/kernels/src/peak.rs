use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::simd::{InstructionSet, Sealed, Vectors, Work};
use crate::{KernelError, Threads};

/// Chains of sums that do not wait for each other: more than a processor has under way at a time.
const CHAINS: usize = 12;
/// The length of each chain in one task.
const STEPS: usize = 20_000;
/// How many seconds the best is sought on one thread, and how many it may take until several are about as many
/// times as fast: at first a system may leave them all on one processor.
const ALONE: f64 = 0.02;
const TOGETHER: f64 = 0.3;

/// What these threads can compute at most, in operations of f32 a second: products and sums of numbers that
/// never leave the registers. It takes some hundredths of a second, and is the best of many goes because a machine
/// that does other work as well does not reach it each time.
///
/// # Errors
/// `Unavailable` for an instruction set that this machine lacks.
pub fn peak(set: InstructionSet, threads: &Threads) -> Result<f64, KernelError> {
    set.check()?;
    let count = threads.count() as f64;
    let alone = sought(set, &Threads::ONE, ALONE, f64::INFINITY);
    Ok(match threads.count() {
        1 => alone,
        _ => sought(set, threads, TOGETHER, 0.9 * count * alone),
    })
}

/// The best until `enough`, and a little longer, or until `patience` ends.
fn sought(set: InstructionSet, threads: &Threads, patience: f64, enough: f64) -> f64 {
    // Several tasks a thread, so that one that starts late delays nothing.
    let tasks = threads.count() * 4;
    let (begin, mut best, mut end) = (Instant::now(), 0.0f64, patience);
    loop {
        let start = Instant::now();
        let lanes = AtomicUsize::new(0);
        threads.for_each(tasks, |_| {
            lanes.store(f32::dispatch(set, Chains), Ordering::Relaxed);
        });
        let operations = 2 * tasks * STEPS * CHAINS * lanes.into_inner();
        best = best.max(operations as f64 / start.elapsed().as_secs_f64());
        let passed = begin.elapsed().as_secs_f64();
        if best > enough {
            end = end.min(passed + ALONE);
        }
        if passed > end {
            return best;
        }
    }
}

/// Computes the chains; returns the lanes of a vector.
struct Chains;

impl Work<f32> for Chains {
    type Output = usize;

    #[inline(always)]
    fn run<S: Vectors<f32>>(self, simd: S) -> usize {
        let [start, factor] = [0.5, 0.25].map(|x| simd.splat(black_box(x)));
        let mut sums = [start; CHAINS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add(*sum, factor, start);
            }
        }
        black_box(sums);
        S::LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_has_one() {
        for set in InstructionSet::available() {
            let alone = peak(set, &Threads::ONE).unwrap();
            assert!(alone > 1e7 && alone < 1e13, "{set}: {alone}");
        }
    }
}

use std::hint::black_box;
use std::time::Instant;

use crate::simd::{InstructionSet, Sealed, Vectors, Work};
use crate::{KernelError, Threads};

/// Chains of sums that do not wait for each other: more than a processor has under way at a time.
const CHAINS: usize = 12;
/// The length of each chain in one task.
const STEPS: usize = 20_000;
/// How often the best is sought, at most and in seconds.
const ROUNDS: usize = 100;
const PATIENCE: f64 = 0.02;

/// What these threads can compute at most, in operations of f32 a second: products and sums of numbers that
/// never leave the registers. It takes some milliseconds, and is the best of several goes because a machine that
/// does other work as well does not reach it each time.
///
/// # Errors
/// `Unavailable` for an instruction set that this machine lacks.
pub fn peak(set: InstructionSet, threads: &Threads) -> Result<f64, KernelError> {
    set.check()?;
    // Several tasks a thread, so that one that starts late delays nothing.
    let tasks = threads.count() * 4;
    let lanes = f32::dispatch(set, Chains);
    let mut best = 0.0f64;
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        threads.for_each(tasks, |_| {
            f32::dispatch(set, Chains);
        });
        let operations = 2 * tasks * STEPS * CHAINS * lanes;
        best = best.max(operations as f64 / start.elapsed().as_secs_f64());
        if begin.elapsed().as_secs_f64() > PATIENCE {
            break;
        }
    }
    Ok(best)
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

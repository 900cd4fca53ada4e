//! Runs a case, takes its time and checks its result.

use std::time::Instant;

use tconv::{DType, Precision};
use tconv_kernels::conv::{self, Algorithm, PackedFilter, Pass};
use tconv_kernels::simd::InstructionSet;
use tconv_kernels::{KernelError, Threads};
use tconv_shape::ConvShape;
use tconv_tensor::checked_len;

use super::case::{Case, pass_name};
use super::element::{Number, Widened};
use crate::Failure;

/// How many terms are summed up to check a result, and how many elements at least and at most.
const CHECKED_TERMS: usize = 8_000_000;
const CHECKED: std::ops::RangeInclusive<usize> = 32..=10_000;
/// Calls shorter than this are timed in batches of at least this long: reading the clock takes some hundredths
/// of a microsecond.
const SHORT: f64 = 20e-6;
const BATCH: f64 = 50e-6;

/// When to stop timing.
#[derive(Clone, Copy)]
pub struct Limits {
    pub repeat: usize,
    pub seconds: f64,
}

/// A tensor of a convolution, seen from the forward one.
#[derive(Clone, Copy)]
enum Role {
    Input,
    Filter,
    Output,
}

/// The operands of a kernel.
fn operands(pass: Pass) -> [Role; 2] {
    match pass {
        Pass::Forward => [Role::Input, Role::Filter],
        Pass::BackpropInput => [Role::Output, Role::Filter],
        Pass::BackpropFilter => [Role::Input, Role::Output],
    }
}

/// A case with all the memory that it needs.
pub struct Timed<'a, T: 'static> {
    case: &'a Case,
    set: InstructionSet,
    threads: &'a Threads,
    values: [Vec<T>; 3],
    /// The tensors, if they are of another type than they are computed in.
    halves: Option<Box<dyn Widened<T>>>,
    steps: Vec<Step<T>>,
    scratch: Vec<T>,
    constant: bool,
}

struct Step<T: 'static> {
    pass: Pass,
    algorithm: &'static Algorithm<T>,
    packed: Option<PackedFilter<T>>,
    out: Vec<T>,
}

/// What was found.
pub struct Measured {
    /// The seconds of each timed call.
    pub times: Vec<f64>,
    /// The calls of which each time is the mean.
    pub batch: usize,
    pub algorithms: Vec<&'static str>,
    pub scratch_bytes: usize,
    pub filter_bytes: usize,
    /// Whether the filter was prepared before, if there is one that can be.
    pub constant: bool,
    /// How many elements were checked, and the largest error among them, in units of the sum of its terms'
    /// magnitudes.
    pub checked: usize,
    pub error: f64,
}

impl<'a, T: Number> Timed<'a, T> {
    /// Allocates and fills everything.
    ///
    /// # Errors
    /// Sizes that leave the memory, and those that the kernels refuse.
    pub fn new(
        case: &'a Case,
        algorithms: &[&'static Algorithm<T>],
        constant: bool,
        set: InstructionSet,
        threads: &'a Threads,
        mut halves: Option<Box<dyn Widened<T>>>,
    ) -> Result<Timed<'a, T>, Failure> {
        let shape = &case.shape;
        // A filter that each step changes is prepared in each step.
        let constant = constant && case.op.passes.len() == 1;
        let packed_len = |pass: Pass, algorithm: &Algorithm<T>| match constant {
            true if pass != Pass::BackpropFilter => (algorithm.packed_len)(pass, shape),
            _ => 0,
        };
        let steps = || {
            case.op
                .passes
                .iter()
                .copied()
                .zip(algorithms.iter().copied())
        };
        let scratch = steps().map(|(pass, one)| (one.scratch)(pass, shape, threads.count()));
        let scratch = scratch.max().unwrap_or(0);
        let mut sizes = [0; 3];
        let mut all = vec![scratch];
        for (pass, algorithm) in steps() {
            let [a, b, out] = pass.dims(shape).map(|dims| dims.iter().product::<usize>());
            for (role, len) in operands(pass).into_iter().zip([a, b]) {
                sizes[role as usize] = len;
            }
            all.extend([out, packed_len(pass, algorithm)]);
        }
        all.extend(sizes);
        let total = all
            .iter()
            .try_fold(0usize, |sum, &len| sum.checked_add(len));
        // Halves are there a second time.
        let dtype = match size_of::<T>() {
            4 if halves.is_none() => DType::Float32,
            2 => DType::Bfloat16,
            _ => DType::Float64,
        };
        checked_len(dtype, &[total.unwrap_or(usize::MAX)])?;
        let mut random = Random(1);
        let mut values = sizes.map(|len| vec![T::default(); len]);
        for values in &mut values {
            random.fill(values);
        }
        if let Some(halves) = &mut halves {
            halves.keep(&mut values);
        }
        let filter = &values[Role::Filter as usize];
        let steps = steps().map(|(pass, algorithm)| {
            let [.., out] = pass.dims(shape).map(|dims| dims.iter().product());
            let packed = match packed_len(pass, algorithm) {
                0 => None,
                len => Some(PackedFilter::new(
                    algorithm,
                    set,
                    (pass, shape),
                    filter,
                    vec![T::default(); len],
                    threads,
                )?),
            };
            Ok::<_, KernelError>(Step {
                pass,
                algorithm,
                packed,
                // What is not written is found when the result is checked.
                out: vec![T::near(f32::NAN); out],
            })
        });
        let steps = steps.collect::<Result<_, _>>()?;
        Ok(Timed {
            case,
            set,
            threads,
            values,
            halves,
            steps,
            scratch: vec![T::default(); scratch],
            constant,
        })
    }

    /// Warms up, takes times, checks. `progress` is told which part of the time has passed.
    ///
    /// # Errors
    /// A result that is wrong.
    pub fn measure(
        mut self,
        limits: Limits,
        mut progress: impl FnMut(f64),
    ) -> Result<Measured, Failure> {
        let least = self.warm_up(limits)?;
        let batch = match least < SHORT {
            true => (BATCH / least.max(1e-9)).ceil() as usize,
            false => 1,
        };
        let mut times = Vec::new();
        let begin = Instant::now();
        while times.len() < limits.repeat {
            let start = Instant::now();
            for _ in 0..batch {
                self.call()?;
            }
            let taken = start.elapsed().as_secs_f64();
            times.push(taken / batch as f64);
            let passed = begin.elapsed().as_secs_f64();
            if passed + taken > limits.seconds {
                break;
            }
            let done = times.len() as f64 / limits.repeat as f64;
            progress(done.max(passed / limits.seconds));
        }
        let (mut checked, mut error) = (0, 0.0f64);
        for index in 0..self.steps.len() {
            let (elements, largest) = self.check(index)?;
            checked += elements;
            error = error.max(largest);
        }
        let filter = self.steps.iter().filter_map(|step| step.packed.as_ref());
        Ok(Measured {
            times,
            batch,
            algorithms: self.steps.iter().map(|step| step.algorithm.name).collect(),
            scratch_bytes: size_of_val(&self.scratch[..]),
            filter_bytes: filter.map(|packed| packed.len() * size_of::<T>()).sum(),
            constant: self.constant,
            checked,
            error,
        })
    }

    /// Calls until caches, clocks and branch predictors are used to it; returns the time of the shortest call.
    fn warm_up(&mut self, limits: Limits) -> Result<f64, Failure> {
        let begin = Instant::now();
        let mut least = f64::INFINITY;
        for calls in 1.. {
            let start = Instant::now();
            self.call()?;
            least = least.min(start.elapsed().as_secs_f64());
            let passed = begin.elapsed().as_secs_f64();
            if passed >= limits.seconds.min(0.5) || calls >= 3 && passed >= 0.1 {
                break;
            }
        }
        Ok(least)
    }

    fn call(&mut self) -> Result<(), KernelError> {
        let shape = &self.case.shape;
        for (index, step) in self.steps.iter_mut().enumerate() {
            if let Some(halves) = &self.halves {
                for role in operands(step.pass) {
                    let role = role as usize;
                    // What a constant filter was widened to is kept.
                    if !self.constant || role != Role::Filter as usize {
                        halves.widen(role, &mut self.values[role], self.threads)?;
                    }
                }
            }
            let [a, b] = operands(step.pass).map(|role| &self.values[role as usize][..]);
            let (out, scratch) = (&mut step.out[..], &mut self.scratch[..]);
            match &step.packed {
                Some(packed) => packed.run(a, b, out, scratch, self.threads)?,
                None => step.algorithm.run(
                    self.set,
                    step.pass,
                    shape,
                    a,
                    b,
                    out,
                    scratch,
                    self.threads,
                )?,
            }
            if let Some(halves) = &mut self.halves {
                halves.narrow(index, &step.out, self.threads)?;
            }
        }
        Ok(())
    }

    /// Compares elements of a result with the definition; returns how many, and the largest error.
    fn check(&self, step: usize) -> Result<(usize, f64), Failure> {
        let (number, step) = (step, &self.steps[step]);
        let shape = &self.case.shape;
        let rounding = (self.halves.as_ref()).map_or(T::ROUNDING, |halves| halves.rounding());
        let tolerance = T::TOLERANCE
            + match step.algorithm.precision {
                // Halves have no more bits.
                _ if rounding > 0.0 => 0.0,
                Precision::Medium => 8e-3,
                Precision::High => 3e-5,
                Precision::Highest => 0.0,
            };
        let [a, b] = operands(step.pass).map(|role| &self.values[role as usize][..]);
        let most = (CHECKED_TERMS / terms(step.pass, shape).max(1))
            .clamp(*CHECKED.start(), *CHECKED.end());
        let len = step.out.len();
        let mut random = Random(2);
        let mut largest = 0.0f64;
        for i in 0..len.min(most) {
            let index = match i {
                _ if len <= most => i,
                0 => 0,
                1 => len - 1,
                _ => (random.next() % len as u64) as usize,
            };
            let (expected, magnitude) = conv::definition(step.pass, shape, a, b, index)?;
            let found = match &self.halves {
                Some(halves) => halves.result(number, index),
                None => step.out[index].into(),
            };
            let error = (found - expected).abs();
            // False where the error is NaN.
            let right = error <= tolerance * magnitude + rounding * expected.abs();
            if !right {
                return Err(Failure::Error(format!(
                    "the algorithm '{}' is wrong: element {index} of the {} result is {found}, by the definition it \
                     is {expected} (a sum of magnitude {magnitude})",
                    step.algorithm.name,
                    pass_name(step.pass),
                )));
            }
            if magnitude > 0.0 {
                largest = largest.max(error / magnitude);
            }
        }
        Ok((len.min(most), largest))
    }
}

/// The products that are summed up for one element, at most.
fn terms(pass: Pass, shape: &ConvShape) -> usize {
    let all = |size: fn(&tconv_shape::ConvAxis) -> usize| -> usize {
        shape
            .axes
            .iter()
            .map(size)
            .fold(1, |product, n| product.saturating_mul(n))
    };
    match pass {
        Pass::Forward => all(|axis| axis.kernel).saturating_mul(shape.in_channels / shape.groups),
        Pass::BackpropInput => {
            all(|axis| axis.kernel).saturating_mul(shape.out_channels / shape.groups)
        }
        Pass::BackpropFilter => all(|axis| axis.output).saturating_mul(shape.batch),
    }
}

/// The same numbers each time: the generator `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Fills with numbers between -1 and 1.
    fn fill<T: Number>(&mut self, values: &mut [T]) {
        for value in values {
            let whole = (self.next() >> 40) as f32;
            *value = T::near(whole / (1u32 << 23) as f32 - 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{LAYERS, OPS};
    use super::*;

    #[test]
    fn one_wrong_element_is_found() {
        let case = LAYERS[16]
            .case(&OPS[3], tconv::DataFormat::ChannelsLast)
            .unwrap();
        let set = InstructionSet::best();
        let taken: Vec<_> = (case.op.passes.iter())
            .map(|&pass| conv::choose::<f32>(set, Precision::Highest, pass, &case.shape))
            .collect();
        let mut timed = Timed::new(&case, &taken, true, set, &Threads::ONE, None).unwrap();
        assert!(timed.check(0).is_err(), "nothing has been written yet");
        timed.call().unwrap();
        for i in 0..timed.steps.len() {
            let (elements, error) = timed.check(i).unwrap();
            assert_eq!(elements, timed.steps[i].out.len());
            assert!(error < f32::TOLERANCE);
            for wrong in [f32::NAN, f32::INFINITY, 0.5] {
                let right = timed.steps[i].out[4];
                timed.steps[i].out[4] = right + wrong;
                let Err(Failure::Error(message)) = timed.check(i) else {
                    panic!("{wrong} was not found");
                };
                assert!(message.contains("is wrong: element 4"), "{message}");
                timed.steps[i].out[4] = right;
            }
        }
    }
}

use super::Stage;
use crate::reduce::Number;
use crate::simd::{Float, Vectors};

/// Stages that can be done to sums while they are in registers: a bias, and what follows it.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    stages: &'a [Stage<'a, T>],
    /// For each channel, or none.
    bias: &'a [T],
    inner: usize,
    then: Option<Stage<'a, T>>,
}

impl<'a, T: Number> Finish<'a, T> {
    /// Nothing.
    pub(crate) const NONE: Finish<'a, T> = Finish {
        stages: &[],
        bias: &[],
        inner: 1,
        then: None,
    };

    /// As many of the stages, from the first on, as it can be. The bias is one for so many channels with `inner`
    /// elements behind their axis.
    pub(super) fn new(stages: &'a [Stage<'a, T>], channels: usize, inner: usize) -> Self {
        let mut finish = Finish::NONE;
        let mut rest = stages;
        if let Some((&Stage::Bias { bias, inner: of }, behind)) = rest.split_first()
            && (bias.len(), of) == (channels, inner)
            && channels * inner > 0
        {
            (finish.bias, finish.inner, rest) = (bias, inner, behind);
        }
        if let Some((then @ (Stage::Relu | Stage::LeakyRelu(_)), behind)) = rest.split_first() {
            (finish.then, rest) = (Some(*then), behind);
        }
        finish.stages = &stages[..stages.len() - rest.len()];
        finish
    }

    /// What it stands for.
    pub(crate) fn stages(&self) -> &'a [Stage<'a, T>] {
        self.stages
    }

    /// The bias of a channel; zero where there is none.
    pub(crate) fn bias(&self, channel: usize) -> T {
        self.bias.get(channel).copied().unwrap_or(T::ZERO)
    }

    /// The bias of the result's element at a place; zero where there is none.
    pub(crate) fn bias_at(&self, place: usize) -> T {
        match self.bias {
            [] => T::ZERO,
            bias => bias[place / self.inner % bias.len()],
        }
    }

    /// Writes the biases of neighbouring elements, for channels that come last; nothing where there are none.
    pub(crate) fn biases(&self, first: usize, out: &mut [T]) {
        if self.bias.is_empty() {
            return;
        }
        let mut rest = out;
        let mut from = &self.bias[first % self.bias.len()..];
        while !rest.is_empty() {
            let (now, next) = rest.split_at_mut(from.len().min(rest.len()));
            now.copy_from_slice(&from[..now.len()]);
            (rest, from) = (next, self.bias);
        }
    }

    /// Finishes one sum, which has such a bias.
    pub(crate) fn one(&self, sum: T, bias: T) -> T {
        let mut all = [if self.bias.is_empty() {
            sum
        } else {
            sum.plus(bias)
        }];
        self.then.iter().for_each(|then| then.apply(0, &mut all));
        all[0]
    }
}

impl<T: Float> Finish<'_, T> {
    /// The biases of a vector's channels from one on, for channels that come last, or of one in all lanes; zeros where
    /// there are none.
    #[inline(always)]
    pub(crate) fn lanes<S: Vectors<T>>(&self, simd: S, first: usize, count: usize) -> S::Vector {
        match self.bias.get(first..first + count) {
            // SAFETY: as many elements as a vector has.
            Some(run) if count == S::LANES => unsafe { simd.load(run.as_ptr()) },
            Some(&[one, ..]) => simd.splat(one),
            _ => simd.splat(T::ZERO),
        }
    }

    /// Finishes rows of sums, whose columns have these biases.
    #[inline(always)]
    pub(crate) fn columns<S: Vectors<T>, const COUNT: usize, const ROWS: usize>(
        &self,
        simd: S,
        sums: &mut [[S::Vector; COUNT]; ROWS],
        biases: [S::Vector; COUNT],
    ) {
        if !self.bias.is_empty() {
            for sums in sums.iter_mut() {
                for (sum, &bias) in sums.iter_mut().zip(&biases) {
                    *sum = simd.add(*sum, bias);
                }
            }
        }
        self.follow(simd, sums);
    }

    /// Finishes rows of sums, which have these biases.
    #[inline(always)]
    pub(crate) fn rows<S: Vectors<T>, const COUNT: usize, const ROWS: usize>(
        &self,
        simd: S,
        sums: &mut [[S::Vector; COUNT]; ROWS],
        biases: &[T; ROWS],
    ) {
        if !self.bias.is_empty() {
            for (sums, &bias) in sums.iter_mut().zip(biases) {
                let bias = simd.splat(bias);
                for sum in sums {
                    *sum = simd.add(*sum, bias);
                }
            }
        }
        self.follow(simd, sums);
    }

    /// What follows the bias.
    #[inline(always)]
    fn follow<S: Vectors<T>, const COUNT: usize, const ROWS: usize>(
        &self,
        simd: S,
        sums: &mut [[S::Vector; COUNT]; ROWS],
    ) {
        match self.then {
            Some(Stage::Relu) => {
                let zero = simd.splat(T::ZERO);
                for sums in sums.iter_mut() {
                    for sum in sums {
                        *sum = simd.above_zero_or(*sum, zero);
                    }
                }
            }
            Some(Stage::LeakyRelu(slope)) => {
                let slope = simd.splat(slope);
                for sums in sums.iter_mut() {
                    for sum in sums {
                        *sum = simd.above_zero_or(*sum, simd.mul(*sum, slope));
                    }
                }
            }
            _ => {}
        }
    }
}

use tconv_shape::ConvShape;

use super::{Algorithm, Call, Element, PackedFilter, Pass, Precision, check, chosen};
use crate::simd::InstructionSet;
use crate::stage::{Epilogue, Stage};
use crate::{KernelError, Threads};

/// One kernel of a convolution with all that its shape decides: for many runs, of which each costs only what it
/// computes.
pub struct Prepared<T: 'static> {
    algorithm: &'static Algorithm<T>,
    set: InstructionSet,
    pass: Pass,
    shape: ConvShape,
    threads: usize,
    scratch: usize,
}

impl<T: Element> Prepared<T> {
    /// Chooses the algorithm as [`super::choose`] does.
    ///
    /// # Errors
    /// `Sizes`; `Unavailable` for an instruction set that this machine lacks.
    pub fn new(
        set: InstructionSet,
        precision: Precision,
        pass: Pass,
        shape: ConvShape,
        threads: &Threads,
    ) -> Result<Prepared<T>, KernelError> {
        check(&shape)?;
        Prepared::of(
            chosen(set, precision, pass, &shape),
            set,
            pass,
            shape,
            threads,
        )
    }

    /// Of an algorithm that computes it, and a shape that was checked.
    pub(super) fn of(
        algorithm: &'static Algorithm<T>,
        set: InstructionSet,
        pass: Pass,
        shape: ConvShape,
        threads: &Threads,
    ) -> Result<Prepared<T>, KernelError> {
        algorithm.check_set(set)?;
        let threads = threads.count();
        Ok(Prepared {
            scratch: algorithm.scratch_of(pass, &shape, threads),
            algorithm,
            set,
            pass,
            shape,
            threads,
        })
    }

    /// The algorithm that it was prepared for.
    pub fn algorithm(&self) -> &'static Algorithm<T> {
        self.algorithm
    }

    /// The convolution that it was prepared for.
    pub fn shape(&self) -> (Pass, &ConvShape) {
        (self.pass, &self.shape)
    }

    /// How many elements of scratch [`Prepared::run`] needs with no more threads than it was prepared for.
    pub fn scratch(&self) -> usize {
        self.scratch
    }

    /// [`PackedFilter::new`] of what it was prepared for.
    ///
    /// # Errors
    /// As there.
    pub fn pack(
        &self,
        filter: &[T],
        room: Vec<T>,
        threads: &Threads,
    ) -> Result<PackedFilter<T>, KernelError> {
        let what = (self.pass, &self.shape);
        PackedFilter::new(self.algorithm, self.set, what, filter, room, threads)
    }

    /// [`super::run`] of the same operands, and in the same pass over the output the stages behind it, with the
    /// filter `b` packed where that is given. The bias of a stage has as many elements as the output has channels.
    ///
    /// # Errors
    /// As [`super::run`]; `Sizes` for a filter that was packed for something else.
    #[expect(clippy::too_many_arguments, reason = "as `run`")]
    pub fn run(
        &self,
        a: &[T],
        b: &[T],
        packed: Option<&PackedFilter<T>>,
        out: &mut [T],
        scratch: &mut [T],
        threads: &Threads,
        stages: &[Stage<'_, T>],
    ) -> Result<(), KernelError> {
        if packed.is_some_and(|packed| !packed.is_for(self.algorithm, self.set, self.shape())) {
            let message = "the filter is packed for another convolution";
            return Err(KernelError::Sizes(message.into()));
        }
        let scratch_needed = match threads.count() {
            count if count <= self.threads => self.scratch,
            count => self.algorithm.scratch_of(self.pass, &self.shape, count),
        };
        let call = Call {
            set: self.set,
            threads,
            pass: self.pass,
            shape: &self.shape,
            a,
            b,
            packed: packed.and_then(PackedFilter::used),
            out,
            scratch,
            epilogue: &Epilogue::new(stages),
        };
        self.algorithm.compute(call, scratch_needed)
    }
}

#[cfg(test)]
mod tests {
    use tconv_shape::{ConvAxis, DataFormat};

    use super::*;

    #[test]
    fn a_filter_that_was_packed_for_something_else_is_refused() {
        let axis = ConvAxis {
            input: 6,
            kernel: 3,
            output: 4,
            stride: 1,
            dilation: 1,
            pad_before: 0,
            pad_after: 0,
        };
        let shape = |batch| ConvShape {
            batch,
            in_channels: 2,
            out_channels: 4,
            groups: 1,
            format: DataFormat::ChannelsLast,
            axes: vec![axis; 2],
        };
        let one = &Threads::ONE;
        let prepared = |pass, batch| {
            let (set, precision) = (InstructionSet::Portable, Precision::Highest);
            Prepared::<f32>::new(set, precision, pass, shape(batch), one).unwrap()
        };
        let conv = prepared(Pass::Forward, 2);
        let filter = [1.0; 72];
        let (mut out, mut scratch) = ([0.0; 128], vec![0.0; conv.scratch()]);
        for (other, fits) in [
            (prepared(Pass::Forward, 2), true),
            (prepared(Pass::Forward, 3), false),
            (prepared(Pass::BackpropInput, 2), false),
        ] {
            let (pass, shape) = other.shape();
            let room = vec![0.0; (other.algorithm().packed_len)(pass, shape)];
            let packed = &other.pack(&filter, room, one).unwrap();
            let input = [1.0; 144];
            let ran = conv.run(
                &input,
                &filter,
                Some(packed),
                &mut out,
                &mut scratch,
                one,
                &[],
            );
            assert_eq!(ran.is_ok(), fits);
        }
        assert!(out.iter().all(|&x| x == 18.0));
        let short = conv.run(&[1.0; 143], &filter, None, &mut out, &mut scratch, one, &[]);
        assert!(short.is_err());
    }
}

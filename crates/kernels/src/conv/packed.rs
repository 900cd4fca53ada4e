use tconv_shape::ConvShape;

use super::{Algorithm, Call, Element, Pack, Pass, check};
use crate::simd::InstructionSet;
use crate::stage::Epilogue;
use crate::{KernelError, Threads, check_len};

/// A filter laid out as an algorithm reads it, made once for many convolutions of one shape.
///
/// It is no faster for a filter that is used once: packing is then a part of the convolution.
pub struct PackedFilter<T: 'static> {
    algorithm: &'static Algorithm<T>,
    set: InstructionSet,
    pass: Pass,
    shape: ConvShape,
    data: Vec<T>,
    /// How many elements of `data` the algorithm reads.
    used: usize,
}

impl<T: Element> PackedFilter<T> {
    /// Packs `filter`, the operand `b` of [`super::run`], into `room` of at least
    /// [`Algorithm::packed_len`] elements.
    ///
    /// # Errors
    /// `Length`; `Sizes`; `Unavailable` for an instruction set that this machine lacks, an algorithm that does not
    /// compute the kernel, and `BackpropFilter`, which has no filter to pack.
    pub fn new(
        algorithm: &'static Algorithm<T>,
        set: InstructionSet,
        (pass, shape): (Pass, &ConvShape),
        filter: &[T],
        mut room: Vec<T>,
        threads: &Threads,
    ) -> Result<PackedFilter<T>, KernelError> {
        algorithm.check_set(set)?;
        check(shape)?;
        if pass == Pass::BackpropFilter || !(algorithm.supports)(pass, shape) {
            return Err(KernelError::Unavailable(format!(
                "the algorithm '{}' packs no filter for {pass:?} of {shape:?}",
                algorithm.name
            )));
        }
        let [a, b, out] = pass.lens(shape);
        check_len("filter", b, filter.len())?;
        let mut used = 0;
        if a > 0 && b > 0 && out > 0 {
            let needed = (algorithm.packed_len)(pass, shape);
            if room.len() < needed {
                check_len("room", needed, room.len())?;
            }
            (algorithm.pack)(Pack {
                set,
                threads,
                pass,
                shape,
                filter,
                out: &mut room[..needed],
            });
            used = needed;
        }
        Ok(PackedFilter {
            algorithm,
            set,
            pass,
            shape: shape.clone(),
            data: room,
            used,
        })
    }

    /// The algorithm that it was packed for.
    pub fn algorithm(&self) -> &'static Algorithm<T> {
        self.algorithm
    }

    /// The convolution that it was packed for.
    pub fn shape(&self) -> (Pass, &ConvShape) {
        (self.pass, &self.shape)
    }

    /// Its memory, in elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether the algorithm reads filters as they are.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Its memory, to be used again.
    pub fn into_room(self) -> Vec<T> {
        self.data
    }

    /// [`super::run`] with the filter `b` that it was made of; the results are the same to the bit.
    ///
    /// # Errors
    /// As [`super::run`].
    pub fn run(
        &self,
        a: &[T],
        b: &[T],
        out: &mut [T],
        scratch: &mut [T],
        threads: &Threads,
    ) -> Result<(), KernelError> {
        self.algorithm.call(Call {
            set: self.set,
            threads,
            pass: self.pass,
            shape: &self.shape,
            a,
            b,
            packed: self.used(),
            out,
            scratch,
            epilogue: &Epilogue::new(&[]),
        })
    }

    /// What the algorithm reads, where that is something.
    pub(super) fn used(&self) -> Option<&[T]> {
        Some(&self.data[..self.used]).filter(|data| !data.is_empty())
    }

    /// Whether it was packed for this.
    pub(super) fn is_for(
        &self,
        algorithm: &'static Algorithm<T>,
        set: InstructionSet,
        what: (Pass, &ConvShape),
    ) -> bool {
        std::ptr::eq(self.algorithm, algorithm) && self.set == set && self.shape() == what
    }
}

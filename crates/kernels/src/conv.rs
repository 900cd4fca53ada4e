//! The three kernels of a convolution and the table of algorithms that compute them.
//!
//! A new algorithm is a file in this folder and a row in the table, `algorithms!`; the tests then run it on
//! every instruction set.
//!
//! Infinities and NaN go where TensorFlow's CPU kernels without oneDNN let them: `Conv2D` and
//! `Conv2DBackpropFilter` multiply with the zeros of the padding (so an infinite filter makes NaN at the
//! borders), `Conv2DBackpropInput` leaves out the windows that do not exist.

mod amx;
mod direct;
mod element;
mod filter_gradient;
mod grid;
mod grouped;
mod implicit;
mod packed;
mod patches;
mod phase;
mod precision;
mod prepared;
mod reference;
mod rows;
mod sides;
mod stem;
mod table;
mod thin;
mod tiny;
mod turned;
mod winograd;

use tconv_shape::{ConvAxis, ConvShape, DataFormat};

pub use element::Element;
pub use packed::PackedFilter;
pub use precision::Precision;
pub use prepared::Prepared;
pub use reference::definition;

use crate::simd::{Float, InstructionSet};
use crate::stage::{self, Epilogue, Finish};
use crate::{KernelError, Threads, check_len};

/// Which of a convolution's three kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// TensorFlow's `Conv2D`: of the input and the filter, the output.
    Forward,
    /// TensorFlow's `Conv2DBackpropInput`, which is also `conv2d_transpose`: of the output's gradient and
    /// the filter, the input's gradient.
    BackpropInput,
    /// TensorFlow's `Conv2DBackpropFilter`: of the input and the output's gradient, the filter's gradient.
    BackpropFilter,
}

impl Pass {
    /// All three.
    pub const ALL: [Pass; 3] = [Pass::Forward, Pass::BackpropInput, Pass::BackpropFilter];

    /// The sizes of the two operands and of the result, as [`run`] takes them.
    pub fn dims(self, shape: &ConvShape) -> [Vec<usize>; 3] {
        let (input, filter) = (shape.input_dims(), shape.filter_dims());
        let output = shape.output_dims();
        match self {
            Pass::Forward => [input, filter, output],
            Pass::BackpropInput => [output, filter, input],
            Pass::BackpropFilter => [input, output, filter],
        }
    }

    /// How many elements these have, for a shape that was checked.
    pub(crate) fn lens(self, shape: &ConvShape) -> [usize; 3] {
        // The results fit; what is on the way to a zero may not.
        let product = |[outer, channels]: [usize; 2], size: fn(&ConvAxis) -> usize| {
            let sizes = shape.axes.iter().map(size).chain([channels]);
            sizes.fold(outer, usize::wrapping_mul)
        };
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let input = product([shape.batch, inputs], |axis| axis.input);
        let output = product([shape.batch, outputs], |axis| axis.output);
        let filter = product([inputs / shape.groups, outputs], |axis| axis.kernel);
        match self {
            Pass::Forward => [input, filter, output],
            Pass::BackpropInput => [output, filter, input],
            Pass::BackpropFilter => [input, output, filter],
        }
    }
}

/// What an algorithm is run with; the lengths have been checked.
pub(crate) struct Call<'a, T> {
    pub(crate) set: InstructionSet,
    pub(crate) threads: &'a Threads,
    pub(crate) pass: Pass,
    pub(crate) shape: &'a ConvShape,
    pub(crate) a: &'a [T],
    pub(crate) b: &'a [T],
    /// What `pack` made of the filter `b`, where it was called before.
    pub(crate) packed: Option<&'a [T]>,
    pub(crate) out: &'a mut [T],
    pub(crate) scratch: &'a mut [T],
    /// What is done to the output: the algorithm takes it, as [`Call::finish`] or all of it, or leaves it to be done
    /// behind.
    pub(crate) epilogue: &'a Epilogue<'a, T>,
}

impl<'a, T: Float> Call<'a, T> {
    /// The stages that the algorithm does to its sums before it stores them.
    fn finish(&self) -> Finish<'a, T> {
        let (shape, forward) = (self.shape, self.pass == Pass::Forward);
        let channels = if forward {
            shape.out_channels
        } else {
            shape.in_channels
        };
        let size = |axis: &ConvAxis| if forward { axis.output } else { axis.input };
        let inner = match shape.format {
            DataFormat::ChannelsLast => 1,
            DataFormat::ChannelsFirst => shape.axes.iter().map(size).product(),
        };
        self.epilogue.finish(channels, inner)
    }
}

/// What a filter is packed with; the lengths have been checked, and nothing is empty.
pub(crate) struct Pack<'a, T> {
    pub(crate) set: InstructionSet,
    pub(crate) threads: &'a Threads,
    pub(crate) pass: Pass,
    pub(crate) shape: &'a ConvShape,
    pub(crate) filter: &'a [T],
    pub(crate) out: &'a mut [T],
}

/// A way to compute a convolution's kernels: a row of the table.
pub struct Algorithm<T: 'static> {
    /// Its name, for tests, benchmarks and messages.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// The least instruction set that has what it is made of.
    pub requires: InstructionSet,
    /// How exact it is; of its type of element, unless that is `f32`, [`Precision::Highest`].
    pub precision: Precision,
    /// Whether it can compute this kernel of this convolution.
    pub supports: fn(Pass, &ConvShape) -> bool,
    /// Whether it is the one to take, unless one before it in the table is; asked only where it `supports`.
    /// Only the geometry decides, never the number of threads.
    pub pays: fn(Pass, &ConvShape) -> bool,
    /// The elements of scratch that it needs with so many threads, for a shape that [`run`] takes and that
    /// has no empty tensor.
    pub scratch: fn(Pass, &ConvShape, usize) -> usize,
    /// The elements of its [`PackedFilter`]; 0 where it reads filters as they are.
    pub packed_len: fn(Pass, &ConvShape) -> usize,
    pack: fn(Pack<'_, T>),
    compute: fn(Call<'_, T>),
}

impl<T: Element> Algorithm<T> {
    /// Computes a kernel by this algorithm; arguments and errors as [`run`], and `Unavailable` if it does
    /// not support it.
    ///
    /// # Errors
    /// As [`run`].
    #[expect(clippy::too_many_arguments, reason = "as `run`")]
    pub fn run(
        &self,
        set: InstructionSet,
        pass: Pass,
        shape: &ConvShape,
        a: &[T],
        b: &[T],
        out: &mut [T],
        scratch: &mut [T],
        threads: &Threads,
    ) -> Result<(), KernelError> {
        check(shape)?;
        self.call(Call {
            set,
            threads,
            pass,
            shape,
            a,
            b,
            packed: None,
            out,
            scratch,
            epilogue: &Epilogue::new(&[]),
        })
    }

    /// Checks that the machine has the instruction set, and the set what the algorithm is made of. In tests that may
    /// be emulated.
    fn check_set(&self, set: InstructionSet) -> Result<(), KernelError> {
        set.check()?;
        match set >= self.requires || cfg!(test) {
            true => Ok(()),
            false => Err(KernelError::Unavailable(format!(
                "the algorithm '{}' needs the instruction set '{}', this is '{set}'",
                self.name, self.requires
            ))),
        }
    }

    /// The instruction sets that tests run it on: all that have what it is made of, or where none has the emulator's.
    #[cfg(test)]
    fn sets(&self) -> Vec<InstructionSet> {
        let mut sets = InstructionSet::available();
        sets.retain(|&set| set >= self.requires);
        if sets.is_empty() {
            sets.push(InstructionSet::best());
        }
        sets
    }

    /// The elements of scratch for a shape that [`run`] takes.
    fn scratch_of(&self, pass: Pass, shape: &ConvShape, threads: usize) -> usize {
        match pass.lens(shape).contains(&0) {
            true => 0,
            false => (self.scratch)(pass, shape, threads),
        }
    }

    /// Checks all but the shape's own sense, which is known, and computes.
    fn call(&self, call: Call<'_, T>) -> Result<(), KernelError> {
        let (pass, shape) = (call.pass, call.shape);
        self.check_set(call.set)?;
        if !(self.supports)(pass, shape) {
            return Err(KernelError::Unavailable(format!(
                "the algorithm '{}' does not compute {pass:?} of {shape:?}",
                self.name
            )));
        }
        let needed = self.scratch_of(pass, shape, call.threads.count());
        self.compute(call, needed)
    }

    /// Checks the lengths, those of scratch against what is needed, and computes.
    fn compute(&self, call: Call<'_, T>, needed: usize) -> Result<(), KernelError> {
        let Call {
            set,
            threads,
            pass,
            shape,
            a,
            b,
            packed,
            out,
            scratch,
            epilogue,
        } = call;
        let [a_len, b_len, out_len] = pass.lens(shape);
        check_len("a", a_len, a.len())?;
        check_len("b", b_len, b.len())?;
        check_len("out", out_len, out.len())?;
        if a.is_empty() || b.is_empty() {
            out.fill(T::default());
            stage::apply_all(threads, epilogue.take(), out);
        }
        if a.is_empty() || b.is_empty() || out.is_empty() {
            return Ok(());
        }
        if scratch.len() < needed {
            check_len("scratch", needed, scratch.len())?;
        }
        (self.compute)(Call {
            set,
            threads,
            pass,
            shape,
            a,
            b,
            packed,
            out: &mut *out,
            scratch: &mut scratch[..needed],
            epilogue,
        });
        if epilogue.is_refused() {
            return Err(KernelError::Inexact(self.name));
        }
        stage::apply_all(threads, epilogue.take(), out);
        Ok(())
    }
}

/// Checks that the kernels take the shape: what [`ConvShape::check`] asks, strides, dilations, and that no window
/// leaves the address range. Whatever is asked of an [`Algorithm`] is asked of such a shape.
///
/// # Errors
/// `Sizes`.
pub fn check(shape: &ConvShape) -> Result<(), KernelError> {
    shape
        .check()
        .map_err(|e| KernelError::Sizes(e.to_string()))?;
    let sound = |axis: &ConvAxis| {
        // Positions are computed in isize: those of the last window's last tap, in both directions.
        let window = axis.kernel.checked_mul(axis.dilation)?;
        let last = axis.output.checked_mul(axis.stride)?.checked_add(window)?;
        let padded = axis.input.checked_add(axis.pad_before)?;
        let reach = last.checked_add(padded)?.checked_add(axis.stride)?;
        (axis.stride > 0 && axis.dilation > 0 && reach < isize::MAX as usize / 4).then_some(())
    };
    match shape.axes.iter().find(|axis| sound(axis).is_none()) {
        None => Ok(()),
        Some(axis) => Err(KernelError::Sizes(format!(
            "{axis:?} has no stride, no dilation or leaves the address range"
        ))),
    }
}

/// All algorithms for a type of element, the preferred first. The last supports everything.
pub fn algorithms<T: Element>() -> &'static [Algorithm<T>] {
    T::algorithms()
}

/// The first algorithm that the instruction set has, that is as exact as it must be, can compute the kernel and pays.
/// Beside the first two only the geometry decides.
/// For a shape that [`run`] refuses, and where nothing is to be computed, the last.
pub fn choose<T: Element>(
    set: InstructionSet,
    precision: Precision,
    pass: Pass,
    shape: &ConvShape,
) -> &'static Algorithm<T> {
    match check(shape) {
        Ok(()) => chosen(set, precision, pass, shape),
        Err(_) => &T::algorithms()[T::algorithms().len() - 1],
    }
}

/// [`choose`] for a shape that was checked.
fn chosen<T: Element>(
    set: InstructionSet,
    precision: Precision,
    pass: Pass,
    shape: &ConvShape,
) -> &'static Algorithm<T> {
    let all = T::algorithms();
    let last = &all[all.len() - 1];
    if pass.lens(shape).contains(&0) {
        return last;
    }
    let mut found = all.iter().filter(|one| {
        one.requires <= set
            && one.precision >= precision
            && (one.supports)(pass, shape)
            && (one.pays)(pass, shape)
    });
    found.next().unwrap_or(last)
}

/// How many elements of scratch [`run`] needs; 0 for a shape that it refuses or
/// that has nothing to compute.
pub fn scratch<T: Element>(
    set: InstructionSet,
    pass: Pass,
    shape: &ConvShape,
    threads: &Threads,
) -> usize {
    match check(shape) {
        Ok(()) => {
            let algorithm = chosen::<T>(set, Precision::Highest, pass, shape);
            algorithm.scratch_of(pass, shape, threads.count())
        }
        Err(_) => 0,
    }
}

/// Computes one kernel of a convolution of one to three axes, with groups, strides and dilations, in
/// either format, by the algorithm that is chosen for [`Precision::Highest`]. Every element of `out` is written; where no window reaches it is zero.
///
/// | pass | `a` | `b` | `out` |
/// |---|---|---|---|
/// | `Forward` | input | filter | output |
/// | `BackpropInput` | output's gradient | filter | input's gradient |
/// | `BackpropFilter` | input | output's gradient | filter's gradient |
///
/// Their sizes are [`Pass::dims`]; `scratch` has at least [`scratch`] elements.
///
/// # Errors
/// `Length`; `Sizes` for a shape that is none; `Unavailable` for an instruction set that this machine
/// lacks.
#[expect(
    clippy::too_many_arguments,
    reason = "all that a convolution needs, once"
)]
pub fn run<T: Element>(
    set: InstructionSet,
    pass: Pass,
    shape: &ConvShape,
    a: &[T],
    b: &[T],
    out: &mut [T],
    scratch: &mut [T],
    threads: &Threads,
) -> Result<(), KernelError> {
    check(shape)?;
    chosen(set, Precision::Highest, pass, shape).call(Call {
        set,
        threads,
        pass,
        shape,
        a,
        b,
        packed: None,
        out,
        scratch,
        epilogue: &Epilogue::new(&[]),
    })
}

#[cfg(test)]
mod tests;

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
mod thin;
mod tiny;
mod turned;
mod winograd;

use half::{bf16, f16};
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

/// Products of gathered pixels with a packed filter.
const fn direct<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "direct",
        purpose: "matrix products of gathered pixels with a packed filter, by stride phase",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: direct::supports,
        pays: |_, _| true,
        scratch: direct::scratch::<T>,
        packed_len: direct::packed_len::<T>,
        pack: direct::pack,
        compute: direct::compute,
    }
}

/// The filter's gradient from the tensors as they are.
const fn filter_gradient<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "filter-gradient",
        purpose: "the filter's gradient, channels last: tiles summed over the windows",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: filter_gradient::supports,
        pays: filter_gradient::pays::<T>,
        scratch: filter_gradient::scratch::<T>,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: filter_gradient::compute,
    }
}

/// Products of gathered blocks.
const fn gemm<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "gemm",
        purpose: "matrix products of gathered blocks, by stride phase",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: |_, _| true,
        pays: |_, _| true,
        scratch: implicit::scratch::<T>,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: implicit::compute,
    }
}

/// Few numbers.
const fn tiny<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "tiny",
        purpose: "so few numbers that any preparation would take longer",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: |_, _| true,
        pays: tiny::pays,
        scratch: |_, _, _| 0,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: tiny::compute,
    }
}

/// Groups of few channels.
const fn grouped<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "grouped",
        purpose: "groups of one or a few channels: channels in vector lanes",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: grouped::supports,
        pays: grouped::pays::<T>,
        scratch: grouped::scratch::<T>,
        packed_len: grouped::packed_len,
        pack: grouped::pack,
        compute: grouped::compute,
    }
}

/// Channels first, computed as channels last.
const fn turned<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "turned",
        purpose: "channels first: block by block turned, and computed as channels last",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: turned::supports::<T>,
        pays: turned::pays::<T>,
        scratch: turned::scratch::<T>,
        packed_len: turned::packed_len::<T>,
        pack: turned::pack,
        compute: turned::compute,
    }
}

/// Few channels.
const fn thin<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "thin",
        purpose: "few channels: pixels in vector lanes, phases that see the same computed together",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: thin::supports::<T>,
        pays: thin::pays::<T>,
        scratch: thin::scratch::<T>,
        packed_len: thin::packed_len::<T>,
        pack: thin::pack,
        compute: thin::compute,
    }
}

/// Few channels of the source.
const fn stem<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "stem",
        purpose: "few channels of the source: runs of its rows read in place, channels in vector lanes",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: stem::supports,
        pays: stem::pays,
        scratch: stem::scratch::<T>,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: stem::compute,
    }
}

/// Few channels of the result.
const fn rows<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "rows",
        purpose: "few channels of a gradient towards the input: runs of its rows in vector lanes",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: rows::supports,
        pays: rows::pays::<T>,
        scratch: rows::scratch,
        packed_len: rows::packed_len,
        pack: rows::pack,
        compute: rows::compute,
    }
}

/// Products of parts on tile registers.
const fn amx<T: amx::Number, const PARTS: usize>(precision: Precision) -> Algorithm<T> {
    let (name, purpose) = match PARTS {
        1 => (
            "amx_bf16",
            "numbers rounded to bf16, one product of them on tile registers",
        ),
        2 => (
            "amx_bf16x3",
            "numbers split into two bf16 parts, three products of them on tile registers",
        ),
        _ => (
            "amx_bf16x6",
            "numbers split into three bf16 parts, six products of them on tile registers",
        ),
    };
    Algorithm {
        name,
        purpose,
        requires: InstructionSet::Amx,
        precision,
        supports: amx::supports::<T, PARTS>,
        pays: amx::pays::<T, PARTS>,
        scratch: amx::scratch::<T, PARTS>,
        packed_len: amx::packed_len::<T, PARTS>,
        pack: amx::pack::<T, PARTS>,
        compute: amx::compute::<T, PARTS>,
    }
}

static ALGORITHMS_F32: [Algorithm<f32>; 18] = [
    tiny(),
    grouped(),
    amx::<f32, 1>(Precision::Medium),
    amx::<f32, 2>(Precision::High),
    amx::<f32, 3>(Precision::Highest),
    Algorithm {
        pays: |pass, shape| {
            let rows = || {
                winograd::rows::supports::<f32>(pass, shape)
                    && winograd::rows::pays::<f32>(pass, shape)
            };
            stem::pays(pass, shape) && (stem::is_small(shape) || !rows())
        },
        ..stem()
    },
    Algorithm {
        name: "winograd-rows",
        purpose: "fewer multiplications along the first axis: rows of the source read in place",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: winograd::rows::supports::<f32>,
        pays: winograd::rows::pays::<f32>,
        scratch: winograd::rows::scratch::<f32>,
        packed_len: winograd::rows::packed_len::<f32>,
        pack: winograd::rows::pack,
        compute: winograd::rows::compute,
    },
    Algorithm {
        name: "winograd",
        purpose: "fewer multiplications for two or three taps an axis of each stride phase",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: winograd::supports,
        pays: winograd::pays::<f32>,
        scratch: winograd::scratch::<f32>,
        packed_len: winograd::packed_len::<f32>,
        pack: winograd::pack,
        compute: winograd::compute,
    },
    Algorithm {
        name: "winograd-runs",
        purpose: "fewer multiplications along the first axis for few channels of a gradient towards the input",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: winograd::runs::supports,
        pays: winograd::runs::pays::<f32>,
        scratch: winograd::runs::scratch::<f32>,
        packed_len: winograd::runs::packed_len,
        pack: winograd::runs::pack,
        compute: winograd::runs::compute,
    },
    Algorithm {
        name: "winograd-thin",
        purpose: "fewer multiplications for few channels: tiles in vector lanes",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: winograd::thin::supports::<f32>,
        pays: winograd::thin::pays::<f32>,
        scratch: winograd::thin::scratch::<f32>,
        packed_len: winograd::thin::packed_len::<f32>,
        pack: winograd::thin::pack,
        compute: winograd::thin::compute,
    },
    turned(),
    rows(),
    thin(),
    Algorithm {
        name: "winograd-filter-gradient",
        purpose: "the filter's gradient with fewer multiplications for two or three taps an axis of each stride phase",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: filter_gradient::winograd::supports,
        pays: filter_gradient::winograd::pays::<f32>,
        scratch: filter_gradient::winograd::scratch::<f32>,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: filter_gradient::winograd::compute,
    },
    direct(),
    filter_gradient(),
    gemm(),
    reference::algorithm(),
];

static ALGORITHMS_F64: [Algorithm<f64>; 10] = [
    tiny(),
    grouped(),
    turned(),
    rows(),
    stem(),
    thin(),
    direct(),
    filter_gradient(),
    gemm(),
    reference::algorithm(),
];

/// What is not here is faster in `f32`, halves widened before and rounded behind. One part has the bits of a bf16
/// number, and two those of an `f16`.
static ALGORITHMS_BF16: [Algorithm<bf16>; 2] =
    [amx::<bf16, 1>(Precision::Highest), reference::algorithm()];

static ALGORITHMS_F16: [Algorithm<f16>; 2] =
    [amx::<f16, 2>(Precision::Highest), reference::algorithm()];

static ALGORITHMS_I32: [Algorithm<i32>; 1] = [reference::algorithm()];

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

//! The definition, element by element: for every type, and what the other algorithms are tested against.

use tconv_shape::{ConvAxis, ConvShape};

use super::grid::{Strides, axes, unravel};
use super::{Algorithm, Call, Element, Pass, Precision, check};
use crate::simd::InstructionSet;
use crate::{KernelError, check_len};

/// Its row of every type's table.
pub(super) const fn algorithm<T: Element>() -> Algorithm<T> {
    Algorithm {
        name: "reference",
        purpose: "the definition, summed in f64",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: |_, _| true,
        pays: |_, _| true,
        scratch: |_, _, _| 0,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute,
    }
}

/// Elements computed by one task.
const PIECE: usize = 256;

pub(super) fn compute<T: Element>(call: Call<'_, T>) {
    let Call {
        threads,
        pass,
        shape,
        a,
        b,
        out,
        ..
    } = call;
    let definition = Definition::new(shape, a, b);
    threads.for_each_piece(out, PIECE, |i, piece| {
        for (j, out) in piece.iter_mut().enumerate() {
            let index = i * PIECE + j;
            let mut sum = T::Sum::default();
            definition.terms(pass, index, |x, y| sum = T::add_product(sum, x, y));
            *out = T::from_sum(sum);
        }
    });
}

/// Element `index` of what [`super::run`] writes, by the definition in f64, and the sum of its terms'
/// magnitudes: what an algorithm's result can be judged by where the whole would take too long.
///
/// # Errors
/// `Sizes` for a shape that is none or an `index` beyond its result; `Length`.
pub fn definition<T: Element + Into<f64>>(
    pass: Pass,
    shape: &ConvShape,
    a: &[T],
    b: &[T],
    index: usize,
) -> Result<(f64, f64), KernelError> {
    check(shape)?;
    let [a_len, b_len, out_len] = pass.dims(shape).map(|dims| dims.iter().product());
    check_len("a", a_len, a.len())?;
    check_len("b", b_len, b.len())?;
    if index >= out_len {
        return Err(KernelError::Sizes(format!(
            "out has {out_len} elements, and none at {index}"
        )));
    }
    let (mut sum, mut magnitude) = (0.0, 0.0);
    Definition::new(shape, a, b).terms(pass, index, |x, y| {
        let term = x.into() * y.into();
        sum += term;
        magnitude += term.abs();
    });
    Ok((sum, magnitude))
}

struct Definition<'a, T> {
    shape: &'a ConvShape,
    axes: [ConvAxis; 3],
    input: Strides,
    output: Strides,
    a: &'a [T],
    b: &'a [T],
}

impl<'a, T: Element> Definition<'a, T> {
    fn new(shape: &'a ConvShape, a: &'a [T], b: &'a [T]) -> Definition<'a, T> {
        Definition {
            shape,
            axes: axes(shape),
            input: Strides::new(shape, shape.in_channels, |axis| axis.input),
            output: Strides::new(shape, shape.out_channels, |axis| axis.output),
            a,
            b,
        }
    }

    /// Calls `term` with the factors of each product that is summed up for an element of the result.
    #[inline(always)]
    fn terms(&self, pass: Pass, index: usize, term: impl FnMut(T, T)) {
        match pass {
            Pass::Forward => self.output(index, term),
            Pass::BackpropInput => self.input_gradient(index, term),
            Pass::BackpropFilter => self.filter_gradient(index, term),
        }
    }

    fn kernel(&self) -> [usize; 3] {
        self.axes.map(|axis| axis.kernel)
    }

    /// The input's positions that the windows at `output` see at `tap`, if they are not in the padding.
    fn seen(&self, output: [usize; 3], tap: [usize; 3]) -> Option<[usize; 3]> {
        let mut at = [0; 3];
        for (i, axis) in self.axes.iter().enumerate() {
            let padded = output[i] * axis.stride + tap[i] * axis.dilation;
            at[i] = padded.checked_sub(axis.pad_before)?;
            if at[i] >= axis.input {
                return None;
            }
        }
        Some(at)
    }

    /// The windows that see the input's `position` at `tap`, if they exist.
    fn seeing(&self, position: [usize; 3], tap: [usize; 3]) -> Option<[usize; 3]> {
        let mut at = [0; 3];
        for (i, axis) in self.axes.iter().enumerate() {
            let start = (position[i] + axis.pad_before).checked_sub(tap[i] * axis.dilation)?;
            at[i] = start / axis.stride;
            if start % axis.stride != 0 || at[i] >= axis.output {
                return None;
            }
        }
        Some(at)
    }

    fn filter_place(&self, tap: usize, in_channel: usize, out_channel: usize) -> usize {
        let depth = self.shape.in_channels / self.shape.groups;
        (tap * depth + in_channel) * self.shape.out_channels + out_channel
    }

    fn output(&self, index: usize, mut term: impl FnMut(T, T)) {
        let (batch, position, channel) = self.output.position(index);
        let depth = self.shape.in_channels / self.shape.groups;
        let group = channel / (self.shape.out_channels / self.shape.groups);
        for tap in 0..self.kernel().iter().product() {
            let seen = self.seen(position, unravel(tap, self.kernel()));
            for i in 0..depth {
                let x = match seen {
                    Some(at) => self.a[self.input.place(batch, at, group * depth + i)],
                    None => T::default(),
                };
                term(x, self.b[self.filter_place(tap, i, channel)]);
            }
        }
    }

    fn input_gradient(&self, index: usize, mut term: impl FnMut(T, T)) {
        let (batch, position, channel) = self.input.position(index);
        let depth = self.shape.in_channels / self.shape.groups;
        let (group, channel) = (channel / depth, channel % depth);
        let width = self.shape.out_channels / self.shape.groups;
        for tap in 0..self.kernel().iter().product() {
            let Some(at) = self.seeing(position, unravel(tap, self.kernel())) else {
                continue;
            };
            for o in group * width..(group + 1) * width {
                let dy = self.a[self.output.place(batch, at, o)];
                term(dy, self.b[self.filter_place(tap, channel, o)]);
            }
        }
    }

    fn filter_gradient(&self, index: usize, mut term: impl FnMut(T, T)) {
        let depth = self.shape.in_channels / self.shape.groups;
        let o = index % self.shape.out_channels;
        let (tap, i) = (
            index / self.shape.out_channels / depth,
            index / self.shape.out_channels % depth,
        );
        let tap = unravel(tap, self.kernel());
        let group = o / (self.shape.out_channels / self.shape.groups);
        let outputs = self.axes.map(|axis| axis.output);
        for batch in 0..self.shape.batch {
            for window in 0..outputs.iter().product() {
                let window = unravel(window, outputs);
                let x = match self.seen(window, tap) {
                    Some(at) => self.a[self.input.place(batch, at, group * depth + i)],
                    None => T::default(),
                };
                term(x, self.b[self.output.place(batch, window, o)]);
            }
        }
    }
}

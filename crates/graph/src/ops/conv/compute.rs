//! Convolutions of tensors at once, without a graph.

use tconv_kernels::conv as kernels;
use tconv_tensor::{DType, Tensor};

use super::{Conv, ConvBuilder};
use crate::attrs::AttrReader;
use crate::session::Scratch;
use crate::{Code, Eager, Error, Result, Run};

/// An element type that convolutions compute with.
pub trait Convolved: kernels::Element + Scratch {}

impl<T: kernels::Element + Scratch> Convolved for T {}

impl ConvBuilder<'_> {
    /// Computes it at once; the operands are tensors, numbers or lists, none of a graph.
    ///
    /// # Errors
    /// As [`ConvBuilder::build`] and a run of the op.
    pub fn compute(self, eager: &Eager) -> Result<Tensor> {
        let (attrs, inputs) = (self.attrs()?, self.tensors()?);
        let output = eager.run(self.def().name, attrs, inputs)?.pop();
        let output =
            output.ok_or_else(|| Error::new(Code::Internal, "a convolution without an output"))?;
        let shape = self.narrowed(output.shape().to_vec());
        Ok(output.reshape(&shape)?)
    }

    /// [`ConvBuilder::compute`] into memory that is there already, all of which is written.
    ///
    /// # Errors
    /// As [`ConvBuilder::compute`]; `InvalidArgument` for memory of another length or dtype, which then is
    /// as it was.
    pub fn compute_into<T: Convolved>(self, eager: &Eager, out: &mut [T]) -> Result<()> {
        self.evaluate(eager, |conv, run, inputs| {
            let shape = conv.shape_of(&inputs)?;
            let [.., dims] = conv.pass.dims(&shape);
            let dtype = conv.operands(&inputs)[0].dtype();
            if dtype != T::DTYPE {
                return Err(Error::invalid(format!(
                    "the output is {dtype}, but the memory for it is {}",
                    T::DTYPE
                )));
            }
            let len = tconv_tensor::checked_len(dtype, &dims)?;
            if len != out.len() {
                return Err(Error::invalid(format!(
                    "the output is {:?}, {len} elements, but the memory for it holds {}",
                    self.narrowed(dims),
                    out.len()
                )));
            }
            conv.eval_into(run, &inputs, &shape, out)
        })
    }

    /// The sizes of what [`ConvBuilder::compute`] would give.
    ///
    /// # Errors
    /// As [`ConvBuilder::compute`].
    pub fn computed_shape(&self, eager: &Eager) -> Result<Vec<usize>> {
        self.evaluate(eager, |conv, _, inputs| {
            let [.., dims] = conv.pass.dims(&conv.shape_of(&inputs)?);
            Ok(self.narrowed(dims))
        })
    }

    fn evaluate<A>(
        &self,
        eager: &Eager,
        eval: impl FnOnce(&Conv, &mut Run, Vec<Tensor>) -> Result<A>,
    ) -> Result<A> {
        let (attrs, inputs) = (self.attrs()?, self.tensors()?);
        let make =
            |attrs: &mut AttrReader| Conv::new(self.pass, attrs, self.axes.max(2)).map(Box::new);
        eager.evaluate(self.def(), attrs, inputs, make, |conv, _, run, inputs| {
            eval(conv, run, inputs)
        })
    }

    /// The operands' values; numbers take the dtype of the tensors that the op wants to be alike.
    fn tensors(&self) -> Result<Vec<Tensor>> {
        let arguments = self.def().inputs;
        let operands = self.operands.iter().zip(arguments);
        let wanted = |type_: &str| match type_.parse::<DType>() {
            Ok(fixed) => Some(fixed),
            Err(_) => operands
                .clone()
                .filter(|(_, argument)| argument.1 == type_)
                .find_map(|(operand, _)| operand.dtype()),
        };
        let values = operands
            .clone()
            .map(|(operand, argument)| operand.to_tensor(wanted(argument.1)))
            .collect::<Result<_>>()?;
        match self.axes {
            1 => self.widened(values),
            _ => Ok(values),
        }
    }
}

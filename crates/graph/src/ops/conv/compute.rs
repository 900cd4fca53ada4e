//! Convolutions of tensors at once, without a graph.

use std::ops::RangeInclusive;

use tconv_kernels::conv::{self as kernels, Pass};
use tconv_shape::{Shape, Verdict};
use tconv_tensor::{DType, Tensor};

use super::{Conv, ConvBuilder, Geometry};
use crate::attrs::AttrReader;
use crate::halves;
use crate::node::{check_types, make};
use crate::op::Fact;
use crate::session::Scratch;
use crate::{Code, Eager, Error, Need, Operand, Result, Run, Words};

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
        self.evaluate(eager, |conv, made, run, inputs| {
            let dtype = conv.operands(&inputs)[0].dtype();
            if dtype != T::DTYPE {
                // The sizes are refused first.
                conv.shape_of(&inputs)?;
                return Err(Error::invalid(format!(
                    "the output is {dtype}, but the memory for it is {}",
                    T::DTYPE
                )));
            }
            let fits = |dims: &[usize], out: &[T]| {
                let len = tconv_tensor::checked_len(dtype, dims)?;
                match len == out.len() {
                    true => Ok(()),
                    false => Err(Error::invalid(format!(
                        "the output is {:?}, {len} elements, but the memory for it holds {}",
                        self.narrowed(dims.to_vec()),
                        out.len()
                    ))),
                }
            };
            if dtype.is_half() {
                let [.., dims] = conv.pass.dims(&conv.shape_of(&inputs)?);
                fits(&dims, out)?;
                let made = halves::eval(self.def(), conv, made, run, inputs)?;
                for made in &made {
                    out.copy_from_slice(made.as_slice()?);
                }
                Ok(())
            } else {
                let plan = conv.plan::<T>(run, &inputs)?;
                fits(&plan.dims, out)?;
                plan.run(conv, run, &inputs, out, &[]).map(|_| ())
            }
        })
    }

    /// The shape that it makes of its operands, which need have no values: a [`Fact`] is an operand too.
    ///
    /// # Errors
    /// As [`ConvBuilder::build`].
    pub fn shape(&self) -> Result<Shape> {
        let facts = self.facts()?;
        let (def, mut attrs) = (self.def(), self.attrs()?);
        let dtypes: Vec<DType> = facts.iter().map(|fact| fact.dtype).collect();
        let made = check_types(def, &dtypes, &mut attrs).and_then(|()| {
            let op = make(def, &attrs, def.make)?;
            let made = op.infer(&facts)?;
            let mut needs = op.needs(&facts).into_iter();
            match needs.find(|need| need.condition.prove() == Verdict::Never) {
                Some(need) => Err(self.refused(&need)),
                None => Ok(made),
            }
        });
        let made = made.map_err(|error| {
            let argument = |(i, fact): (usize, &Fact)| {
                format!("{}: {:?}", def.argument(i, facts.len()), fact.shape)
            };
            error.at(
                "",
                def.name,
                facts.iter().enumerate().map(argument).collect(),
            )
        })?;
        let shape = made
            .first()
            .map_or_else(Shape::unknown, |fact| fact.shape.clone());
        Ok(match shape.dims() {
            Some(dims) => Shape::new(self.narrowed(dims.to_vec())),
            None => shape,
        })
    }

    /// That no size will do.
    fn refused(&self, need: &Need) -> Error {
        let def = self.def();
        let inputs = (0..def.inputs.len()).map(|i| def.argument(i, def.inputs.len()).to_string());
        let words = Words {
            inputs: &inputs.collect::<Vec<_>>(),
            format: self.format.name(self.axes.max(2)),
            size: &|unknown| unknown.name().to_string(),
        };
        let clause = need.says.clause(&words);
        let error = match need.says.refusal(&words) {
            Some(first) => Error::value(first).help(clause),
            None => Error::value(clause),
        };
        match need.says.legal(&words) {
            Some(legal) => error.help(legal),
            None => error,
        }
    }

    /// For each axis of a transposed convolution's `output_shape`, in the data format's order, the sizes that
    /// go with its value: `None` where no size does.
    ///
    /// # Errors
    /// `Value` for a value and a filter that do not go together or are not known.
    pub fn legal_output_shapes(&self) -> Result<Vec<Option<RangeInclusive<i64>>>> {
        let facts = self.facts()?;
        let geometry = make(self.def(), &self.attrs()?, |attrs| {
            Geometry::new(attrs, self.axes.max(2))
        })?;
        let unclear = || {
            Error::value(
                "legal output shapes are those of a transposed convolution whose value and filter are known",
            )
        };
        let (Pass::BackpropInput, [_, filter, value]) = (self.pass, &facts[..]) else {
            return Err(unclear());
        };
        let sizes = Fact::new(DType::Int32, Shape::unknown());
        geometry.infer_backprop_input(&sizes, &filter.shape, &value.shape)?;
        let filter = filter.shape.known().ok_or_else(unclear)?;
        let value = value.shape.known().ok_or_else(unclear)?;
        let legal = geometry.legal_inputs(&filter, &value)?;
        Ok(self.narrowed(legal))
    }

    fn evaluate<A>(
        &self,
        eager: &Eager,
        eval: impl FnOnce(&Conv, &[Fact], &mut Run, Vec<Tensor>) -> Result<A>,
    ) -> Result<A> {
        let (attrs, inputs) = (self.attrs()?, self.tensors()?);
        let make =
            |attrs: &mut AttrReader| Conv::new(self.pass, attrs, self.axes.max(2)).map(Box::new);
        eager.evaluate(self.def(), attrs, inputs, make, eval)
    }

    /// The operands' values; numbers take the dtype of the tensors that the op wants to be alike.
    fn tensors(&self) -> Result<Vec<Tensor>> {
        let values = self.each(|operand, wanted| operand.to_tensor(wanted))?;
        match self.axes {
            1 => self.widened(values),
            _ => Ok(values),
        }
    }

    fn facts(&self) -> Result<Vec<Fact>> {
        let facts = self.each(|operand, wanted| operand.fact(wanted))?;
        match self.axes {
            1 => self.widened_facts(facts),
            _ => Ok(facts),
        }
    }

    fn each<T>(&self, one: impl Fn(&dyn Operand, Option<DType>) -> Result<T>) -> Result<Vec<T>> {
        let operands = self.operands.iter().zip(self.def().inputs);
        let wanted = |type_: &str| match type_.parse::<DType>() {
            Ok(fixed) => Some(fixed),
            Err(_) => operands
                .clone()
                .filter(|(_, argument)| argument.1 == type_)
                .find_map(|(operand, _)| operand.dtype()),
        };
        operands
            .clone()
            .map(|(operand, argument)| one(&**operand, wanted(argument.1)))
            .collect()
    }
}

use std::ops::Deref;

use tconv_kernels::Threads;
use tconv_kernels::conv::Precision;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::Shape;
use tconv_tensor::{DType, Tensor};

use crate::attrs::{AttrReader, Attrs};
use crate::op::{Fact, Op, OpDef};
use crate::session::{Context, threads_or_env};
use crate::{Error, Result, Run, halves, node, ops};

/// Computes ops at once, on tensors, without a graph.
///
/// Threads may share one: it keeps nothing between two ops but kernels' scratch. An op with a variable is
/// refused, since variables live in sessions; a random op draws from a stream that begins anew each time.
///
/// ```
/// # use tconv_graph::{Attrs, Eager, Tensor, nn};
/// let eager = Eager::new()?;
/// let x = Tensor::new(&[3], vec![1.0f32, -2.0, 3.0])?;
/// let y = eager.run("Relu", Attrs::new(), vec![x])?;
/// assert_eq!(y[0].as_slice::<f32>()?, [1.0, 0.0, 3.0]);
///
/// let value = Tensor::full(&[1, 2, 2, 1], 1.0f32)?;
/// let filter = Tensor::full(&[2, 2, 3, 1], 1.0f32)?;
/// let y = nn::conv2d_transpose(&value, &filter, [1, 4, 4, 3]).strides(2).compute(&eager)?;
/// assert_eq!(y.shape(), [1, 4, 4, 3]);
/// # Ok::<(), tconv_graph::Error>(())
/// ```
pub struct Eager(Context);

impl Eager {
    /// With as many threads as the machine offers and the best instruction set that it has, or those that the
    /// environment variables `TCONV_NUM_THREADS` and `TCONV_INSTRUCTION_SET` name.
    ///
    /// # Errors
    /// `Unimplemented` when those cannot be had.
    pub fn new() -> Result<Eager> {
        Eager::with_threads(0)
    }

    /// With so many threads; 0 means what `TCONV_NUM_THREADS` says, or as many as the machine offers.
    ///
    /// # Errors
    /// As [`Eager::new`].
    pub fn with_threads(threads: usize) -> Result<Eager> {
        Ok(Eager::with(
            threads_or_env(threads)?,
            InstructionSet::from_env()?,
        ))
    }

    /// With these threads and this instruction set.
    pub fn with(threads: Threads, instruction_set: InstructionSet) -> Eager {
        Eager(Context::new(threads, instruction_set))
    }

    /// As [`crate::Session::set_precision`].
    pub fn set_precision(&mut self, precision: Precision) {
        self.0.precision = precision;
    }

    /// The threads that kernels use.
    pub fn threads(&self) -> &Threads {
        &self.0.threads
    }

    /// The outputs of an op of this registered name, with these attributes, for these inputs; an input that
    /// nobody else holds may be changed in place.
    ///
    /// # Errors
    /// `NotFound` for a name that is no op's; what [`crate::NodeBuilder::build`] and a session's run refuse,
    /// with the op and its inputs; `FailedPrecondition` for an op with a variable.
    pub fn run(&self, op: &str, attrs: Attrs, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let def = ops::find(op)?;
        self.evaluate(def, attrs, inputs, def.make, |op, made, run, inputs| {
            let outputs = halves::eval(def, op, made, run, inputs)?.into_iter();
            // The outputs outlive memory that an input only borrows.
            Ok(outputs.map(Tensor::into_owned).collect::<Result<_, _>>()?)
        })
    }

    /// Makes an op, checks it as a node is checked, and lets `eval` do the rest: it is given the op and what it makes.
    pub(crate) fn evaluate<O: Deref<Target: Op>, A>(
        &self,
        def: &OpDef,
        mut attrs: Attrs,
        inputs: Vec<Tensor>,
        make: impl FnOnce(&mut AttrReader) -> Result<O>,
        eval: impl FnOnce(&O::Target, &[Fact], &mut Run, Vec<Tensor>) -> Result<A>,
    ) -> Result<A> {
        let known: Vec<_> = inputs
            .iter()
            .map(|input| (input.shared_shape(), input.dtype()))
            .collect();
        let answer = || {
            let dtypes: Vec<DType> = inputs.iter().map(Tensor::dtype).collect();
            node::check_types(def, &dtypes, &mut attrs)?;
            let op = node::make(def, &attrs, make)?;
            let facts: Vec<Fact> = inputs.iter().map(Fact::of).collect();
            let made = op.infer(&facts)?;
            eval(&op, &made, &mut Run::without_session(&self.0), inputs)
        };
        answer().map_err(|error: Error| {
            let describe = |(i, (shape, dtype)): (usize, &(std::sync::Arc<[usize]>, DType))| {
                let argument = def.argument(i, known.len());
                format!("{argument}: {} {dtype}", Shape::from(&**shape))
            };
            let inputs = known.iter().enumerate().map(describe).collect();
            error.at("", def.name, inputs)
        })
    }
}

#[cfg(test)]
mod tests;

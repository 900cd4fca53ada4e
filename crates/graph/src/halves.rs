//! float16 and bfloat16: kept in 16 bits, computed with in 32.

use tconv_tensor::{DType, Tensor};

use crate::op::{Fact, Op, OpDef};
use crate::ops::math::cast_to;
use crate::{Result, Run};

/// Evaluates an op. One that computes is given float32 in place of float16 and bfloat16, and what it makes is
/// rounded to the dtypes that inference says; so no kernel has a variant for them. `made` are the outputs' facts.
///
/// # Errors
/// Those of the op; `ResourceExhausted` when there is no memory for the wider elements.
pub(crate) fn eval(
    def: &OpDef,
    op: &dyn Op,
    made: &[Fact],
    run: &mut Run,
    mut inputs: Vec<Tensor>,
) -> Result<Vec<Tensor>> {
    if def.takes_halves() || !inputs.iter().any(|input| input.dtype().is_half()) {
        return op.eval(run, inputs);
    }
    for (i, input) in inputs.iter_mut().enumerate() {
        if input.dtype().is_half() {
            let widen = || cast_to(run, input, DType::Float32);
            *input = match run.kept() {
                Some(kept) if op.filter() == Some(i) => kept.wide(input, widen)?,
                _ => widen()?,
            };
        }
    }
    let mut outputs = op.eval(run, inputs)?;
    for (output, fact) in outputs.iter_mut().zip(made) {
        if fact.dtype.is_half() {
            *output = cast_to(run, output, fact.dtype)?;
        }
    }
    Ok(outputs)
}

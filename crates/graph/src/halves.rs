//! float16 and bfloat16: kept in 16 bits, computed with in 32 but by ops that have kernels for them.

use tconv_tensor::{DType, Tensor};

use crate::op::{Fact, Op, OpDef};
use crate::ops::math::cast_to;
use crate::{Result, Run};

/// Evaluates an op. One that computes is given float32 in place of float16 and bfloat16 unless it takes these, and what
/// it makes is rounded to the dtypes that inference says; so few kernels have a variant for them. `made` are the
/// outputs' facts.
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
    let mut dtypes = inputs.iter().map(Tensor::dtype);
    let half = dtypes.find(|dtype| dtype.is_half());
    if def.takes_halves() || half.is_none() {
        return op.eval(run, inputs);
    }
    if let Some(outputs) = op.eval_halves(run, &inputs)? {
        return Ok(outputs);
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
    let before = std::mem::replace(&mut run.widened, half);
    let outputs = op.eval(run, inputs);
    run.widened = before;
    let mut outputs = outputs?;
    for (output, fact) in outputs.iter_mut().zip(made) {
        if fact.dtype.is_half() {
            *output = cast_to(run, output, fact.dtype)?;
        }
    }
    Ok(outputs)
}

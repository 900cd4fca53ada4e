//! `Softmax`, `LogSoftmax`: over the last axis.

use std::sync::Arc;

use tconv_shape::Shape;
use tconv_tensor::Tensor;

use crate::op::{FLOATS, Fact, Op, OpDef, take};
use crate::operand::apply;
use crate::{Error, Operand, Operation, Output, Result, Run, dispatch, math};

pub(crate) static SOFTMAX: OpDef = OpDef {
    name: "Softmax",
    inputs: &[("logits", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |_| Ok(Arc::new(Softmax { log: false })),
};

pub(crate) static LOG_SOFTMAX: OpDef = OpDef {
    name: "LogSoftmax",
    inputs: &[("logits", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |_| Ok(Arc::new(Softmax { log: true })),
};

/// `exp(logits)` divided by its sums over the last axis (`tf.nn.softmax`).
///
/// # Errors
/// `Value` for a scalar.
#[track_caller]
pub fn softmax(logits: impl Operand) -> Result<Output> {
    Ok(apply("Softmax", "Softmax", &[&logits], |node| node)?.output(0))
}

/// The logarithm of [`softmax`], also where that is too small for a number (`tf.nn.log_softmax`).
///
/// # Errors
/// `Value` for a scalar.
#[track_caller]
pub fn log_softmax(logits: impl Operand) -> Result<Output> {
    Ok(apply("LogSoftmax", "LogSoftmax", &[&logits], |node| node)?.output(0))
}

struct Softmax {
    log: bool,
}

impl Op for Softmax {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shape: &Shape = &inputs[0].shape;
        match shape.rank() {
            Some(0) => Err(Error::value("Shape must be at least rank 1 but is rank 0")
                .help("the sums run over the last axis, and a scalar has none")),
            _ => Ok(vec![Fact::new(inputs[0].dtype, shape)]),
        }
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [mut x] = take(inputs)?;
        let Some(&row) = x.shape().last() else {
            return Err(Error::invalid("logits must have >= 1 dimension, got []"));
        };
        if x.is_empty() {
            return Ok(vec![x]);
        }
        dispatch!(x.dtype(), T in [f32, f64], {
            let values = x.make_mut::<T>()?;
            // The largest of a row is taken from it, so that no power overflows.
            run.threads().for_each_piece(values, row, |_, row| {
                let most = row.iter().copied().fold(T::NEG_INFINITY, T::max);
                if self.log {
                    let sum: T = row.iter().map(|x| (x - most).exp()).sum();
                    row.iter_mut().for_each(|x| *x = *x - most - sum.ln());
                } else {
                    row.iter_mut().for_each(|x| *x = (*x - most).exp());
                    let sum: T = row.iter().sum();
                    row.iter_mut().for_each(|x| *x /= sum);
                }
            });
        });
        Ok(vec![x])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None]);
        };
        let y = node.output(0);
        let sum = |x: &Output| math::reduce_sum_keep_dims(x, -1);
        let dx = match self.log {
            true => (dy - (sum(dy)? * math::exp(&y)?)?)?,
            false => ((dy - sum(&(dy * &y)?)?)? * &y)?,
        };
        Ok(vec![Some(dx)])
    }
}

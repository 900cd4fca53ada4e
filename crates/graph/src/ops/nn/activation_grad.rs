//! `ReluGrad`, `LeakyReluGrad`, `SigmoidGrad`, `TanhGrad`, `SoftplusGrad`.

use std::hint::select_unpredictable;
use std::sync::Arc;

use tconv_tensor::Tensor;

use super::activation::{LEAKY_RELU_ALPHA, REAL_NUMBERS, sigmoid};
use crate::op::brackets;
use crate::op::{FLOATS, Fact, Op, OpDef, take};
use crate::ops::math::zip;
use crate::ops::sizes;
use crate::{Error, Need, Operation, Output, Result, Run, array, dispatch, math};

pub(crate) static RELU_GRAD: OpDef = OpDef {
    name: "ReluGrad",
    inputs: &[("gradients", "T"), ("features", "T")],
    types: &[("T", REAL_NUMBERS)],
    stateful: false,
    make: |_| Ok(Arc::new(Grad::Relu)),
};

pub(crate) static LEAKY_RELU_GRAD: OpDef = OpDef {
    name: "LeakyReluGrad",
    inputs: &[("gradients", "T"), ("features", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |attrs| {
        Ok(Arc::new(Grad::LeakyRelu(
            attrs.float_or("alpha", LEAKY_RELU_ALPHA)?,
        )))
    },
};

pub(crate) static SIGMOID_GRAD: OpDef = OpDef {
    name: "SigmoidGrad",
    inputs: &[("y", "T"), ("dy", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |_| Ok(Arc::new(Grad::Sigmoid)),
};

pub(crate) static TANH_GRAD: OpDef = OpDef {
    name: "TanhGrad",
    inputs: &[("y", "T"), ("dy", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |_| Ok(Arc::new(Grad::Tanh)),
};

pub(crate) static SOFTPLUS_GRAD: OpDef = OpDef {
    name: "SoftplusGrad",
    inputs: &[("gradients", "T"), ("features", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |_| Ok(Arc::new(Grad::Softplus)),
};

/// The gradients of the activations. Those of `Relu`, `LeakyRelu` and `Softplus` are given the gradient
/// and the input (for `Relu` the output does as well), those of `Sigmoid` and `Tanh` the output and
/// the gradient.
enum Grad {
    Relu,
    LeakyRelu(f32),
    Sigmoid,
    Tanh,
    Softplus,
}

fn check_same(a: &[usize], b: &[usize]) -> Result<()> {
    match a == b {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "Inputs to operation must have the same size and shape.  Input 0: {} != input 1: {}",
            brackets(a),
            brackets(b)
        ))),
    }
}

impl Op for Grad {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(
            inputs[0].dtype,
            inputs[0].shape.merge(&inputs[1].shape)?,
        )])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::alike(inputs, None)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        check_same(&sizes::known(&inputs[0]), &sizes::known(&inputs[1]))
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [a, b] = take(inputs)?;
        check_same(a.shape(), b.shape())?;
        if let Grad::Relu = self {
            let dx = dispatch!(a.dtype(), T in [f32, f64, i32, i64, u8], {
                // No branch, and nothing that is read anew for each element: so it is done to vectors.
                zip(run, a, b, |dy: T, x| {
                    select_unpredictable(x > T::default(), dy, T::default())
                })
            });
            return Ok(vec![dx?]);
        }
        let made = dispatch!(a.dtype(), T in [f32, f64], {
            match *self {
                Grad::Relu | Grad::LeakyRelu(_) => {
                    let alpha = if let Grad::LeakyRelu(alpha) = *self { T::from(alpha) } else { 0.0 };
                    zip(run, a, b, |dy: T, x| if x > 0.0 { dy } else { dy * alpha })
                }
                Grad::Sigmoid => zip(run, a, b, |y: T, dy| dy * y * (1.0 - y)),
                Grad::Tanh => zip(run, a, b, |y: T, dy| dy * (1.0 - y * y)),
                Grad::Softplus => zip(run, a, b, |dy: T, x| dy / ((-x).exp() + 1.0)),
            }
        });
        Ok(vec![made?])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(arrived) = &dy[0] else {
            return Ok(vec![None; 2]);
        };
        let (graph, [a, b]) = (node.graph(), [node.input(0), node.input(1)]);
        let same = |first: &Output, second: &Output| {
            graph
                .add(node.op_name())
                .input(first)
                .input(second)
                .attrs(node.attrs().clone())
                .output()
        };
        let pair = match self {
            Grad::Relu | Grad::LeakyRelu(_) => [same(arrived, &b)?, array::zeros_like(&b)?],
            Grad::Sigmoid => {
                let scaled = math::multiply(arrived, &b)?;
                let rest = math::multiply(math::multiply(&scaled, &a)?, 2.0)?;
                [math::subtract(scaled, rest)?, same(&a, arrived)?]
            }
            Grad::Tanh => {
                let scaled = math::multiply(math::multiply(arrived, -2.0)?, &b)?;
                [math::multiply(scaled, &a)?, same(&a, arrived)?]
            }
            // The second derivative, s(x) (1 - s(x)), without a difference from 1.
            Grad::Softplus => {
                let slope = math::multiply(sigmoid(&b)?, sigmoid(math::negative(&b)?)?)?;
                [
                    same(arrived, &b)?,
                    math::multiply(math::multiply(arrived, &a)?, slope)?,
                ]
            }
        };
        Ok(pair.map(Some).into())
    }
}

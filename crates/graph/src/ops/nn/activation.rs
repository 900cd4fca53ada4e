//! `Relu`, `LeakyRelu`, `Sigmoid`, `Tanh`, `Softplus`.

use std::sync::Arc;

use tconv_kernels::elementwise::map_in_place;
use tconv_kernels::stage::{self, Each, Stage};
use tconv_tensor::{DType, Tensor};

use crate::op::{FLOATS, Fact, Op, OpDef, take};
use crate::operand::apply;
use crate::{Following, Operand, Operation, Output, Result, Run, dispatch};

pub(crate) static RELU: OpDef = OpDef {
    name: "Relu",
    inputs: &[("features", "T")],
    types: &[("T", REAL_NUMBERS)],
    stateful: false,
    make: |_| Ok(Arc::new(Activation::Relu)),
};

pub(crate) static LEAKY_RELU: OpDef = OpDef {
    name: "LeakyRelu",
    inputs: &[("features", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |attrs| {
        Ok(Arc::new(Activation::LeakyRelu(
            attrs.float_or("alpha", LEAKY_RELU_ALPHA)?,
        )))
    },
};

pub(crate) static SIGMOID: OpDef = OpDef {
    name: "Sigmoid",
    inputs: &[("x", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |_| Ok(Arc::new(Activation::Sigmoid)),
};

pub(crate) static TANH: OpDef = OpDef {
    name: "Tanh",
    inputs: &[("x", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |_| Ok(Arc::new(Activation::Tanh)),
};

pub(crate) static SOFTPLUS: OpDef = OpDef {
    name: "Softplus",
    inputs: &[("features", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |_| Ok(Arc::new(Activation::Softplus)),
};

pub(super) const REAL_NUMBERS: &[DType] = &[
    DType::Float16,
    DType::Bfloat16,
    DType::Float32,
    DType::Float64,
    DType::Int32,
    DType::Int64,
    DType::Uint8,
];

/// The attribute's default in TensorFlow.
pub(super) const LEAKY_RELU_ALPHA: f32 = 0.2;

/// `max(x, 0)` of each element (`tf.nn.relu`).
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn relu(features: impl Operand) -> Result<Output> {
    Ok(apply("Relu", "Relu", &[&features], |node| node)?.output(0))
}

/// Each element that is above 0, and `alpha` times each other one (`tf.nn.leaky_relu`).
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn leaky_relu(features: impl Operand, alpha: f32) -> Result<Output> {
    Ok(apply("LeakyRelu", "LeakyRelu", &[&features], |node| {
        node.attr("alpha", alpha)
    })?
    .output(0))
}

/// `1 / (1 + exp(-x))` of each element (`tf.sigmoid`).
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn sigmoid(x: impl Operand) -> Result<Output> {
    Ok(apply("Sigmoid", "Sigmoid", &[&x], |node| node)?.output(0))
}

/// The hyperbolic tangent of each element (`tf.tanh`).
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn tanh(x: impl Operand) -> Result<Output> {
    Ok(apply("Tanh", "Tanh", &[&x], |node| node)?.output(0))
}

/// `ln(exp(x) + 1)` of each element (`tf.nn.softplus`).
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn softplus(features: impl Operand) -> Result<Output> {
    Ok(apply("Softplus", "Softplus", &[&features], |node| node)?.output(0))
}

macro_rules! each {
    ($($type:ident),*) => {$(
        impl Each<$type> for Activation {
            fn apply(&self, piece: &mut [$type]) {
                fn map(piece: &mut [$type], f: impl Fn($type) -> $type) {
                    piece.iter_mut().for_each(|x| *x = f(*x));
                }
                match *self {
                    Activation::Relu => stage::apply(&[Stage::Relu], 0, piece),
                    Activation::LeakyRelu(alpha) => {
                        stage::apply(&[Stage::LeakyRelu(alpha.into())], 0, piece);
                    }
                    // What is near 1 is taken from 1, so that it is rounded once.
                    Activation::Sigmoid => map(piece, |x| {
                        let small = (-x.abs()).exp();
                        let small = small / (1.0 + small);
                        if x < 0.0 { small } else { 1.0 - small }
                    }),
                    Activation::Tanh => map(piece, $type::tanh),
                    // Beyond the threshold x and exp(x) are the nearest numbers, as in TensorFlow.
                    Activation::Softplus => {
                        let threshold = $type::EPSILON.ln() + 2.0;
                        map(piece, |x| match x {
                            x if x > -threshold => x,
                            x if x < threshold => x.exp(),
                            x => x.exp().ln_1p(),
                        });
                    }
                }
            }
        }
    )*};
}
each!(f32, f64);

impl Following for Activation {
    fn stage<'s>(&'s self, _: &mut Vec<usize>, _: &'s [Tensor]) -> Result<Option<Stage<'s, f32>>> {
        Ok(Some(match *self {
            Activation::Relu => Stage::Relu,
            Activation::LeakyRelu(alpha) => Stage::LeakyRelu(alpha),
            _ => Stage::Each(self),
        }))
    }
}

enum Activation {
    Relu,
    LeakyRelu(f32),
    Sigmoid,
    Tanh,
    Softplus,
}

impl Op for Activation {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(inputs[0].dtype, &inputs[0].shape)])
    }

    fn following(&self) -> Option<&dyn Following> {
        Some(self)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [mut x] = take(inputs)?;
        let threads = run.threads();
        if let (Activation::Relu, false) = (self, x.dtype().is_floating()) {
            dispatch!(x.dtype(), T in [i32, i64, u8], {
                let zero = T::default();
                map_in_place(threads, x.make_mut::<T>()?, |x| if x <= zero { zero } else { x });
            });
            return Ok(vec![x]);
        }
        dispatch!(x.dtype(), T in [f32, f64], {
            stage::apply_all::<T>(threads, &[Stage::Each(self)], x.make_mut()?);
        });
        Ok(vec![x])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None]);
        };
        let graph = node.graph();
        let (x, y) = (node.input(0), node.output(0));
        let dx = match self {
            Activation::Relu => graph.add("ReluGrad").input(dy).input(&y),
            Activation::LeakyRelu(alpha) => graph
                .add("LeakyReluGrad")
                .input(dy)
                .input(&x)
                .attr("alpha", *alpha),
            Activation::Sigmoid => graph.add("SigmoidGrad").input(&y).input(dy),
            Activation::Tanh => graph.add("TanhGrad").input(&y).input(dy),
            Activation::Softplus => graph.add("SoftplusGrad").input(dy).input(&x),
        };
        Ok(vec![Some(dx.output()?)])
    }
}

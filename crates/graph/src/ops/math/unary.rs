//! Functions of one tensor: `Neg`, `Square`, `Sqrt`, `Rsqrt`, `Exp`, `Log`, `Abs`, `Sign`, `Reciprocal`,
//! and the ops that TensorFlow's gradients of them are: `SqrtGrad`, `RsqrtGrad`, `ReciprocalGrad`.

use std::sync::Arc;

use tconv_kernels::elementwise;
use tconv_shape::Dim;
use tconv_tensor::Tensor;

use super::binary::{binary, divide, multiply};
use super::broadcast::{fitting, zip};
use super::number::{Number, Real};
use crate::op::{FLOATS, Fact, NUMBERS, Op, OpDef, not_differentiable, take};
use crate::operand::{apply, number};
use crate::ops::sizes;
use crate::{Error, Need, Operand, Operation, Output, Result, Run, array, dispatch};

macro_rules! unary {
    ($($static:ident $name:literal $variant:ident $types:ident $(#[doc = $doc:literal])* $visible:vis $function:ident;)*) => {
        $(pub(crate) static $static: OpDef = OpDef {
            name: $name,
            inputs: &[("x", "T")],
            types: &[("T", $types)],
            stateful: false,
            make: |_| Ok(Arc::new(Unary::$variant)),
        };

        $(#[doc = $doc])*
        ///
        /// # Errors
        /// `Type` for a dtype that the op does not take.
        #[track_caller]
        $visible fn $function(x: impl Operand) -> Result<Output> {
            Ok(apply($name, $name, &[&x], |node| node)?.output(0))
        })*
    };
}
unary! {
    NEG "Neg" Neg NUMBERS
    /// `-x` (`tf.negative`).
    pub negative;
    SQUARE "Square" Square NUMBERS
    /// `x * x` (`tf.square`).
    pub square;
    ABS "Abs" Abs NUMBERS
    /// The magnitude (`tf.abs`).
    pub abs;
    SIGN "Sign" Sign NUMBERS
    /// -1, 0 or 1 (`tf.sign`).
    pub sign;
    SQRT "Sqrt" Sqrt FLOATS
    /// The square root; NaN of what is negative (`tf.sqrt`).
    pub sqrt;
    RSQRT "Rsqrt" Rsqrt FLOATS
    /// `1 / sqrt(x)` (`tf.math.rsqrt`).
    pub rsqrt;
    EXP "Exp" Exp FLOATS
    /// `e` to the power `x` (`tf.exp`).
    pub exp;
    LOG "Log" Log FLOATS
    /// The natural logarithm; NaN of what is negative (`tf.math.log`).
    pub log;
    RECIPROCAL "Reciprocal" Reciprocal FLOATS
    /// `1 / x` (`tf.math.reciprocal`).
    pub reciprocal;
}

enum Unary {
    Neg,
    Square,
    Abs,
    Sign,
    Sqrt,
    Rsqrt,
    Exp,
    Log,
    Reciprocal,
}

/// `f` of each element; in place where nobody else reads the tensor.
fn map<T: Number>(run: &Run, mut x: Tensor, f: impl Fn(T) -> T + Sync + Send) -> Result<Tensor> {
    if x.is_unique() {
        elementwise::map_in_place(run.threads(), x.make_mut()?, f);
        return Ok(x);
    }
    let mut out = run.output(T::DTYPE, x.shape())?;
    elementwise::map(run.threads(), x.as_slice()?, out.make_mut()?, f)?;
    Ok(out)
}

impl Unary {
    fn eval_number<T: Number>(&self, run: &Run, x: Tensor) -> Result<Tensor> {
        match self {
            Unary::Neg => map(run, x, T::negated),
            Unary::Square => map(run, x, |x: T| x.times(x)),
            Unary::Abs => map(run, x, T::magnitude),
            Unary::Sign => map(run, x, T::sign),
            _ => Err(Error::type_("the op is one of floating numbers")),
        }
    }

    fn eval_real<T: Real>(&self, run: &Run, x: Tensor) -> Result<Tensor> {
        match self {
            Unary::Sqrt => map(run, x, T::square_root),
            Unary::Rsqrt => map(run, x, |x: T| T::of(1.0).divided_by(x.square_root())),
            Unary::Exp => map(run, x, T::exponential),
            Unary::Log => map(run, x, T::logarithm),
            Unary::Reciprocal => map(run, x, |x: T| T::of(1.0).divided_by(x)),
            _ => self.eval_number::<T>(run, x),
        }
    }
}

impl Op for Unary {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let x = &inputs[0];
        let one = |dim: &Dim| {
            let number = match self {
                Unary::Neg => Dim::Known(0).minus(dim).ok()?,
                Unary::Square => dim.times(dim).ok()?,
                Unary::Abs => sizes::greater(dim, &Dim::Known(0).minus(dim).ok()?),
                Unary::Sign => dim.lesser(1).greater(-1),
                _ => return None,
            };
            fitting(x.dtype, number)
        };
        let value = x
            .value
            .as_ref()
            .and_then(|value| value.iter().map(one).collect());
        Ok(vec![Fact {
            value,
            ..Fact::new(x.dtype, &x.shape)
        }])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [x] = take(inputs)?;
        let out = match x.dtype().is_floating() {
            true => dispatch!(x.dtype(), T in [f32, f64], self.eval_real::<T>(run, x)),
            false => dispatch!(x.dtype(), T in [i32, i64], self.eval_number::<T>(run, x)),
        }?;
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let (x, y) = (node.input(0), node.output(0));
        let [Some(dy)] = dy else {
            return not_differentiable(node);
        };
        let dx = match self {
            Unary::Neg => negative(dy)?,
            Unary::Square => {
                let two = x.graph().constant(number(2.0, Some(x.dtype()))?)?;
                multiply(dy, multiply(&x, two)?)?
            }
            Unary::Abs => (dy * sign(&x)?)?,
            Unary::Sign => array::fill(array::shape(&x)?, number(0.0, Some(x.dtype()))?)?,
            Unary::Sqrt => binary("SqrtGrad", "SqrtGrad", &y, dy)?,
            Unary::Rsqrt => binary("RsqrtGrad", "RsqrtGrad", &y, dy)?,
            Unary::Exp => (dy * &y)?,
            Unary::Log => (dy * reciprocal(&x)?)?,
            Unary::Reciprocal => binary("ReciprocalGrad", "ReciprocalGrad", &y, dy)?,
        };
        Ok(vec![Some(dx)])
    }
}

macro_rules! from_output {
    ($($static:ident $name:literal $variant:ident;)*) => {
        $(pub(crate) static $static: OpDef = OpDef {
            name: $name,
            inputs: &[("y", "T"), ("dy", "T")],
            types: &[("T", FLOATS)],
            stateful: false,
            make: |_| Ok(Arc::new(FromOutput::$variant)),
        };)*
    };
}
from_output! {
    SQRT_GRAD "SqrtGrad" Sqrt;
    RSQRT_GRAD "RsqrtGrad" Rsqrt;
    RECIPROCAL_GRAD "ReciprocalGrad" Reciprocal;
}

/// The gradient of a function of one tensor from the function's value `y` and the gradient `dy` there.
enum FromOutput {
    Sqrt,
    Rsqrt,
    Reciprocal,
}

impl FromOutput {
    /// Where no gradient arrives none leaves, even if the value is infinite.
    fn eval_as<T: Real>(&self, run: &Run, y: Tensor, dy: Tensor) -> Result<Tensor> {
        let half = T::of(0.5);
        match self {
            FromOutput::Sqrt => zip(run, y, dy, |y: T, dy: T| match dy == T::ZERO {
                true => T::ZERO,
                false => half.times(dy).divided_by(y),
            }),
            FromOutput::Rsqrt => zip(run, y, dy, |y: T, dy: T| match dy == T::ZERO {
                true => T::ZERO,
                false => half.negated().times(dy.times(y)).times(y.times(y)),
            }),
            FromOutput::Reciprocal => zip(run, y, dy, |y: T, dy: T| match dy == T::ZERO {
                true => T::ZERO,
                false => y.negated().times(dy).times(y),
            }),
        }
    }
}

fn check_same(y: &[usize], dy: &[usize]) -> Result<()> {
    match y == dy {
        true => Ok(()),
        false => Err(
            Error::invalid(format!("y has shape {y:?}, but dy has {dy:?}"))
                .help("the two must have the same shape"),
        ),
    }
}

impl Op for FromOutput {
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
        let [y, dy] = take(inputs)?;
        check_same(y.shape(), dy.shape())?;
        Ok(vec![
            dispatch!(y.dtype(), T in [f32, f64], self.eval_as::<T>(run, y, dy))?,
        ])
    }

    fn grad(&self, node: &Operation, gradients: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let (y, dy) = (node.input(0), node.input(1));
        let [Some(gradient)] = gradients else {
            return not_differentiable(node);
        };
        let (to_y, to_dy) = match self {
            FromOutput::Sqrt => {
                let quotient = divide(gradient, &y)?;
                ((negative(&quotient)? * node.output(0))?, (0.5 * &quotient)?)
            }
            FromOutput::Rsqrt => {
                let product = ((-1.5 * gradient)? * &dy)?;
                (
                    (product * square(&y)?)?,
                    binary("RsqrtGrad", "RsqrtGrad", &y, gradient)?,
                )
            }
            FromOutput::Reciprocal => {
                let product = ((gradient * -2.0)? * &dy)?;
                (
                    (product * &y)?,
                    binary("ReciprocalGrad", "ReciprocalGrad", &y, gradient)?,
                )
            }
        };
        Ok(vec![Some(to_y), Some(to_dy)])
    }
}

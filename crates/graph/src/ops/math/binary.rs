//! Arithmetic of two tensors with NumPy's broadcasting: `Add`, `AddV2`, `Sub`, `Mul`, `RealDiv`,
//! `FloorDiv`, `FloorMod`, `Maximum`, `Minimum`, `Pow`, `SquaredDifference`.

use std::sync::Arc;

use tconv_tensor::{DType, Tensor};

use super::NUMBERS_AND_BYTES;
use super::broadcast::{broadcast_shape, check_broadcast, unbroadcast_both, zip, zip_values};
use super::number::{Number, Real};
use super::{cast_named, greater, greater_equal, less_equal, log, negative, select};
use crate::graph::graph_of;
use crate::op::{FLOATS, Fact, NUMBERS, Op, OpDef, not_differentiable, take};
use crate::operand::{apply, number};
use crate::ops::sizes;
use crate::{Error, Need, Operand, Operation, Output, Result, Run, dispatch, location};

macro_rules! binary {
    ($($static:ident $name:literal $variant:ident $types:ident;)*) => {
        $(pub(crate) static $static: OpDef = OpDef {
            name: $name,
            inputs: &[("x", "T"), ("y", "T")],
            types: &[("T", $types)],
            stateful: false,
            make: |_| Ok(Arc::new(Binary::$variant)),
        };)*
    };
}
binary! {
    ADD "Add" Add NUMBERS_AND_BYTES;
    ADD_V2 "AddV2" Add NUMBERS_AND_BYTES;
    SUB "Sub" Sub NUMBERS_AND_BYTES;
    MUL "Mul" Mul NUMBERS_AND_BYTES;
    REAL_DIV "RealDiv" RealDiv FLOATS;
    FLOOR_DIV "FloorDiv" FloorDiv NUMBERS_AND_BYTES;
    FLOOR_MOD "FloorMod" FloorMod NUMBERS;
    MAXIMUM "Maximum" Maximum NUMBERS_AND_BYTES;
    MINIMUM "Minimum" Minimum NUMBERS_AND_BYTES;
    POW "Pow" Pow NUMBERS;
    SQUARED_DIFFERENCE "SquaredDifference" SquaredDifference NUMBERS;
}

enum Binary {
    Add,
    Sub,
    Mul,
    RealDiv,
    FloorDiv,
    FloorMod,
    Maximum,
    Minimum,
    Pow,
    SquaredDifference,
}

#[track_caller]
pub(super) fn binary(op: &str, name: &str, x: &dyn Operand, y: &dyn Operand) -> Result<Output> {
    Ok(apply(op, name, &[x, y], |node| node)?.output(0))
}

macro_rules! functions {
    ($($(#[doc = $doc:literal])* $function:ident $op:literal $name:literal;)*) => {
        $($(#[doc = $doc])*
        ///
        /// # Errors
        /// `Type` for dtypes that differ, `Value` for shapes that do not broadcast.
        #[track_caller]
        pub fn $function(x: impl Operand, y: impl Operand) -> Result<Output> {
            binary($op, $name, &x, &y)
        })*
    };
}
functions! {
    /// `x + y` (`tf.add`).
    add "AddV2" "Add";
    /// `x - y` (`tf.subtract`).
    subtract "Sub" "Sub";
    /// `x * y`, element by element (`tf.multiply`).
    multiply "Mul" "Mul";
    /// The quotient rounded down, towards minus infinity (`x // y`, `tf.math.floordiv`). A run with an
    /// integer divisor of 0 is an error.
    floor_div "FloorDiv" "floordiv";
    /// What the quotient that is rounded down leaves, of the divisor's sign (`x % y`, `tf.math.floormod`). A run
    /// with an integer divisor of 0 is an error.
    floor_mod "FloorMod" "FloorMod";
    /// The larger of each pair, NaN where one is (`tf.maximum`). Where both are equal the gradient goes
    /// to `x`.
    maximum "Maximum" "Maximum";
    /// The smaller of each pair, NaN where one is (`tf.minimum`). Where both are equal the gradient goes
    /// to `x`.
    minimum "Minimum" "Minimum";
    /// `x` to the power `y` (`tf.pow`). A run with a negative integer power of an integer is an error.
    pow "Pow" "Pow";
    /// `(x - y) * (x - y)` (`tf.math.squared_difference`).
    squared_difference "SquaredDifference" "SquaredDifference";
}

/// `x / y` (`tf.divide`, `tf.truediv`); integers are first made floating: int32 and int64 float64, uint8
/// float32.
///
/// # Errors
/// `Type` for dtypes that differ, `Value` for shapes that do not broadcast.
#[track_caller]
pub fn divide(x: impl Operand, y: impl Operand) -> Result<Output> {
    let _from = location::caller();
    let operands: [&dyn Operand; 2] = [&x, &y];
    let dtype = operands
        .iter()
        .filter(|operand| operand.graph().is_some())
        .find_map(|operand| operand.dtype());
    let floating = match dtype {
        Some(DType::Int32 | DType::Int64) => DType::Float64,
        Some(DType::Uint8) => DType::Float32,
        _ => return binary("RealDiv", "truediv", &x, &y),
    };
    let graph = graph_of(&operands)?;
    graph.op_scope("truediv", |own| {
        let mut node = graph.add("RealDiv").name(own);
        for (operand, name) in operands.into_iter().zip(["x", "y"]) {
            let operand = operand.to_output(&graph, dtype, name)?;
            if Some(operand.dtype()) != dtype {
                let message = format!(
                    "x and y must have the same dtype, got {dtype:?} and {}",
                    operand.dtype()
                );
                return Err(Error::type_(message).help("cast converts"));
            }
            node = node.input(&cast_named(&operand, floating, "Cast")?);
        }
        node.output()
    })
}

impl Binary {
    fn eval_as<T: Number>(&self, run: &Run, x: Tensor, y: Tensor) -> Result<Tensor> {
        match self {
            Binary::Add => zip(run, x, y, T::plus),
            Binary::Sub => zip(run, x, y, T::minus),
            Binary::Mul => zip(run, x, y, T::times),
            Binary::FloorDiv => zip(run, x, y, T::floor_div),
            Binary::FloorMod => zip(run, x, y, T::floor_mod),
            Binary::Maximum => zip(run, x, y, T::larger),
            Binary::Minimum => zip(run, x, y, T::smaller),
            Binary::Pow => zip(run, x, y, T::power),
            Binary::SquaredDifference => zip(run, x, y, |x: T, y: T| {
                let difference = x.minus(y);
                difference.times(difference)
            }),
            Binary::RealDiv => Err(Error::type_("RealDiv divides floating numbers")),
        }
    }

    /// Refuses what integers do not do, before anything is computed.
    fn check_integers(&self, x: &Tensor, y: &Tensor) -> Result<()> {
        fn first<T: Number>(y: &Tensor, refused: impl Fn(T) -> bool) -> Result<Option<usize>> {
            Ok(y.as_slice::<T>()?.iter().position(|&y| refused(y)))
        }
        if !y.dtype().is_integer() || x.is_empty() || y.is_empty() {
            return Ok(());
        }
        let (message, at) = match self {
            Binary::FloorDiv | Binary::FloorMod => {
                let at =
                    dispatch!(y.dtype(), T in [i32, i64, u8], first::<T>(y, |y| y == T::ZERO)?);
                ("Integer division by zero", at)
            }
            Binary::Pow => {
                let at = dispatch!(y.dtype(), T in [i32, i64], first::<T>(y, T::is_negative)?);
                ("Integers to negative integer powers are not allowed", at)
            }
            _ => return Ok(()),
        };
        match at {
            Some(i) => {
                Err(Error::invalid(message)
                    .help(format!("at element {i} of y, counted row by row")))
            }
            None => Ok(()),
        }
    }
}

impl Op for Binary {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (x, y) = (&inputs[0], &inputs[1]);
        let value = zip_values(x, y, |a, b| match self {
            Binary::Add => a.plus(b).ok(),
            Binary::Sub => a.minus(b).ok(),
            Binary::Mul => a.times(b).ok(),
            Binary::FloorDiv => a.floor_div(b).ok(),
            Binary::FloorMod => a.modulo(b).ok(),
            Binary::Maximum => Some(sizes::greater(a, b)),
            Binary::Minimum => Some(sizes::lesser(a, b)),
            Binary::RealDiv | Binary::Pow | Binary::SquaredDifference => None,
        });
        Ok(vec![Fact {
            value,
            ..Fact::new(x.dtype, broadcast_shape(&x.shape, &y.shape)?)
        }])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::broadcast(inputs)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        check_broadcast(inputs)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [x, y] = take(inputs)?;
        self.check_integers(&x, &y)?;
        let out = match self {
            Binary::RealDiv => dispatch!(x.dtype(), T in [f32, f64], zip(run, x, y, T::divided_by)),
            _ => dispatch!(x.dtype(), T in [f32, f64, i32, i64, u8], self.eval_as::<T>(run, x, y)),
        }?;
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let (x, y) = (node.input(0), node.input(1));
        let [Some(dz)] = dy else {
            return not_differentiable(node);
        };
        let zero = || number(0.0, Some(dz.dtype()));
        let (dx, dy) = match self {
            Binary::Add => (dz.clone(), dz.clone()),
            Binary::Sub => (dz.clone(), negative(dz)?),
            Binary::Mul => (multiply(dz, &y)?, multiply(&x, dz)?),
            Binary::RealDiv => {
                let dx = binary("RealDiv", "RealDiv", dz, &y)?;
                let quotient = binary("RealDiv", "RealDiv", &negative(&x)?, &y)?;
                (dx, (dz * binary("RealDiv", "RealDiv", &quotient, &y)?)?)
            }
            Binary::FloorDiv => return not_differentiable(node),
            Binary::FloorMod => (dz.clone(), (negative(dz)? * floor_div(&x, &y)?)?),
            Binary::SquaredDifference => {
                let twice = multiply(number(2.0, Some(dz.dtype()))?, dz)?;
                let dx = multiply(&twice, (&x - &y)?)?;
                (dx.clone(), negative(&dx)?)
            }
            Binary::Maximum | Binary::Minimum => {
                let to_x = match self {
                    Binary::Maximum => greater_equal(&x, &y)?,
                    _ => less_equal(&x, &y)?,
                };
                (select(&to_x, dz, zero()?)?, select(&to_x, zero()?, dz)?)
            }
            Binary::Pow => {
                let dx = ((dz * &y)? * pow(&x, (&y - 1.0)?)?)?;
                // Where x is not positive there is no real logarithm, and TensorFlow says 0.
                let positive = greater(&x, zero()?)?;
                let logarithm = log(select(&positive, &x, number(1.0, Some(x.dtype()))?)?)?;
                let logarithm = select(&positive, logarithm, zero()?)?;
                (dx, ((dz * node.output(0))? * logarithm)?)
            }
        };
        unbroadcast_both(&x, &y, Some(dx), Some(dy))
    }
}

//! `Cast`.

use std::sync::Arc;

use tconv_kernels::elementwise;
use tconv_tensor::{DType, Element, Tensor, bf16, f16};

use super::broadcast::fitting;
use crate::graph::graph_of;
use crate::op::{DATA, Fact, Op, OpDef, not_differentiable, take};
use crate::{Error, Operand, Operation, Output, Result, Run, dispatch, location};

pub(crate) static CAST: OpDef = OpDef {
    name: "Cast",
    inputs: &[("x", "SrcT")],
    types: &[("SrcT", DATA)],
    stateful: false,
    make: |attrs| {
        let to = attrs.dtype("DstT")?;
        if attrs.bool_or("Truncate", false)? {
            return Err(Error::value(
                "Truncate must be false: a float64 is rounded to the nearest float32",
            ));
        }
        match DATA.contains(&to) {
            true => Ok(Arc::new(Cast(to))),
            false => Err(Error::type_(format!("Cast makes no {to}"))),
        }
    },
};

/// The elements as another dtype (`tf.cast`); `x` itself where it is of that dtype.
///
/// Floating numbers lose their fraction on the way to integers, where TensorFlow leaves undefined what
/// lies out of range: here it becomes the nearest integer there is, and NaN becomes 0. Integers wrap. Bool
/// is 0 and 1; what is not 0 is true. float16 and bfloat16 are made by way of float32.
///
/// # Errors
/// Those of the operand.
#[track_caller]
pub fn cast(x: impl Operand, dtype: DType) -> Result<Output> {
    let _from = location::caller();
    let graph = graph_of(&[&x])?;
    if x.dtype() == Some(dtype) {
        return x.to_output(&graph, None, "x");
    }
    graph.op_scope("Cast", |own| {
        cast_named(&x.to_output(&graph, None, "x")?, dtype, own)
    })
}

/// [`cast`] under a name of the caller's.
pub(super) fn cast_named(x: &Output, dtype: DType, name: &str) -> Result<Output> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    x.graph()
        .add("Cast")
        .name(name)
        .input(x)
        .attr("DstT", dtype)
        .output()
}

/// An element type that is made of another.
trait CastFrom<A>: Element {
    fn cast_from(value: A) -> Self;
}

macro_rules! casts {
    ($from:ty => $($to:ty),*) => {$(
        impl CastFrom<$from> for $to {
            fn cast_from(value: $from) -> $to {
                value as $to
            }
        }
    )*};
}
casts!(f32 => f32, f64, i32, i64, u8);
casts!(f64 => f32, f64, i32, i64, u8);
casts!(i32 => f32, f64, i32, i64, u8);
casts!(i64 => f32, f64, i32, i64, u8);
casts!(u8 => f32, f64, i32, i64, u8);
casts!(bool => i32, i64, u8, bool);

macro_rules! booleans {
    ($($number:ty: $zero:literal),*) => {$(
        impl CastFrom<$number> for bool {
            fn cast_from(value: $number) -> bool {
                value != $zero
            }
        }
    )*};
}
booleans!(f32: 0.0, f64: 0.0, i32: 0, i64: 0, u8: 0);

impl CastFrom<bool> for f32 {
    fn cast_from(value: bool) -> f32 {
        f32::from(u8::from(value))
    }
}

impl CastFrom<bool> for f64 {
    fn cast_from(value: bool) -> f64 {
        f64::from(u8::from(value))
    }
}

macro_rules! halves {
    ($($half:ident: $($other:ty),*;)*) => {$(
        $(impl CastFrom<$half> for $other {
            fn cast_from(value: $half) -> $other {
                CastFrom::cast_from(value.to_f32())
            }
        }

        impl CastFrom<$other> for $half {
            fn cast_from(value: $other) -> $half {
                $half::from_f32(CastFrom::cast_from(value))
            }
        })*

        impl CastFrom<$half> for $half {
            fn cast_from(value: $half) -> $half {
                value
            }
        }
    )*};
}
halves! {
    f16: f32, f64, i32, i64, u8, bool;
    bf16: f32, f64, i32, i64, u8, bool;
}

impl CastFrom<bf16> for f16 {
    fn cast_from(value: bf16) -> f16 {
        f16::from_f32(value.to_f32())
    }
}

impl CastFrom<f16> for bf16 {
    fn cast_from(value: f16) -> bf16 {
        bf16::from_f32(value.to_f32())
    }
}

/// The elements as those of another type.
pub(super) fn convert<A: Element + Copy, B: Element>(
    run: &Run,
    x: &Tensor,
    f: impl Fn(A) -> B + Sync + Send,
) -> Result<Tensor> {
    let mut out = run.output(B::DTYPE, x.shape())?;
    elementwise::map(run.threads(), x.as_slice()?, out.make_mut()?, f)?;
    Ok(out)
}

/// The elements as those of another dtype that holds data.
pub(crate) fn cast_to(run: &Run, x: &Tensor, dtype: DType) -> Result<Tensor> {
    dispatch!(x.dtype(), A in [f16, bf16, f32, f64, i32, i64, u8, bool], {
        dispatch!(dtype, B in [f16, bf16, f32, f64, i32, i64, u8, bool], convert(run, x, <B as CastFrom<A>>::cast_from))
    })
}

struct Cast(DType);

impl Op for Cast {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let x = &inputs[0];
        let value = match (self.0, &x.value) {
            (DType::Int32 | DType::Int64, Some(value)) => value
                .iter()
                .map(|dim| fitting(self.0, dim.clone()))
                .collect(),
            _ => None,
        };
        Ok(vec![Fact {
            value,
            ..Fact::new(self.0, &x.shape)
        }])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [x] = take(inputs)?;
        if x.dtype() == self.0 {
            return Ok(vec![x]);
        }
        Ok(vec![cast_to(run, &x, self.0)?])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let from = node.input(0).dtype();
        match dy {
            [Some(dy)] if from.is_floating() && dy.dtype().is_floating() => {
                Ok(vec![Some(cast(dy, from)?)])
            }
            _ => not_differentiable(node),
        }
    }
}

//! `+`, `-`, `*`, `/` and the unary `-` of tensors, variables and numbers, under the names that
//! TensorFlow gives their nodes.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::binary::{binary, divide};
use super::negative;
use crate::{Operand, Output, Result, Variable, location};

macro_rules! operators {
    ($($trait:ident $method:ident $compute:expr;)*) => {
        $(
            operators!(left [Output] [&Output] $trait $method $compute);
            operators!(variable [Variable] [&Variable] $trait $method $compute);
            operators!(number [f64] [i32] $trait $method $compute);
        )*
    };
    (left $([$left:ty])* $trait:ident $method:ident $compute:expr) => {
        $(impl<R: Operand> $trait<R> for $left {
            type Output = Result<Output>;

            #[track_caller]
            fn $method(self, other: R) -> Result<Output> {
                let _from = location::caller();
                $compute(&self, &other)
            }
        })*
    };
    // As in TensorFlow, a variable's operator reads it before it opens its own scope.
    (variable $([$left:ty])* $trait:ident $method:ident $compute:expr) => {
        $(impl<R: Operand> $trait<R> for $left {
            type Output = Result<Output>;

            #[track_caller]
            fn $method(self, other: R) -> Result<Output> {
                let _from = location::caller();
                $compute(&self.read()?, &other)
            }
        })*
    };
    // A literal on the left must have one type that it can be.
    (number $([$left:ty])* $trait:ident $method:ident $compute:expr) => {
        $(
            operators!(right $left, [Output] [&Output] [Variable] [&Variable] $trait $method $compute);
        )*
    };
    (right $left:ty, $([$right:ty])* $trait:ident $method:ident $compute:expr) => {
        $(impl $trait<$right> for $left {
            type Output = Result<Output>;

            #[track_caller]
            fn $method(self, other: $right) -> Result<Output> {
                let _from = location::caller();
                $compute(&self, &other)
            }
        })*
    };
}
operators! {
    Add add |x: &dyn Operand, y: &dyn Operand| binary("AddV2", "add", x, y);
    Sub sub |x: &dyn Operand, y: &dyn Operand| binary("Sub", "sub", x, y);
    Mul mul |x: &dyn Operand, y: &dyn Operand| binary("Mul", "mul", x, y);
    Div div |x: &dyn Operand, y: &dyn Operand| divide(x, y);
}

macro_rules! negated {
    ($($type:ty: |$value:ident| $negative:expr;)*) => {
        $(impl Neg for $type {
            type Output = Result<Output>;

            #[track_caller]
            fn neg(self) -> Result<Output> {
                let $value = self;
                $negative
            }
        })*
    };
}
negated! {
    Output: |x| negative(x);
    &Output: |x| negative(x);
    Variable: |x| negative(x.read()?);
    &Variable: |x| negative(x.read()?);
}

//! `MatMul`.

use std::sync::Arc;

use tconv_kernels::gemm;
use tconv_shape::{Dim, Shape};
use tconv_tensor::{Element, Tensor};

use super::number::Number;
use crate::op::brackets;
use crate::op::{Fact, NUMBERS, Op, OpDef, not_differentiable, take};
use crate::operand::apply;
use crate::ops::sizes::{self, Place};
use crate::{Error, Need, Operand, Operation, Output, Result, Run, dispatch};

pub(crate) static MAT_MUL: OpDef = OpDef {
    name: "MatMul",
    inputs: &[("a", "T"), ("b", "T")],
    types: &[("T", NUMBERS)],
    stateful: false,
    make: |attrs| {
        // They say for which gradient the product is made.
        attrs.skip("grad_a");
        attrs.skip("grad_b");
        let (a, b) = (
            attrs.bool_or("transpose_a", false)?,
            attrs.bool_or("transpose_b", false)?,
        );
        Ok(Arc::new(MatMul {
            transpose_a: a,
            transpose_b: b,
        }))
    },
};

/// The product of two matrices, `[m, k]` and `[k, n]` to `[m, n]` (`tf.matmul`).
///
/// # Errors
/// `Type` for dtypes that differ, `Value` for what is no matrix or for inner sizes that differ.
#[track_caller]
pub fn matmul(a: impl Operand, b: impl Operand) -> Result<Output> {
    matmul_with(a, false, b, false)
}

/// [`matmul`] of matrices of which each may be given transposed: `a` as `[k, m]`, `b` as `[n, k]`.
///
/// # Errors
/// As [`matmul`].
#[track_caller]
pub fn matmul_with(
    a: impl Operand,
    transpose_a: bool,
    b: impl Operand,
    transpose_b: bool,
) -> Result<Output> {
    let attrs = |node: crate::NodeBuilder| {
        node.attr("transpose_a", transpose_a)
            .attr("transpose_b", transpose_b)
    };
    Ok(apply("MatMul", "MatMul", &[&a, &b], attrs)?.output(0))
}

struct MatMul {
    transpose_a: bool,
    transpose_b: bool,
}

/// Rows and columns after transposing.
fn turned<T>([rows, columns]: [T; 2], transpose: bool) -> [T; 2] {
    if transpose {
        [columns, rows]
    } else {
        [rows, columns]
    }
}

/// An element type of which matrices are multiplied.
trait Product: Number {
    #[track_caller]
    fn matmul(run: &mut Run, matrices: Matrices<Self>, out: &mut [Self]) -> Result<()>;
}

/// The sizes (m, k, n) of a product and its operands.
struct Matrices<'a, T> {
    dims: (usize, usize, usize),
    a: &'a [T],
    transpose_a: bool,
    b: &'a [T],
    transpose_b: bool,
}

/// Row by row; each walks along the memory of `b`.
fn integers<T: Number>(run: &Run, matrices: Matrices<T>, out: &mut [T]) {
    let Matrices {
        dims: (m, k, n),
        a,
        transpose_a,
        b,
        transpose_b,
    } = matrices;
    run.threads().for_each_piece(out, n, |row, out| {
        out.fill(T::ZERO);
        for step in 0..k {
            let a = if transpose_a {
                a[step * m + row]
            } else {
                a[row * k + step]
            };
            if transpose_b {
                out.iter_mut().enumerate().for_each(|(column, out)| {
                    *out = out.plus(a.times(b[column * k + step]));
                });
            } else {
                for (out, &b) in out.iter_mut().zip(&b[step * n..][..n]) {
                    *out = out.plus(a.times(b));
                }
            }
        }
    });
}

macro_rules! floating {
    ($($type:ty),*) => {
        $(impl Product for $type {
            #[track_caller]
            fn matmul(run: &mut Run, matrices: Matrices<Self>, out: &mut [Self]) -> Result<()> {
                let Matrices { dims, a, transpose_a, b, transpose_b } = matrices;
                let (threads, set) = (run.threads(), run.instruction_set());
                let scratch = run.scratch(gemm::matmul_scratch::<$type>(dims, threads.count()))?;
                Ok(gemm::matmul(set, threads, dims, a, transpose_a, b, transpose_b, out, scratch)?)
            }
        })*
    };
}
floating!(f32, f64);

macro_rules! integers {
    ($($type:ty),*) => {
        $(impl Product for $type {
            #[track_caller]
            fn matmul(run: &mut Run, matrices: Matrices<Self>, out: &mut [Self]) -> Result<()> {
                integers(run, matrices, out);
                Ok(())
            }
        })*
    };
}
integers!(i32, i64);

impl MatMul {
    /// m, k and n.
    fn dims(&self, a: &[usize], b: &[usize]) -> Result<(usize, usize, usize)> {
        let (text_a, text_b) = (brackets(a), brackets(b));
        let (&[a0, a1], &[b0, b1]) = (a, b) else {
            let message = match a.len() == b.len() {
                false => format!("In[0] and In[1] has different ndims: {text_a} vs. {text_b}"),
                true => format!("In[0] ndims must be >= 2: {}", a.len()),
            };
            return Err(
                Error::invalid(message).help("MatMul multiplies two matrices: both have rank 2")
            );
        };
        let ([m, k], [inner, n]) = (
            turned([a0, a1], self.transpose_a),
            turned([b0, b1], self.transpose_b),
        );
        match k == inner {
            true => Ok((m, k, n)),
            false => Err(Error::invalid(format!(
                "Matrix size-incompatible: In[0]: {text_a}, In[1]: {text_b}"
            ))
            .help(self.mend(&k.to_string(), &inner.to_string()))),
        }
    }

    /// Over which axis of each the product sums.
    fn inner_axes(&self) -> (usize, usize) {
        (
            usize::from(!self.transpose_a),
            usize::from(self.transpose_b),
        )
    }

    fn mend(&self, k: &str, inner: &str) -> String {
        let (a, b) = self.inner_axes();
        format!(
            "axis {a} of a has {k}, axis {b} of b has {inner}: they must be the same with transpose_a={} and \
             transpose_b={}",
            self.transpose_a, self.transpose_b
        )
    }

    fn eval_as<T: Product>(&self, run: &mut Run, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let dims @ (m, _, n) = self.dims(a.shape(), b.shape())?;
        let mut out = run.output(<T as Element>::DTYPE, &[m, n])?;
        let (transpose_a, transpose_b) = (self.transpose_a, self.transpose_b);
        let matrices = Matrices {
            dims,
            a: a.as_slice()?,
            transpose_a,
            b: b.as_slice()?,
            transpose_b,
        };
        T::matmul(run, matrices, out.make_mut()?)?;
        Ok(out)
    }
}

/// A matrix's sizes, unknown ones where its shape is not known.
fn matrix(fact: &Fact, name: &str) -> Result<[Dim; 2]> {
    let shape = match fact.shape.rank() {
        None => Shape::of_rank(2, name),
        Some(_) => fact.shape.clone(),
    };
    match shape.dims() {
        Some([rows, columns]) => Ok([rows.clone(), columns.clone()]),
        dims => {
            let rank = dims.map_or(0, <[Dim]>::len);
            Err(
                Error::value(format!("Shape must be rank 2 but is rank {rank}")).help(format!(
                    "{name} has shape {shape}, but MatMul multiplies matrices"
                )),
            )
        }
    }
}

impl Op for MatMul {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [m, k] = turned(matrix(&inputs[0], "a")?, self.transpose_a);
        let [inner, n] = turned(matrix(&inputs[1], "b")?, self.transpose_b);
        if !k.is_compatible_with(&inner) {
            return Err(
                Error::value(format!("Dimensions must be equal, but are {k} and {inner}"))
                    .help(self.mend(&k.to_string(), &inner.to_string())),
            );
        }
        Ok(vec![Fact::new(inputs[0].dtype, vec![m, n])])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let (a, b) = self.inner_axes();
        let place = |input, axis| Place { input, axis };
        let need = sizes::equal(inputs, place(0, a), place(1, b));
        need.into_iter().collect()
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        self.dims(&sizes::known(&inputs[0]), &sizes::known(&inputs[1]))
            .map(drop)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [a, b] = take(inputs)?;
        Ok(vec![
            dispatch!(a.dtype(), T in [f32, f64, i32, i64], self.eval_as::<T>(run, &a, &b))?,
        ])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let (a, b) = (node.input(0), node.input(1));
        let [Some(dy)] = dy else {
            return not_differentiable(node);
        };
        let (to_a, to_b) = match (self.transpose_a, self.transpose_b) {
            (false, false) => (
                matmul_with(dy, false, &b, true)?,
                matmul_with(&a, true, dy, false)?,
            ),
            (false, true) => (
                matmul_with(dy, false, &b, false)?,
                matmul_with(dy, true, &a, false)?,
            ),
            (true, false) => (
                matmul_with(&b, false, dy, true)?,
                matmul_with(&a, false, dy, false)?,
            ),
            (true, true) => (
                matmul_with(&b, true, dy, true)?,
                matmul_with(dy, true, &a, true)?,
            ),
        };
        Ok(vec![Some(to_a), Some(to_b)])
    }
}

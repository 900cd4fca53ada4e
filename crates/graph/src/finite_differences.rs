//! Every gradient against central finite differences, in float64 and with sizes that are known only
//! when the graph runs.

use std::collections::BTreeSet;

use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::Shape;
use tconv_tensor::{DType, Tensor};

use crate::{Feed, Graph, Operation, Output, Result, Session, gradients_with, ops};

/// The ops through which no gradient flows, or that have none in TensorFlow either, and those of whole
/// sessions: `ReadVariableOp` hands on what arrives and is tested by training.
const NOT_DIFFERENTIABLE: &[&str] = &[
    "AssignVariableOp", "BroadcastGradientArgs", "ConcatOffset", "Const", "Equal", "FloorDiv", "Greater",
    "GreaterEqual", "InvertPermutation", "LessEqual", "NoOp", "Placeholder", "RandomStandardNormal",
    "RandomUniform", "Range", "Rank", "ReadVariableOp", "ResourceApplyAdam", "ResourceApplyGradientDescent",
    "ResourceApplyMomentum", "Shape", "Sign", "Size", "TruncatedNormal", "VarHandleOp", "VarIsInitializedOp",
];

type Build = fn(&Graph, &[Output]) -> Result<Operation>;

/// One op with its attributes and its constant inputs, and the shapes and ranges of the other inputs.
struct Case {
    op: &'static str,
    inputs: &'static [(&'static [usize], f64, f64)],
    build: Build,
    /// Whether the gradient's own gradient is compared too: not where it is not smooth.
    second: bool,
}

macro_rules! cases {
    ($($op:literal $(($variant:literal))? [$($shape:expr, $low:literal to $high:literal);*]
        $(ints [$($int:expr),*])? $({$($attr:literal: $value:expr),*})? $(once $once:literal)?;)*) => {
        &[$(Case {
            op: $op,
            inputs: &[$((&$shape, $low, $high)),*],
            build: |graph, inputs| {
                let node = graph.add($op).inputs(inputs);
                $($(let node = node.input(&graph.constant($int)?);)*)?
                $($(let node = node.attr($attr, $value);)*)?
                node.build()
            },
            second: true $(&& $once)?,
        }),*]
    };
}

fn windows<T: From<&'static [i64]>>(values: &'static [i64]) -> T {
    values.into()
}

#[rustfmt::skip]
const CASES: &[Case] = cases! {
    "Abs" [[2, 3], -2.0 to 2.0];
    "Add" [[2, 3], -2.0 to 2.0; [3], -2.0 to 2.0];
    "AddV2" [[2, 1, 2], -2.0 to 2.0; [3, 1], -2.0 to 2.0];
    "AddN" [[2, 3], -2.0 to 2.0; [2, 3], -2.0 to 2.0; [2, 3], -2.0 to 2.0];
    "Sub" [[], -2.0 to 2.0; [2, 3], -2.0 to 2.0];
    "Mul" [[2, 1, 2], -2.0 to 2.0; [3, 1], -2.0 to 2.0];
    "Mul" [[3], -2.0 to 2.0; [3], -2.0 to 2.0];
    "RealDiv" [[2, 3], -2.0 to 2.0; [2, 1], 0.5 to 2.0];
    "Maximum" [[2, 3], -2.0 to 2.0; [3], -2.0 to 2.0];
    "Minimum" [[2, 3], -2.0 to 2.0; [2, 1], -2.0 to 2.0];
    "Pow" [[2, 3], 0.5 to 2.0; [3], -2.0 to 2.0];
    "Neg" [[2, 3], -2.0 to 2.0];
    "Square" [[2, 3], -2.0 to 2.0];
    "Sqrt" [[2, 3], 0.5 to 2.0];
    "SqrtGrad" [[2, 3], 0.5 to 2.0; [2, 3], -2.0 to 2.0];
    "Rsqrt" [[2, 3], 0.5 to 2.0];
    "RsqrtGrad" [[2, 3], 0.5 to 2.0; [2, 3], -2.0 to 2.0];
    "Reciprocal" [[2, 3], 0.5 to 2.0];
    "ReciprocalGrad" [[2, 3], 0.5 to 2.0; [2, 3], -2.0 to 2.0];
    "Exp" [[2, 3], -2.0 to 2.0];
    "Log" [[2, 3], 0.5 to 2.0];
    "Sum" [[2, 3, 2], -2.0 to 2.0] ints [vec![0i32, -1]];
    "Sum" [[2, 3], -2.0 to 2.0] ints [vec![0i32, 1]];
    "Sum" [[2, 3], -2.0 to 2.0] ints [vec![1i64]] {"keep_dims": true};
    "Sum" [[0, 3], -2.0 to 2.0] ints [vec![0i32]];
    "Mean" [[2, 3, 2], -2.0 to 2.0] ints [1i32];
    "Mean" [[2, 3], -2.0 to 2.0] ints [vec![0i32, 1]] {"keep_dims": true};
    "Max" [[2, 3, 2], -2.0 to 2.0] ints [vec![0i32, 2]];
    "Max" [[2, 3], -2.0 to 2.0] ints [1i32] {"keep_dims": true};
    "MatMul" [[2, 3], -2.0 to 2.0; [3, 4], -2.0 to 2.0];
    "MatMul" [[3, 2], -2.0 to 2.0; [3, 4], -2.0 to 2.0] {"transpose_a": true};
    "MatMul" [[2, 3], -2.0 to 2.0; [4, 3], -2.0 to 2.0] {"transpose_b": true};
    "MatMul" [[3, 2], -2.0 to 2.0; [4, 3], -2.0 to 2.0] {"transpose_a": true, "transpose_b": true};
    "Cast" [[2, 3], -2.0 to 2.0] {"DstT": DType::Float64};
    "Identity" [[2, 3], -2.0 to 2.0];

    "Fill" [] ints [vec![2i32, 3]];
    "Reshape" [[2, 3], -2.0 to 2.0] ints [vec![3i32, -1]];
    "ExpandDims" [[2, 3], -2.0 to 2.0] ints [-1i32];
    "Squeeze" [[2, 1, 3], -2.0 to 2.0] {"squeeze_dims": windows::<&'static [i64]>(&[1])};
    "Tile" [[2, 3], -2.0 to 2.0] ints [vec![2i32, 3]];
    "Transpose" [[2, 3, 2], -2.0 to 2.0] ints [vec![2i32, 0, 1]];
    "Pad" [[2, 3], -2.0 to 2.0] ints [Tensor::new(&[2, 2], vec![1i32, 0, 2, 1])?];
    "Slice" [[3, 4], -2.0 to 2.0] ints [vec![1i32, 0], vec![-1i32, 2]];
    "StridedSlice" [[3, 4], -2.0 to 2.0] ints [vec![2i32, 1], vec![0i32, 4], vec![-1i32, 2]] {"begin_mask": 1i64};
    "Pack" [[2, 3], -2.0 to 2.0; [2, 3], -2.0 to 2.0] {"axis": -1i64};
    "Unpack" [[2, 3], -2.0 to 2.0] {"num": 3i64, "axis": 1i64};
    "ConcatV2" [[2, 3], -2.0 to 2.0; [2, 1], -2.0 to 2.0] ints [1i32];
};

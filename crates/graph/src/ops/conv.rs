//! `Conv2D`, `Conv2DBackpropInput` (that is `conv2d_transpose`), `Conv2DBackpropFilter`.
//!
//! All three speak of one forward convolution: of its input, its filter and its output. An op is given
//! two of these and computes the third, and so are its gradients.

use std::sync::Arc;

use tconv_kernels::conv::{self as kernels, Pass};

use tconv_tensor::{DType, Tensor};

use crate::op::{FLOATS, Fact, Op, OpDef};
use crate::{Error, Operation, Output, Result, Run, array, dispatch};

mod build;
mod explain;
mod geometry;
mod groups;

pub use build::{
    ConvBuilder, Sizes, conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose,
};
use geometry::Geometry;

const DTYPES: &[DType] = &[DType::Float32, DType::Float64, DType::Int32];

pub(crate) static CONV_2D: OpDef = OpDef {
    name: "Conv2D",
    inputs: &[("input", "T"), ("filter", "T")],
    types: &[("T", DTYPES)],
    stateful: false,
    make: |attrs| {
        Ok(Arc::new(Conv {
            pass: Pass::Forward,
            geometry: Geometry::new(attrs)?,
        }))
    },
};

pub(crate) static CONV_2D_BACKPROP_INPUT: OpDef = OpDef {
    name: "Conv2DBackpropInput",
    inputs: &[
        ("input_sizes", "int32"),
        ("filter", "T"),
        ("out_backprop", "T"),
    ],
    types: &[("T", DTYPES)],
    stateful: false,
    make: |attrs| {
        Ok(Arc::new(Conv {
            pass: Pass::BackpropInput,
            geometry: Geometry::new(attrs)?,
        }))
    },
};

pub(crate) static CONV_2D_BACKPROP_FILTER: OpDef = OpDef {
    name: "Conv2DBackpropFilter",
    inputs: &[
        ("input", "T"),
        ("filter_sizes", "int32"),
        ("out_backprop", "T"),
    ],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |attrs| {
        Ok(Arc::new(Conv {
            pass: Pass::BackpropFilter,
            geometry: Geometry::new(attrs)?,
        }))
    },
};

struct Conv {
    pass: Pass,
    geometry: Geometry,
}

impl Op for Conv {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shape = match self.pass {
            Pass::Forward => self
                .geometry
                .infer_forward(&inputs[0].shape, &inputs[1].shape)?,
            Pass::BackpropInput => self.geometry.infer_backprop_input(
                &inputs[0],
                &inputs[1].shape,
                &inputs[2].shape,
            )?,
            Pass::BackpropFilter => self.geometry.infer_backprop_filter(
                &inputs[0].shape,
                &inputs[1],
                &inputs[2].shape,
            )?,
        };
        let data = if self.pass == Pass::BackpropInput {
            &inputs[2]
        } else {
            &inputs[0]
        };
        Ok(vec![Fact::new(data.dtype, shape)])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let (shape, a, b) = match self.pass {
            Pass::Forward => (
                self.geometry
                    .forward(inputs[0].shape(), inputs[1].shape())?,
                &inputs[0],
                &inputs[1],
            ),
            Pass::BackpropInput => {
                let sizes = inputs[0].to_i64_vec()?;
                let shape =
                    self.geometry
                        .backprop_input(&sizes, inputs[1].shape(), inputs[2].shape())?;
                (shape, &inputs[2], &inputs[1])
            }
            Pass::BackpropFilter => {
                let sizes = inputs[1].to_i64_vec()?;
                let shape =
                    self.geometry
                        .backprop_filter(inputs[0].shape(), &sizes, inputs[2].shape())?;
                (shape, &inputs[0], &inputs[2])
            }
        };
        shape
            .check()
            .map_err(|error| Error::invalid(error.to_string()))?;
        let dims = match self.pass {
            Pass::Forward => shape.output_dims(),
            Pass::BackpropInput => shape.input_dims(),
            Pass::BackpropFilter => shape.filter_dims(),
        };
        let mut out = Tensor::zeros(a.dtype(), &dims)?;
        let (set, threads) = (run.instruction_set(), run.threads());
        dispatch!(a.dtype(), T in [f32, f64, i32], {
            let scratch = run.scratch::<T>(kernels::scratch::<T>(self.pass, &shape, threads))?;
            kernels::run::<T>(
                set, self.pass, &shape, a.as_slice()?, b.as_slice()?, out.make_mut()?, scratch, threads,
            )?;
        });
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None; node.inputs().len()]);
        };
        let like = |op: &str, inputs: [&Output; 3]| {
            let inputs = inputs.into_iter().take(if op == "Conv2D" { 2 } else { 3 });
            node.graph()
                .add(op)
                .inputs(inputs)
                .attrs(node.attrs().clone())
                .output()
                .map(Some)
        };
        let (a, b) = (node.input(0), node.input(1));
        match self.pass {
            Pass::Forward => Ok(vec![
                like("Conv2DBackpropInput", [&array::shape(&a)?, &b, dy])?,
                like("Conv2DBackpropFilter", [&a, &array::shape(&b)?, dy])?,
            ]),
            Pass::BackpropInput => {
                let value = node.input(2);
                Ok(vec![
                    None,
                    like("Conv2DBackpropFilter", [dy, &array::shape(&b)?, &value])?,
                    like("Conv2D", [dy, &b, &b])?,
                ])
            }
            Pass::BackpropFilter => {
                let out_backprop = node.input(2);
                Ok(vec![
                    like(
                        "Conv2DBackpropInput",
                        [&array::shape(&a)?, dy, &out_backprop],
                    )?,
                    None,
                    like("Conv2D", [&a, dy, dy])?,
                ])
            }
        }
    }
}

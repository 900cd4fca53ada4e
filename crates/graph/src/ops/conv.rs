//! `Conv2D`, `Conv2DBackpropInput` (that is `conv2d_transpose`), `Conv2DBackpropFilter`, and those of three
//! axes. One axis is two of which the first has size 1, as in TensorFlow.
//!
//! All three speak of one forward convolution: of its input, its filter and its output. An op is given
//! two of these and computes the third, and so are its gradients.

use std::sync::Arc;

use tconv_kernels::conv::{Pass, Precision};
use tconv_kernels::simd::InstructionSet;
use tconv_tensor::{DType, Tensor, bf16, f16};

use crate::attrs::AttrReader;
use crate::op::{FLOATS, Fact, INDICES, Op, OpDef, Stages};
use tconv_shape::ConvShape;

use crate::need::Need;
use crate::{Code, Error, Operation, Output, Result, Run, array, dispatch};

mod build;
mod compute;
mod explain;
mod geometry;
mod groups;
mod kept;
mod needs;
mod one_axis;
mod repeated;

pub use build::{
    ConvBuilder, Sizes, conv1d, conv1d_backprop_filter, conv1d_backprop_input, conv1d_transpose,
    conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose, conv3d,
    conv3d_backprop_filter, conv3d_backprop_input, conv3d_transpose,
};
pub use compute::Convolved;
pub(crate) use geometry::Geometry;
pub(crate) use kept::Kept;
use kept::Plan;

const DTYPES: &[DType] = &[
    DType::Float16,
    DType::Bfloat16,
    DType::Float32,
    DType::Float64,
    DType::Int32,
];

pub(crate) static CONV_2D: OpDef = OpDef {
    name: "Conv2D",
    inputs: &[("input", "T"), ("filter", "T")],
    types: &[("T", DTYPES)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Conv::new(Pass::Forward, attrs, 2)?)),
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
    make: |attrs| Ok(Arc::new(Conv::new(Pass::BackpropInput, attrs, 2)?)),
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
    make: |attrs| Ok(Arc::new(Conv::new(Pass::BackpropFilter, attrs, 2)?)),
};

pub(crate) static CONV_3D: OpDef = OpDef {
    name: "Conv3D",
    inputs: &[("input", "T"), ("filter", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Conv::new(Pass::Forward, attrs, 3)?)),
};

pub(crate) static CONV_3D_BACKPROP_INPUT: OpDef = OpDef {
    name: "Conv3DBackpropInputV2",
    inputs: &[
        ("input_sizes", "Tshape"),
        ("filter", "T"),
        ("out_backprop", "T"),
    ],
    types: &[("T", FLOATS), ("Tshape", INDICES)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Conv::new(Pass::BackpropInput, attrs, 3)?)),
};

pub(crate) static CONV_3D_BACKPROP_FILTER: OpDef = OpDef {
    name: "Conv3DBackpropFilterV2",
    inputs: &[
        ("input", "T"),
        ("filter_sizes", "int32"),
        ("out_backprop", "T"),
    ],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Conv::new(Pass::BackpropFilter, attrs, 3)?)),
};

/// The op of a pass over so many axes: 3, or 2 for fewer.
pub(crate) fn def(pass: Pass, axes: usize) -> &'static OpDef {
    match (pass, axes) {
        (Pass::Forward, 3) => &CONV_3D,
        (Pass::BackpropInput, 3) => &CONV_3D_BACKPROP_INPUT,
        (Pass::BackpropFilter, 3) => &CONV_3D_BACKPROP_FILTER,
        (Pass::Forward, _) => &CONV_2D,
        (Pass::BackpropInput, _) => &CONV_2D_BACKPROP_INPUT,
        (Pass::BackpropFilter, _) => &CONV_2D_BACKPROP_FILTER,
    }
}

/// The precision of this name.
fn precision(name: &str) -> Result<Precision> {
    let parsed = name.parse::<Precision>();
    parsed.map_err(|error| Error::value(error.to_string()))
}

/// How many axes an op of this pass has; `None` for another op.
pub(crate) fn axes_of(pass: Pass, op: &str) -> Option<usize> {
    [2, 3].into_iter().find(|&axes| def(pass, axes).name == op)
}

/// The attribute that says a convolution's precision. TensorFlow has none of this kind, and ignores its name.
const PRECISION: &str = "_precision";

struct Conv {
    pass: Pass,
    geometry: Geometry,
    /// How exact products must be; what the session says where the node does not.
    precision: Option<Precision>,
}

impl Conv {
    fn new(pass: Pass, attrs: &mut AttrReader, axes: usize) -> Result<Conv> {
        let geometry = Geometry::new(attrs, axes)?;
        let precision = match attrs.string_or(PRECISION, "")? {
            none if none.is_empty() => None,
            name => Some(precision(&name)?),
        };
        Ok(Conv {
            pass,
            geometry,
            precision,
        })
    }

    /// The forward convolution that inputs of these shapes make, `values` those of the input that holds
    /// sizes; `None` where they are not known.
    fn shape(
        &self,
        shapes: &[&[usize]],
        values: impl Fn(usize) -> Result<Option<Vec<i64>>>,
    ) -> Result<Option<ConvShape>> {
        let geometry = &self.geometry;
        let shape = match self.pass {
            Pass::Forward => geometry.forward(shapes[0], shapes[1])?,
            Pass::BackpropInput => match values(0)? {
                Some(sizes) => geometry.backprop_input(&sizes, shapes[1], shapes[2])?,
                None => return Ok(None),
            },
            Pass::BackpropFilter => match values(1)? {
                Some(sizes) => geometry.backprop_filter(shapes[0], &sizes, shapes[2])?,
                None => return Ok(None),
            },
        };
        shape
            .check()
            .map_err(|error| Error::invalid(error.to_string()))?;
        Ok(Some(shape))
    }

    /// The forward convolution that these inputs make.
    fn shape_of(&self, inputs: &[Tensor]) -> Result<ConvShape> {
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        let shape = self.shape(&shapes, |i| Ok(Some(inputs[i].to_i64_vec()?)))?;
        shape.ok_or_else(|| Error::new(Code::Internal, "sizes without values"))
    }

    /// The two inputs that are multiplied, as the kernels take them.
    fn operands<'t>(&self, inputs: &'t [Tensor]) -> [&'t Tensor; 2] {
        match self.pass {
            Pass::Forward => [&inputs[0], &inputs[1]],
            Pass::BackpropInput => [&inputs[2], &inputs[1]],
            Pass::BackpropFilter => [&inputs[0], &inputs[2]],
        }
    }

    /// Which input holds sizes.
    fn sizes_at(&self) -> Option<usize> {
        match self.pass {
            Pass::Forward => None,
            Pass::BackpropInput => Some(0),
            Pass::BackpropFilter => Some(1),
        }
    }

    /// The plan for these inputs: the one that is kept, where something is.
    fn plan<T: Convolved>(&self, run: &Run, inputs: &[Tensor]) -> Result<Arc<Plan<T>>> {
        match run.kept() {
            Some(kept) => kept.plan(self, run, inputs),
            None => Ok(Arc::new(Plan::new(self, run, inputs)?)),
        }
    }
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

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        self.geometry.needs(self.pass, inputs)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let sizes = |i: usize| inputs[i].known_values();
        let shapes: Option<Vec<Vec<usize>>> = inputs
            .iter()
            .map(|fact| {
                fact.shape
                    .known()?
                    .into_iter()
                    .map(|n| n.try_into().ok())
                    .collect()
            })
            .collect();
        match shapes {
            Some(shapes) => {
                let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
                self.shape(&shapes, |i| Ok(sizes(i)))?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn eval_halves(&self, run: &mut Run, inputs: &[Tensor]) -> Result<Option<Vec<Tensor>>> {
        if run.instruction_set() < InstructionSet::Amx {
            return Ok(None);
        }
        let dtype = self.operands(inputs)[0].dtype();
        dispatch!(dtype, T in [bf16, f16], {
            let plan = self.plan::<T>(run, inputs)?;
            if !plan.is_fast() {
                return Ok(None);
            }
            let mut out = run.output(dtype, &plan.dims)?;
            let done = plan.run(self, run, inputs, out.make_mut()?, &[])?;
            Ok(done.then(|| vec![out]))
        })
    }

    fn keeps(&self) -> bool {
        true
    }

    fn filter(&self) -> Option<usize> {
        (self.pass != Pass::BackpropFilter).then_some(1)
    }

    fn is_followed(&self) -> bool {
        self.pass != Pass::BackpropFilter
    }

    fn eval_then<'s>(
        &self,
        run: &mut Run,
        inputs: Vec<Tensor>,
        stages: &mut Stages<'_, 's>,
    ) -> Result<Vec<Tensor>> {
        let plan = self.plan::<f32>(run, &inputs)?;
        let mut out = run.output(DType::Float32, &plan.dims)?;
        let stages = stages(&plan.dims)?;
        plan.run(self, run, &inputs, out.make_mut()?, &stages)?;
        Ok(vec![out])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let dtype = self.operands(&inputs)[0].dtype();
        dispatch!(dtype, T in [f32, f64, i32], {
            let plan = self.plan::<T>(run, &inputs)?;
            let mut out = run.output(dtype, &plan.dims)?;
            plan.run(self, run, &inputs, out.make_mut()?, &[])?;
            Ok(vec![out])
        })
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None; node.inputs().len()]);
        };
        let mut attrs = node.attrs().clone();
        // The dtype of this op's sizes; those below are int32.
        attrs.remove("Tshape");
        let like = |pass: Pass, inputs: &[&Output]| {
            node.graph()
                .add(def(pass, self.geometry.spatial()).name)
                .inputs(inputs.iter().copied())
                .attrs(attrs.clone())
                .output()
                .map(Some)
        };
        let (a, b) = (node.input(0), node.input(1));
        match self.pass {
            Pass::Forward => Ok(vec![
                like(Pass::BackpropInput, &[&array::shape(&a)?, &b, dy])?,
                like(Pass::BackpropFilter, &[&a, &array::shape(&b)?, dy])?,
            ]),
            Pass::BackpropInput => {
                let value = node.input(2);
                Ok(vec![
                    None,
                    like(Pass::BackpropFilter, &[dy, &array::shape(&b)?, &value])?,
                    like(Pass::Forward, &[dy, &b])?,
                ])
            }
            Pass::BackpropFilter => {
                let out_backprop = node.input(2);
                Ok(vec![
                    like(
                        Pass::BackpropInput,
                        &[&array::shape(&a)?, dy, &out_backprop],
                    )?,
                    None,
                    like(Pass::Forward, &[&a, dy])?,
                ])
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! `BiasAdd`, `BiasAddGrad`.

use std::sync::Arc;

use tconv_kernels::reduce;
use tconv_kernels::stage::{self, Stage};
use tconv_shape::{DataFormat, Dim, Shape};
use tconv_tensor::Tensor;

use crate::attrs::AttrReader;
use crate::op::brackets;
use crate::op::{Fact, NUMBERS, Op, OpDef, take};
use crate::operand::apply;
use crate::ops::sizes::{self, Place};
use crate::{
    Code, Error, Following, Need, Operand, Operation, Output, Result, Run, array, dispatch,
};

pub(crate) static BIAS_ADD: OpDef = OpDef {
    name: "BiasAdd",
    inputs: &[("value", "T"), ("bias", "T")],
    types: &[("T", NUMBERS)],
    stateful: false,
    make: |attrs| Ok(Arc::new(BiasAdd(Channels::new(attrs)?))),
};

pub(crate) static BIAS_ADD_GRAD: OpDef = OpDef {
    name: "BiasAddGrad",
    inputs: &[("out_backprop", "T")],
    types: &[("T", NUMBERS)],
    stateful: false,
    make: |attrs| Ok(Arc::new(BiasAddGrad(Channels::new(attrs)?))),
};

/// `value`, of rank 2 or more with the channels last, plus `bias[c]` in channel `c`
/// (`tf.nn.bias_add`).
///
/// # Errors
/// `Value` unless `bias` has one element for each channel, `Type` for dtypes that differ.
#[track_caller]
pub fn bias_add(value: impl Operand, bias: impl Operand) -> Result<Output> {
    bias_add_format(value, bias, DataFormat::ChannelsLast)
}

/// [`bias_add`] with the channels on the last or, in a `value` of rank 3 or more, on the second axis.
///
/// # Errors
/// As [`bias_add`].
#[track_caller]
pub fn bias_add_format(
    value: impl Operand,
    bias: impl Operand,
    format: DataFormat,
) -> Result<Output> {
    let with = |node: crate::NodeBuilder| node.attr("data_format", format.name(2));
    Ok(apply("BiasAdd", "BiasAdd", &[&value, &bias], with)?.output(0))
}

/// Where the channels are, in a tensor of any rank.
struct Channels(DataFormat);

impl Channels {
    fn new(attrs: &mut AttrReader) -> Result<Channels> {
        let name = attrs.string_or("data_format", "NHWC")?;
        match DataFormat::parse(&name, 2) {
            Some(format) => Ok(Channels(format)),
            None => Err(Error::value(format!(
                "data_format must be NHWC or NCHW, got {name}"
            ))),
        }
    }

    /// The channels' axis.
    fn axis(&self, rank: usize) -> Result<usize> {
        let (least, axis) = match self.0 {
            DataFormat::ChannelsLast => (2, rank.saturating_sub(1)),
            DataFormat::ChannelsFirst => (3, 1),
        };
        if rank < least {
            return Err(Error::value(format!(
                "Shape must be at least rank {least} but is rank {rank}"
            ))
            .help(format!(
                "data_format is {}: without a batch axis use add",
                self.0.name(2)
            )));
        }
        Ok(axis)
    }

    /// The channels' axis while the graph runs.
    fn axis_of(&self, sizes: &[usize]) -> Result<usize> {
        self.axis(sizes.len()).map_err(|error| {
            Error::invalid(format!(
                "Input tensor must be at least 2D: {}",
                brackets(sizes)
            ))
            .help(error.message())
        })
    }

    /// The channels' axis of a value that has as many as the bias has elements.
    fn fitting_axis(&self, value: &[usize], bias: &[usize]) -> Result<usize> {
        let axis = self.axis_of(value)?;
        match *bias {
            [elements] if elements == value[axis] => Ok(axis),
            [_] => Err(Error::invalid(format!(
                "Must provide as many biases as the last dimension of the input tensor: {} vs. {}",
                brackets(bias),
                brackets(value)
            ))
            .help(format!(
                "data_format is {}: there are {} channels",
                self.0.name(2),
                value[axis]
            ))),
            _ => Err(Error::invalid(format!(
                "Biases must be 1D: {}",
                brackets(bias)
            ))),
        }
    }
}

struct BiasAdd(Channels);

impl Op for BiasAdd {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [value, bias] = [&inputs[0].shape, &inputs[1].shape];
        let channels = match bias.dims() {
            None => Dim::unknown("channels"),
            Some([channels]) => channels.clone(),
            Some(dims) => {
                return Err(Error::value(format!(
                    "Shape must be rank 1 but is rank {}",
                    dims.len()
                ))
                .help("the bias is a vector with one element for each channel"));
            }
        };
        let Some(dims) = value.dims() else {
            return Ok(vec![inputs[0].clone()]);
        };
        let axis = self.0.axis(dims.len())?;
        if !dims[axis].is_compatible_with(&channels) {
            return Err(Error::value(format!(
                "Dimensions must be equal, but are {} and {channels}",
                dims[axis]
            ))
            .help(format!(
                "the value has {} channels, the bias {channels} elements",
                dims[axis]
            )));
        }
        let mut dims = dims.to_vec();
        if dims[axis].known().is_none() && channels.known().is_some() {
            dims[axis] = channels;
        }
        Ok(vec![Fact::new(inputs[0].dtype, Shape::new(dims))])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let rank = inputs[0].shape.rank();
        let need = rank.and_then(|rank| {
            let place = |input, axis| Place { input, axis };
            sizes::equal(inputs, place(0, self.0.axis(rank).ok()?), place(1, 0))
        });
        need.into_iter().collect()
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let [value, bias] = [&inputs[0], &inputs[1]].map(sizes::known);
        self.0.fitting_axis(&value, &bias).map(drop)
    }

    fn following(&self) -> Option<&dyn Following> {
        Some(self)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [mut value, bias] = take(inputs)?;
        let axis = self.0.fitting_axis(value.shape(), bias.shape())?;
        let inner = value.shape()[axis + 1..].iter().product();
        dispatch!(value.dtype(), T in [f32, f64, i32, i64], {
            let bias = Stage::Bias { bias: bias.as_slice::<T>()?, inner };
            stage::apply_all(run.threads(), &[bias], value.make_mut()?);
        });
        Ok(vec![value])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None; 2]);
        };
        let graph = node.graph();
        let bias = graph
            .add("BiasAddGrad")
            .input(dy)
            .attrs(node.attrs().clone())
            .output()?;
        Ok(vec![Some(dy.clone()), Some(bias)])
    }
}

impl Following for BiasAdd {
    fn stage<'s>(
        &'s self,
        sizes: &mut Vec<usize>,
        others: &'s [Tensor],
    ) -> Result<Option<Stage<'s, f32>>> {
        let [bias] = others else {
            return Err(Error::new(Code::Internal, "BiasAdd adds one bias"));
        };
        let axis = self.0.fitting_axis(sizes, bias.shape())?;
        let inner = sizes[axis + 1..].iter().product();
        let bias = bias.as_slice()?;
        Ok(Some(Stage::Bias { bias, inner }))
    }
}

struct BiasAddGrad(Channels);

impl Op for BiasAddGrad {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let channels = match inputs[0].shape.dims() {
            Some(dims) => dims[self.0.axis(dims.len())?].clone(),
            None => Dim::unknown("channels"),
        };
        Ok(vec![Fact::new(inputs[0].dtype, vec![channels])])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [dy] = take(inputs)?;
        let axis = self.0.axis_of(dy.shape())?;
        let reduced: Vec<bool> = (0..dy.rank()).map(|other| other != axis).collect();
        let mut sum = run.output(dy.dtype(), &[dy.shape()[axis]])?;
        dispatch!(dy.dtype(), T in [f32, f64, i32, i64], {
            let out = sum.make_mut::<T>()?;
            reduce::sum(run.threads(), dy.as_slice::<T>()?, dy.shape(), &reduced, out)?;
        });
        Ok(vec![sum])
    }

    /// What arrives is spread over the input again, as a bias is.
    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None]);
        };
        let zeros = array::zeros_like(&node.input(0))?;
        Ok(vec![Some(bias_add_format(zeros, dy, self.0.0)?)])
    }
}

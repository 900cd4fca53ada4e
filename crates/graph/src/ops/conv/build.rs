use tconv_kernels::conv::Pass;
use tconv_shape::{DataFormat, Padding};

use super::{CONV_2D, CONV_2D_BACKPROP_FILTER, CONV_2D_BACKPROP_INPUT};
use crate::op::OpDef;
use crate::operand::apply;
use crate::{Attrs, Error, Location, Operand, Output, Result, location};

/// Strides or dilations in every form that TensorFlow takes: one number for all axes, one for each
/// spatial axis, or all four in the data format's order.
#[derive(Clone, Debug)]
pub struct Sizes(Vec<i64>);

impl From<i64> for Sizes {
    fn from(all: i64) -> Sizes {
        Sizes(vec![all])
    }
}

impl<const N: usize> From<[i64; N]> for Sizes {
    fn from(sizes: [i64; N]) -> Sizes {
        Sizes(sizes.to_vec())
    }
}

impl From<&[i64]> for Sizes {
    fn from(sizes: &[i64]) -> Sizes {
        Sizes(sizes.to_vec())
    }
}

impl From<Vec<i64>> for Sizes {
    fn from(sizes: Vec<i64>) -> Sizes {
        Sizes(sizes)
    }
}

impl Sizes {
    /// All values in the format's order, 1 for batch and channels.
    pub(crate) fn expand(
        &self,
        what: &str,
        format: DataFormat,
        spatial: usize,
    ) -> Result<Vec<i64>> {
        match self.0.as_slice() {
            [one] => Ok(format.arrange(1, 1, &vec![*one; spatial])),
            sizes if sizes.len() == spatial => Ok(format.arrange(1, 1, sizes)),
            sizes if sizes.len() == spatial + 2 => Ok(sizes.to_vec()),
            sizes => Err(Error::value(format!(
                "{what} should be of length 1, {spatial} or {} but was {}",
                spatial + 2,
                sizes.len()
            ))),
        }
    }
}

/// A convolution that is being built. `SAME` padding, `NHWC`, strides and dilations of 1 unless said
/// otherwise.
pub struct ConvBuilder<'a> {
    pub(super) pass: Pass,
    name: String,
    pub(super) operands: Vec<Box<dyn Operand + 'a>>,
    strides: Sizes,
    dilations: Sizes,
    padding: Padding,
    format: DataFormat,
    location: Location,
}

impl<'a> ConvBuilder<'a> {
    #[track_caller]
    fn new(pass: Pass, name: &str, operands: Vec<Box<dyn Operand + 'a>>) -> ConvBuilder<'a> {
        ConvBuilder {
            pass,
            name: name.to_string(),
            operands,
            strides: 1.into(),
            dilations: 1.into(),
            padding: Padding::Same,
            format: DataFormat::ChannelsLast,
            location: location::here(),
        }
    }

    /// How far the forward window moves: one number, `[height, width]`, or all four.
    pub fn strides(mut self, strides: impl Into<Sizes>) -> Self {
        self.strides = strides.into();
        self
    }

    /// How far apart the filter's elements are: one number, `[height, width]`, or all four.
    pub fn dilations(mut self, dilations: impl Into<Sizes>) -> Self {
        self.dilations = dilations.into();
        self
    }

    /// The forward convolution's padding.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// `NHWC` or `NCHW`.
    pub fn data_format(mut self, format: DataFormat) -> Self {
        self.format = format;
        self
    }

    /// The node's name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_string();
        self
    }

    /// Adds the op.
    ///
    /// # Errors
    /// `Value` for sizes that do not belong together, as far as they are known; `Type` for dtypes.
    pub fn build(self) -> Result<Output> {
        let _from = location::began(self.location);
        let operands: Vec<&dyn Operand> = self
            .operands
            .iter()
            .map(|operand| &**operand as &dyn Operand)
            .collect();
        let attrs = self.attrs()?;
        Ok(apply(self.def().name, &self.name, &operands, |node| {
            node.attrs(attrs)
        })?
        .output(0))
    }

    pub(super) fn def(&self) -> &'static OpDef {
        match self.pass {
            Pass::Forward => &CONV_2D,
            Pass::BackpropInput => &CONV_2D_BACKPROP_INPUT,
            Pass::BackpropFilter => &CONV_2D_BACKPROP_FILTER,
        }
    }

    /// The op's attributes.
    pub(super) fn attrs(&self) -> Result<Attrs> {
        let strides = self.strides.expand("strides", self.format, 2)?;
        let dilations = self.dilations.expand("dilations", self.format, 2)?;
        let (padding, explicit) = match &self.padding {
            Padding::Same => ("SAME", Vec::new()),
            Padding::Valid => ("VALID", Vec::new()),
            Padding::Explicit(pads) => {
                if pads.len() != 2 {
                    return Err(Error::value(format!(
                        "explicit padding must name 2 axes, got {pads:?}"
                    ))
                    .help("write (before, after) for height and for width"));
                }
                let pairs: Vec<[i64; 2]> = pads
                    .iter()
                    .map(|&(before, after)| [before, after])
                    .collect();
                (
                    "EXPLICIT",
                    self.format.arrange([0, 0], [0, 0], &pairs).concat(),
                )
            }
        };
        Ok(Attrs::from([
            ("strides".into(), strides.into()),
            ("dilations".into(), dilations.into()),
            ("padding".into(), padding.into()),
            ("explicit_paddings".into(), explicit.into()),
            ("data_format".into(), self.format.name(2).into()),
        ]))
    }
}

/// A convolution of `input`, `[batch, height, width, channels]`, with `filter`, `[height, width, input
/// channels, output channels]` (`tf.nn.conv2d`).
///
/// An input of a multiple of the filter's channels is convolved in that many groups.
#[track_caller]
pub fn conv2d<'a>(input: impl Operand + 'a, filter: impl Operand + 'a) -> ConvBuilder<'a> {
    ConvBuilder::new(
        Pass::Forward,
        "Conv2D",
        vec![Box::new(input), Box::new(filter)],
    )
}

/// A convolution run backwards (`tf.nn.conv2d_transpose`): the tensor of `output_shape` that a forward
/// convolution with this `filter`, these strides and this padding takes to the shape of `value`.
///
/// `filter` is `[height, width, output channels, input channels]`. `output_shape` is a list, a tensor,
/// or a list that mixes numbers and scalar tensors; four values, or the two spatial ones.
#[track_caller]
pub fn conv2d_transpose<'a>(
    value: impl Operand + 'a,
    filter: impl Operand + 'a,
    output_shape: impl Operand + 'a,
) -> ConvBuilder<'a> {
    let operands: Vec<Box<dyn Operand + 'a>> =
        vec![Box::new(output_shape), Box::new(filter), Box::new(value)];
    ConvBuilder::new(Pass::BackpropInput, "conv2d_transpose", operands)
}

/// The gradient of [`conv2d`] at its input (`tf.nn.conv2d_backprop_input`): the same op as
/// [`conv2d_transpose`], arguments in the gradient's order and terms.
#[track_caller]
pub fn conv2d_backprop_input<'a>(
    input_sizes: impl Operand + 'a,
    filter: impl Operand + 'a,
    out_backprop: impl Operand + 'a,
) -> ConvBuilder<'a> {
    let operands: Vec<Box<dyn Operand + 'a>> = vec![
        Box::new(input_sizes),
        Box::new(filter),
        Box::new(out_backprop),
    ];
    ConvBuilder::new(Pass::BackpropInput, "Conv2DBackpropInput", operands)
}

/// The gradient of [`conv2d`] at its filter (`tf.nn.conv2d_backprop_filter`).
#[track_caller]
pub fn conv2d_backprop_filter<'a>(
    input: impl Operand + 'a,
    filter_sizes: impl Operand + 'a,
    out_backprop: impl Operand + 'a,
) -> ConvBuilder<'a> {
    let operands: Vec<Box<dyn Operand + 'a>> = vec![
        Box::new(input),
        Box::new(filter_sizes),
        Box::new(out_backprop),
    ];
    ConvBuilder::new(Pass::BackpropFilter, "Conv2DBackpropFilter", operands)
}

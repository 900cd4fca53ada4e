use tconv_kernels::conv::{Pass, Precision};
use tconv_shape::{DataFormat, Padding};

use crate::op::OpDef;
use crate::operand::apply;
use crate::{Attrs, Error, Location, Operand, Output, Result, location};

/// Strides or dilations in every form that TensorFlow takes: one number for all spatial axes, one for each
/// of them, or one for each axis in the data format's order.
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
    /// How many spatial axes it has: 1 to 3.
    pub(super) axes: usize,
    pub(super) name: String,
    pub(super) operands: Vec<Box<dyn Operand + 'a>>,
    strides: Sizes,
    dilations: Sizes,
    padding: Padding,
    pub(super) format: DataFormat,
    precision: Option<Precision>,
    location: Location,
}

impl<'a> ConvBuilder<'a> {
    #[track_caller]
    fn new(
        pass: Pass,
        axes: usize,
        name: &str,
        operands: Vec<Box<dyn Operand + 'a>>,
    ) -> ConvBuilder<'a> {
        ConvBuilder {
            pass,
            axes,
            name: name.to_string(),
            operands,
            strides: 1.into(),
            dilations: 1.into(),
            padding: Padding::Same,
            format: DataFormat::ChannelsLast,
            precision: None,
            location: location::here(),
        }
    }

    /// How far the forward window moves: one number, one for each spatial axis, or one
    /// for each axis in the data format's order.
    pub fn strides(mut self, strides: impl Into<Sizes>) -> Self {
        self.strides = strides.into();
        self
    }

    /// How far apart the filter's elements are: one number, one for each spatial axis, or one
    /// for each axis in the data format's order.
    pub fn dilations(mut self, dilations: impl Into<Sizes>) -> Self {
        self.dilations = dilations.into();
        self
    }

    /// The forward convolution's padding.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Whether channels stand last (`NWC`, `NHWC`, `NDHWC`) or first (`NCW`, `NCHW`, `NCDHW`).
    pub fn data_format(mut self, format: DataFormat) -> Self {
        self.format = format;
        self
    }

    /// How exact its products and those of its gradients must be; what [`crate::Session::set_precision`] says where
    /// it is not given. Only float32 is concerned, and only where the processor has tile registers.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = Some(precision);
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
        match self.axes {
            1 => self.build_widened(&operands, attrs),
            _ => Ok(apply(self.def().name, &self.name, &operands, |node| {
                node.attrs(attrs)
            })?
            .output(0)),
        }
    }

    pub(super) fn def(&self) -> &'static OpDef {
        super::def(self.pass, self.axes)
    }

    /// The op's attributes.
    pub(super) fn attrs(&self) -> Result<Attrs> {
        let (format, one_axis) = (self.format, self.axes == 1);
        // One axis is the second of two.
        let axes = self.axes.max(2);
        let sizes = |what: &str, sizes: &Sizes| {
            let mut all = sizes.expand(what, format, self.axes)?;
            if one_axis {
                all.insert(0, 1);
            }
            Ok::<_, Error>(all)
        };
        let strides = sizes(if one_axis { "stride" } else { "strides" }, &self.strides)?;
        let dilations = sizes("dilations", &self.dilations)?;
        let (padding, explicit) = match &self.padding {
            Padding::Same => ("SAME", None),
            Padding::Valid => ("VALID", None),
            Padding::Explicit(pads) if pads.len() == self.axes && axes == 2 => {
                let mut pairs: Vec<[i64; 2]> = pads
                    .iter()
                    .map(|&(before, after)| [before, after])
                    .collect();
                if one_axis {
                    pairs.insert(0, [0, 0]);
                }
                (
                    "EXPLICIT",
                    Some(format.arrange([0, 0], [0, 0], &pairs).concat()),
                )
            }
            Padding::Explicit(_) if axes == 3 => ("EXPLICIT", None),
            Padding::Explicit(pads) => {
                return Err(Error::value(format!(
                    "explicit padding must name {} axes, got {pads:?}",
                    self.axes
                ))
                .help(match one_axis {
                    true => "write (before, after) for the width",
                    false => "write (before, after) for height and for width",
                }));
            }
        };
        let mut attrs = Attrs::from([
            ("strides".into(), strides.into()),
            ("dilations".into(), dilations.into()),
            ("padding".into(), padding.into()),
            ("data_format".into(), format.name(axes).into()),
        ]);
        if axes == 2 {
            let explicit = explicit.unwrap_or_default();
            attrs.insert("explicit_paddings".into(), explicit.into());
        }
        if let Some(precision) = self.precision {
            attrs.insert(super::PRECISION.into(), precision.name().into());
        }
        Ok(attrs)
    }
}

/// The builder functions of one number of axes.
macro_rules! convolutions {
    ($axes:literal, $sizes:literal,
     $conv:ident $forward:literal $conv_doc:literal,
     $transpose:ident $transpose_doc:literal,
     $backprop_input:ident $input_name:literal,
     $backprop_filter:ident $filter_name:literal) => {
        #[doc = concat!("A convolution of `input`, `[batch, ", $sizes, ", channels]`, with `filter`, `[", $sizes, ", input")]
        #[doc = concat!("channels, output channels]` (`tf.nn.", stringify!($conv), "`).")]
        ///
        /// An input of a multiple of the filter's channels is convolved in that many groups.
        #[doc = $conv_doc]
        #[track_caller]
        pub fn $conv<'a>(input: impl Operand + 'a, filter: impl Operand + 'a) -> ConvBuilder<'a> {
            ConvBuilder::new(Pass::Forward, $axes, $forward, vec![Box::new(input), Box::new(filter)])
        }

        #[doc = concat!("A convolution run backwards (`tf.nn.", stringify!($transpose), "`): the tensor of `output_shape` that a")]
        /// forward convolution with this `filter`, these strides and this padding takes to the shape of `value`.
        ///
        #[doc = concat!("`filter` is `[", $sizes, ", output channels, input channels]`. `output_shape` is a list, a tensor,")]
        #[doc = concat!("or a list that mixes numbers and scalar tensors", $transpose_doc)]
        #[track_caller]
        pub fn $transpose<'a>(
            value: impl Operand + 'a,
            filter: impl Operand + 'a,
            output_shape: impl Operand + 'a,
        ) -> ConvBuilder<'a> {
            let operands: Vec<Box<dyn Operand + 'a>> =
                vec![Box::new(output_shape), Box::new(filter), Box::new(value)];
            ConvBuilder::new(Pass::BackpropInput, $axes, stringify!($transpose), operands)
        }

        #[doc = concat!("The gradient of [`", stringify!($conv), "`] at its input: the same op as")]
        #[doc = concat!("[`", stringify!($transpose), "`], arguments in the gradient's order and terms.")]
        #[track_caller]
        pub fn $backprop_input<'a>(
            input_sizes: impl Operand + 'a,
            filter: impl Operand + 'a,
            out_backprop: impl Operand + 'a,
        ) -> ConvBuilder<'a> {
            let operands: Vec<Box<dyn Operand + 'a>> =
                vec![Box::new(input_sizes), Box::new(filter), Box::new(out_backprop)];
            ConvBuilder::new(Pass::BackpropInput, $axes, $input_name, operands)
        }

        #[doc = concat!("The gradient of [`", stringify!($conv), "`] at its filter.")]
        #[track_caller]
        pub fn $backprop_filter<'a>(
            input: impl Operand + 'a,
            filter_sizes: impl Operand + 'a,
            out_backprop: impl Operand + 'a,
        ) -> ConvBuilder<'a> {
            let operands: Vec<Box<dyn Operand + 'a>> =
                vec![Box::new(input), Box::new(filter_sizes), Box::new(out_backprop)];
            ConvBuilder::new(Pass::BackpropFilter, $axes, $filter_name, operands)
        }
    };
}

convolutions!(
    1, "width",
    conv1d "conv1d" "\nIt is a `Conv2D` of height 1, as in TensorFlow.",
    conv1d_transpose ": three values.",
    conv1d_backprop_input "conv1d_backprop_input",
    conv1d_backprop_filter "conv1d_backprop_filter"
);
convolutions!(
    2, "height, width",
    conv2d "Conv2D" "",
    conv2d_transpose "; four values, or the two spatial ones.",
    conv2d_backprop_input "Conv2DBackpropInput",
    conv2d_backprop_filter "Conv2DBackpropFilter"
);
convolutions!(
    3, "depth, height, width",
    conv3d "Conv3D" "",
    conv3d_transpose ": five values.",
    conv3d_backprop_input "Conv3DBackpropInputV2",
    conv3d_backprop_filter "Conv3DBackpropFilterV2"
);

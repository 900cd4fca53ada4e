use tconv_shape::{DataFormat, Padding};

use super::SPATIAL;
use crate::nn::Sizes;
use crate::operand::apply;
use crate::{Error, Location, NodeBuilder, Operand, Output, Result, location};

/// A pooling that is being built.
pub struct PoolBuilder<'a> {
    op: &'static str,
    name: String,
    input: Box<dyn Operand + 'a>,
    ksize: Sizes,
    strides: Sizes,
    padding: Padding,
    format: DataFormat,
    location: Location,
}

/// The greatest element of each window of `ksize` in `input`, `[batch, height, width, channels]`
/// (`tf.nn.max_pool2d`). Sizes and strides are one number, `[height, width]`, or all four.
///
/// Padding is never the greatest.
#[track_caller]
pub fn max_pool<'a>(
    input: impl Operand + 'a,
    ksize: impl Into<Sizes>,
    strides: impl Into<Sizes>,
    padding: Padding,
) -> PoolBuilder<'a> {
    PoolBuilder::new(
        "MaxPool",
        "MaxPool2d",
        Box::new(input),
        ksize.into(),
        strides.into(),
        padding,
    )
}

/// The mean of each window of `ksize` in `value`, `[batch, height, width, channels]`
/// (`tf.nn.avg_pool2d`). Sizes and strides are one number, `[height, width]`, or all four.
///
/// The mean is that of the elements that are no padding, which is `SAME` or `VALID`.
#[track_caller]
pub fn avg_pool<'a>(
    value: impl Operand + 'a,
    ksize: impl Into<Sizes>,
    strides: impl Into<Sizes>,
    padding: Padding,
) -> PoolBuilder<'a> {
    PoolBuilder::new(
        "AvgPool",
        "AvgPool2D",
        Box::new(value),
        ksize.into(),
        strides.into(),
        padding,
    )
}

impl<'a> PoolBuilder<'a> {
    #[track_caller]
    fn new(
        op: &'static str,
        name: &str,
        input: Box<dyn Operand + 'a>,
        ksize: Sizes,
        strides: Sizes,
        padding: Padding,
    ) -> PoolBuilder<'a> {
        let format = DataFormat::ChannelsLast;
        PoolBuilder {
            op,
            name: name.to_string(),
            input,
            ksize,
            strides,
            padding,
            format,
            location: location::here(),
        }
    }

    /// `NHWC`, as without this, or `NCHW`.
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
    /// `Value` for sizes below 1 and for a window that does not fit where that is known.
    pub fn build(self) -> Result<Output> {
        let _from = location::began(self.location);
        let ksize = self.ksize.expand("ksize", self.format, SPATIAL)?;
        let strides = self.strides.expand("strides", self.format, SPATIAL)?;
        let (padding, explicit) = match &self.padding {
            Padding::Same => ("SAME", None),
            Padding::Valid => ("VALID", None),
            Padding::Explicit(pads) if pads.len() == SPATIAL && self.op == "MaxPool" => {
                let pairs: Vec<[i64; 2]> = pads
                    .iter()
                    .map(|&(before, after)| [before, after])
                    .collect();
                (
                    "EXPLICIT",
                    Some(self.format.arrange([0, 0], [0, 0], &pairs).concat()),
                )
            }
            Padding::Explicit(pads) => {
                return Err(Error::value(format!(
                    "explicit padding {pads:?} does not go with {}",
                    self.op
                ))
                .help(
                    "MaxPool takes (before, after) for height and for width, AvgPool SAME or VALID",
                ));
            }
        };
        let with = |node: NodeBuilder| {
            let node = node
                .attr("ksize", ksize)
                .attr("strides", strides)
                .attr("padding", padding);
            let node = node.attr("data_format", self.format.name(SPATIAL));
            match explicit {
                Some(explicit) => node.attr("explicit_paddings", explicit),
                None => node,
            }
        };
        Ok(apply(self.op, &self.name, &[&*self.input], with)?.output(0))
    }
}

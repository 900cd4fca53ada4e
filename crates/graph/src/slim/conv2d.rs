use tconv_shape::{DataFormat, Padding};

use super::{Layer, kernel_size, layer_setters, positive};
use crate::nn::{self, Sizes};
use crate::{Output, Result, location};

/// A convolution of `inputs`, `[batch, height, width, channels]`, with a kernel of `kernel_size` (one
/// number, or height and width) to `num_outputs` channels, then biases and `relu` (`slim.conv2d`).
/// Stride 1 and `SAME` unless said otherwise.
///
/// Its variables are `Conv/weights`, `[height, width, channels, num_outputs]`, and `Conv/biases`.
#[track_caller]
pub fn conv2d(inputs: &Output, num_outputs: i64, kernel_size: impl Into<Sizes>) -> Conv2d {
    Conv2d {
        layer: Layer::new(inputs, num_outputs),
        kernel: kernel_size.into(),
        stride: 1.into(),
        rate: 1.into(),
        padding: Padding::Same,
        format: DataFormat::ChannelsLast,
    }
}

/// A convolution layer that is being built.
pub struct Conv2d {
    layer: Layer,
    kernel: Sizes,
    stride: Sizes,
    rate: Sizes,
    padding: Padding,
    format: DataFormat,
}

layer_setters!(Conv2d);

impl Conv2d {
    /// How far the window moves: one number, or height and width.
    pub fn stride(mut self, stride: impl Into<Sizes>) -> Self {
        self.stride = stride.into();
        self
    }

    /// How far apart the kernel's elements are: one number, or height and width.
    pub fn rate(mut self, rate: impl Into<Sizes>) -> Self {
        self.rate = rate.into();
        self
    }

    /// The padding.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// `NHWC`, as without this, or `NCHW`.
    pub fn data_format(mut self, format: DataFormat) -> Self {
        self.format = format;
        self
    }

    /// Adds the layer.
    ///
    /// # Errors
    /// `Value` for inputs that are not of rank 4 with known channels, for variables that are there
    /// already, and as [`nn::conv2d`].
    pub fn build(self) -> Result<Output> {
        let _from = location::began(self.layer.location);
        let (layer, format) = (&self.layer, self.format);
        let (_, channels) = layer.image(format)?;
        let [height, width] = kernel_size(&self.kernel)?;
        for (what, sizes) in [("strides", &self.stride), ("dilation_rate", &self.rate)] {
            let sizes = sizes.expand(what, format, 2)?;
            sizes
                .iter()
                .try_for_each(|&n| positive(what, [n]).map(drop))?;
        }
        layer.scoped("Conv", || {
            let sizes = [height, width, channels, layer.num_outputs];
            let (weights, biases) = layer.variables(&sizes)?;
            let sums = nn::conv2d(&layer.inputs, weights)
                .strides(self.stride.clone())
                .dilations(self.rate.clone())
                .padding(self.padding.clone())
                .data_format(format)
                .build()?;
            layer.finish(sums, biases.as_ref(), format)
        })
    }
}

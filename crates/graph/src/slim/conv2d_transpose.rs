use tconv_shape::{DataFormat, Dim, Padding, ShapeError, Window};

use super::{Layer, kernel_size, layer_setters, positive};
use crate::nn::{self, Sizes};
use crate::{Error, Output, Result, Size, array, location, math};

/// A convolution run backwards: from `inputs`, `[batch, height, width, channels]`, to `num_outputs`
/// channels, then biases and `relu` (`slim.conv2d_transpose`). Stride 1 and `SAME` unless said otherwise.
///
/// The output's height and width are, of the sizes that a forward convolution takes to those of
/// `inputs`, the nearest to `stride` times these: with `SAME` exactly that.
///
/// Its variables are `Conv2d_transpose/weights`, `[height, width, num_outputs, channels]`, and
/// `Conv2d_transpose/biases`.
#[track_caller]
pub fn conv2d_transpose(
    inputs: &Output,
    num_outputs: i64,
    kernel_size: impl Into<Sizes>,
) -> Conv2dTranspose {
    Conv2dTranspose {
        layer: Layer::new(inputs, num_outputs),
        kernel: kernel_size.into(),
        stride: 1.into(),
        padding: Padding::Same,
        format: DataFormat::ChannelsLast,
    }
}

/// A layer of a convolution run backwards that is being built.
pub struct Conv2dTranspose {
    layer: Layer,
    kernel: Sizes,
    stride: Sizes,
    padding: Padding,
    format: DataFormat,
}

layer_setters!(Conv2dTranspose);

impl Conv2dTranspose {
    /// How far the forward convolution's window moves: one number, or height and width.
    pub fn stride(mut self, stride: impl Into<Sizes>) -> Self {
        self.stride = stride.into();
        self
    }

    /// The forward convolution's padding: `SAME` or `VALID`.
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
    /// already, and as [`nn::conv2d_transpose`].
    pub fn build(self) -> Result<Output> {
        let _from = location::began(self.layer.location);
        let (layer, format) = (&self.layer, self.format);
        let (_, channels) = layer.image(format)?;
        if let Padding::Explicit(pads) = &self.padding {
            return Err(
                Error::value(format!("padding must be either VALID or SAME: {pads:?}"))
                    .help("conv2d_transpose of nn takes any padding and is told its output_shape"),
            );
        }
        let kernel = kernel_size(&self.kernel)?;
        let strides = self.stride.expand("strides", format, 2)?;
        strides
            .iter()
            .try_for_each(|&n| positive("strides", [n]).map(drop))?;
        layer.scoped("Conv2d_transpose", || {
            let sizes = [kernel[0], kernel[1], layer.num_outputs, channels];
            let (weights, biases) = layer.variables(&sizes)?;
            let shape = self.output_shape(kernel, &strides)?;
            let sums = nn::conv2d_transpose(&layer.inputs, weights, shape)
                .strides(strides)
                .padding(self.padding.clone())
                .data_format(format)
                .build()?;
            layer.finish(sums, biases.as_ref(), format)
        })
    }

    /// The output's four sizes, from the graph where they are known only when it runs.
    fn output_shape(&self, kernel: [i64; 2], strides: &[i64]) -> Result<Vec<Size>> {
        let (layer, format) = (&self.layer, self.format);
        let (dims, _) = layer.image(format)?;
        let places = [0, format.spatial_axis(0), format.spatial_axis(1)];
        let known: Vec<Option<i64>> = places.iter().map(|&place| dims[place].known()).collect();
        let at_run_time = match known.contains(&None) {
            true => array::unpack(&array::shape(&layer.inputs)?, 0)?,
            false => Vec::new(),
        };
        let size = |i: usize| match known[i] {
            Some(size) => Size::Known(size),
            None => Size::Tensor(at_run_time[places[i]].clone()),
        };
        let mut spatial = Vec::with_capacity(kernel.len());
        for axis in 0..kernel.len() {
            let stride = strides[format.spatial_axis(axis)];
            let window = Window::new(kernel[axis], stride, 1, self.padding.axis(axis))?;
            let more = beyond(&window)?;
            spatial.push(match size(axis + 1) {
                Size::Known(size) => {
                    let size = Dim::Known(size).times(stride)?.plus(more)?;
                    Size::Known(size.known().ok_or_else(no_size)?)
                }
                Size::Tensor(size) => {
                    let size = math::multiply(size, as_i32(stride)?)?;
                    Size::Tensor(if more == 0 {
                        size
                    } else {
                        math::add(size, as_i32(more)?)?
                    })
                }
            });
        }
        Ok(format.arrange(size(0), Size::Known(layer.num_outputs), &spatial))
    }
}

/// By how much the chosen size is more than `stride` times the input. All legal sizes move by `stride`
/// with the input, so those of one element tell it.
fn beyond(window: &Window) -> Result<i64> {
    let stride = window.stride();
    match window.inputs(1)?.map(|legal| legal.into_inner()) {
        Some((low, high)) if low <= high => Ok(stride.clamp(low, high) - stride),
        _ => Err(no_size()),
    }
}

fn no_size() -> Error {
    Error::value("no output size goes with this kernel, stride and padding")
}

fn as_i32(n: i64) -> Result<i32> {
    i32::try_from(n).map_err(|_| {
        Error::from(ShapeError::Overflow {
            what: n.to_string(),
        })
    })
}

use tconv_shape::{DataFormat, Dim, Padding};

use crate::nn::{self, PoolBuilder, Sizes};
use crate::operand::integers;
use crate::{Location, Output, Result, Size, array, location};

/// The largest element of each window of `kernel_size` (one number, or height and width), channel by channel
/// (`slim.max_pool2d`). Stride 2 and `VALID` unless said otherwise.
#[track_caller]
pub fn max_pool2d(inputs: &Output, kernel_size: impl Into<Sizes>) -> Pool2d {
    Pool2d::new("MaxPool2D", inputs, kernel_size.into(), true)
}

/// The mean of each window of `kernel_size` (one number, or height and width), channel by channel
/// (`slim.avg_pool2d`). Stride 2 and `VALID` unless said otherwise.
#[track_caller]
pub fn avg_pool2d(inputs: &Output, kernel_size: impl Into<Sizes>) -> Pool2d {
    Pool2d::new("AvgPool2D", inputs, kernel_size.into(), false)
}

/// Pooling that is being built.
pub struct Pool2d {
    inputs: Output,
    kernel: Sizes,
    largest: bool,
    stride: Sizes,
    padding: Padding,
    format: DataFormat,
    scope: String,
    location: Location,
}

impl Pool2d {
    #[track_caller]
    fn new(scope: &str, inputs: &Output, kernel: Sizes, largest: bool) -> Pool2d {
        Pool2d {
            inputs: inputs.clone(),
            kernel,
            largest,
            stride: 2.into(),
            padding: Padding::Valid,
            format: DataFormat::ChannelsLast,
            scope: scope.to_string(),
            location: location::here(),
        }
    }

    /// How far the window moves: one number, or height and width.
    pub fn stride(mut self, stride: impl Into<Sizes>) -> Self {
        self.stride = stride.into();
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

    /// The name scope: `MaxPool2D` or `AvgPool2D` without this.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = scope.to_string();
        self
    }

    /// Adds the op.
    ///
    /// # Errors
    /// As [`nn::max_pool`].
    pub fn build(self) -> Result<Output> {
        let _from = location::began(self.location);
        let pool: PoolBuilder<'_> =
            match self.largest {
                true => nn::max_pool(&self.inputs, self.kernel, self.stride, self.padding)
                    .name("MaxPool"),
                false => nn::avg_pool(&self.inputs, self.kernel, self.stride, self.padding)
                    .name("AvgPool"),
            };
        let graph = self.inputs.graph();
        graph.name_scope(&self.scope, || pool.data_format(self.format).build())
    }
}

/// All axes but the first made one (`slim.flatten`).
///
/// # Errors
/// `Value` for inputs without an axis.
#[track_caller]
pub fn flatten(inputs: &Output) -> Result<Output> {
    let _from = location::caller();
    let graph = inputs.graph();
    let rest = inputs.static_shape().dims().and_then(|dims| dims.get(1..));
    let rest: Option<Vec<i64>> = rest.and_then(|rest| rest.iter().map(Dim::known).collect());
    let size = rest.and_then(|rest| rest.iter().try_fold(1i64, |size, &n| size.checked_mul(n)));
    graph.name_scope("Flatten", || {
        graph.name_scope("flatten", || match size {
            // Of no elements, -1 could be any size.
            Some(size) if size != 0 => {
                let sizes = graph.constant(integers(&[2], &[-1, size], None)?)?;
                array::reshape(inputs, sizes)
            }
            size => {
                let first = array::shape(inputs)?.at(0)?;
                let rest = Size::Known(size.unwrap_or(-1));
                array::reshape(inputs, [Size::Tensor(first), rest])
            }
        })
    })
}

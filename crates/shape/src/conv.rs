use crate::{AxisPadding, Dim, Result, ShapeError, Window};

/// Where the channels are: `NHWC` and its forms for one and three axes, or `NCHW` and its.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum DataFormat {
    /// `NWC`, `NHWC`, `NDHWC`.
    #[default]
    ChannelsLast,
    /// `NCW`, `NCHW`, `NCDHW`.
    ChannelsFirst,
}

impl DataFormat {
    /// TensorFlow's name for one to three spatial axes.
    pub fn name(self, spatial: usize) -> &'static str {
        match (self, spatial) {
            (DataFormat::ChannelsLast, 1) => "NWC",
            (DataFormat::ChannelsLast, 2) => "NHWC",
            (DataFormat::ChannelsLast, _) => "NDHWC",
            (DataFormat::ChannelsFirst, 1) => "NCW",
            (DataFormat::ChannelsFirst, 2) => "NCHW",
            (DataFormat::ChannelsFirst, _) => "NCDHW",
        }
    }

    /// The format that TensorFlow calls `name`, if it is one for so many spatial axes.
    pub fn parse(name: &str, spatial: usize) -> Option<DataFormat> {
        [DataFormat::ChannelsLast, DataFormat::ChannelsFirst]
            .into_iter()
            .find(|format| format.name(spatial) == name)
    }

    /// The channels' axis in a tensor of `spatial + 2` axes.
    pub fn channel_axis(self, spatial: usize) -> usize {
        match self {
            DataFormat::ChannelsLast => spatial + 1,
            DataFormat::ChannelsFirst => 1,
        }
    }

    /// The tensor's axis that holds spatial axis `index`.
    pub fn spatial_axis(self, index: usize) -> usize {
        match self {
            DataFormat::ChannelsLast => index + 1,
            DataFormat::ChannelsFirst => index + 2,
        }
    }

    /// `[batch, spatial..., channels]` in this format's order.
    pub fn arrange<T: Clone>(self, batch: T, channels: T, spatial: &[T]) -> Vec<T> {
        let mut all = vec![batch];
        all.extend_from_slice(spatial);
        all.insert(self.channel_axis(spatial.len()), channels);
        all
    }
}

/// The padding of all spatial axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// TensorFlow's `SAME`.
    Same,
    /// TensorFlow's `VALID`.
    Valid,
    /// Zeros before and after each spatial axis.
    Explicit(Vec<(i64, i64)>),
}

impl Padding {
    /// The padding of one spatial axis; an axis that `Explicit` does not list has none.
    pub fn axis(&self, index: usize) -> AxisPadding {
        match self {
            Padding::Same => AxisPadding::Same,
            Padding::Valid => AxisPadding::Valid,
            Padding::Explicit(pads) => match pads.get(index) {
                Some(&(before, after)) => AxisPadding::Explicit(before, after),
                None => AxisPadding::Valid,
            },
        }
    }
}

/// One spatial axis of a forward convolution, all sizes known, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvAxis {
    /// The forward input's size.
    pub input: usize,
    /// The kernel's size, without its dilation.
    pub kernel: usize,
    /// The forward output's size.
    pub output: usize,
    /// How far the window moves.
    pub stride: usize,
    /// How far apart the kernel's elements are.
    pub dilation: usize,
    /// Zeros before the input.
    pub pad_before: usize,
    /// Zeros after the input.
    pub pad_after: usize,
}

impl ConvAxis {
    /// The axis that `window` makes of a forward input of `input` elements.
    ///
    /// # Errors
    /// As [`Window::output`]; `Invalid` for a negative input or an unknown kernel.
    pub fn new(window: &Window, input: i64) -> Result<ConvAxis> {
        let size = |n: i64| {
            usize::try_from(n).map_err(|_| ShapeError::Invalid {
                what: n.to_string(),
            })
        };
        let known = |dim: &Dim| {
            dim.known().ok_or_else(|| ShapeError::Invalid {
                what: format!("{dim:?}"),
            })
        };
        let (pad_before, pad_after) = window.pads(input)?;
        // One axis, padding included, must fit into 63 bits so that kernels can add without a check.
        Dim::Known(input)
            .plus(pad_before)?
            .plus(pad_after)?
            .plus(window.extent()?)?
            .plus(window.stride())?;
        Ok(ConvAxis {
            input: size(input)?,
            kernel: size(known(window.kernel())?)?,
            output: size(known(&window.output(&Dim::Known(input))?)?)?,
            stride: size(window.stride())?,
            dilation: size(window.dilation())?,
            pad_before: size(pad_before)?,
            pad_after: size(pad_after)?,
        })
    }
}

/// A convolution of one, two or three spatial axes, all sizes known: what the three kernels
/// (`Conv2D`, `Conv2DBackpropInput`, `Conv2DBackpropFilter`) are given.
///
/// All of it is seen from the **forward** convolution: for a transposed convolution `in_channels` are
/// those of its output. The filter is `[spatial kernel..., in_channels / groups, out_channels]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// Channels of the forward input, over all groups.
    pub in_channels: usize,
    /// Channels of the forward output, over all groups.
    pub out_channels: usize,
    /// Groups; divides both channel counts.
    pub groups: usize,
    /// The layout of input and output.
    pub format: DataFormat,
    /// The spatial axes: one, two or three.
    pub axes: Vec<ConvAxis>,
}

impl ConvShape {
    /// The forward input's sizes, in the format's order.
    pub fn input_dims(&self) -> Vec<usize> {
        let spatial: Vec<_> = self.axes.iter().map(|axis| axis.input).collect();
        self.format.arrange(self.batch, self.in_channels, &spatial)
    }

    /// The filter's sizes: `[kernel..., in_channels / groups, out_channels]`.
    pub fn filter_dims(&self) -> Vec<usize> {
        let mut dims: Vec<_> = self.axes.iter().map(|axis| axis.kernel).collect();
        dims.extend([self.in_channels / self.groups.max(1), self.out_channels]);
        dims
    }

    /// The forward output's sizes, in the format's order.
    pub fn output_dims(&self) -> Vec<usize> {
        let spatial: Vec<_> = self.axes.iter().map(|axis| axis.output).collect();
        self.format.arrange(self.batch, self.out_channels, &spatial)
    }

    /// Checks what the types do not: one to three axes, groups that divide both channel counts, and
    /// element counts of input, filter and output that fit into memory's address range.
    ///
    /// # Errors
    /// `Invalid`, `Overflow`.
    pub fn check(&self) -> Result<()> {
        let axes = self.axes.len();
        if !(1..=3).contains(&axes) {
            return Err(ShapeError::Invalid {
                what: format!("a convolution of {axes} axes"),
            });
        }
        let (groups, channels) = (self.groups, [self.in_channels, self.out_channels]);
        if groups == 0 || channels.iter().any(|c| c % groups != 0) {
            return Err(ShapeError::Invalid {
                what: format!(
                    "{} and {} channels in {groups} groups",
                    self.in_channels, self.out_channels
                ),
            });
        }
        let product = |[outer, channels]: [usize; 2], size: fn(&ConvAxis) -> usize| {
            let sizes = self.axes.iter().map(size).chain([channels]);
            let elements = sizes.clone().try_fold(outer, usize::checked_mul);
            elements.or(sizes.clone().any(|n| n == 0).then_some(0))
        };
        let (inputs, outputs) = (self.in_channels, self.out_channels);
        let all = [
            product([self.batch, inputs], |axis| axis.input),
            product([inputs / groups, outputs], |axis| axis.kernel),
            product([self.batch, outputs], |axis| axis.output),
        ];
        let too_many = |n: &Option<usize>| n.is_none_or(|n| n > isize::MAX as usize / 16);
        if let Some(index) = all.iter().position(too_many) {
            let dims = [self.input_dims(), self.filter_dims(), self.output_dims()];
            return Err(ShapeError::Overflow {
                what: format!("{:?}", dims[index]),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_arrange_and_parse() {
        assert_eq!(
            DataFormat::ChannelsLast.arrange(1, 9, &[2, 3]),
            [1, 2, 3, 9]
        );
        assert_eq!(
            DataFormat::ChannelsFirst.arrange(1, 9, &[2, 3]),
            [1, 9, 2, 3]
        );
        assert_eq!(
            DataFormat::parse("NCDHW", 3),
            Some(DataFormat::ChannelsFirst)
        );
        assert_eq!(DataFormat::parse("NHWC", 1), None);
    }

    #[test]
    fn the_notes_axis() {
        let window = Window::new(2, 2, 1, AxisPadding::Same).unwrap();
        let axis = ConvAxis::new(&window, 5).unwrap();
        assert_eq!(
            axis,
            ConvAxis {
                input: 5,
                kernel: 2,
                output: 3,
                stride: 2,
                dilation: 1,
                pad_before: 0,
                pad_after: 1
            }
        );
        assert!(ConvAxis::new(&window, -5).is_err());
        assert!(ConvAxis::new(&window, i64::MAX).is_err());
    }

    #[test]
    fn a_shape_is_checked_before_anything_is_allocated() {
        let axis = ConvAxis {
            input: 5,
            kernel: 2,
            output: 3,
            stride: 2,
            dilation: 1,
            pad_before: 0,
            pad_after: 1,
        };
        let good = ConvShape {
            batch: 1,
            in_channels: 4,
            out_channels: 6,
            groups: 2,
            format: DataFormat::ChannelsLast,
            axes: vec![axis, axis],
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(good.filter_dims(), [2, 2, 2, 6]);
        assert!(
            ConvShape {
                groups: 3,
                ..good.clone()
            }
            .check()
            .is_err()
        );
        assert!(
            ConvShape {
                groups: 0,
                ..good.clone()
            }
            .check()
            .is_err()
        );
        assert!(
            ConvShape {
                axes: vec![],
                ..good.clone()
            }
            .check()
            .is_err()
        );
        assert!(
            ConvShape {
                batch: usize::MAX / 2,
                ..good
            }
            .check()
            .is_err()
        );
    }
}

use tconv_shape::{ConvAxis, ConvShape, DataFormat, Dim, Padding, Shape, ShapeError, Window};

use super::groups::{as_run_error, check_groups, check_transposed_groups};
use crate::attrs::AttrReader;
use crate::op::Fact;
use crate::ops::window::{self, ranked};
use crate::{Error, Result};

/// The attributes that the three convolutions share.
pub(crate) struct Geometry {
    pub(crate) strides: Vec<i64>,
    pub(super) dilations: Vec<i64>,
    pub(super) padding: Padding,
    pub(crate) format: DataFormat,
}

impl Geometry {
    /// Of a convolution over so many axes: 2 or 3.
    pub fn new(attrs: &mut AttrReader, axes: usize) -> Result<Geometry> {
        let format = window::data_format(attrs, axes)?;
        let mut explicit = Vec::new();
        if axes == 2 {
            attrs.skip("use_cudnn_on_gpu");
            explicit = attrs.ints_or("explicit_paddings", Vec::new())?;
        }
        let name = attrs.string("padding")?;
        let padding = match axes == 2 || name != "EXPLICIT" {
            true => window::padding(&name, &explicit, format, axes)?,
            false => None,
        };
        let padding = padding.ok_or_else(|| {
            let error = Error::value(format!("padding must be either VALID or SAME: {name}"));
            match axes {
                2 => error.help("or explicit: the zeros before and after each axis"),
                _ => error,
            }
        })?;
        let strides = attrs.ints("strides")?;
        let dilations = attrs.ints_or("dilations", vec![1; axes + 2])?;
        Ok(Geometry {
            strides: spatial("strides", &strides, format, axes)?,
            dilations: spatial("dilations", &dilations, format, axes)?,
            padding,
            format,
        })
    }

    /// How many spatial axes it has.
    pub(super) fn spatial(&self) -> usize {
        self.strides.len()
    }

    pub(super) fn channel(&self) -> usize {
        self.format.channel_axis(self.spatial())
    }

    pub(crate) fn window(&self, axis: usize, kernel: &Dim) -> Result<Window> {
        Ok(Window::new(
            kernel,
            self.strides[axis],
            self.dilations[axis],
            self.padding.axis(axis),
        )?)
    }

    /// The forward output's shape from the input's and the filter's sizes; checks the channels.
    /// `fits` says whether a window that does not fit is refused.
    pub(super) fn forward_shape(&self, input: &[Dim], filter: &[Dim], fits: bool) -> Result<Shape> {
        let depth = &input[self.channel()];
        if let (Dim::Known(depth), Dim::Known(filter_depth)) = (depth, &filter[self.spatial()]) {
            check_groups(
                self,
                *depth,
                *filter_depth,
                filter[self.spatial() + 1].known(),
            )?;
        }
        let mut spatial = Vec::with_capacity(self.spatial());
        for axis in 0..self.spatial() {
            let window = self.window(axis, &filter[axis])?;
            let size = &input[self.format.spatial_axis(axis)];
            spatial.push(match fits {
                true => window.output_that_fits(size)?,
                false => window.output(size)?,
            });
        }
        let (batch, channels) = (input[0].clone(), filter[self.spatial() + 1].clone());
        Ok(Shape::new(self.format.arrange(batch, channels, &spatial)))
    }

    pub fn infer_forward(&self, input: &Shape, filter: &Shape) -> Result<Shape> {
        let input = self.ranked("input", input)?;
        let filter = self.ranked("filter", filter)?;
        self.forward_shape(&input, &filter, true)
    }

    pub fn infer_backprop_input(
        &self,
        sizes: &Fact,
        filter: &Shape,
        value: &Shape,
    ) -> Result<Shape> {
        let filter = self.ranked("filter", filter)?;
        let value_dims = self.ranked("value", value)?;
        let channel = self.channel();
        if !value_dims[channel].is_compatible_with(&filter[self.spatial() + 1]) {
            return Err(Error::value(format!(
                "input channels does not match filter's input channels, {} != {}",
                value_dims[channel],
                filter[self.spatial() + 1]
            ))
            .help(self.transposed_filter()));
        }
        let mut wanted = self.wanted(sizes, &filter, &value_dims)?;
        if let (Dim::Known(depth), Dim::Known(filter_depth)) =
            (&wanted[channel], &filter[self.spatial()])
        {
            check_transposed_groups(self, *depth, *filter_depth, value_dims[channel].known())?;
        }
        let forward = self
            .forward_shape(&wanted, &filter, false)
            .map_err(|error| {
                error.help(format!(
                    "going forward again from output_shape {} the filter must fit",
                    Shape::new(wanted.clone())
                ))
            })?;
        let value = Shape::new(value_dims.clone());
        if let Err(ShapeError::Incompatible { .. }) = forward.merge(&value) {
            let error = Error::value(format!("Shapes {forward} and {value} are not compatible"))
                .help(format!(
                    "a forward convolution of output_shape {} gives {forward}, but the value is {value}",
                    Shape::new(wanted.clone())
                ));
            return Err(self.explain(error, &wanted, &filter, &value_dims));
        }
        if wanted[0].known().is_none() && value_dims[0].known().is_some() {
            wanted[0] = value_dims[0].clone();
        }
        Ok(Shape::new(wanted))
    }

    /// The shape that `conv2d_transpose` is to make: `output_shape`, with batch and channels where it
    /// says only the two spatial sizes (`Conv2DBackpropInput` alone).
    pub(crate) fn wanted(&self, sizes: &Fact, filter: &[Dim], value: &[Dim]) -> Result<Vec<Dim>> {
        Ok(match sizes.as_shape("output_shape")?.dims() {
            Some(dims) if dims.len() == 2 && self.spatial() == 2 => {
                self.format
                    .arrange(value[0].clone(), filter[self.spatial()].clone(), dims)
            }
            Some(dims) if dims.len() == self.spatial() + 2 => dims.to_vec(),
            // Its length is not known: it may also be two.
            None => Shape::of_rank(self.spatial() + 2, "output_shape")
                .dims()
                .unwrap_or_default()
                .to_vec(),
            Some(_) => {
                return Err(Error::value(format!(
                    "output_shape must have shape ({},), got {}",
                    self.spatial() + 2,
                    sizes.shape
                ))
                .help(self.sizes_wanted()));
            }
        })
    }

    pub fn infer_backprop_filter(
        &self,
        input: &Shape,
        sizes: &Fact,
        out_backprop: &Shape,
    ) -> Result<Shape> {
        let input = self.ranked("input", input)?;
        let given = self.ranked("out_backprop", out_backprop)?;
        let Some(filter) = sizes.as_shape("filter_sizes")?.dims().map(<[Dim]>::to_vec) else {
            return Ok(Shape::of_rank(self.spatial() + 2, "filter_sizes"));
        };
        if filter.len() != self.spatial() + 2 {
            return Err(Error::value(format!(
                "filter_sizes must have shape ({},), got {}",
                self.spatial() + 2,
                sizes.shape
            )));
        }
        let forward = self.forward_shape(&input, &filter, false)?;
        let given_shape = Shape::new(given.clone());
        if let Err(ShapeError::Incompatible { .. }) = forward.merge(&given_shape) {
            let error = Error::value(format!(
                "Shapes {forward} and {given_shape} are not compatible"
            ))
            .help(format!(
                "the forward convolution gives {forward}, but out_backprop is {given_shape}"
            ));
            return Err(self.explain(error, &input, &filter, &given));
        }
        Ok(Shape::new(filter))
    }

    /// The convolution of an input and a filter whose sizes are known.
    pub fn forward(&self, input: &[usize], filter: &[usize]) -> Result<ConvShape> {
        let (input, filter) = (self.signed(input)?, self.signed(filter)?);
        let (depth, filter_depth) = (input[self.channel()], filter[self.spatial()]);
        if filter_depth > 0 && depth % filter_depth != 0 {
            return Err(Error::invalid(format!(
                "input depth must be evenly divisible by filter depth: {depth} vs {filter_depth}"
            ))
            .help(self.forward_filter()));
        }
        self.conv_shape(&format!("Conv{}D", self.spatial()), &input, &filter)
    }

    /// The convolution that takes an input of `sizes` to `value`.
    pub fn backprop_input(
        &self,
        sizes: &[i64],
        filter: &[usize],
        value: &[usize],
    ) -> Result<ConvShape> {
        let (filter, value) = (self.signed(filter)?, self.signed(value)?);
        let input = match *sizes {
            [height, width] if self.spatial() == 2 => {
                self.format.arrange(value[0], filter[2], &[height, width])
            }
            _ if sizes.len() == self.spatial() + 2 => sizes.to_vec(),
            _ => {
                return Err(Error::invalid(format!(
                    "output_shape must have shape ({},), got ({},)",
                    self.spatial() + 2,
                    sizes.len()
                ))
                .help(self.sizes_wanted()));
            }
        };
        self.backward("BackpropInput", &input, &filter, &value)
    }

    /// The convolution of `input` and a filter of `sizes` that gives `out_backprop`.
    pub fn backprop_filter(
        &self,
        input: &[usize],
        sizes: &[i64],
        out_backprop: &[usize],
    ) -> Result<ConvShape> {
        if sizes.len() != self.spatial() + 2 {
            return Err(Error::invalid(format!(
                "filter_sizes must have shape ({},), got ({},)",
                self.spatial() + 2,
                sizes.len()
            )));
        }
        self.backward(
            "BackpropFilter",
            &self.signed(input)?,
            sizes,
            &self.signed(out_backprop)?,
        )
    }

    /// The forward convolution of both backward ops, with TensorFlow's checks in TensorFlow's order.
    fn backward(
        &self,
        pass: &str,
        input: &[i64],
        filter: &[i64],
        given: &[i64],
    ) -> Result<ConvShape> {
        let label = &match self.spatial() {
            2 => format!("Conv2DSlow{pass}"),
            axes => format!("Conv{axes}D{pass}Op"),
        };
        if let Some((axis, &size)) = input
            .iter()
            .chain(filter)
            .enumerate()
            .find(|(_, size)| **size < 0)
        {
            let (what, axis) = if axis < input.len() {
                ("output_shape", axis)
            } else {
                ("filter_sizes", axis - input.len())
            };
            let legal = self
                .legal(axis, filter, given)
                .map_or(String::new(), |legal| format!("; {legal}"));
            let legal = if what == "output_shape" {
                legal
            } else {
                String::new()
            };
            return Err(
                Error::invalid(format!("Dimension {size} must be >= 0")).help(format!(
                    "{what}[{axis}] ({}) is {size}{legal}",
                    self.axis_name(axis)
                )),
            );
        }
        let channel = self.channel();
        if input[0] != given[0] {
            return Err(Error::invalid(format!(
                "{label}: input and out_backprop must have the same batch size. Input batch: {}, outbackprop batch: {}, batch_dim: 0",
                input[0], given[0]
            ))
            .help(format!("output_shape[0] (batch) is {}, the value's batch is {}: they must be the same", input[0], given[0])));
        }
        if given[channel] != filter[self.spatial() + 1] {
            return Err(Error::invalid(format!(
                "{label}: filter and out_backprop must have the same out_depth"
            ))
            .help(format!(
                "the value has {} channels, the filter {} (its last size)",
                given[channel],
                filter[self.spatial() + 1]
            )));
        }
        let (depth, filter_depth) = (input[channel], filter[self.spatial()]);
        if !(filter_depth > 0 && depth % filter_depth == 0) && depth != filter_depth {
            return Err(Error::invalid(format!("{label}: input depth must be evenly divisible by filter depth"))
                .help(format!(
                    "output_shape[{channel}] (channels) is {depth}, the filter makes {filter_depth}: they must be the same, \
                     or with groups a multiple of it whose groups divide the value's {} channels", given[channel]
                )));
        }
        check_groups(self, depth, filter_depth, Some(filter[self.spatial() + 1]))
            .map_err(as_run_error)?;
        let shape = self.conv_shape(label, input, filter).map_err(|error| {
            let dims = |sizes: &[i64]| sizes.iter().map(|&n| Dim::Known(n)).collect::<Vec<_>>();
            self.explain(error, &dims(input), &dims(filter), &dims(given))
        })?;
        for (axis, made) in shape.axes.iter().enumerate() {
            let actual = given[self.format.spatial_axis(axis)];
            if actual != made.output as i64 {
                let error = Error::invalid(format!(
                    "{label}: Size of out_backprop doesn't match computed: actual = {actual}, computed = {}",
                    made.output
                ));
                let dims = |sizes: &[i64]| sizes.iter().map(|&n| Dim::Known(n)).collect::<Vec<_>>();
                return Err(self.explain(error, &dims(input), &dims(filter), &dims(given)));
            }
        }
        Ok(shape)
    }

    fn conv_shape(&self, label: &str, input: &[i64], filter: &[i64]) -> Result<ConvShape> {
        for (what, sizes) in [("input", input), ("filter", filter)] {
            if sizes.len() != self.spatial() + 2 {
                return Err(Error::invalid(format!(
                    "{label}: {what} must be {}-dimensional: {}",
                    self.spatial() + 2,
                    Shape::from(sizes)
                )));
            }
        }
        let channel = self.channel();
        let groups = check_groups(
            self,
            input[channel],
            filter[self.spatial()],
            Some(filter[self.spatial() + 1]),
        )
        .map_err(as_run_error)?;
        let mut axes = Vec::with_capacity(self.spatial());
        for axis in 0..self.spatial() {
            let window = self
                .window(axis, &Dim::Known(filter[axis]))
                .map_err(as_run_error)?;
            let made = ConvAxis::new(&window, input[self.format.spatial_axis(axis)]);
            axes.push(made.map_err(window::run_error)?);
        }
        let size = |n: i64| {
            usize::try_from(n).map_err(|_| Error::invalid(format!("Dimension {n} must be >= 0")))
        };
        Ok(ConvShape {
            batch: size(input[0])?,
            in_channels: size(input[channel])?,
            out_channels: size(filter[self.spatial() + 1])?,
            groups,
            format: self.format,
            axes,
        })
    }

    /// A shape of as many axes as these convolutions' tensors have.
    pub(super) fn ranked(&self, what: &str, shape: &Shape) -> Result<Vec<Dim>> {
        ranked(what, shape, self.spatial() + 2)
    }

    fn signed(&self, sizes: &[usize]) -> Result<Vec<i64>> {
        let (axes, rank) = (self.spatial() + 2, sizes.len());
        let sizes: Vec<i64> = sizes.iter().map(|&n| n as i64).collect();
        match rank == axes {
            true => Ok(sizes),
            false => Err(Error::invalid(format!(
                "input must be {axes}-dimensional, got rank {rank}: {}",
                Shape::from(sizes.as_slice())
            ))),
        }
    }
}

/// The spatial part of a list of one for each axis, whose batch and channel parts must be 1.
fn spatial(what: &str, all: &[i64], format: DataFormat, axes: usize) -> Result<Vec<i64>> {
    if all.len() != axes + 2 {
        return Err(Error::value(format!(
            "{what} must have {} values, got {all:?}",
            axes + 2
        )));
    }
    let order = format.name(axes);
    if all[0] != 1 || all[format.channel_axis(axes)] != 1 {
        return Err(Error::value(format!(
            "Current implementation does not yet support {what} in the batch and depth dimensions."
        ))
        .help(format!(
            "{what} are {all:?} in {order} order: the values for N and C must be 1"
        )));
    }
    let values = window::spatial(all, format);
    match values.iter().find(|&&n| n < 1) {
        Some(n) if what == "strides" => Err(Error::value(match axes {
            2 => "Row and column strides should be larger than 0.".to_string(),
            _ => format!("Stride must be > 0, but got {n}"),
        })
        .help(format!(
            "strides are {all:?} in {order} order; {n} must be at least 1"
        ))),
        Some(n) => Err(
            Error::value("Dilated rates should be larger than 0.").help(format!(
                "dilations are {all:?} in {order} order; {n} must be at least 1"
            )),
        ),
        None => Ok(values),
    }
}

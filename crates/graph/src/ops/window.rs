//! The attributes that convolutions and pooling share.

use tconv_shape::{DataFormat, Dim, Padding, Shape, ShapeError};

use crate::attrs::AttrReader;
use crate::{Error, Result};

/// `data_format` of so many spatial axes, by default the one with the channels last.
pub(super) fn data_format(attrs: &mut AttrReader, spatial: usize) -> Result<DataFormat> {
    let last = DataFormat::ChannelsLast.name(spatial);
    let name = attrs.string_or("data_format", last)?;
    DataFormat::parse(&name, spatial).ok_or_else(|| {
        let first = DataFormat::ChannelsFirst.name(spatial);
        Error::value(format!("data_format must be {last} or {first}, got {name}"))
    })
}

/// The values for the spatial axes of a list of one for each axis, in their order.
pub(super) fn spatial(all: &[i64], format: DataFormat) -> Vec<i64> {
    (0..all.len() - 2)
        .map(|axis| all[format.spatial_axis(axis)])
        .collect()
}

/// The padding that these attributes say; `None` where `padding` is no name for one.
pub(super) fn padding(
    name: &str,
    explicit: &[i64],
    format: DataFormat,
    spatial: usize,
) -> Result<Option<Padding>> {
    if name != "EXPLICIT" && !explicit.is_empty() {
        return Err(Error::value(
            "explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT",
        )
        .help(format!(
            "explicit_paddings are {explicit:?}, padding is {name}"
        )));
    }
    match name {
        "SAME" => return Ok(Some(Padding::Same)),
        "VALID" => return Ok(Some(Padding::Valid)),
        "EXPLICIT" => {}
        _ => return Ok(None),
    }
    if explicit.len() != 2 * (spatial + 2) {
        return Err(Error::value(format!(
            "explicit_paddings attribute must contain {} values, but got: {}",
            2 * (spatial + 2),
            explicit.len()
        )));
    }
    let help = || {
        format!(
            "explicit_paddings are {explicit:?} in {} order",
            format.name(spatial)
        )
    };
    let pair = |axis: usize| (explicit[2 * axis], explicit[2 * axis + 1]);
    if pair(0) != (0, 0) || pair(format.channel_axis(spatial)) != (0, 0) {
        let message = "Nonzero explicit padding in the batch or depth dimensions is not supported";
        return Err(Error::value(message).help(help()));
    }
    if explicit.iter().any(|&n| n < 0) {
        let message = "All elements of explicit_paddings must be nonnegative";
        return Err(Error::value(message).help(help()));
    }
    let pads = (0..spatial)
        .map(|axis| pair(format.spatial_axis(axis)))
        .collect();
    Ok(Some(Padding::Explicit(pads)))
}

/// A shape of so many axes, each unknown where it is not known.
pub(super) fn ranked(what: &str, shape: &Shape, axes: usize) -> Result<Vec<Dim>> {
    let Some(dims) = shape.dims() else {
        let unknown = Shape::of_rank(axes, what);
        return Ok(unknown.dims().unwrap_or_default().to_vec());
    };
    match dims.len() {
        rank if rank == axes => Ok(dims.to_vec()),
        rank => Err(Error::value(format!(
            "Shape must be rank {axes} but is rank {rank} for the {what}"
        ))),
    }
}

/// The error of a window while a graph runs.
pub(super) fn run_error(error: ShapeError) -> Error {
    match error {
        ShapeError::WindowTooLarge { input, extent, stride } => Error::invalid(format!(
            "Computed output size would be negative: {} [input_size: {input}, effective_filter_size: {extent}, stride: {stride}]",
            (input - extent + stride) / stride
        ))
        .help(format!("a window of {extent} does not fit into {input}, padding included")),
        other => Error::invalid(other.to_string()),
    }
}

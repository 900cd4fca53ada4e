//! The attributes that convolutions and pooling share.

use tconv_shape::{DataFormat, Dim, Padding, Shape, ShapeError};

use crate::attrs::AttrReader;
use crate::{Error, Result};

/// Spatial axes of these ops.
pub(super) const SPATIAL: usize = 2;

/// `data_format`, by default `NHWC`.
pub(super) fn data_format(attrs: &mut AttrReader) -> Result<DataFormat> {
    let name = attrs.string_or("data_format", "NHWC")?;
    DataFormat::parse(&name, SPATIAL)
        .ok_or_else(|| Error::value(format!("data_format must be NHWC or NCHW, got {name}")))
}

/// The values of a list of four for the spatial axes, in their order.
pub(super) fn spatial(all: &[i64], format: DataFormat) -> Vec<i64> {
    (0..SPATIAL)
        .map(|axis| all[format.spatial_axis(axis)])
        .collect()
}

/// The padding that these attributes say; `None` where `padding` is no name for one.
pub(super) fn padding(name: &str, explicit: &[i64], format: DataFormat) -> Result<Option<Padding>> {
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
    if explicit.len() != 2 * (SPATIAL + 2) {
        return Err(Error::value(format!(
            "explicit_paddings attribute must contain 8 values, but got: {}",
            explicit.len()
        )));
    }
    let help = || {
        format!(
            "explicit_paddings are {explicit:?} in {} order",
            format.name(SPATIAL)
        )
    };
    let pair = |axis: usize| (explicit[2 * axis], explicit[2 * axis + 1]);
    if pair(0) != (0, 0) || pair(format.channel_axis(SPATIAL)) != (0, 0) {
        let message = "Nonzero explicit padding in the batch or depth dimensions is not supported";
        return Err(Error::value(message).help(help()));
    }
    if explicit.iter().any(|&n| n < 0) {
        let message = "All elements of explicit_paddings must be nonnegative";
        return Err(Error::value(message).help(help()));
    }
    let pads = (0..SPATIAL)
        .map(|axis| pair(format.spatial_axis(axis)))
        .collect();
    Ok(Some(Padding::Explicit(pads)))
}

/// A shape of four axes, each unknown where it is not known.
pub(super) fn four(what: &str, shape: &Shape) -> Result<Vec<Dim>> {
    let unknown = Shape::of_rank(SPATIAL + 2, what);
    let dims = shape.dims().or(unknown.dims()).unwrap_or_default();
    match dims.len() {
        rank if rank == SPATIAL + 2 => Ok(dims.to_vec()),
        rank => Err(Error::value(format!(
            "Shape must be rank 4 but is rank {rank} for the {what}"
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

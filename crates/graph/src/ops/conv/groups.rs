//! Whether channels go together.

use super::Geometry;
use crate::{Code, Error, Result};

/// The number of groups of a forward convolution.
pub(super) fn check_groups(
    geometry: &Geometry,
    depth: i64,
    filter_depth: i64,
    out_depth: Option<i64>,
) -> Result<usize> {
    if filter_depth == 0 {
        return Err(Error::value("Depth of filter must not be 0"));
    }
    if depth == filter_depth {
        return Ok(1);
    }
    if filter_depth <= 0 || depth % filter_depth != 0 {
        return Err(Error::value(format!(
            "Depth of input ({depth}) is not a multiple of input depth of filter ({filter_depth})"
        ))
        .help(geometry.forward_filter()));
    }
    let groups = depth / filter_depth;
    match out_depth {
        Some(out) if groups == 0 || out % groups != 0 => Err(Error::value(format!(
            "Depth of output ({out}) is not a multiple of the number of groups ({groups})"
        ))
        .help(format!(
            "{depth} channels in a filter of {filter_depth} are {groups} groups"
        ))),
        _ => Ok(groups as usize),
    }
}

/// The same for a transposed convolution, in its own terms.
pub(super) fn check_transposed_groups(
    geometry: &Geometry,
    depth: i64,
    filter_depth: i64,
    value_depth: Option<i64>,
) -> Result<()> {
    check_groups(geometry, depth, filter_depth, value_depth).map(|_| ()).map_err(|_| {
        let error = Error::value(format!("output_shape does not match filter's output channels, {depth} != {filter_depth}"))
            .help(geometry.transposed_filter());
        match value_depth {
            Some(value) if filter_depth > 0 && depth % filter_depth == 0 => error.help(format!(
                "{depth} channels would be {} groups of {filter_depth}, which do not divide the value's {value} channels",
                depth / filter_depth
            )),
            _ => error,
        }
    })
}

/// What is a wrong value while building is an invalid argument while running.
pub(super) fn as_run_error(error: Error) -> Error {
    let run = Error::new(Code::InvalidArgument, error.message());
    error
        .help_lines()
        .iter()
        .fold(run, |run, line| run.help(line))
}

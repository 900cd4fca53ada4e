use tconv_shape::{DataFormat, Padding};

use super::Kind;
use super::SPATIAL;
use crate::attrs::AttrReader;
use crate::ops::window;
use crate::{Error, Result};

/// The spatial part of a list of four, whose batch and channel parts must be 1.
pub(super) fn spatial(op: &str, what: &str, all: &[i64], format: DataFormat) -> Result<Vec<i64>> {
    if all.len() != SPATIAL + 2 {
        return Err(Error::value(format!(
            "{op} requires the {what} attribute to contain 4 values, but got: {}",
            all.len()
        )));
    }
    let order = format.name(SPATIAL);
    if let Some(small) = all.iter().find(|&&n| n < 1) {
        let sizes: Vec<_> = all.iter().map(i64::to_string).collect();
        let message = match what {
            "strides" => format!("Stride must be > 0, but got {small}"),
            _ => format!(
                "Sliding window {what} must be positive. The specified or inferred {what} is: {}",
                sizes.join(",")
            ),
        };
        return Err(Error::value(message).help(format!("{what} is {all:?} in {order} order")));
    }
    if all[0] != 1 || all[format.channel_axis(SPATIAL)] != 1 {
        return Err(
            Error::value("Pooling is not yet supported on the batch or depth dimension.").help(
                format!("{what} is {all:?} in {order} order: the values for N and C must be 1"),
            ),
        );
    }
    Ok(window::spatial(all, format))
}

/// The padding, which only a maximum may name in numbers.
pub(super) fn padding(attrs: &mut AttrReader, kind: Kind, format: DataFormat) -> Result<Padding> {
    let (op, explicit) = (kind.op(), matches!(kind, Kind::Max | Kind::MaxGrad));
    let pads = if explicit {
        attrs.ints_or("explicit_paddings", Vec::new())?
    } else {
        Vec::new()
    };
    let name = attrs.string("padding")?;
    let known = match explicit || name != "EXPLICIT" {
        true => window::padding(&name, &pads, format, SPATIAL)?,
        false => None,
    };
    match known {
        Some(padding) => Ok(padding),
        None => {
            let more = if explicit { ", \"EXPLICIT\"" } else { "" };
            Err(Error::value(format!(
                "Attr 'padding' of '{op}' Op passed string '{name}' not in: \"SAME\", \"VALID\"{more}."
            )))
        }
    }
}

/// Refuses a padding in which a window could lie whole.
pub(super) fn check_smaller(pads: &[(i64, i64)], ksize: &[i64]) -> Result<()> {
    let names = [("Top", "Bottom"), ("Left", "Right")];
    for ((&(before, after), &size), (first, last)) in pads.iter().zip(ksize).zip(names) {
        for (pad, name) in [(before, first), (after, last)] {
            if pad >= size {
                return Err(Error::value(format!(
                    "{name} padding {pad} needs to be smaller than the window size {size}"
                )));
            }
        }
    }
    Ok(())
}

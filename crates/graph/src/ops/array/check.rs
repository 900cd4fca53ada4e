//! Ranks, axes and sizes, refused in TensorFlow's words.

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

pub(super) use crate::op::brackets;
use crate::{Error, Result};

/// The most axes that TensorFlow lets a tensor have.
pub(super) const MOST_AXES: usize = 254;

/// `axis` counted from the front, if a tensor of `rank` axes has it.
pub(super) fn axis_in(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    (-rank..rank)
        .contains(&axis)
        .then(|| axis.rem_euclid(rank) as usize)
}

/// Refuses a shape that is known to be of another rank.
pub(super) fn check_rank(shape: &Shape, rank: usize) -> Result<()> {
    match shape.rank() {
        Some(found) if found != rank => Err(Error::value(format!(
            "Shape must be rank {rank} but is rank {found}"
        ))),
        _ => Ok(()),
    }
}

/// Refuses a size that is known to be another one.
pub(super) fn check_size(size: &Dim, wanted: usize) -> Result<()> {
    match size.known() {
        Some(found) if found != wanted as i64 => Err(Error::value(format!(
            "Dimension must be {wanted} but is {found}"
        ))),
        _ => Ok(()),
    }
}

/// The length of a vector that has one element for each axis, where it is known.
pub(super) fn axes_of(vector: &Shape) -> Result<Option<usize>> {
    check_rank(vector, 1)?;
    let length = vector.dims().and_then(|dims| dims[0].known());
    match length.map(usize::try_from) {
        None => Ok(None),
        Some(Ok(rank)) if rank <= MOST_AXES => Ok(Some(rank)),
        Some(_) => Err(too_many_axes(length.unwrap_or_default())),
    }
}

fn too_many_axes(count: i64) -> Error {
    Error::value(format!("A tensor of {count} dimensions was asked for"))
        .help(format!("a tensor has at most {MOST_AXES}"))
}

/// What is known of a shape that is both.
pub(super) fn merge(a: &Shape, b: &Shape) -> Result<Shape> {
    if let (Some(left), Some(right)) = (a.dims(), b.dims()) {
        if left.len() != right.len() {
            let (left, right) = (left.len(), right.len());
            return Err(Error::value(format!(
                "Shapes must be equal rank, but are {left} and {right}"
            )));
        }
        if let Some(axis) = (0..left.len()).find(|&i| !left[i].is_compatible_with(&right[i])) {
            return Err(Error::value(format!(
                "Dimension {axis} in both shapes must be equal, but are {} and {}. Shapes are {} and {}.",
                left[axis],
                right[axis],
                brackets(a),
                brackets(b),
            )));
        }
    }
    Ok(a.merge(b)?)
}

/// Sizes that were computed or fed.
pub(super) fn to_sizes(values: &[i64]) -> Result<Vec<usize>> {
    if values.len() > MOST_AXES {
        return Err(Error::invalid(format!(
            "A tensor of {} dimensions was asked for",
            values.len()
        ))
        .help(format!("a tensor has at most {MOST_AXES}")));
    }
    values
        .iter()
        .map(|&n| {
            usize::try_from(n).map_err(|_| {
                Error::invalid(format!("Dimension {n} must be >= 0"))
                    .help(format!("the sizes given are {values:?}"))
            })
        })
        .collect()
}

/// The one integer of a tensor, of whatever rank.
pub(super) fn single(tensor: &Tensor) -> Option<i64> {
    match tensor.to_i64_vec().ok()?.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

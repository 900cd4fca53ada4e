//! The sizes that `Reshape` makes: of a shape with a -1 in it, and of sizes that are not known yet.

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::MOST_AXES;
use crate::ops::array::check::brackets;
use crate::{Error, Result};

/// The shape that the elements of `from` have as `wanted`.
pub(super) fn infer(from: &Shape, wanted: &[Dim]) -> Result<Shape> {
    if wanted.len() > MOST_AXES {
        return Err(Error::value(format!(
            "A tensor of {} dimensions was asked for",
            wanted.len()
        )));
    }
    if let Some(n) = wanted.iter().filter_map(Dim::known).find(|&n| n < -1) {
        return Err(
            Error::value(format!("Invalid value in tensor used for shape: {n}"))
                .help("a size is at least 0, or -1 for what is left over"),
        );
    }
    let unknown = |axis: usize| Dim::unknown(format!("Reshape[{axis}]"));
    let missing: Vec<usize> = (0..wanted.len())
        .filter(|&i| wanted[i] == Dim::Known(-1))
        .collect();
    let mut sizes = wanted.to_vec();
    for &axis in &missing {
        sizes[axis] = unknown(axis);
    }
    let Some(dims) = from.dims() else {
        return Ok(Shape::new(sizes));
    };
    // The one size that the others decide: -1, or the only one that is not known.
    let open: Vec<usize> = (0..sizes.len())
        .filter(|&i| sizes[i].known().is_none())
        .collect();
    let others = |axis: usize| {
        let others = sizes.iter().enumerate().filter(|(i, _)| *i != axis);
        others.map(|(_, size)| size.clone()).collect::<Vec<Dim>>()
    };
    match (missing.as_slice(), open.as_slice(), from.known()) {
        (&[axis], _, _) => {
            sizes[axis] = left_over(dims, &others(axis))?.unwrap_or_else(|| unknown(axis))
        }
        // Without elements any size fits.
        ([], &[axis], Some(known)) if product(&known) != Some(0) => {
            if let Some(size) = left_over(dims, &others(axis))? {
                sizes[axis] = size;
            }
        }
        ([], [], Some(known)) => {
            let (have, want) = (
                product(&known),
                product(&Shape::from(sizes.clone()).known().unwrap_or_default()),
            );
            if have != want {
                let number = |n: Option<i64>| n.map_or("too many".into(), |n| n.to_string());
                return Err(Error::value(format!(
                    "Cannot reshape a tensor with {} elements to shape {} ({} elements)",
                    number(have),
                    brackets(sizes),
                    number(want),
                ))
                .help(format!(
                    "the tensor is {from}; one of the new sizes may be -1, for what is left over"
                )));
            }
        }
        _ => {}
    }
    Ok(Shape::new(sizes))
}

fn product(sizes: &[i64]) -> Option<i64> {
    if sizes.contains(&0) {
        return Some(0);
    }
    sizes
        .iter()
        .try_fold(1i64, |product, &size| product.checked_mul(size))
}

/// A product in its factors: the number, and the others.
fn factors(dims: &[Dim]) -> Option<(i64, Vec<Dim>)> {
    let (mut number, mut unknowns) = (1i64, Vec::new());
    for dim in dims {
        match dim.factors() {
            Some((n, factors)) => {
                number = number.checked_mul(n)?;
                unknowns.extend(factors);
            }
            None => unknowns.push(dim.clone()),
        }
    }
    Some((number, unknowns))
}

/// What is left over of `dims` beside `others`, where that can be said: unknowns that stand on both
/// sides are the same number and fall out.
///
/// A size of 0 among `others` makes the rest of the tensor's sizes count without their zeros, so with a
/// zero nothing is said about unknowns.
fn left_over(dims: &[Dim], others: &[Dim]) -> Result<Option<Dim>> {
    if let (Some(sizes), Some(others)) = (known(dims), known(others)) {
        let Some((count, divisor, whole)) = share(&sizes, &others) else {
            return Ok(None);
        };
        if whole && count % divisor != 0 {
            return Err(Error::value(format!(
                "Dimension size must be evenly divisible by {divisor} but is {count}"
            )));
        }
        return Ok(Some(Dim::Known(count / divisor)));
    }
    let (Some((have, mut from)), Some((want, to))) = (factors(dims), factors(others)) else {
        return Ok(None);
    };
    match (have, want, to.as_slice()) {
        (0, 1.., []) => return Ok(Some(Dim::Known(0))),
        (0, ..) | (_, 0, _) => return Ok(None),
        _ => {}
    }
    for unknown in to {
        match from.iter().position(|other| *other == unknown) {
            Some(i) => drop(from.remove(i)),
            None => return Ok(None),
        }
    }
    let rest = from
        .iter()
        .try_fold(Dim::Known(1), |product, dim| product.times(dim));
    Ok(match rest {
        Ok(Dim::Known(1)) if have % want == 0 => Some(Dim::Known(have / want)),
        Ok(Dim::Known(_)) | Err(_) => None,
        Ok(rest) if have % want == 0 => rest.times(have / want).ok(),
        Ok(rest) => rest
            .times(have)
            .and_then(|count| count.floor_div(want))
            .ok(),
    })
}

fn known(dims: &[Dim]) -> Option<Vec<i64>> {
    dims.iter().map(Dim::known).collect()
}

/// How many elements `sizes` share out, among how many `others` does, and whether none may be left:
/// TensorFlow's kernel drops zeros on both sides where there is one among `others`. `None` where the
/// products are too large.
fn share(sizes: &[i64], others: &[i64]) -> Option<(i64, i64, bool)> {
    let zero = others.contains(&0);
    let kept = |sizes: &[i64]| {
        product(
            &sizes
                .iter()
                .copied()
                .filter(|&n| n > 0 || !zero)
                .collect::<Vec<_>>(),
        )
    };
    let whole = !(zero && sizes.contains(&0));
    Some((kept(sizes)?, kept(others)?, whole))
}

/// The sizes that a tensor of `from` has as `wanted`.
pub(super) fn resolve(from: &[usize], wanted: &Tensor) -> Result<Vec<usize>> {
    if wanted.rank() != 1 {
        return Err(Error::invalid(format!(
            "sizes input must be 1-D, not {}",
            brackets(wanted.shape())
        )));
    }
    if wanted.len() > MOST_AXES {
        return Err(Error::invalid(format!(
            "A tensor of {} dimensions was asked for",
            wanted.len()
        )));
    }
    let mut wanted = wanted.to_i64_vec()?;
    let mut missing = None;
    for (axis, &n) in wanted.iter().enumerate() {
        match (n, missing) {
            (-1, Some(first)) => {
                return Err(Error::invalid(format!(
                    "Only one input size may be -1, not both {first} and {axis}"
                )));
            }
            (-1, None) => missing = Some(axis),
            (..-1, _) => {
                return Err(
                    Error::invalid(format!("Size {axis} must be non-negative, not {n}"))
                        .help("-1 stands for what is left over"),
                );
            }
            _ => {}
        }
    }
    let have: Vec<i64> = from.iter().map(|&n| n as i64).collect();
    // Of a tensor that is there: its elements fit.
    let count = product(&have).unwrap_or(0);
    let sizes: Vec<String> = wanted.iter().map(i64::to_string).collect();
    let too_many = || {
        Error::invalid(format!(
            "Shape [{}] has too many elements",
            sizes.join(", ")
        ))
    };
    if let Some(axis) = missing {
        let others: Vec<i64> = wanted.iter().copied().filter(|&n| n != -1).collect();
        let (have, divisor, whole) = share(&have, &others).ok_or_else(too_many)?;
        if whole && have % divisor != 0 {
            return Err(Error::invalid(format!(
                "Input to reshape is a tensor with {have} values, but the requested shape requires a multiple \
                 of {divisor}"
            )));
        }
        wanted[axis] = have / divisor;
    }
    let want = product(&wanted).ok_or_else(too_many)?;
    if want != count {
        return Err(Error::invalid(format!(
            "Input to reshape is a tensor with {count} values, but the requested shape has {want}"
        ))
        .help(format!(
            "the tensor is {}, the shape asked for [{}]",
            brackets(from),
            sizes.join(", ")
        )));
    }
    Ok(wanted.iter().map(|&n| n as usize).collect())
}

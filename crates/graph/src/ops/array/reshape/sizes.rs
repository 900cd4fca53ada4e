//! The sizes that `Reshape` makes: of a shape with a -1 in it, and of sizes that are not known yet.

use tconv_shape::{Dim, Shape, Unknown};

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

/// What two products are without the unknown factors that both have.
fn cancelled(left: &[Dim], right: &[Dim]) -> Result<(Dim, Dim)> {
    let (mut left, mut right) = (left.to_vec(), right.to_vec());
    right.retain(|dim| {
        let place = left
            .iter()
            .position(|other| other == dim && dim.known().is_none());
        place.map(|place| left.swap_remove(place)).is_none()
    });
    let product = |dims: Vec<Dim>| Shape::new(dims).elements();
    let one = || Dim::Known(1);
    Ok((
        product(left)?.unwrap_or_else(one),
        product(right)?.unwrap_or_else(one),
    ))
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
    let zero = Dim::Known(0);
    if others.contains(&zero) || dims.contains(&zero) {
        let none = known(others).is_some() && !others.contains(&zero);
        return Ok(none.then_some(zero));
    }
    let Ok((have, want)) = cancelled(dims, others) else {
        return Ok(None);
    };
    let rest = have.floor_div(&want).ok();
    // A number that the sizes do not give is one that no run gives.
    Ok(rest.filter(|rest| rest.known().is_none() || rest.times(&want).as_ref() == Ok(&have)))
}

/// What must hold for a tensor of `from` to have the elements of `wanted`, without factors that both
/// have: that two numbers are equal.
pub(super) fn fits(from: &Shape, wanted: &[Dim]) -> Option<(Dim, Dim)> {
    let dims = from.dims()?;
    // What is fed as a size may be -1, and without elements any size fits.
    let fed = |unknown: &Unknown| unknown.sizes().contains(0);
    let (is_fed, zero) = (
        wanted.iter().any(|dim| dim.unknowns().iter().any(fed)),
        Dim::Known(0),
    );
    if is_fed || dims.contains(&zero) || wanted.contains(&zero) {
        return None;
    }
    let others: Vec<Dim> = wanted
        .iter()
        .filter(|&dim| *dim != Dim::Known(-1))
        .cloned()
        .collect();
    let (have, want) = cancelled(dims, &others).ok()?;
    match wanted.len() - others.len() {
        0 => Some((have, want)),
        _ => Some((have.modulo(want).ok()?, zero)),
    }
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

/// Refuses what is no vector of sizes.
pub(super) fn check_vector(wanted: &[usize]) -> Result<()> {
    match *wanted {
        [..=MOST_AXES] => Ok(()),
        [count] => Err(Error::invalid(format!(
            "A tensor of {count} dimensions was asked for"
        ))),
        _ => Err(Error::invalid(format!(
            "sizes input must be 1-D, not {}",
            brackets(wanted)
        ))),
    }
}

/// The sizes that a tensor of `from` has as `wanted`.
pub(super) fn resolve(from: &[usize], mut wanted: Vec<i64>) -> Result<Vec<usize>> {
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

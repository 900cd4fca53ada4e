//! Slices of tensors whose sizes are all known.

use tconv_tensor::Tensor;

use super::spec::{Cut, MOST_ENTRIES, Masks};
use crate::op::{Fact, brackets};
use crate::ops::array::moving::strides;
use crate::ops::sizes;
use crate::{Error, Result};

/// A slice's three vectors of numbers, where they are known.
pub(super) type Numbers = [Vec<i64>; 3];

/// Refuses vectors of different lengths.
fn check_entries<S: AsRef<[usize]>>([begin, end, steps]: [&S; 3]) -> Result<()> {
    let shapes = [begin, end, steps].map(AsRef::as_ref);
    match shapes {
        [&[a], &[b], &[c]] if a == c && b == c && c <= MOST_ENTRIES => Ok(()),
        [begin, end, steps] => Err(Error::invalid(format!(
            "Expected begin, end, and strides to be 1D equal size tensors, but got shapes {}, {}, and {} instead.",
            brackets(begin),
            brackets(end),
            brackets(steps)
        ))),
    }
}

/// The numbers of three vectors.
pub(super) fn numbers([begin, end, steps]: [&Tensor; 3]) -> Result<Numbers> {
    check_entries([&begin.shape(), &end.shape(), &steps.shape()])?;
    Ok([begin.to_i64_vec()?, end.to_i64_vec()?, steps.to_i64_vec()?])
}

/// The parts of the axes of known `sizes`, and the result's sizes.
fn cut(masks: Masks, sizes: &[usize], numbers: &Numbers) -> Result<(Vec<Cut>, Vec<usize>)> {
    let [begin, end, steps] = numbers;
    let spec = masks.spread(steps.len(), sizes.len(), Error::invalid)?;
    let mut cuts = Vec::with_capacity(sizes.len());
    for (axis, (one, &size)) in spec.axes.iter().zip(sizes).enumerate() {
        let number = |values: &[i64], edge| one.entry.map_or(edge, |entry| values[entry]);
        let (begin, end, step) = (number(begin, 0), number(end, 0), number(steps, 1));
        cuts.push(one.cut(axis, size as i64, begin, end, step, Error::invalid)?);
    }
    let result = spec
        .result
        .iter()
        .map(|axis| axis.map_or(1, |axis| cuts[axis].count as usize))
        .collect();
    Ok((cuts, result))
}

/// [`cut`] from facts, after the vectors' own lengths; `None` where their numbers are not known.
pub(super) fn cut_of(
    masks: Masks,
    sizes: &[usize],
    facts: [&Fact; 3],
) -> Result<Option<Vec<usize>>> {
    let [begin, end, steps] = facts.map(sizes::known);
    check_entries([&begin, &end, &steps])?;
    let [Some(begin), Some(end), Some(steps)] = facts.map(Fact::known_values) else {
        return Ok(None);
    };
    let (_, result) = cut(masks, sizes, &[begin, end, steps])?;
    Ok(Some(result))
}

/// A slice of a tensor that is there, in elements.
pub(super) struct Layout {
    pub(super) offset: usize,
    pub(super) strides: Vec<isize>,
    /// The sizes of the part, in the input's axes.
    pub(super) part: Vec<usize>,
    /// The result's sizes.
    pub(super) result: Vec<usize>,
}

impl Layout {
    /// `sizes` are a tensor's that is there.
    pub(super) fn new(masks: Masks, sizes: &[usize], numbers: &Numbers) -> Result<Layout> {
        let (cuts, result) = cut(masks, sizes, numbers)?;
        let part: Vec<usize> = cuts.iter().map(|cut| cut.count as usize).collect();
        let (mut offset, mut strides) = (0, strides(sizes));
        if !part.contains(&0) {
            for (cut, stride) in cuts.iter().zip(&mut strides) {
                offset += cut.start as usize * *stride as usize;
                // Of one element the stride does not count, and need not fit.
                *stride = if cut.count > 1 || cut.step == 1 {
                    *stride * cut.step as isize
                } else {
                    0
                };
            }
        }
        Ok(Layout {
            offset,
            strides,
            part,
            result,
        })
    }
}

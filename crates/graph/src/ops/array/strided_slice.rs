//! `StridedSlice` and `StridedSliceGrad`, each the gradient of the other.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::check::{brackets, check_rank, merge, to_sizes};
use super::moving::{gather, scatter, strides};
use super::shape::shape_as;
use crate::op::{DATA, Fact, INDICES, Op, OpDef, take};
use crate::{Error, Operation, Output, Result, Run};

mod index;
mod spec;

pub use index::Index;
use spec::{AxisSpec, Cut, MOST_ENTRIES, Masks, check_stride};

pub(crate) static STRIDED_SLICE: OpDef = OpDef {
    name: "StridedSlice",
    inputs: &[
        ("input", "T"),
        ("begin", "Index"),
        ("end", "Index"),
        ("strides", "Index"),
    ],
    types: &[("T", DATA), ("Index", INDICES)],
    stateful: false,
    make: |attrs| Ok(Arc::new(StridedSlice(Masks::new(attrs)?))),
};

struct StridedSlice(Masks);

/// The number of entries of the three vectors, where it is known.
fn entries(begin: &Fact, end: &Fact, strides: &Fact) -> Result<Option<usize>> {
    for fact in [begin, end, strides] {
        check_rank(&fact.shape, 1)?;
    }
    let shape = merge(&merge(&begin.shape, &end.shape)?, &strides.shape)?;
    match shape
        .dims()
        .and_then(|dims| dims[0].known())
        .map(usize::try_from)
    {
        None => Ok(None),
        Some(Ok(entries)) if entries <= MOST_ENTRIES => Ok(Some(entries)),
        Some(_) => Err(Error::value(format!(
            "a slice has at most {MOST_ENTRIES} entries, not {}",
            brackets(shape)
        ))),
    }
}

/// What is known of a slice's result, and of its axes: the part that is taken, or only its size.
struct Inferred {
    cuts: Vec<Option<Cut>>,
    shape: Shape,
}

fn infer(masks: Masks, shape: &Shape, numbers: [&Fact; 3]) -> Result<Option<Inferred>> {
    let [begin, end, strides] = numbers;
    let (Some(entries), Some(dims)) = (entries(begin, end, strides)?, shape.dims()) else {
        return Ok(None);
    };
    let spec = masks.spread(entries, dims.len(), Error::value)?;
    let (mut cuts, mut sizes) = (
        Vec::with_capacity(dims.len()),
        Vec::with_capacity(dims.len()),
    );
    for (axis, (one, size)) in spec.axes.iter().zip(dims).enumerate() {
        let number = |fact: &Fact, edge: Option<i64>| match one.entry {
            Some(entry) => fact
                .value
                .as_ref()
                .and_then(|value| value.get(entry)?.known()),
            None => edge,
        };
        let stride = number(strides, Some(1));
        if let Some(stride) = stride {
            check_stride(axis, stride, one.shrink, Error::value)?;
        }
        let from = number(begin, Some(0)).or((one.from_edge && !one.shrink).then_some(0));
        let to = number(end, Some(0)).or((one.to_edge || one.shrink).then_some(0));
        let cut = match (size.known(), from, to, stride) {
            (Some(size), Some(from), Some(to), Some(stride)) => {
                Some(one.cut(axis, size, from, to, stride, Error::value)?)
            }
            _ => None,
        };
        sizes.push(match cut {
            Some(cut) => Dim::Known(cut.count),
            None => part(one, size, stride)
                .unwrap_or_else(|| Dim::unknown(format!("strided_slice[{axis}]"))),
        });
        cuts.push(cut);
    }
    let kept = |axis: &Option<usize>| axis.map_or(Dim::Known(1), |axis| sizes[axis].clone());
    let shape = Shape::new(spec.result.iter().map(kept).collect());
    Ok(Some(Inferred { cuts, shape }))
}

/// How many elements a stride takes of a whole axis.
fn part(spec: &AxisSpec, size: &Dim, stride: Option<i64>) -> Option<Dim> {
    if !spec.from_edge || !spec.to_edge || spec.shrink {
        return None;
    }
    let stride = stride?.checked_abs()?;
    size.plus(stride - 1).ok()?.floor_div(stride).ok()
}

impl Inferred {
    /// The elements that are taken of a small tensor whose elements are followed.
    fn value(&self, input: &Fact) -> Option<Vec<Dim>> {
        let (value, sizes) = (input.value.as_ref()?, input.shape.known()?);
        let mut places = vec![0usize];
        for (cut, size) in self.cuts.iter().zip(sizes) {
            let (cut, size) = ((*cut)?, usize::try_from(size).ok()?);
            let at = |i: i64| usize::try_from(cut.start + i * cut.step).unwrap_or_default();
            places = places
                .iter()
                .flat_map(|place| (0..cut.count).map(move |i| place * size + at(i)))
                .collect();
        }
        places
            .into_iter()
            .map(|place| value.get(place).cloned())
            .collect()
    }
}

/// A slice of a tensor that is there, in elements.
struct Layout {
    offset: usize,
    strides: Vec<isize>,
    /// The sizes of the part, in the input's axes.
    part: Vec<usize>,
    /// The result's sizes.
    result: Vec<usize>,
}

impl Layout {
    /// `sizes` are a tensor's that is there.
    fn new(masks: Masks, sizes: &[usize], numbers: [&Tensor; 3]) -> Result<Layout> {
        let [begin, end, steps] = numbers;
        let entries = steps.len();
        if numbers
            .iter()
            .any(|tensor| tensor.rank() != 1 || tensor.len() != entries)
            || entries > MOST_ENTRIES
        {
            return Err(Error::invalid(format!(
                "Expected begin, end, and strides to be 1D equal size tensors, but got shapes {}, {}, and {} instead.",
                brackets(begin.shape()),
                brackets(end.shape()),
                brackets(steps.shape())
            )));
        }
        let (begin, end, steps) = (begin.to_i64_vec()?, end.to_i64_vec()?, steps.to_i64_vec()?);
        let spec = masks.spread(entries, sizes.len(), Error::invalid)?;
        let (mut cuts, mut strides) = (Vec::with_capacity(sizes.len()), strides(sizes));
        for (axis, (one, &size)) in spec.axes.iter().zip(sizes).enumerate() {
            let number = |values: &[i64], edge| one.entry.map_or(edge, |entry| values[entry]);
            let (begin, end, step) = (number(&begin, 0), number(&end, 0), number(&steps, 1));
            cuts.push(one.cut(axis, size as i64, begin, end, step, Error::invalid)?);
        }
        let part: Vec<usize> = cuts.iter().map(|cut| cut.count as usize).collect();
        let result = spec
            .result
            .iter()
            .map(|axis| axis.map_or(1, |axis| part[axis]))
            .collect();
        let mut offset = 0;
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

impl Op for StridedSlice {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [input, begin, end, strides] = inputs else {
            return Ok(Vec::new());
        };
        let Some(inferred) = infer(self.0, &input.shape, [begin, end, strides])? else {
            return Ok(vec![Fact::new(input.dtype, Shape::unknown())]);
        };
        let value = inferred.value(input).map(Arc::from);
        Ok(vec![Fact {
            value,
            ..Fact::new(input.dtype, inferred.shape)
        }])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input, begin, end, steps] = take(inputs)?;
        let layout = Layout::new(self.0, input.shape(), [&begin, &end, &steps])?;
        if layout.part == input.shape() && layout.strides == strides(input.shape()) {
            return Ok(vec![input.reshape(&layout.result)?]);
        }
        let part = gather(run, &input, layout.offset, &layout.strides, &layout.part)?;
        Ok(vec![part.reshape(&layout.result)?])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None; 4]);
        };
        let inputs = node.inputs();
        let shape = shape_as(&inputs[0], inputs[1].dtype())?;
        let gradient = node
            .graph()
            .add("StridedSliceGrad")
            .input(&shape)
            .inputs(&inputs[1..])
            .input(dy);
        Ok(vec![
            Some(gradient.attrs(node.attrs().clone()).output()?),
            None,
            None,
            None,
        ])
    }
}

pub(crate) static STRIDED_SLICE_GRAD: OpDef = OpDef {
    name: "StridedSliceGrad",
    inputs: &[
        ("shape", "Index"),
        ("begin", "Index"),
        ("end", "Index"),
        ("strides", "Index"),
        ("dy", "T"),
    ],
    types: &[("T", DATA), ("Index", INDICES)],
    stateful: false,
    make: |attrs| Ok(Arc::new(StridedSliceGrad(Masks::new(attrs)?))),
};

/// Zeros of a shape, but for a slice.
struct StridedSliceGrad(Masks);

impl Op for StridedSliceGrad {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [shape, begin, end, strides, dy] = inputs else {
            return Ok(Vec::new());
        };
        let shape = shape.as_shape("StridedSliceGrad")?;
        if let Some(inferred) = infer(self.0, &shape, [begin, end, strides])? {
            merge(&dy.shape, &inferred.shape)?;
        }
        Ok(vec![Fact::new(dy.dtype, shape)])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [shape, begin, end, strides, dy] = take(inputs)?;
        if shape.rank() != 1 {
            return Err(Error::invalid(format!(
                "shape must be 1-D, got shape.shape = {}",
                brackets(shape.shape())
            )));
        }
        let sizes = to_sizes(&shape.to_i64_vec()?)?;
        let mut out = Tensor::zeros(dy.dtype(), &sizes)?;
        let layout = Layout::new(self.0, &sizes, [&begin, &end, &strides])?;
        if dy.shape() != layout.result {
            return Err(Error::invalid(format!(
                "shape of dy was {} instead of {}",
                brackets(dy.shape()),
                brackets(&*layout.result)
            )));
        }
        scatter(
            run,
            &dy,
            &layout.part,
            &mut out,
            layout.offset,
            &layout.strides,
        )?;
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let mut dx = vec![None; 5];
        if let Some(dy) = &dy[0] {
            let slice = node
                .graph()
                .add("StridedSlice")
                .input(dy)
                .inputs(&node.inputs()[1..4]);
            dx[4] = Some(slice.attrs(node.attrs().clone()).output()?);
        }
        Ok(dx)
    }
}

#[cfg(test)]
mod tests;

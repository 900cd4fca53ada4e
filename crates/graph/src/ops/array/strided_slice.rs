//! `StridedSlice` and `StridedSliceGrad`, each the gradient of the other.

use std::sync::Arc;

use tconv_shape::{Dim, Shape};
use tconv_tensor::Tensor;

use super::check::{brackets, check_rank, merge, to_sizes};
use super::moving::{gather, scatter, strides};
use super::shape::shape_as;
use crate::op::{DATA, Fact, INDICES, Op, OpDef, take};
use crate::ops::sizes::{self, open};
use crate::{Error, Need, Operation, Output, Result, Run};

mod count;
mod index;
mod layout;
mod spec;

pub use index::Index;
use layout::{Layout, cut_of, numbers};
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
    /// The axes of which one element is picked: their size, and the index.
    picks: Vec<(usize, Dim, Dim)>,
}

fn infer(masks: Masks, shape: &Shape, numbers: [&Fact; 3]) -> Result<Option<Inferred>> {
    let [begin, end, strides] = numbers;
    let (Some(entries), Some(dims)) = (entries(begin, end, strides)?, shape.dims()) else {
        return Ok(None);
    };
    let spec = masks.spread(entries, dims.len(), Error::value)?;
    let (mut cuts, mut sizes, mut picks) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, (one, size)) in spec.axes.iter().zip(dims).enumerate() {
        let number = |fact: &Fact, edge: i64, masked: bool| match one.entry {
            Some(entry) if !masked => fact.value.as_ref()?.get(entry).cloned(),
            _ => Some(Dim::Known(edge)),
        };
        let stride = number(strides, 1, false).and_then(|stride| stride.known());
        if let Some(stride) = stride {
            check_stride(axis, stride, one.shrink, Error::value)?;
        }
        let from = number(begin, 0, one.from_edge && !one.shrink);
        let to = number(end, 0, one.to_edge || one.shrink);
        let known = |dim: &Option<Dim>| dim.as_ref().and_then(Dim::known);
        let cut = match (size.known(), known(&from), known(&to), stride) {
            (Some(size), Some(from), Some(to), Some(stride)) => {
                Some(one.cut(axis, size, from, to, stride, Error::value)?)
            }
            _ => None,
        };
        let counted = || one.count(size, from.as_ref()?, to.as_ref()?, stride?);
        sizes.push(match cut {
            Some(cut) => Dim::Known(cut.count),
            None if one.shrink => Dim::Known(1),
            None => counted().unwrap_or_else(|| open(format!("strided_slice[{axis}]"))),
        });
        cuts.push(cut);
        if let (true, Some(index)) = (one.shrink, from) {
            picks.push((axis, size.clone(), index));
        }
    }
    let kept = |axis: &Option<usize>| axis.map_or(Dim::Known(1), |axis| sizes[axis].clone());
    let shape = Shape::new(spec.result.iter().map(kept).collect());
    Ok(Some(Inferred { cuts, shape, picks }))
}

impl Inferred {
    /// That the axes of which one element is picked have it.
    fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        for (axis, size, index) in &self.picks {
            // From the front, and from the end; one of the two is plain for an index that is known.
            let ends = [size.minus(index), size.plus(index)]
                .into_iter()
                .zip([1, 0]);
            for (rest, least) in ends.filter_map(|(rest, least)| Some((rest.ok()?, least))) {
                let sign_is_other = (least == 1) == (index.known() < Some(0));
                if index.known().is_some() && sign_is_other {
                    continue;
                }
                let (axis, size, index) = (*axis, size.clone(), index.clone());
                needs.extend(sizes::at_least(&rest, least, move |words| {
                    let (size, index) = (words.dim(&size), words.dim(&index));
                    let input = sizes::input(words, 0);
                    format!("axis {axis}: {input} has {size}, and element {index} is taken")
                }));
            }
        }
        needs
    }

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

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let [input, begin, end, strides] = inputs else {
            return Vec::new();
        };
        let inferred = infer(self.0, &input.shape, [begin, end, strides]);
        inferred
            .ok()
            .flatten()
            .map_or_else(Vec::new, |it| it.needs())
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let [input, begin, end, strides] = inputs else {
            return Ok(());
        };
        cut_of(self.0, &sizes::known(input), [begin, end, strides]).map(drop)
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input, begin, end, steps] = take(inputs)?;
        let layout = Layout::new(self.0, input.shape(), &numbers([&begin, &end, &steps])?)?;
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

fn check_gradient(dy: &[usize], result: &[usize]) -> Result<()> {
    match dy == result {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "shape of dy was {} instead of {}",
            brackets(dy),
            brackets(result)
        ))),
    }
}

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

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let [shape, begin, end, strides, dy] = inputs else {
            return Vec::new();
        };
        let shape = shape.as_shape("StridedSliceGrad").unwrap_or_default();
        let Ok(Some(inferred)) = infer(self.0, &shape, [begin, end, strides]) else {
            return Vec::new();
        };
        let mut needs = inferred.needs();
        let pairs = dy.shape.dims().into_iter().flatten();
        for (axis, (arrives, taken)) in pairs
            .zip(inferred.shape.dims().into_iter().flatten())
            .enumerate()
        {
            let (left, right) = (arrives.clone(), taken.clone());
            needs.extend(Need::equal(arrives, taken, move |words| {
                let (left, right) = (words.dim(&left), words.dim(&right));
                format!(
                    "axis {axis}: {} has {left}, the slice {right}",
                    sizes::input(words, 4)
                )
            }));
        }
        needs
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let [shape, begin, end, strides, dy] = inputs else {
            return Ok(());
        };
        let Some(values) = shape.known_values() else {
            return Ok(());
        };
        match cut_of(self.0, &to_sizes(&values)?, [begin, end, strides])? {
            Some(result) => check_gradient(&sizes::known(dy), &result),
            None => Ok(()),
        }
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
        let layout = Layout::new(self.0, &sizes, &numbers([&begin, &end, &strides])?)?;
        check_gradient(dy.shape(), &layout.result)?;
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

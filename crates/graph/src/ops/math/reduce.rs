//! Reductions over axes: `Sum`, `Mean`, `Max`, `Min`.

use std::sync::Arc;

use tconv_kernels::{elementwise, reduce};
use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Tensor};

use super::broadcast::fitting;
use super::cast::convert;
use super::number::{Number, Real};
use super::{NUMBERS_AND_BYTES, cast, divide, equal, floor_div, maximum, range};
use crate::graph::graph_of;
use crate::op::{Fact, INDICES, Op, OpDef, not_differentiable, take};
use crate::operand::{apply, integers, number};
use crate::ops::sizes;
use crate::{Error, Operand, Operation, Output, Result, Run, array, dispatch, location};

/// Which axes a reduction runs over; a negative one counts from the last.
#[derive(Clone, Debug)]
pub enum Axes {
    /// All of them.
    All,
    /// This one.
    One(i64),
    /// These.
    List(Vec<i64>),
    /// Those that an int32 or int64 tensor holds when the graph runs.
    Tensor(Output),
}

impl From<i64> for Axes {
    fn from(axis: i64) -> Axes {
        Axes::One(axis)
    }
}

impl From<Vec<i64>> for Axes {
    fn from(axes: Vec<i64>) -> Axes {
        Axes::List(axes)
    }
}

impl From<&[i64]> for Axes {
    fn from(axes: &[i64]) -> Axes {
        Axes::List(axes.to_vec())
    }
}

impl<const N: usize> From<[i64; N]> for Axes {
    fn from(axes: [i64; N]) -> Axes {
        Axes::List(axes.to_vec())
    }
}

macro_rules! reductions {
    ($($static:ident $name:literal $variant:ident $(#[doc = $doc:literal])* $function:ident $keeping:ident;)*) => {
        $(pub(crate) static $static: OpDef = OpDef {
            name: $name,
            inputs: &[("input", "T"), ("reduction_indices", "Tidx")],
            types: &[("T", NUMBERS_AND_BYTES), ("Tidx", INDICES)],
            stateful: false,
            make: |attrs| Ok(Arc::new(Reduction {
                kind: Kind::$variant,
                keep_dims: attrs.bool_or("keep_dims", false)?,
            })),
        };

        $(#[doc = $doc])*
        ///
        /// The result has the input's axes without those.
        ///
        /// # Errors
        /// `Value` for an axis that the input does not have.
        #[track_caller]
        pub fn $function(input: impl Operand, axes: impl Into<Axes>) -> Result<Output> {
            reduction($name, &input, axes.into(), false)
        }

        #[doc = concat!("[`", stringify!($function), "`], whose result keeps those axes with size 1.")]
        ///
        /// # Errors
        #[doc = concat!("As [`", stringify!($function), "`].")]
        #[track_caller]
        pub fn $keeping(input: impl Operand, axes: impl Into<Axes>) -> Result<Output> {
            reduction($name, &input, axes.into(), true)
        })*
    };
}
reductions! {
    SUM "Sum" Sum
    /// The sums over these axes (`tf.reduce_sum`); 0 over no elements.
    reduce_sum reduce_sum_keep_dims;
    MEAN "Mean" Mean
    /// The means over these axes (`tf.reduce_mean`), of integers without their fraction; NaN over no
    /// elements, 0 for integers.
    reduce_mean reduce_mean_keep_dims;
    MAX "Max" Max
    /// The largest elements over these axes (`tf.reduce_max`), NaN where one is; the least number of the
    /// dtype over no elements. Elements that are all the largest share the gradient.
    reduce_max reduce_max_keep_dims;
    MIN "Min" Min
    /// The smallest elements over these axes (`tf.reduce_min`), NaN where one is; the greatest number of the
    /// dtype over no elements. Elements that are all the smallest share the gradient.
    reduce_min reduce_min_keep_dims;
}

#[track_caller]
fn reduction(op: &str, input: &dyn Operand, axes: Axes, keep_dims: bool) -> Result<Output> {
    let _from = location::caller();
    match &axes {
        Axes::All => reduce(op, input, None, keep_dims),
        Axes::One(axis) => reduce(op, input, Some(axis), keep_dims),
        Axes::List(axes) => reduce(op, input, Some(axes), keep_dims),
        Axes::Tensor(axes) => reduce(op, input, Some(axes), keep_dims),
    }
}

/// The reduction registered as `op` (`Sum`, `Mean`, `Max`, ...) over these axes, or all.
///
/// # Errors
/// `NotFound` for another op, `Value` for an axis that the input does not have.
#[track_caller]
pub fn reduce(
    op: &str,
    input: &dyn Operand,
    axes: Option<&dyn Operand>,
    keep_dims: bool,
) -> Result<Output> {
    let _from = location::caller();
    let graph = graph_of(&[input])?;
    let with = |node: crate::NodeBuilder| node.attr("keep_dims", keep_dims);
    let build = |input: &dyn Operand, axes: &dyn Operand| {
        Ok(apply(op, op, &[input, axes], with)?.output(0))
    };
    if let Some(axes) = axes {
        return build(input, axes);
    }
    // What all axes are made of has its own names, before the op's.
    let converted;
    let input: &dyn Operand = match input.rank() {
        Some(_) => input,
        None => {
            converted = graph.unnamed(|| input.to_output(&graph, None, "input"))?;
            &converted
        }
    };
    let all = graph.unnamed(|| match input.rank() {
        Some(rank) => graph.constant((0..rank as i32).collect::<Vec<_>>()),
        None => range(0, array::rank(input)?, 1),
    })?;
    build(input, &all)
}

struct Reduction {
    kind: Kind,
    keep_dims: bool,
}

enum Kind {
    Sum,
    Mean,
    Max,
    Min,
}

/// Whether each of `rank` axes is among `axes`; the first that is none of them otherwise.
fn marks(axes: &[i64], rank: usize) -> Result<Vec<bool>, i64> {
    let mut marks = vec![false; rank];
    for &axis in axes {
        let from_first = if axis < 0 {
            axis.checked_add(rank as i64)
        } else {
            Some(axis)
        };
        let mark = from_first.and_then(|axis| marks.get_mut(usize::try_from(axis).ok()?));
        *mark.ok_or(axis)? = true;
    }
    Ok(marks)
}

fn legal_axes(rank: usize) -> String {
    match rank {
        0 => "the input has rank 0: it has no axes".to_string(),
        rank => format!(
            "an input of rank {rank} has the axes {} to {}",
            -(rank as i64),
            rank - 1
        ),
    }
}

/// The elements along the marked axes, joined.
fn join<T: Number>(
    run: &Run,
    input: &Tensor,
    reduced: &[bool],
    neutral: T,
    f: impl Fn(T, T) -> T + Sync + Send,
) -> Result<Tensor> {
    let kept = input
        .shape()
        .iter()
        .zip(reduced)
        .filter(|(_, reduced)| !**reduced);
    let sizes: Vec<usize> = kept.map(|(&size, _)| size).collect();
    let mut out = run.output(T::DTYPE, &sizes)?;
    reduce::reduce(
        run.threads(),
        input.as_slice()?,
        input.shape(),
        reduced,
        out.make_mut()?,
        neutral,
        f,
    )?;
    Ok(out)
}

fn mean<T: Real>(run: &Run, input: &Tensor, reduced: &[bool], count: usize) -> Result<Tensor> {
    let mut sum = join(run, input, reduced, T::ZERO, T::plus)?;
    let count = T::of(count as f64);
    elementwise::map_in_place(run.threads(), sum.make_mut()?, |sum: T| {
        sum.divided_by(count)
    });
    Ok(sum)
}

/// TensorFlow sums integers in 64 bits for their mean.
fn integer_mean(run: &Run, input: &Tensor, reduced: &[bool], count: usize) -> Result<Tensor> {
    let wide = match input.dtype() {
        DType::Int32 => convert(run, input, |x: i32| i64::from(x))?,
        DType::Uint8 => convert(run, input, |x: u8| i64::from(x))?,
        _ => input.clone(),
    };
    let sum = join(run, &wide, reduced, 0i64, i64::wrapping_add)?;
    let mean = |sum: i64| sum.checked_div(count as i64).unwrap_or(0);
    match input.dtype() {
        DType::Int32 => convert(run, &sum, |sum: i64| mean(sum) as i32),
        DType::Uint8 => convert(run, &sum, |sum: i64| mean(sum) as u8),
        _ => convert(run, &sum, mean),
    }
}

impl Reduction {
    /// For the gradient: the result's shape with the reduced axes at size 1, and how often to repeat that
    /// along each axis to fill the input's shape.
    fn kept_and_repeats(&self, node: &Operation) -> Result<(Box<dyn Operand>, Box<dyn Operand>)> {
        let (x, axes) = (node.input(0), node.input(1));
        let marks = match (x.static_shape().rank(), axes.fact().known_values()) {
            (Some(rank), Some(axes)) => marks(&axes, rank).ok(),
            _ => None,
        };
        let Some(marks) = marks else {
            // The axes are known only when the graph runs; there, the op itself says what is left of them.
            let kept = array::shape(reduce_sum_keep_dims(&x, Axes::Tensor(axes))?)?;
            let repeats = floor_div(array::shape(&x)?, maximum(&kept, 1)?)?;
            return Ok((Box::new(kept), Box::new(repeats)));
        };
        let choose = |sizes: &[i64], wanted: bool| -> Vec<i64> {
            let chosen = sizes.iter().zip(&marks);
            chosen
                .map(|(&size, &reduced)| if reduced == wanted { size } else { 1 })
                .collect()
        };
        let all = !marks.contains(&false);
        Ok(match x.static_shape().known() {
            Some(sizes) if all => {
                let repeats = x
                    .graph()
                    .constant(integers(&[sizes.len()], &sizes, None)?)?;
                (Box::new(choose(&sizes, false)), Box::new(repeats))
            }
            Some(sizes) => (
                Box::new(choose(&sizes, false)),
                Box::new(choose(&sizes, true)),
            ),
            None if all => (Box::new(vec![1; marks.len()]), Box::new(array::shape(&x)?)),
            None => {
                let shape = array::shape(&x)?;
                let reduced: Vec<i64> = marks.iter().map(|&reduced| reduced.into()).collect();
                let other: Vec<i64> = marks.iter().map(|&reduced| (!reduced).into()).collect();
                let kept = ((&shape * &other)? + &reduced)?;
                (Box::new(kept), Box::new(((shape * reduced)? + other)?))
            }
        })
    }
}

impl Op for Reduction {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (input, axes) = (&inputs[0], &inputs[1]);
        if let Some(rank) = axes.shape.rank()
            && rank > 1
        {
            return Err(
                Error::value(format!("Shape must be at most rank 1 but is rank {rank}"))
                    .help("the axes are a number or a vector"),
            );
        }
        let Some(dims) = input.shape.dims() else {
            return Ok(vec![Fact::new(input.dtype, Shape::unknown())]);
        };
        let Some(axes) = axes.known_values() else {
            let shape = match self.keep_dims {
                true => sizes::open_shape(dims.len(), "reduced"),
                false => Shape::unknown(),
            };
            return Ok(vec![Fact::new(input.dtype, shape)]);
        };
        let marks = marks(&axes, dims.len()).map_err(|axis| {
            let rank = dims.len();
            Error::value(format!(
                "Invalid reduction dimension {axis} for input with {rank} dimensions."
            ))
            .help(legal_axes(rank))
        })?;
        let kept =
            dims.iter()
                .zip(&marks)
                .filter_map(|(dim, &reduced)| match (reduced, self.keep_dims) {
                    (true, true) => Some(Dim::Known(1)),
                    (true, false) => None,
                    (false, _) => Some(dim.clone()),
                });
        let one = |value: &[Dim]| {
            let number = match self.kind {
                Kind::Sum => value
                    .iter()
                    .try_fold(Dim::Known(0), |sum, dim| sum.plus(dim))
                    .ok()?,
                Kind::Max => {
                    let (first, rest) = value.split_first()?;
                    rest.iter()
                        .fold(first.clone(), |most, dim| sizes::greater(&most, dim))
                }
                Kind::Min => {
                    let (first, rest) = value.split_first()?;
                    rest.iter()
                        .fold(first.clone(), |least, dim| sizes::lesser(&least, dim))
                }
                Kind::Mean => return None,
            };
            Some([fitting(input.dtype, number)?].into())
        };
        let value = match (&input.value, marks.as_slice()) {
            (Some(value), [true]) if axes.len() == 1 => one(value),
            (value, marks) if !marks.contains(&true) => value.clone(),
            _ => None,
        };
        Ok(vec![Fact {
            value,
            ..Fact::new(input.dtype, kept.collect::<Vec<_>>())
        }])
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [input, axes] = take(inputs)?;
        let rank = input.rank();
        if axes.rank() > 1 {
            return Err(Error::invalid(format!(
                "the axes must be a number or a vector, got rank {}",
                axes.rank()
            )));
        }
        let axes = axes.to_i64_vec()?;
        let marks = marks(&axes, rank).map_err(|axis| {
            Error::invalid(format!(
                "Invalid reduction dimension ({axis} for input with {rank} dimension(s)"
            ))
            .help(legal_axes(rank))
        })?;
        let from_first = |axis: i64| if axis < 0 { axis + rank as i64 } else { axis };
        if let Some(i) = (1..axes.len()).find(|&i| {
            axes[..i]
                .iter()
                .any(|&a| from_first(a) == from_first(axes[i]))
        }) {
            let axis = from_first(axes[i]);
            return Err(Error::invalid(format!(
                "Invalid reduction arguments: Axes contains duplicate dimension: {axis}"
            ))
            .help(format!("the axes are {axes:?}: name each once")));
        }
        if !marks.contains(&true) {
            return Ok(vec![input]);
        }
        let reduced = input
            .shape()
            .iter()
            .zip(&marks)
            .filter(|(_, reduced)| **reduced);
        let count = reduced.fold(1usize, |count, (&size, _)| count.saturating_mul(size));
        let out = match self.kind {
            Kind::Sum => dispatch!(input.dtype(), T in [f32, f64, i32, i64, u8], {
                join(run, &input, &marks, T::ZERO, T::plus)
            }),
            Kind::Max => dispatch!(input.dtype(), T in [f32, f64, i32, i64, u8], {
                join(run, &input, &marks, T::LEAST, T::larger)
            }),
            Kind::Min => dispatch!(input.dtype(), T in [f32, f64, i32, i64, u8], {
                join(run, &input, &marks, T::GREATEST, T::smaller)
            }),
            Kind::Mean if input.dtype().is_integer() => integer_mean(run, &input, &marks, count),
            Kind::Mean => {
                dispatch!(input.dtype(), T in [f32, f64], mean::<T>(run, &input, &marks, count))
            }
        }?;
        if !self.keep_dims {
            return Ok(vec![out]);
        }
        let sizes = input
            .shape()
            .iter()
            .zip(&marks)
            .map(|(&size, &reduced)| if reduced { 1 } else { size });
        Ok(vec![out.reshape(&sizes.collect::<Vec<_>>())?])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let (x, y) = (node.input(0), node.output(0));
        let [Some(dy)] = dy else {
            return not_differentiable(node);
        };
        let (kept, repeats) = self.kept_and_repeats(node)?;
        let dx = match self.kind {
            Kind::Sum => array::tile(array::reshape(dy, &*kept)?, &*repeats)?,
            Kind::Mean => {
                let sum = array::tile(array::reshape(dy, &*kept)?, &*repeats)?;
                let elements =
                    |output: &Output| output.static_shape().elements().ok().flatten()?.known();
                let count = match (elements(&x), elements(&y)) {
                    (Some(inputs), Some(outputs)) => {
                        let count = number((inputs / outputs.max(1)) as f64, Some(dy.dtype()))?;
                        x.graph().constant(count)?
                    }
                    _ => {
                        let count = floor_div(array::size(&x)?, maximum(array::size(&y)?, 1)?)?;
                        cast(count, dy.dtype())?
                    }
                };
                divide(sum, count)?
            }
            Kind::Max | Kind::Min => {
                let (y, dy) = match self.keep_dims {
                    true => (y, dy.clone()),
                    false => (array::reshape(&y, &*kept)?, array::reshape(dy, &*kept)?),
                };
                let largest = cast(equal(y, &x)?, dy.dtype())?;
                let count = reduce_sum_keep_dims(&largest, Axes::Tensor(node.input(1)))?;
                (divide(largest, count)? * dy)?
            }
        };
        Ok(vec![Some(dx), None])
    }
}

//! NumPy's broadcasting: shapes, values that are followed, evaluation and its gradient.

use std::sync::Arc;

use tconv_kernels::elementwise;
use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Element, Tensor, checked_len};

use super::{Axes, reduce_sum_keep_dims};
use crate::op::{Fact, brackets};
use crate::ops::sizes;
use crate::{Error, Output, Result, Run, array};

/// The shape of an elementwise op's result.
///
/// # Errors
/// `Value` with TensorFlow's text, and the axis at which the shapes differ.
pub(super) fn broadcast_shape(x: &Shape, y: &Shape) -> Result<Shape> {
    Shape::broadcast(x, y).map_err(|error| match differing(x, y) {
        None => error.into(),
        Some((a, b, help)) => {
            Error::value(format!("Dimensions must be equal, but are {a} and {b}")).help(help)
        }
    })
}

/// The first sizes, from the left, that do not broadcast, and what to do about them.
fn differing(x: &Shape, y: &Shape) -> Option<(i64, i64, String)> {
    let (a, b) = (x.dims()?, y.dims()?);
    let shared = a.len().min(b.len());
    let pairs = a[a.len() - shared..].iter().zip(&b[b.len() - shared..]);
    let known = pairs
        .enumerate()
        .filter_map(|(i, (a, b))| Some((i, a.known()?, b.known()?)));
    let (i, a, b) = known
        .into_iter()
        .find(|&(_, a, b)| a != b && a != 1 && b != 1)?;
    let axis = i as i64 - shared as i64;
    let help = format!(
        "shapes {x} and {y} are compared from the last axis on; at axis {axis} one has {a} and the \
         other has {b}: make them equal, or one of them 1, which is repeated"
    );
    Some((a, b, help))
}

/// The sizes of an elementwise op's result.
///
/// # Errors
/// `InvalidArgument` with TensorFlow's text, and the axis at which the shapes differ.
fn broadcast_sizes(x: &[usize], y: &[usize]) -> Result<Vec<usize>> {
    if x == y {
        return Ok(x.to_vec());
    }
    let (a, b) = (Shape::from(x), Shape::from(y));
    match Shape::broadcast(&a, &b)
        .ok()
        .and_then(|shape| shape.known())
    {
        Some(sizes) => Ok(sizes.into_iter().map(|n| n as usize).collect()),
        None => {
            let error = Error::invalid(format!(
                "Incompatible shapes: {} vs. {}",
                brackets(x),
                brackets(y)
            ));
            Err(differing(&a, &b)
                .into_iter()
                .fold(error, |error, (.., help)| error.help(help)))
        }
    }
}

/// [`broadcast_sizes`] of the first two, and of that with each next: what a run of an op of all of them
/// refuses.
pub(super) fn check_broadcast(inputs: &[Fact]) -> Result<()> {
    let shapes = sizes::all_known(inputs);
    let mut shapes = shapes.into_iter();
    let first = shapes.next().unwrap_or_default();
    shapes
        .try_fold(first, |joint, shape| broadcast_sizes(&joint, &shape))
        .map(drop)
}

/// The values of an elementwise op's result, where those of both inputs are followed and `f` knows each.
pub(super) fn zip_values(
    x: &Fact,
    y: &Fact,
    f: impl Fn(&Dim, &Dim) -> Option<Dim>,
) -> Option<Arc<[Dim]>> {
    if x.shape.rank()? > 1 || y.shape.rank()? > 1 {
        return None;
    }
    let (a, b) = (x.value.as_ref()?, y.value.as_ref()?);
    let len = if a.len() == 1 { b.len() } else { a.len() };
    let at = |values: &[Dim], i: usize| match values {
        [only] => Some(only.clone()),
        values => values.get(i).cloned(),
    };
    let values: Option<Vec<Dim>> = (0..len)
        .map(|i| fitting(x.dtype, f(&at(a, i)?, &at(b, i)?)?))
        .collect();
    Some(values?.into())
}

/// A followed value, unless an int32 cannot hold it: it would wrap.
pub(super) fn fitting(dtype: DType, value: Dim) -> Option<Dim> {
    match value.known() {
        Some(n) if dtype == DType::Int32 && i32::try_from(n).is_err() => None,
        _ => Some(value),
    }
}

/// `f` of two tensors, element by element; in one of them where nobody else reads it.
///
/// # Errors
/// `InvalidArgument` for shapes that do not broadcast, `ResourceExhausted`.
pub(in crate::ops) fn zip<T: Element + Copy>(
    run: &Run,
    mut x: Tensor,
    mut y: Tensor,
    f: impl Fn(T, T) -> T + Sync + Send,
) -> Result<Tensor> {
    let threads = run.threads();
    let sizes = broadcast_sizes(x.shape(), y.shape())?;
    if x.is_unique() && x.shape() == sizes {
        if y.shape() == sizes {
            elementwise::zip_in_place(threads, x.make_mut()?, y.as_slice()?, f)?;
            return Ok(x);
        }
        if let [y] = *y.as_slice::<T>()? {
            elementwise::map_in_place(threads, x.make_mut()?, |x| f(x, y));
            return Ok(x);
        }
    }
    if y.is_unique() && y.shape() == sizes {
        if x.shape() == sizes {
            elementwise::zip_in_place(threads, y.make_mut()?, x.as_slice()?, |y, x| f(x, y))?;
            return Ok(y);
        }
        if let [x] = *x.as_slice::<T>()? {
            elementwise::map_in_place(threads, y.make_mut()?, |y| f(x, y));
            return Ok(y);
        }
    }
    zip_to(run, &x, &y, f)
}

/// `f` of two tensors, element by element, as a new tensor of any dtype.
///
/// # Errors
/// As [`zip`].
pub(super) fn zip_to<A: Element + Copy, B: Element + Copy, C: Element>(
    run: &Run,
    x: &Tensor,
    y: &Tensor,
    f: impl Fn(A, B) -> C + Sync + Send,
) -> Result<Tensor> {
    let sizes = broadcast_sizes(x.shape(), y.shape())?;
    let mut out = run.output(C::DTYPE, &sizes)?;
    elementwise::zip_broadcast(
        run.threads(),
        x.as_slice()?,
        x.shape(),
        y.as_slice()?,
        y.shape(),
        out.make_mut()?,
        &sizes,
        f,
    )?;
    Ok(out)
}

/// `if condition { x } else { y }`, element by element.
///
/// # Errors
/// As [`zip`].
pub(super) fn select<T: Element + Copy>(
    run: &Run,
    condition: &Tensor,
    x: &Tensor,
    y: &Tensor,
) -> Result<Tensor> {
    let sizes = broadcast_sizes(condition.shape(), x.shape())?;
    // Two numbers of this dtype take at least as much as a pair of it and a bool.
    let pairs = [sizes.as_slice(), &[2]].concat();
    let mut chosen = vec![(false, T::default()); checked_len(T::DTYPE, &pairs)? / 2];
    elementwise::zip_broadcast(
        run.threads(),
        condition.as_slice()?,
        condition.shape(),
        x.as_slice()?,
        x.shape(),
        &mut chosen,
        &sizes,
        |condition, x| (condition, x),
    )?;
    let out_sizes = broadcast_sizes(&sizes, y.shape())?;
    let mut out = run.output(T::DTYPE, &out_sizes)?;
    elementwise::zip_broadcast(
        run.threads(),
        &chosen,
        &sizes,
        y.as_slice()?,
        y.shape(),
        out.make_mut()?,
        &out_sizes,
        |(condition, x), y| if condition { x } else { y },
    )?;
    Ok(out)
}

/// The gradients of a broadcasting op's inputs from those of its result's size: summed over the axes
/// along which the input was repeated. (`_ReduceGradientArgs` of TensorFlow's `math_grad.py`.)
///
/// # Errors
/// None that gradients of the right shapes can cause.
pub(crate) fn unbroadcast_both(
    x: &Output,
    y: &Output,
    gradient_x: Option<Output>,
    gradient_y: Option<Output>,
) -> Result<Vec<Option<Output>>> {
    let repeated = repeated_axes(x.static_shape(), y.static_shape());
    if let Some((x_axes, y_axes)) = &repeated
        && x_axes.is_empty()
        && y_axes.is_empty()
        && x.static_shape().rank() == y.static_shape().rank()
    {
        return Ok(vec![gradient_x, gradient_y]);
    }
    let (x_shape, y_shape) = (array::shape(x)?, array::shape(y)?);
    let mut reduced = Vec::new();
    match repeated {
        Some((x_axes, y_axes)) => {
            let ranks = (x.static_shape().rank(), y.static_shape().rank());
            for (gradient, shape, axes, shorter) in [
                (gradient_x, x_shape, x_axes, ranks.0 < ranks.1),
                (gradient_y, y_shape, y_axes, ranks.1 < ranks.0),
            ] {
                reduced.push(match gradient {
                    Some(gradient) if shorter || !axes.is_empty() => {
                        let sum = reduce_sum_keep_dims(gradient, axes)?;
                        Some(array::reshape(sum, shape)?)
                    }
                    gradient => gradient,
                });
            }
        }
        None => {
            let (x_axes, y_axes) = array::broadcast_gradient_args(&x_shape, &y_shape)?;
            for (gradient, shape, axes) in
                [(gradient_x, x_shape, x_axes), (gradient_y, y_shape, y_axes)]
            {
                reduced.push(match gradient {
                    Some(gradient) => {
                        let sum = reduce_sum_keep_dims(gradient, Axes::Tensor(axes))?;
                        Some(array::reshape(sum, shape)?)
                    }
                    None => None,
                });
            }
        }
    }
    Ok(reduced)
}

/// The gradient of `x` from that of a tensor to whose shape it was broadcast: [`unbroadcast_both`].
///
/// # Errors
/// As [`unbroadcast_both`].
pub(crate) fn unbroadcast(gradient: &Output, x: &Output) -> Result<Output> {
    let mut both = unbroadcast_both(x, gradient, Some(gradient.clone()), None)?;
    Ok(both.swap_remove(0).unwrap_or_else(|| gradient.clone()))
}

/// Along which axes of the result each of two inputs was repeated, where the shapes tell.
fn repeated_axes(x: &Shape, y: &Shape) -> Option<(Vec<i64>, Vec<i64>)> {
    let (x, y) = (x.dims()?, y.dims()?);
    let rank = x.len().max(y.len());
    let aligned = |dims: &[Dim], axis: usize| match (axis + dims.len()).checked_sub(rank) {
        Some(i) => dims[i].clone(),
        None => Dim::Known(1),
    };
    let (mut x_axes, mut y_axes) = (Vec::new(), Vec::new());
    for axis in 0..rank {
        let (a, b) = (aligned(x, axis), aligned(y, axis));
        if a == b {
            continue;
        }
        match (a.known(), b.known()) {
            (Some(1), _) => x_axes.push(axis as i64),
            (_, Some(1)) => y_axes.push(axis as i64),
            (Some(_), Some(_)) => {}
            _ => return None,
        }
    }
    Some((x_axes, y_axes))
}

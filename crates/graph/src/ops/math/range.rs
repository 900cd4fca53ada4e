//! `Range`.

use std::sync::Arc;

use tconv_shape::Dim;
use tconv_tensor::Tensor;

use crate::op::{Fact, INDICES, Op, OpDef, not_differentiable};
use crate::operand::apply;
use crate::ops::sizes::{at_least, open};
use crate::{Error, Need, Operand, Operation, Output, Result, Run, dispatch};

pub(crate) static RANGE: OpDef = OpDef {
    name: "Range",
    inputs: &[("start", "Tidx"), ("limit", "Tidx"), ("delta", "Tidx")],
    types: &[("Tidx", INDICES)],
    stateful: false,
    make: |_| Ok(Arc::new(Range)),
};

/// The integers from `start` on, `delta` apart, that lie before `limit` (`tf.range`).
///
/// # Errors
/// `Value` for what is no scalar and for a `delta` of 0 or away from `limit`.
#[track_caller]
pub fn range(start: impl Operand, limit: impl Operand, delta: impl Operand) -> Result<Output> {
    Ok(apply("Range", "range", &[&start, &limit, &delta], |node| node)?.output(0))
}

struct Range;

/// How many there are.
fn count(start: i64, limit: i64, delta: i64) -> Result<usize, Error> {
    let refused = |why: &str| {
        let help = format!("start is {start}, limit {limit}, delta {delta}");
        Err(Error::invalid(format!("Requires {why}")).help(help))
    };
    match delta {
        0 => return refused("delta != 0"),
        1.. if start > limit => return refused("start <= limit when delta > 0"),
        ..0 if start < limit => return refused("start >= limit when delta < 0"),
        _ => {}
    }
    let count = limit.abs_diff(start).div_ceil(delta.unsigned_abs());
    usize::try_from(count)
        .map_err(|_| Error::invalid(format!("a range of {count} numbers is too long")))
}

/// Start, limit and delta, where they are followed.
fn scalars(inputs: &[Fact]) -> [Option<Dim>; 3] {
    std::array::from_fn(|i| match inputs.get(i)?.value.as_deref() {
        Some([value]) => Some(value.clone()),
        _ => None,
    })
}

impl Op for Range {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        if let Some(rank) = inputs
            .iter()
            .filter_map(|fact| fact.shape.rank())
            .find(|&rank| rank != 0)
        {
            return Err(
                Error::value(format!("Shape must be rank 0 but is rank {rank}"))
                    .help("start, limit and delta are scalars"),
            );
        }
        let dtype = inputs[0].dtype;
        let [start, limit, delta] = scalars(inputs);
        if let (Some(Dim::Known(start)), Some(Dim::Known(limit)), Some(Dim::Known(delta))) =
            (&start, &limit, &delta)
        {
            let count = count(*start, *limit, *delta).map_err(|error| {
                error
                    .help_lines()
                    .iter()
                    .fold(Error::value(error.message()), |e, line| e.help(line))
            })?;
            if count <= Fact::LONGEST_VALUE {
                let values = (0..count as i64)
                    .map(|i| Dim::Known(start.wrapping_add(i.wrapping_mul(*delta))));
                return Ok(vec![Fact::vector_value(dtype, values.collect())]);
            }
            return Ok(vec![Fact::new(
                dtype,
                vec![Dim::Known(i64::try_from(count).unwrap_or(i64::MAX))],
            )]);
        }
        // As a number it would be what TensorFlow does not see.
        let length = || {
            let count = limit?.minus(start?).ok()?.ceil_div(delta?).ok()?;
            Some(count).filter(|count| count.known().is_none())
        };
        let length = length().unwrap_or_else(|| open("range"));
        Ok(vec![Fact::new(dtype, vec![length])])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let [Some(start), Some(limit), Some(Dim::Known(delta))] = scalars(inputs) else {
            return Vec::new();
        };
        let way = match delta {
            ..0 => start.minus(&limit),
            _ => limit.minus(&start),
        };
        let need = way.ok().and_then(|way| {
            at_least(&way, 0, move |words| {
                let (start, limit) = (words.dim(&start), words.dim(&limit));
                format!("the range goes from {start} to {limit} by {delta}")
            })
        });
        need.into_iter().collect()
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        match scalars(inputs).map(|scalar| scalar.and_then(|scalar| scalar.known())) {
            [Some(start), Some(limit), Some(delta)] => count(start, limit, delta).map(drop),
            _ => Ok(()),
        }
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let mut scalars = Vec::with_capacity(3);
        for (input, name) in inputs.iter().zip(["start", "limit", "delta"]) {
            match input.to_i64_vec()?.as_slice() {
                [value] if input.rank() == 0 => scalars.push(*value),
                _ => {
                    return Err(Error::invalid(format!(
                        "{name} must be a scalar, not shape {:?}",
                        input.shape()
                    )));
                }
            }
        }
        let &[start, limit, delta] = scalars.as_slice() else {
            return Err(Error::invalid("Range needs start, limit and delta"));
        };
        let dtype = inputs[0].dtype();
        let count = count(start, limit, delta)?;
        let mut values = run.output(dtype, &[count])?;
        dispatch!(dtype, T in [i32, i64], {
            // Every one of them lies between start and limit.
            for (i, value) in values.make_mut::<T>()?.iter_mut().enumerate() {
                *value = start.wrapping_add((i as i64).wrapping_mul(delta)) as T;
            }
        });
        Ok(vec![values])
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

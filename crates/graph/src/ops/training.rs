//! `ResourceApplyGradientDescent`, `ResourceApplyMomentum`, `ResourceApplyAdam`: a step of training,
//! in place.

use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};
use std::sync::Arc;

use tconv_kernels::Threads;
use tconv_tensor::{Element, Handle, Tensor, bf16, f16};

use super::sizes;
use super::state::{as_declared, check_value, variable_fact};
use crate::op::brackets;
use crate::op::{FLOATS, Fact, Op, OpDef, no_gradient};
use crate::{Code, Error, Need, Operation, Output, Result, Run, dispatch};

/// Elements that a thread updates at a time.
const PIECE: usize = 1 << 14;

pub(crate) static RESOURCE_APPLY_GRADIENT_DESCENT: OpDef = OpDef {
    name: "ResourceApplyGradientDescent",
    inputs: &[("var", "resource"), ("alpha", "T"), ("delta", "T")],
    types: &[("T", FLOATS)],
    stateful: true,
    make: |attrs| {
        attrs.skip("use_locking");
        Ok(Arc::new(Apply {
            rule: Rule::GradientDescent,
            nesterov: false,
        }))
    },
};

pub(crate) static RESOURCE_APPLY_MOMENTUM: OpDef = OpDef {
    name: "ResourceApplyMomentum",
    inputs: &[
        ("var", "resource"),
        ("accum", "resource"),
        ("lr", "T"),
        ("grad", "T"),
        ("momentum", "T"),
    ],
    types: &[("T", FLOATS)],
    stateful: true,
    make: |attrs| {
        attrs.skip("use_locking");
        let nesterov = attrs.bool_or("use_nesterov", false)?;
        Ok(Arc::new(Apply {
            rule: Rule::Momentum,
            nesterov,
        }))
    },
};

pub(crate) static RESOURCE_APPLY_ADAM: OpDef = OpDef {
    name: "ResourceApplyAdam",
    inputs: &[
        ("var", "resource"),
        ("m", "resource"),
        ("v", "resource"),
        ("beta1_power", "T"),
        ("beta2_power", "T"),
        ("lr", "T"),
        ("beta1", "T"),
        ("beta2", "T"),
        ("epsilon", "T"),
        ("grad", "T"),
    ],
    types: &[("T", FLOATS)],
    stateful: true,
    make: |attrs| {
        attrs.skip("use_locking");
        let nesterov = attrs.bool_or("use_nesterov", false)?;
        Ok(Arc::new(Apply {
            rule: Rule::Adam,
            nesterov,
        }))
    },
};

#[derive(Clone, Copy)]
enum Rule {
    GradientDescent,
    Momentum,
    Adam,
}

impl Rule {
    /// The inputs: handles first, then scalars around one gradient.
    fn arguments(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Rule::GradientDescent => RESOURCE_APPLY_GRADIENT_DESCENT.inputs,
            Rule::Momentum => RESOURCE_APPLY_MOMENTUM.inputs,
            Rule::Adam => RESOURCE_APPLY_ADAM.inputs,
        }
    }

    fn gradient(self) -> usize {
        match self {
            Rule::GradientDescent => 2,
            Rule::Momentum => 3,
            Rule::Adam => 9,
        }
    }

    fn handles(self) -> usize {
        match self {
            Rule::GradientDescent => 1,
            Rule::Momentum => 2,
            Rule::Adam => 3,
        }
    }
}

struct Apply {
    rule: Rule,
    nesterov: bool,
}

impl Op for Apply {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let gradient = &inputs[self.rule.gradient()];
        for (i, (input, (name, type_))) in inputs.iter().zip(self.rule.arguments()).enumerate() {
            if *type_ == "resource" {
                check_value(input, gradient, "gradient").map_err(|error| {
                    error.help(format!(
                        "'{name}' and the gradient must have the same dtype and shape"
                    ))
                })?;
            } else if i != self.rule.gradient()
                && let Some(rank) = input.shape.rank()
                && rank != 0
            {
                return Err(
                    Error::value(format!("Shape must be rank 0 but is rank {rank}"))
                        .help(format!("'{name}' is a number")),
                );
            }
        }
        Ok(Vec::new())
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        as_declared(inputs, self.rule.gradient())
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let names = self.rule.arguments();
        let gradient = sizes::known(&inputs[self.rule.gradient()]);
        let variables = inputs[..self.rule.handles()].iter().zip(names);
        variables
            .filter_map(|(handle, (name, _))| Some((name, variable_fact(handle).shape.known()?)))
            .try_for_each(|(name, sizes)| {
                check_shapes(names[0].0, name, &sizes::from_values(&sizes)?, &gradient)
            })
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let (handles, values) = inputs
            .split_at_checked(self.rule.handles())
            .ok_or_else(missing)?;
        let gradient = inputs.get(self.rule.gradient()).ok_or_else(missing)?;
        let handles: Vec<Handle> = handles.iter().map(Tensor::item).collect::<Result<_, _>>()?;
        let names = self.rule.arguments();
        let threads = run.threads();
        run.update_variables(&handles.iter().collect::<Vec<_>>(), |variables| {
            for (variable, (name, _)) in variables.iter().zip(names) {
                check_alike(names[0].0, &handles[0], name, variable, gradient)?;
            }
            dispatch!(gradient.dtype(), T in [f16, bf16, f32, f64], {
                let gradient = gradient.as_slice::<T>()?;
                let mut scalars = Vec::with_capacity(values.len());
                for (value, (name, _)) in values.iter().zip(&names[handles.len()..]) {
                    if value.rank() == 0 {
                        scalars.push(value.item::<T>()?);
                    } else if names[self.rule.gradient()].0 != *name {
                        return Err(Error::invalid(format!("{name} is not a scalar: {}", brackets(value.shape()))));
                    }
                }
                match (self.rule, variables, scalars.as_slice()) {
                    (Rule::GradientDescent, [var], &[alpha, ..]) => {
                        let rule = |[var]: [&mut T; 1], g: T| *var -= alpha * g;
                        update(threads, [var.make_mut()?], gradient, rule);
                    }
                    (Rule::Momentum, [var, accum], &[lr, ref rest @ ..]) => {
                        let momentum = *rest.last().ok_or_else(missing)?;
                        let slots = [var.make_mut()?, accum.make_mut()?];
                        let nesterov = self.nesterov;
                        update(threads, slots, gradient, |[var, accum]: [&mut T; 2], g| {
                            *accum = *accum * momentum + g;
                            *var -= if nesterov { g * lr + *accum * momentum * lr } else { *accum * lr };
                        });
                    }
                    (
                        Rule::Adam,
                        [var, m, v],
                        &[beta1_power, beta2_power, lr, beta1, beta2, epsilon, ..],
                    ) => {
                        let one = T::ONE;
                        let alpha = lr * (one - beta2_power).root() / (one - beta1_power);
                        let slots = [var.make_mut()?, m.make_mut()?, v.make_mut()?];
                        let nesterov = self.nesterov;
                        update(threads, slots, gradient, |[var, m, v]: [&mut T; 3], g| {
                            *m += (g - *m) * (one - beta1);
                            *v += (g * g - *v) * (one - beta2);
                            let step = if nesterov { g * (one - beta1) + beta1 * *m } else { *m };
                            *var -= step * alpha / (v.root() + epsilon);
                        });
                    }
                    _ => return Err(missing()),
                }
            });
            Ok(())
        })?;
        Ok(Vec::new())
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        no_gradient(node)
    }
}

/// An element type that is trained. Those of 16 bits round after each operation, as TensorFlow's do.
trait Real:
    Element
    + Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + SubAssign
{
    const ONE: Self;
    fn root(self) -> Self;
}

macro_rules! reals {
    ($($type:ty: $one:expr, $root:expr;)*) => {
        $(impl Real for $type {
            const ONE: Self = $one;
            fn root(self) -> Self {
                $root(self)
            }
        })*
    };
}
reals! {
    f16: f16::ONE, |x: f16| f16::from_f32(x.to_f32().sqrt());
    bf16: bf16::ONE, |x: bf16| bf16::from_f32(x.to_f32().sqrt());
    f32: 1.0, f32::sqrt;
    f64: 1.0, f64::sqrt;
}

fn missing() -> Error {
    Error::new(Code::Internal, "an input is missing")
}

/// Refuses a variable of another shape than the gradient's.
fn check_shapes(first: &str, name: &str, variable: &[usize], gradient: &[usize]) -> Result<()> {
    if variable == gradient {
        return Ok(());
    }
    let [ours, theirs] = [variable, gradient].map(brackets);
    let other = if first == name { "grad" } else { name };
    Err(Error::invalid(format!(
        "{first} and {other} do not have the same shape{ours} {theirs}"
    ))
    .help(format!("'{name}' is {ours}, the gradient {theirs}")))
}

/// Refuses a variable of another dtype or shape than the gradient's.
fn check_alike(
    first: &str,
    handle: &Handle,
    name: &str,
    variable: &Tensor,
    gradient: &Tensor,
) -> Result<()> {
    check_shapes(first, name, variable.shape(), gradient.shape())?;
    if variable.dtype() != gradient.dtype() {
        let (ours, theirs) = (variable.dtype(), gradient.dtype());
        return Err(Error::invalid(format!(
            "'{name}' of variable {handle} is {ours}, the gradient {theirs}"
        )));
    }
    Ok(())
}

/// Calls `rule` with the elements of all slots at each place and that of the gradient; all are of one
/// length.
fn update<T: Element + Copy, const N: usize>(
    threads: &Threads,
    slots: [&mut [T]; N],
    gradient: &[T],
    rule: impl Fn([&mut T; N], T) + Sync + Send,
) {
    let mut rest = slots;
    let mut pieces = Vec::with_capacity(gradient.len().div_ceil(PIECE));
    for gradient in gradient.chunks(PIECE) {
        let piece = rest.each_mut().map(|slot| {
            let (piece, rest) = std::mem::take(slot).split_at_mut(gradient.len());
            *slot = rest;
            piece
        });
        pieces.push((piece, gradient));
    }
    threads.for_each_piece(&mut pieces, 1, |_, piece| {
        for (slots, gradient) in piece {
            for (i, &g) in gradient.iter().enumerate() {
                rule(slots.each_mut().map(|slot| &mut slot[i]), g);
            }
        }
    });
}

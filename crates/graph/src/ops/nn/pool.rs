//! `MaxPool`, `AvgPool` and their gradients.

use std::sync::Arc;

use tconv_kernels::pool::{self as kernels, Pool2};
use tconv_shape::{AxisPadding, ConvAxis, DataFormat, Dim, Padding, Shape, Window};
use tconv_tensor::Tensor;

use crate::attrs::AttrReader;
use crate::op::brackets;
use crate::op::{FLOATS, Fact, NUMBERS, Op, OpDef, no_gradient, take};
use crate::ops::sizes;
use crate::ops::window::{self, ranked};
use crate::{Error, Need, Operation, Output, Result, Run, array, dispatch};

mod attrs;
mod build;

use attrs::{check_smaller, padding, spatial};
pub use build::{PoolBuilder, avg_pool, max_pool};

pub(crate) static MAX_POOL: OpDef = OpDef {
    name: "MaxPool",
    inputs: &[("input", "T")],
    types: &[("T", NUMBERS)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Pool::new(attrs, Kind::Max)?)),
};

pub(crate) static MAX_POOL_GRAD: OpDef = OpDef {
    name: "MaxPoolGrad",
    inputs: &[("orig_input", "T"), ("orig_output", "T"), ("grad", "T")],
    types: &[("T", NUMBERS)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Pool::new(attrs, Kind::MaxGrad)?)),
};

pub(crate) static AVG_POOL: OpDef = OpDef {
    name: "AvgPool",
    inputs: &[("value", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Pool::new(attrs, Kind::Avg)?)),
};

pub(crate) static AVG_POOL_GRAD: OpDef = OpDef {
    name: "AvgPoolGrad",
    inputs: &[("orig_input_shape", "int32"), ("grad", "T")],
    types: &[("T", FLOATS)],
    stateful: false,
    make: |attrs| Ok(Arc::new(Pool::new(attrs, Kind::AvgGrad)?)),
};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Max,
    MaxGrad,
    Avg,
    AvgGrad,
}

impl Kind {
    fn op(self) -> &'static str {
        match self {
            Kind::Max => "MaxPool",
            Kind::MaxGrad => "MaxPoolGrad",
            Kind::Avg => "AvgPool",
            Kind::AvgGrad => "AvgPoolGrad",
        }
    }

    /// The inputs behind the first, all of the pooled sizes.
    fn given(self) -> &'static [&'static str] {
        match self {
            Kind::Max | Kind::Avg => &[],
            Kind::MaxGrad => &["orig_output", "grad"],
            Kind::AvgGrad => &["grad"],
        }
    }
}

/// Spatial axes of poolings.
const SPATIAL: usize = 2;

struct Pool {
    kind: Kind,
    ksize: Vec<i64>,
    strides: Vec<i64>,
    padding: Padding,
    format: DataFormat,
}

impl Pool {
    fn new(attrs: &mut AttrReader, kind: Kind) -> Result<Pool> {
        let format = window::data_format(attrs, SPATIAL)?;
        let ksize = spatial(kind.op(), "ksize", &attrs.ints("ksize")?, format)?;
        let strides = spatial(kind.op(), "strides", &attrs.ints("strides")?, format)?;
        let padding = padding(attrs, kind, format)?;
        if let Padding::Explicit(pads) = &padding {
            check_smaller(pads, &ksize)?;
        }
        Ok(Pool {
            kind,
            ksize,
            strides,
            padding,
            format,
        })
    }

    fn window(&self, axis: usize) -> Result<Window> {
        Ok(Window::new(
            self.ksize[axis],
            self.strides[axis],
            1,
            self.padding.axis(axis),
        )?)
    }

    /// The pooled shape from the input's four sizes.
    fn pooled(&self, input: &[Dim]) -> Result<Shape> {
        let mut spatial = Vec::with_capacity(SPATIAL);
        for axis in 0..SPATIAL {
            let size = &input[self.format.spatial_axis(axis)];
            spatial.push(self.window(axis)?.output_that_fits(size)?);
        }
        let channels = input[self.format.channel_axis(SPATIAL)].clone();
        Ok(Shape::new(self.format.arrange(
            input[0].clone(),
            channels,
            &spatial,
        )))
    }

    /// That a window lies inside an axis of the input, whose place is `place`.
    fn fits(&self, axis: usize, size: &Dim, place: usize) -> Option<Need> {
        let (before, after) = match self.padding.axis(axis) {
            AxisPadding::Same => return None,
            AxisPadding::Valid => (0, 0),
            AxisPadding::Explicit(before, after) => (before, after),
        };
        let window = self.ksize[axis];
        let least = window.checked_sub(before)?.checked_sub(after)?;
        let own = size.clone();
        sizes::at_least(size, least, move |words| {
            let (input, size) = (sizes::input(words, 0), words.dim(&own));
            format!("axis {place}: {input} has {size}, and a window has {window}")
        })
    }

    /// Checks what is known of a gradient.
    fn check_grad(&self, input: &Shape, grad: &Shape) -> Result<()> {
        let pooled = self.pooled(&ranked("orig_input", input, SPATIAL + 2)?)?;
        pooled.merge(grad).map(|_| ()).map_err(|_| {
            Error::value(format!(
                "Expected grad shape to be {pooled}, but got {grad}"
            ))
        })
    }

    /// The pooling of an input of known sizes.
    fn sizes(&self, input: &[usize]) -> Result<Pool2> {
        let &[batch, ..] = input else {
            return Err(wrong_rank(input));
        };
        if input.len() != SPATIAL + 2 {
            return Err(wrong_rank(input));
        }
        let axis = |axis: usize| -> Result<ConvAxis> {
            let size = input[self.format.spatial_axis(axis)];
            let size = i64::try_from(size).map_err(|_| wrong_rank(input))?;
            ConvAxis::new(&self.window(axis)?, size).map_err(window::run_error)
        };
        let channels = input[self.format.channel_axis(SPATIAL)];
        Ok(Pool2 {
            batch,
            channels,
            format: self.format,
            axes: [axis(0)?, axis(1)?],
        })
    }

    /// Adds an op with this one's attributes.
    fn related(&self, node: &Operation, op: &str, inputs: &[&Output]) -> Result<Option<Output>> {
        let attrs = node.attrs().clone();
        node.graph()
            .add(op)
            .inputs(inputs.iter().copied())
            .attrs(attrs)
            .output()
            .map(Some)
    }
}

impl Op for Pool {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (dtype, shape) = match self.kind {
            Kind::Max | Kind::Avg => (
                inputs[0].dtype,
                self.pooled(&ranked("input", &inputs[0].shape, SPATIAL + 2)?)?,
            ),
            Kind::MaxGrad => {
                for grad in &inputs[1..] {
                    self.check_grad(&inputs[0].shape, &grad.shape)?;
                }
                (
                    inputs[0].dtype,
                    inputs[0]
                        .shape
                        .merge(&Shape::of_rank(SPATIAL + 2, "orig_input"))?,
                )
            }
            Kind::AvgGrad => {
                let shape = inputs[0].as_shape("orig_input_shape")?;
                self.check_grad(&shape, &inputs[1].shape)?;
                (
                    inputs[1].dtype,
                    shape.merge(&Shape::of_rank(SPATIAL + 2, "orig_input"))?,
                )
            }
        };
        Ok(vec![Fact::new(dtype, shape)])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let input = match self.kind {
            Kind::AvgGrad => inputs[0].as_shape("orig_input_shape"),
            _ => Ok(inputs[0].shape.clone()),
        };
        let mut needs = Vec::new();
        let Ok(Ok(dims)) = input.map(|input| ranked("input", &input, SPATIAL + 2)) else {
            return needs;
        };
        for axis in 0..SPATIAL {
            let place = self.format.spatial_axis(axis);
            needs.extend(self.fits(axis, &dims[place], place));
        }
        // The gradient, and for a maximum the output, come in the pooled sizes.
        let pooled = self.pooled(&dims).unwrap_or_default();
        for (i, given) in inputs.iter().enumerate().skip(1) {
            let pairs = given.shape.dims().into_iter().flatten();
            let pairs = pairs.zip(pooled.dims().into_iter().flatten());
            needs.extend(pairs.enumerate().filter_map(|(axis, (found, pooled))| {
                let (left, right) = (found.clone(), pooled.clone());
                Need::equal(found, pooled, move |words| {
                    let (left, right) = (words.dim(&left), words.dim(&right));
                    let input = sizes::input(words, i);
                    format!("axis {axis}: {input} has {left}, the pooled input {right}")
                })
            }));
        }
        needs
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let input = match self.kind {
            Kind::AvgGrad => match inputs[0].known_values() {
                Some(values) => sizes::from_values(&values)?,
                None => return Ok(()),
            },
            _ => sizes::known(&inputs[0]),
        };
        let pool = self.sizes(&input)?;
        let given = inputs.iter().skip(1).map(sizes::known);
        given
            .zip(self.kind.given())
            .try_for_each(|(given, what)| expect(what, &pool, &given))
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let threads = run.threads();
        let out = match self.kind {
            Kind::Max | Kind::Avg => {
                let [x] = take(inputs)?;
                let pool = self.sizes(x.shape())?;
                let mut y = run.output(x.dtype(), &pooled_dims(&pool))?;
                if self.kind == Kind::Max {
                    dispatch!(x.dtype(), T in [f32, f64, i32, i64], {
                        kernels::max_pool::<T>(threads, &pool, x.as_slice()?, y.make_mut()?)?;
                    });
                } else {
                    dispatch!(x.dtype(), T in [f32, f64], {
                        kernels::avg_pool::<T>(threads, &pool, x.as_slice()?, y.make_mut()?)?;
                    });
                }
                y
            }
            Kind::MaxGrad => {
                let [x, y, dy] = take(inputs)?;
                let pool = self.sizes(x.shape())?;
                for (what, tensor) in self.kind.given().iter().zip([&y, &dy]) {
                    expect(what, &pool, tensor.shape())?;
                }
                let mut dx = run.output(x.dtype(), x.shape())?;
                dispatch!(x.dtype(), T in [f32, f64, i32, i64], {
                    let (x, dy) = (x.as_slice()?, dy.as_slice()?);
                    kernels::max_pool_grad::<T>(threads, &pool, x, dy, dx.make_mut()?)?;
                });
                dx
            }
            Kind::AvgGrad => {
                let [shape, dy] = take(inputs)?;
                let dims = sizes::from_values(&shape.to_i64_vec()?)?;
                let pool = self.sizes(&dims)?;
                expect("grad", &pool, dy.shape())?;
                let mut dx = run.output(dy.dtype(), &dims)?;
                dispatch!(dy.dtype(), T in [f32, f64], {
                    kernels::avg_pool_grad::<T>(threads, &pool, dy.as_slice()?, dx.make_mut()?)?;
                });
                dx
            }
        };
        Ok(vec![out])
    }

    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        let Some(dy) = &dy[0] else {
            return Ok(vec![None; node.inputs().len()]);
        };
        match self.kind {
            Kind::Max => {
                let inputs = [&node.input(0), &node.output(0), dy];
                Ok(vec![self.related(node, "MaxPoolGrad", &inputs)?])
            }
            Kind::Avg => {
                let shape = array::shape(node.input(0))?;
                Ok(vec![self.related(node, "AvgPoolGrad", &[&shape, dy])?])
            }
            Kind::AvgGrad => Ok(vec![None, self.related(node, "AvgPool", &[dy])?]),
            Kind::MaxGrad => no_gradient(node),
        }
    }
}

fn pooled_dims(pool: &Pool2) -> Vec<usize> {
    pool.format.arrange(
        pool.batch,
        pool.channels,
        &pool.axes.map(|axis| axis.output),
    )
}

/// Refuses a gradient, or an output, that is not of the pooled sizes.
fn expect(what: &str, pool: &Pool2, found: &[usize]) -> Result<()> {
    let dims = pooled_dims(pool);
    if found == dims {
        return Ok(());
    }
    let (expected, found) = (brackets(dims.as_slice()), brackets(found));
    Err(Error::invalid(format!(
        "Expected {what} shape to be {expected}, but got {found}"
    )))
}

fn wrong_rank(dims: &[usize]) -> Error {
    Error::invalid(format!(
        "tensor_in must be 4-dimensional: {}",
        brackets(dims)
    ))
}

//! `RandomStandardNormal`, `RandomUniform`, `TruncatedNormal`.

use std::sync::Arc;

use tconv_tensor::{DType, Tensor, bf16, f16};

use crate::attrs::AttrReader;
use crate::op::brackets;
use crate::op::{FLOATS, Fact, INDICES, Op, OpDef, not_differentiable, take};
use crate::ops::math::cast_to;
use crate::ops::sizes;
use crate::random::{Distribution, Philox, fill_f32, fill_f64, fill_uniform_half};
use crate::{Code, Error, Need, Operation, Output, Result, Run};

pub(crate) static RANDOM_STANDARD_NORMAL: OpDef = OpDef {
    name: "RandomStandardNormal",
    inputs: &[("shape", "T")],
    types: &[("T", INDICES)],
    stateful: true,
    make: |attrs| Ok(Arc::new(Random::new(attrs, Distribution::StandardNormal)?)),
};

pub(crate) static RANDOM_UNIFORM: OpDef = OpDef {
    name: "RandomUniform",
    inputs: &[("shape", "T")],
    types: &[("T", INDICES)],
    stateful: true,
    make: |attrs| Ok(Arc::new(Random::new(attrs, Distribution::Uniform)?)),
};

pub(crate) static TRUNCATED_NORMAL: OpDef = OpDef {
    name: "TruncatedNormal",
    inputs: &[("shape", "T")],
    types: &[("T", INDICES)],
    stateful: true,
    make: |attrs| Ok(Arc::new(Random::new(attrs, Distribution::TruncatedNormal)?)),
};

struct Random {
    distribution: Distribution,
    dtype: DType,
    seeds: (i64, i64),
}

impl Random {
    fn new(attrs: &mut AttrReader, distribution: Distribution) -> Result<Random> {
        let dtype = attrs.dtype("dtype")?;
        if !FLOATS.contains(&dtype) {
            return Err(Error::type_(format!(
                "Value passed to parameter 'dtype' has DataType {dtype} not in list of allowed values: float16, bfloat16, float32, float64"
            )));
        }
        let seeds = (attrs.int_or("seed", 0)?, attrs.int_or("seed2", 0)?);
        Ok(Random {
            distribution,
            dtype,
            seeds,
        })
    }

    /// The start of a node's stream in one session.
    fn start(&self) -> Result<Philox> {
        let unknown =
            |error| Error::new(Code::Internal, format!("no random seed to be had: {error}"));
        let (seed, seed2) = match self.seeds {
            (0, 0) => {
                let mut bytes = [[0; 8]; 2];
                getrandom::fill(bytes.as_flattened_mut()).map_err(unknown)?;
                (i64::from_ne_bytes(bytes[0]), i64::from_ne_bytes(bytes[1]))
            }
            seeds => seeds,
        };
        Ok(Philox::new(seed, seed2))
    }
}

impl Op for Random {
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(self.dtype, inputs[0].as_shape("shape")?)])
    }

    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        sizes::not_negative(inputs, 0)
    }

    fn check(&self, inputs: &[Fact]) -> Result<()> {
        inputs[0]
            .known_values()
            .map_or(Ok(()), |dims| sizes::from_values(&dims).map(drop))
    }

    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let [shape] = take(inputs)?;
        if shape.rank() != 1 {
            return Err(Error::invalid(format!(
                "shape must be a vector of {{int32,int64}}, got shape {}",
                brackets(shape.shape())
            )));
        }
        let dims = sizes::from_values(&shape.to_i64_vec()?)?;
        let (distribution, uniform) = (
            self.distribution,
            self.distribution == Distribution::Uniform,
        );
        let drawn = match self.dtype {
            dtype if dtype.is_half() && !uniform => DType::Float32,
            dtype => dtype,
        };
        let mut values = run.output(drawn, &dims)?;
        let start = || self.start();
        match drawn {
            DType::Float64 => {
                let out = values.make_mut()?;
                run.random_stream(start, |stream| fill_f64(stream, distribution, out))?;
            }
            DType::Float16 => {
                let out = values.make_mut::<f16>()?;
                run.random_stream(start, |stream| fill_uniform_half(stream, out))?;
            }
            DType::Bfloat16 => {
                let out = values.make_mut::<bf16>()?;
                run.random_stream(start, |stream| fill_uniform_half(stream, out))?;
            }
            _ => {
                let out = values.make_mut()?;
                run.random_stream(start, |stream| fill_f32(stream, distribution, out))?;
            }
        }
        match drawn == self.dtype {
            true => Ok(vec![values]),
            false => Ok(vec![cast_to(run, &values, self.dtype)?]),
        }
    }

    fn grad(&self, node: &Operation, _: &[Option<Output>]) -> Result<Vec<Option<Output>>> {
        not_differentiable(node)
    }
}

use std::fmt;
use std::sync::Arc;

use tconv_tensor::{DType, Element, Tensor, bf16, f16};

use crate::operand::{integers, number};
use crate::{Error, Graph, Output, Result, dispatch, location, random};

/// A function that makes an initial value of these sizes and dtype in a graph.
pub type InitialValue = dyn Fn(&Graph, &[i64], DType) -> Result<Output> + Send + Sync;

/// How a variable's initial value is made: TensorFlow's initializers and those of tf_slim.
#[derive(Clone)]
pub enum Initializer {
    /// Zeros.
    Zeros,
    /// Ones.
    Ones,
    /// One value for all elements, or a tensor with as many elements as the variable
    /// (`constant_initializer`).
    Constant(Tensor),
    /// A tensor of the variable's own shape (`initial_value` of `tf.Variable`).
    Value(Tensor),
    /// Random values.
    Random(RandomInitializer),
    /// A tensor of the graph, of the variable's own dtype and shape.
    Output(Output),
    /// What this function makes.
    With(Arc<InitialValue>),
}

impl fmt::Debug for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Initializer::Zeros => f.write_str("Zeros"),
            Initializer::Ones => f.write_str("Ones"),
            Initializer::Constant(value) => f.debug_tuple("Constant").field(value).finish(),
            Initializer::Value(value) => f.debug_tuple("Value").field(value).finish(),
            Initializer::Random(random) => f.debug_tuple("Random").field(random).finish(),
            Initializer::Output(output) => f.debug_tuple("Output").field(output).finish(),
            Initializer::With(_) => f.write_str("With(..)"),
        }
    }
}

/// An initializer that draws its values.
#[derive(Clone, Debug)]
pub struct RandomInitializer {
    scale: Scale,
    distribution: Distribution,
    seed: Option<i64>,
}

/// How random values lie around their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// By the normal distribution.
    Normal,
    /// By the normal distribution, none further than two standard deviations from it.
    TruncatedNormal,
    /// Anywhere between two bounds alike.
    Uniform,
}

/// What mean and standard deviation, or what bounds, the values have.
#[derive(Clone, Copy, Debug)]
enum Scale {
    /// Mean and standard deviation, or least value and bound.
    Given(f64, f64),
    /// `variance_scaling_initializer`: the variance is `scale` over the fan.
    Variance { scale: f64, fan: Fan },
    /// The same in tf_slim, whose formula for truncated values is another.
    Slim { factor: f64, fan: Fan },
}

/// Which connections of a layer a variance is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    /// Those that lead to one of its outputs.
    In,
    /// Those that lead from one of its inputs.
    Out,
    /// Their mean.
    Average,
}

/// The standard deviation of a standard normal distribution that is truncated at 2.
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// From how many elements on TensorFlow fills a tensor instead of storing it.
const FILLED_FROM: i64 = 1000;

impl Initializer {
    /// [`Initializer::Constant`].
    pub fn constant(value: impl Into<Tensor>) -> Initializer {
        Initializer::Constant(value.into())
    }

    fn random(scale: Scale, distribution: Distribution) -> Initializer {
        Initializer::Random(RandomInitializer {
            scale,
            distribution,
            seed: None,
        })
    }

    /// Uniform in ±sqrt(6 / (fan in + fan out)) (`glorot_uniform_initializer`; Glorot and Bengio 2010).
    pub fn glorot_uniform() -> Initializer {
        Initializer::random(
            Scale::Variance {
                scale: 1.0,
                fan: Fan::Average,
            },
            Distribution::Uniform,
        )
    }

    /// Truncated normal of variance 2 / (fan in + fan out) (`glorot_normal_initializer`).
    pub fn glorot_normal() -> Initializer {
        Initializer::variance_scaling(1.0, Fan::Average)
    }

    /// Truncated normal of variance 2 / fan in (`he_normal`; He et al. 2015).
    pub fn he_normal() -> Initializer {
        Initializer::variance_scaling(2.0, Fan::In)
    }

    /// Truncated normal of variance `scale` / fan (`variance_scaling_initializer`).
    pub fn variance_scaling(scale: f64, fan: Fan) -> Initializer {
        Initializer::variance_scaling_of(scale, fan, Distribution::TruncatedNormal)
    }

    /// Values of this distribution of variance `scale` / fan (`variance_scaling_initializer`).
    pub fn variance_scaling_of(scale: f64, fan: Fan, distribution: Distribution) -> Initializer {
        Initializer::random(Scale::Variance { scale, fan }, distribution)
    }

    /// Uniform in ±sqrt(6 / (fan in + fan out)) (tf_slim's `xavier_initializer`).
    pub fn xavier_uniform() -> Initializer {
        Initializer::random(
            Scale::Slim {
                factor: 1.0,
                fan: Fan::Average,
            },
            Distribution::Uniform,
        )
    }

    /// Truncated normal of standard deviation sqrt(2.6 / (fan in + fan out)) before truncating (tf_slim's
    /// `xavier_initializer(uniform=False)`).
    pub fn xavier_normal() -> Initializer {
        Initializer::random(
            Scale::Slim {
                factor: 1.0,
                fan: Fan::Average,
            },
            Distribution::TruncatedNormal,
        )
    }

    /// Normal values (`random_normal_initializer`).
    pub fn random_normal(mean: f64, stddev: f64) -> Initializer {
        Initializer::random(Scale::Given(mean, stddev), Distribution::Normal)
    }

    /// Normal values less than two standard deviations from the mean (`truncated_normal_initializer`).
    pub fn truncated_normal(mean: f64, stddev: f64) -> Initializer {
        Initializer::random(Scale::Given(mean, stddev), Distribution::TruncatedNormal)
    }

    /// Uniform values from `min` to below `max` (`random_uniform_initializer`).
    pub fn random_uniform(min: f64, max: f64) -> Initializer {
        Initializer::random(Scale::Given(min, max), Distribution::Uniform)
    }

    /// Gives a random initializer a seed of its own; changes no other.
    pub fn seed(mut self, seed: i64) -> Initializer {
        if let Initializer::Random(random) = &mut self {
            random.seed = Some(seed);
        }
        self
    }

    /// Adds the nodes of an initial value of these sizes, named as TensorFlow names them, to the open name
    /// scope.
    ///
    /// # Errors
    /// `Value` for a constant of another number of elements, `Type` for one that the dtype does not hold
    /// and for random integers.
    #[track_caller]
    pub fn build(&self, graph: &Graph, sizes: &[i64], dtype: DType) -> Result<Output> {
        let _from = location::caller();
        match self {
            Initializer::Zeros => filled(graph, "zeros", 0, sizes, dtype),
            Initializer::Ones => filled(graph, "ones", 1, sizes, dtype),
            Initializer::Constant(value) => {
                graph.constant_named("Const", spread(value, sizes, dtype)?)
            }
            Initializer::Value(value) => {
                let found: Vec<i64> = value.shape().iter().map(|&n| n as i64).collect();
                if found != sizes {
                    return Err(Error::value(format!(
                        "Initial value's shape ({found:?}) is not compatible with the explicitly supplied `shape` argument ({sizes:?})."
                    )));
                }
                graph.constant_named("initial_value", spread(value, sizes, dtype)?)
            }
            Initializer::Random(random) => random.build(graph, sizes, dtype),
            Initializer::Output(value) => {
                graph.check_own(value.graph(), || value.name())?;
                of_dtype(value.clone(), dtype)
            }
            Initializer::With(make) => of_dtype(make(graph, sizes, dtype)?, dtype),
        }
    }
}

/// Refuses an initial value of another dtype than the variable's.
pub(crate) fn of_dtype(value: Output, dtype: DType) -> Result<Output> {
    if value.dtype() == dtype {
        return Ok(value);
    }
    let given = value.dtype();
    Err(Error::value(format!(
        "Initializer type '{given}' and explicit dtype '{dtype}' don't match."
    ))
    .help(format!("the initial value is {value}; cast converts it")))
}

impl RandomInitializer {
    fn build(&self, graph: &Graph, sizes: &[i64], dtype: DType) -> Result<Output> {
        if !dtype.is_floating() {
            return Err(
                Error::type_(format!("Expected floating point type, got {dtype}."))
                    .help("the initializers of zeros, ones and constants make integers"),
            );
        }
        let shape = sizes.to_vec();
        let (low, high) = self.parameters(sizes);
        if let Distribution::Uniform = self.distribution {
            let values = random::uniform(graph, shape)
                .minval(low)
                .maxval(high)
                .dtype(dtype);
            return match self.seed {
                Some(seed) => values.seed(seed).build(),
                None => values.build(),
            };
        }
        let values = match self.distribution {
            Distribution::TruncatedNormal => random::truncated_normal(graph, shape),
            _ => random::normal(graph, shape),
        };
        let values = values.mean(low).stddev(high).dtype(dtype);
        match self.seed {
            Some(seed) => values.seed(seed).build(),
            None => values.build(),
        }
    }

    /// Mean and standard deviation, or least value and bound.
    fn parameters(&self, sizes: &[i64]) -> (f64, f64) {
        let variance = match self.scale {
            Scale::Given(low, high) => return (low, high),
            Scale::Variance { scale, fan } => scale / fan.of(sizes).max(1.0),
            // A tensor of no elements has a fan of 0, for which any scale will do.
            Scale::Slim { factor, fan } => match (fan.of(sizes), self.distribution) {
                (0.0, _) => factor,
                (n, Distribution::Uniform) => factor / n,
                (n, _) => return (0.0, (1.3 * factor / n).sqrt()),
            },
        };
        match self.distribution {
            Distribution::Uniform => {
                let limit = (3.0 * variance).sqrt();
                (-limit, limit)
            }
            Distribution::Normal => (0.0, variance.sqrt()),
            Distribution::TruncatedNormal => (0.0, variance.sqrt() / TRUNCATED_STDDEV),
        }
    }
}

impl Fan {
    /// The connections of a weight of these sizes, `[..., inputs, outputs]`, as a real number: no product
    /// of sizes can pass its range.
    fn of(self, sizes: &[i64]) -> f64 {
        let (fan_in, fan_out) = match *sizes {
            [] => (1.0, 1.0),
            [only] => (only as f64, only as f64),
            [ref window @ .., inputs, outputs] => {
                let window: f64 = window.iter().map(|&n| n as f64).product();
                (inputs as f64 * window, outputs as f64 * window)
            }
        };
        match self {
            Fan::In => fan_in,
            Fan::Out => fan_out,
            Fan::Average => (fan_in + fan_out) / 2.0,
        }
    }
}

/// TensorFlow's `zeros` and `ones`: a constant where it is small, and else `Fill`.
fn filled(graph: &Graph, name: &str, value: i64, sizes: &[i64], dtype: DType) -> Result<Output> {
    let scalar = match dtype {
        _ if dtype.is_floating() => number(value as f64, Some(dtype))?,
        DType::Bool => Tensor::scalar(value != 0),
        DType::Uint8 => Tensor::scalar(value as u8),
        _ => integers(&[], &[value], Some(dtype))?,
    };
    let elements = sizes
        .iter()
        .try_fold(1i64, |product, &n| product.checked_mul(n));
    if elements.is_some_and(|elements| elements < FILLED_FROM) {
        return graph.constant_named(name, spread(&scalar, sizes, dtype)?);
    }
    graph.op_scope(name, |own| {
        let shape = integers(&[sizes.len()], sizes, None)?;
        let shape = graph.constant_named("shape_as_tensor", shape)?;
        let value = graph.constant_named("Const", scalar)?;
        graph
            .add("Fill")
            .name(own)
            .input(&shape)
            .input(&value)
            .output()
    })
}

/// A tensor of these sizes and dtype: `value`'s one element in each place, or its elements in order.
fn spread(value: &Tensor, sizes: &[i64], dtype: DType) -> Result<Tensor> {
    let size = |&n: &i64| {
        usize::try_from(n).map_err(|_| Error::value(format!("Dimension {n} must be >= 0")))
    };
    let sizes = sizes.iter().map(size).collect::<Result<Vec<usize>>>()?;
    let value = convert(value, dtype)?;
    if value.len() == 1 {
        return dispatch!(dtype, T in [f16, bf16, f32, f64, i32, i64, u8, bool], {
            Ok(Tensor::full(&sizes, value.item::<T>()?)?)
        });
    }
    let (have, shape) = (value.len(), value.shape().to_vec());
    value.reshape(&sizes).map_err(|_| {
        Error::value(format!(
            "a constant of {have} elements ({shape:?}) cannot fill {sizes:?}"
        ))
    })
}

/// `value` as `dtype`, where every element stays what it is but for rounding.
fn convert(value: &Tensor, dtype: DType) -> Result<Tensor> {
    let refused = || {
        Error::type_(format!(
            "a constant of {} cannot fill a variable of {dtype}",
            value.dtype()
        ))
    };
    fn map<A: Element + Copy, B: Element>(value: &Tensor, f: impl Fn(A) -> B) -> Result<Tensor> {
        Ok(Tensor::new(
            value.shape(),
            value.as_slice::<A>()?.iter().map(|&x| f(x)).collect(),
        )?)
    }
    match (value.dtype(), dtype) {
        (from, to) if from == to => Ok(value.clone()),
        (DType::Float32, DType::Float64) => map(value, |x: f32| f64::from(x)),
        (DType::Float32, DType::Float16) => map(value, f16::from_f32),
        (DType::Float32, DType::Bfloat16) => map(value, bf16::from_f32),
        (DType::Float64, DType::Float32) => map(value, |x: f64| x as f32),
        (DType::Float64, DType::Float16) => map(value, |x: f64| f16::from_f32(x as f32)),
        (DType::Float64, DType::Bfloat16) => map(value, |x: f64| bf16::from_f32(x as f32)),
        (DType::Int32 | DType::Int64, _) => {
            integers(value.shape(), &value.to_i64_vec()?, Some(dtype)).map_err(|_| refused())
        }
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Session};

    fn value(shape: &[i64], dtype: DType, initializer: Initializer) -> Result<Tensor> {
        let graph = Graph::new();
        let w = graph
            .variable("w", shape)
            .dtype(dtype)
            .initializer(initializer)
            .build()?;
        let session = Session::new(&graph);
        session.run(graph.global_variables_initializer())?;
        session.run(&w)
    }

    #[test]
    fn constants_fill_or_fit() -> Result<()> {
        let float = DType::Float32;
        assert_eq!(
            value(&[2], float, Initializer::constant(3.0))?,
            [3.0f32, 3.0].into()
        );
        assert_eq!(
            value(&[2], float, Initializer::constant(3i32))?,
            [3.0f32, 3.0].into()
        );
        assert_eq!(
            value(&[1], DType::Float64, Initializer::constant(0.5f32))?,
            [0.5f64].into()
        );
        let square = Tensor::new(&[2, 2], vec![1.0f32, 2.0, 3.0, 4.0])?;
        let four = Initializer::constant([1.0f32, 2.0, 3.0, 4.0]);
        assert_eq!(value(&[2, 2], float, four.clone())?, square);
        assert_eq!(
            value(&[2, 2], float, Initializer::Value(square.clone()))?,
            square
        );
        assert_eq!(
            value(&[2], DType::Int64, Initializer::Ones)?,
            [1i64, 1].into()
        );
        assert_eq!(value(&[1], DType::Bool, Initializer::Ones)?, [true].into());
        let refused = |made: Result<Tensor>| made.unwrap_err().code();
        assert_eq!(refused(value(&[3], float, four)), Code::Value);
        assert_eq!(
            refused(value(&[4], float, Initializer::Value(square))),
            Code::Value
        );
        assert_eq!(
            refused(value(&[2], DType::Int32, Initializer::constant(1.5))),
            Code::Type
        );
        assert_eq!(
            refused(value(&[2], DType::Int32, Initializer::glorot_normal())),
            Code::Type
        );
        Ok(())
    }

    /// Names that TensorFlow 2.21 makes for 1200 elements.
    #[test]
    fn many_zeros_are_filled() -> Result<()> {
        let graph = Graph::new();
        let w = graph
            .variable("w", [30, 40])
            .initializer(Initializer::Ones)
            .build()?;
        let names: Vec<_> = graph
            .operations()
            .iter()
            .map(|op| op.name().to_string())
            .collect();
        let expected =
            ["shape_as_tensor", "Const"].map(|name| format!("w/Initializer/ones/{name}"));
        assert_eq!(names[..2], expected);
        assert_eq!(names[2], "w/Initializer/ones");
        let session = Session::new(&graph);
        session.run(w.initializer())?;
        assert_eq!(session.run(&w)?, Tensor::full(&[30, 40], 1.0f32)?);
        Ok(())
    }

    #[test]
    fn tensors_without_elements() -> Result<()> {
        for initializer in [Initializer::xavier_normal(), Initializer::glorot_uniform()] {
            assert_eq!(
                value(&[0, 3], DType::Float32, initializer.clone())?.shape(),
                [0, 3]
            );
            assert_eq!(
                value(&[3, 0, 0], DType::Float32, initializer)?.shape(),
                [3, 0, 0]
            );
        }
        Ok(())
    }
}

//! tf_slim's layers, with its variables, names and defaults: weights by Xavier's uniform rule, zero
//! biases, `relu`.

mod conv2d;
mod conv2d_transpose;
mod fully_connected;
mod pool2d;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use tconv_shape::{DataFormat, Dim, Shape};

pub use conv2d::{Conv2d, conv2d};
pub use conv2d_transpose::{Conv2dTranspose, conv2d_transpose};
pub use fully_connected::{FullyConnected, fully_connected};
pub use pool2d::{Pool2d, avg_pool2d, flatten, max_pool2d};

use crate::nn::{self, Sizes};
use crate::{
    Error, Initializer, Location, Output, Result, Reuse, Variable, VariableScope, location,
};

/// A function that makes one tensor of another.
pub type Function = dyn Fn(Output) -> Result<Output> + Send + Sync;

/// What a layer does with its sums.
#[derive(Clone, Default)]
pub enum Activation {
    /// Nothing.
    None,
    /// [`nn::relu`]
    #[default]
    Relu,
    /// [`nn::leaky_relu`] with this `alpha`.
    LeakyRelu(f32),
    /// [`nn::sigmoid`]
    Sigmoid,
    /// [`nn::tanh`]
    Tanh,
    /// [`nn::softplus`]
    Softplus,
    /// What this function does, within the layer's scope.
    With(Arc<Function>),
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activation::None => f.write_str("None"),
            Activation::Relu => f.write_str("Relu"),
            Activation::LeakyRelu(alpha) => f.debug_tuple("LeakyRelu").field(alpha).finish(),
            Activation::Sigmoid => f.write_str("Sigmoid"),
            Activation::Tanh => f.write_str("Tanh"),
            Activation::Softplus => f.write_str("Softplus"),
            Activation::With(_) => f.write_str("With(..)"),
        }
    }
}

impl Activation {
    fn apply(&self, sums: Output) -> Result<Output> {
        match self {
            Activation::None => Ok(sums),
            Activation::Relu => nn::relu(sums),
            Activation::LeakyRelu(alpha) => nn::leaky_relu(sums, *alpha),
            Activation::Sigmoid => nn::sigmoid(sums),
            Activation::Tanh => nn::tanh(sums),
            Activation::Softplus => nn::softplus(sums),
            Activation::With(function) => function(sums),
        }
    }
}

/// In which variable scope a layer's variables stand.
enum Scope {
    /// One called as the layer's kind, numbered.
    Default,
    Name(String),
    Open(VariableScope),
}

/// What all layers have.
struct Layer {
    inputs: Output,
    num_outputs: i64,
    activation: Activation,
    weights: Initializer,
    biases: Option<Initializer>,
    normalizer: Activation,
    trainable: bool,
    reuse: Reuse,
    scope: Scope,
    location: Location,
}

impl Layer {
    #[track_caller]
    fn new(inputs: &Output, num_outputs: i64) -> Layer {
        Layer {
            inputs: inputs.clone(),
            num_outputs,
            activation: Activation::default(),
            weights: Initializer::xavier_uniform(),
            biases: Some(Initializer::Zeros),
            normalizer: Activation::None,
            trainable: true,
            reuse: Reuse::No,
            scope: Scope::Default,
            location: location::here(),
        }
    }

    /// Runs `build` within the layer's variable scope.
    fn scoped<T>(&self, default: &str, build: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.num_outputs < 1 {
            return Err(Error::value(format!(
                "num_outputs must be at least 1, got {}",
                self.num_outputs
            )));
        }
        let graph = self.inputs.graph();
        let outer = match &self.scope {
            Scope::Default => graph.open_variable_scope(None, Some(default), self.reuse),
            Scope::Name(name) => graph.open_variable_scope(Some(name), None, self.reuse),
            Scope::Open(scope) => graph.reopen_variable_scope(scope, self.reuse),
        };
        graph.within(outer?, build)
    }

    /// The variables `weights`, of these sizes, and `biases`.
    fn variables(&self, weights: &[i64]) -> Result<(Variable, Option<Variable>)> {
        let make = |name: &str, shape: Shape, initializer: &Initializer| {
            let variable = self
                .inputs
                .graph()
                .variable(name, shape)
                .dtype(self.inputs.dtype());
            variable
                .initializer(initializer.clone())
                .trainable(self.trainable)
                .build()
        };
        let weights = make("weights", weights.into(), &self.weights)?;
        let biases = self
            .biases
            .as_ref()
            .filter(|_| matches!(self.normalizer, Activation::None))
            .map(|biases| make("biases", [self.num_outputs].into(), biases));
        Ok((weights, biases.transpose()?))
    }

    /// Adds the biases or the normalizer, and the activation.
    fn finish(
        &self,
        sums: Output,
        biases: Option<&Variable>,
        format: DataFormat,
    ) -> Result<Output> {
        let sums = match biases {
            Some(biases) => nn::bias_add_format(sums, biases, format)?,
            None => sums,
        };
        self.activation.apply(self.normalizer.apply(sums)?)
    }

    /// The inputs' four sizes and, known, their channels.
    fn image(&self, format: DataFormat) -> Result<(&[Dim], i64)> {
        let dims = match self.inputs.static_shape().dims() {
            Some(dims) if dims.len() == 4 => dims,
            other => {
                let found =
                    other.map_or("an unknown rank".to_string(), |dims| dims.len().to_string());
                return Err(Error::value(format!(
                    "Convolution expects input with rank 4, got {found}"
                ))
                .help(format!("the inputs are {}", self.inputs)));
            }
        };
        match dims[format.channel_axis(2)].known() {
            Some(channels) => Ok((dims, channels)),
            None => Err(Error::value(
                "The channel dimension of the inputs should be defined. Found `None`.",
            )
            .help(format!(
                "the inputs are {}: the weights' size follows from their channels",
                self.inputs
            ))),
        }
    }
}

/// Height and width of a kernel.
fn kernel_size(sizes: &Sizes) -> Result<[i64; 2]> {
    match sizes
        .expand("kernel_size", DataFormat::ChannelsLast, 2)?
        .as_slice()
    {
        &[1, height, width, 1] => positive("kernel_size", [height, width]),
        other => Err(Error::value(format!(
            "The `kernel_size` argument must be a tuple of 2 integers. Received: {other:?}"
        ))),
    }
}

/// Refuses what no window has, before a layer makes its variables.
fn positive<const N: usize>(what: &str, sizes: [i64; N]) -> Result<[i64; N]> {
    match sizes.iter().any(|&n| n < 1) {
        true => Err(Error::value(format!(
            "The argument `{what}` must be positive. Received: {sizes:?}"
        ))),
        false => Ok(sizes),
    }
}

/// The setters of what all layers have.
macro_rules! layer_setters {
    ($type:ident) => {
        impl $type {
            /// What is done with the sums: `relu` without this.
            pub fn activation(mut self, activation: $crate::slim::Activation) -> Self {
                self.layer.activation = activation;
                self
            }

            /// How the weights start: Xavier's uniform rule without this.
            pub fn weights_initializer(mut self, initializer: $crate::Initializer) -> Self {
                self.layer.weights = initializer;
                self
            }

            /// How the biases start: at zero without this.
            pub fn biases_initializer(mut self, initializer: $crate::Initializer) -> Self {
                self.layer.biases = Some(initializer);
                self
            }

            /// No biases.
            pub fn no_biases(mut self) -> Self {
                self.layer.biases = None;
                self
            }

            /// What is done with the sums before the activation, instead of adding biases: nothing without this.
            pub fn normalizer(mut self, normalizer: $crate::slim::Activation) -> Self {
                self.layer.normalizer = normalizer;
                self
            }

            /// Whether optimizers train the variables by default: yes without this.
            pub fn trainable(mut self, trainable: bool) -> Self {
                self.layer.trainable = trainable;
                self
            }

            /// Whether the variables of a layer of the same scope are used again.
            pub fn reuse(mut self, reuse: $crate::Reuse) -> Self {
                self.layer.reuse = reuse;
                self
            }

            /// The variable scope: a numbered one without this.
            pub fn scope(mut self, scope: &str) -> Self {
                self.layer.scope = $crate::slim::Scope::Name(scope.to_string());
                self
            }

            /// A variable scope that was open before: a numbered one without this.
            pub fn variable_scope(mut self, scope: &$crate::VariableScope) -> Self {
                self.layer.scope = $crate::slim::Scope::Open(scope.clone());
                self
            }
        }
    };
}
use layer_setters;

//! tf_slim's layers, with its variables, names and defaults: weights by Xavier's uniform rule, zero
//! biases, `relu`.

mod conv2d;
mod conv2d_transpose;
mod fully_connected;
#[cfg(test)]
mod tests;

use tconv_shape::{DataFormat, Dim, Shape};

pub use conv2d::{Conv2d, conv2d};
pub use conv2d_transpose::{Conv2dTranspose, conv2d_transpose};
pub use fully_connected::{FullyConnected, fully_connected};

use crate::nn::{self, Sizes};
use crate::{Error, Initializer, Location, Output, Result, Reuse, Variable, location};

/// What a layer does with its sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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
}

impl Activation {
    fn apply(self, sums: Output) -> Result<Output> {
        match self {
            Activation::None => Ok(sums),
            Activation::Relu => nn::relu(sums),
            Activation::LeakyRelu(alpha) => nn::leaky_relu(sums, alpha),
            Activation::Sigmoid => nn::sigmoid(sums),
            Activation::Tanh => nn::tanh(sums),
            Activation::Softplus => nn::softplus(sums),
        }
    }
}

/// What all layers have.
struct Layer {
    inputs: Output,
    num_outputs: i64,
    activation: Activation,
    weights: Initializer,
    biases: Option<Initializer>,
    trainable: bool,
    reuse: Reuse,
    scope: Option<String>,
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
            trainable: true,
            reuse: Reuse::No,
            scope: None,
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
        match (&self.scope, self.reuse) {
            (Some(scope), reuse) => graph.variable_scope_reuse(scope, reuse, build),
            (None, Reuse::Yes | Reuse::Auto) => Err(Error::value(
                "reuse=True cannot be used without a name_or_scope",
            )
            .help("say which layer's variables to reuse with .scope(..)")),
            (None, Reuse::No) => graph.layer_scope(default, build),
        }
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
            .map(|biases| make("biases", [self.num_outputs].into(), biases));
        Ok((weights, biases.transpose()?))
    }

    /// Adds the biases and the activation.
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
        self.activation.apply(sums)
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
                self.layer.scope = Some(scope.to_string());
                self
            }
        }
    };
}
use layer_setters;

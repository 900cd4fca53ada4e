use tconv_shape::DataFormat;

use super::{Layer, layer_setters};
use crate::{Error, Output, Result, Size, array, location, math};

/// The product of the last axis of `inputs`, `[..., channels]`, and weights of `[channels, num_outputs]`,
/// then biases and `relu` (`slim.fully_connected`).
///
/// Its variables are `fully_connected/weights` and `fully_connected/biases`.
#[track_caller]
pub fn fully_connected(inputs: &Output, num_outputs: i64) -> FullyConnected {
    FullyConnected {
        layer: Layer::new(inputs, num_outputs),
    }
}

/// A fully connected layer that is being built.
pub struct FullyConnected {
    layer: Layer,
}

layer_setters!(FullyConnected);

impl FullyConnected {
    /// Adds the layer.
    ///
    /// # Errors
    /// `Value` for inputs of a rank below 2 or without a known last size, and for variables that are there
    /// already.
    pub fn build(self) -> Result<Output> {
        let _from = location::began(self.layer.location);
        let (layer, inputs) = (&self.layer, &self.layer.inputs);
        let (rank, last) = match inputs.static_shape().dims() {
            Some([_, .., last]) => (inputs.static_shape().rank().unwrap_or(2), last.known()),
            Some(dims) => {
                return Err(Error::value(format!(
                    "Input 0 of layer fully_connected is incompatible with the layer: : expected min_ndim=2, found ndim={}. Full shape received: {}",
                    dims.len(),
                    inputs.static_shape()
                )));
            }
            None => (0, None),
        };
        let Some(channels) = last else {
            return Err(Error::value(
                "The last dimension of the inputs to `Dense` should be defined. Found `None`.",
            )
            .help(format!(
                "the inputs are {inputs}: the weights' size follows from it"
            )));
        };
        layer.scoped("fully_connected", || {
            let (weights, biases) = layer.variables(&[channels, layer.num_outputs])?;
            let sums = if rank == 2 {
                math::matmul(inputs, weights)?
            } else {
                let rows = array::reshape(inputs, [-1, channels])?;
                array::reshape(math::matmul(rows, weights)?, self.output_shape()?)?
            };
            layer.finish(sums, biases.as_ref(), DataFormat::ChannelsLast)
        })
    }

    /// The inputs' sizes but for the last.
    fn output_shape(&self) -> Result<Vec<Size>> {
        let inputs = &self.layer.inputs;
        let dims = inputs.static_shape().dims().unwrap_or_default();
        let leading = &dims[..dims.len().saturating_sub(1)];
        let mut sizes: Vec<Size> = match leading
            .iter()
            .map(|dim| dim.known())
            .collect::<Option<Vec<_>>>()
        {
            Some(known) => known.into_iter().map(Size::Known).collect(),
            None => {
                let sizes = array::unpack(&array::shape(inputs)?, 0)?;
                sizes
                    .into_iter()
                    .take(leading.len())
                    .map(Size::Tensor)
                    .collect()
            }
        };
        sizes.push(Size::Known(self.layer.num_outputs));
        Ok(sizes)
    }
}

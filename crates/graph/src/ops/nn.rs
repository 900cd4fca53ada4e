//! Neural networks: convolutions, activations, pooling.

mod activation;
mod activation_grad;
mod bias;
mod pool;
mod softmax;
#[cfg(test)]
mod tests;

pub use super::conv::{
    ConvBuilder, Convolved, Sizes, conv1d, conv1d_backprop_filter, conv1d_backprop_input,
    conv1d_transpose, conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose,
    conv3d, conv3d_backprop_filter, conv3d_backprop_input, conv3d_transpose,
};
pub(crate) use activation::{LEAKY_RELU, RELU, SIGMOID, SOFTPLUS, TANH};
pub use activation::{leaky_relu, relu, sigmoid, softplus, tanh};
pub(crate) use activation_grad::{
    LEAKY_RELU_GRAD, RELU_GRAD, SIGMOID_GRAD, SOFTPLUS_GRAD, TANH_GRAD,
};
pub(crate) use bias::{BIAS_ADD, BIAS_ADD_GRAD};
pub use bias::{bias_add, bias_add_format};
pub(crate) use pool::{AVG_POOL, AVG_POOL_GRAD, MAX_POOL, MAX_POOL_GRAD};
pub use pool::{PoolBuilder, avg_pool, max_pool};
pub(crate) use softmax::{LOG_SOFTMAX, SOFTMAX};
pub use softmax::{log_softmax, softmax};

//! Neural networks: convolutions, activations, pooling.

pub use super::conv::{
    ConvBuilder, Sizes, conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose,
};

"""`tf.nn`."""

from typing import TYPE_CHECKING

from tconv._missing import refuser
from tconv.tf1.activations import crelu, elu, relu6, selu, silu, softsign, swish
from tconv.tf1.cross_entropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)
from tconv.tf1.math_ops import sigmoid, tanh
from tconv.tf1.more_math import log_sigmoid
from tconv.tf1.nn_impl import (
    batch_normalization,
    depthwise_conv2d,
    dropout,
    l2_loss,
    l2_normalize,
    moments,
    separable_conv2d,
    zero_fraction,
)
from tconv.tf1.selection import depth_to_space, space_to_depth
from tconv.tf1.nn_ops import (
    atrous_conv2d,
    atrous_conv2d_transpose,
    avg_pool,
    avg_pool2d,
    bias_add,
    conv1d,
    conv1d_transpose,
    conv2d,
    conv2d_backprop_filter,
    conv2d_backprop_input,
    conv2d_transpose,
    conv3d,
    conv3d_backprop_filter,
    conv3d_backprop_filter_v2,
    conv3d_transpose,
    conv_transpose,
    convolution,
    leaky_relu,
    max_pool,
    max_pool2d,
    relu,
    log_softmax,
    softmax,
    softplus,
    xw_plus_b,
)

__all__ = [
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "avg_pool",
    "avg_pool2d",
    "batch_normalization",
    "bias_add",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_backprop_filter",
    "conv2d_backprop_input",
    "conv2d_transpose",
    "conv3d",
    "conv3d_backprop_filter",
    "conv3d_backprop_filter_v2",
    "conv3d_transpose",
    "conv_transpose",
    "convolution",
    "crelu",
    "depth_to_space",
    "depthwise_conv2d",
    "dropout",
    "elu",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "max_pool2d",
    "moments",
    "relu",
    "relu6",
    "selu",
    "separable_conv2d",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
    "weighted_cross_entropy_with_logits",
    "xw_plus_b",
    "zero_fraction",
]

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.nn", globals())

"""`tf.nn`."""

from typing import TYPE_CHECKING

from tconv._missing import refuser
from tconv.tf1.math_ops import sigmoid, tanh
from tconv.tf1.nn_impl import depthwise_conv2d, separable_conv2d
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
    "depthwise_conv2d",
    "leaky_relu",
    "max_pool",
    "max_pool2d",
    "relu",
    "separable_conv2d",
    "sigmoid",
    "log_softmax",
    "softmax",
    "softplus",
    "tanh",
    "xw_plus_b",
]

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.nn", globals())

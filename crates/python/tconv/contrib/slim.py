"""TF-Slim: layers that make their own variables, `arg_scope`, and lists of variables."""

from typing import TYPE_CHECKING

from tconv._missing import refuser
from tconv.contrib.framework import (
    add_arg_scope,
    add_model_variable,
    arg_scope,
    create_global_step,
    current_arg_scope,
    filter_variables,
    get_global_step,
    get_model_variables,
    get_or_create_global_step,
    get_trainable_variables,
    get_unique_variable,
    get_variables,
    get_variables_by_name,
    get_variables_by_suffix,
    get_variables_to_restore,
    has_arg_scope,
    model_variable,
    variable,
)
from tconv.contrib.layers import (
    avg_pool2d,
    conv2d,
    conv2d_transpose,
    convolution,
    convolution2d,
    convolution2d_transpose,
    flatten,
    fully_connected,
    linear,
    max_pool2d,
    repeat,
    stack,
    variance_scaling_initializer,
    xavier_initializer,
    xavier_initializer_conv2d,
)
from tconv.tf1 import losses

__all__ = [
    "add_arg_scope",
    "add_model_variable",
    "arg_scope",
    "avg_pool2d",
    "conv2d",
    "conv2d_transpose",
    "convolution",
    "convolution2d",
    "convolution2d_transpose",
    "create_global_step",
    "current_arg_scope",
    "filter_variables",
    "flatten",
    "fully_connected",
    "get_global_step",
    "get_model_variables",
    "get_or_create_global_step",
    "get_trainable_variables",
    "get_unique_variable",
    "get_variables",
    "get_variables_by_name",
    "get_variables_by_suffix",
    "get_variables_to_restore",
    "has_arg_scope",
    "linear",
    "losses",
    "max_pool2d",
    "model_variable",
    "repeat",
    "stack",
    "variable",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]

if not TYPE_CHECKING:
    __getattr__ = refuser("slim", globals())

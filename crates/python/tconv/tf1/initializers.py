"""`tf.initializers`: the initializers by their short names."""

from typing import TYPE_CHECKING

from tconv._missing import refuser
from tconv.tf1.init_ops import constant_initializer as constant
from tconv.tf1.init_ops import glorot_normal_initializer as glorot_normal
from tconv.tf1.init_ops import glorot_uniform_initializer as glorot_uniform
from tconv.tf1.init_ops import he_normal, he_uniform, lecun_normal, lecun_uniform
from tconv.tf1.init_ops import ones_initializer as ones
from tconv.tf1.init_ops import random_normal_initializer as random_normal
from tconv.tf1.init_ops import random_uniform_initializer as random_uniform
from tconv.tf1.init_ops import truncated_normal_initializer as truncated_normal
from tconv.tf1.init_ops import variance_scaling_initializer as variance_scaling
from tconv.tf1.init_ops import zeros_initializer as zeros
from tconv.tf1.variables import global_variables_initializer as global_variables
from tconv.tf1.variables import local_variables_initializer as local_variables
from tconv.tf1.variables import variables_initializer as variables

__all__ = [
    "constant",
    "global_variables",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "local_variables",
    "ones",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "variables",
    "variance_scaling",
    "zeros",
]

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.initializers", globals())

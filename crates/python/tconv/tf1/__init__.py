"""TensorFlow 1's interface, for what the engine has: `import tconv.tf1 as tf`.

Names, arguments, defaults, the names of nodes and the texts of errors are TensorFlow's (those of `tensorflow.compat.v1`).
What tconv has not raises an `AttributeError` that says so. `python -m tconv SCRIPT.py` runs a script that says
`import tensorflow as tf` on this module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tconv import errors as errors
from tconv._missing import text as _text
from tconv._tconv import Dimension as Dimension
from tconv._tconv import TensorShape as TensorShape
from tconv.tf1 import dtypes as dtypes
from tconv.tf1 import logging as logging
from tconv.tf1 import nn as nn
from tconv.tf1 import train as train
from tconv.tf1.array_ops import *
from tconv.tf1.clip_ops import *
from tconv.tf1.constant_op import *
from tconv.tf1.control_flow_ops import *
from tconv.tf1.dtypes import *
from tconv.tf1.gradients_impl import *
from tconv.tf1.init_ops import constant_initializer as constant_initializer
from tconv.tf1.init_ops import glorot_normal_initializer as glorot_normal_initializer
from tconv.tf1.init_ops import glorot_uniform_initializer as glorot_uniform_initializer
from tconv.tf1.init_ops import ones_initializer as ones_initializer
from tconv.tf1.init_ops import random_normal_initializer as random_normal_initializer
from tconv.tf1.init_ops import random_uniform_initializer as random_uniform_initializer
from tconv.tf1.init_ops import truncated_normal_initializer as truncated_normal_initializer
from tconv.tf1.init_ops import variance_scaling_initializer as variance_scaling_initializer
from tconv.tf1.init_ops import zeros_initializer as zeros_initializer
from tconv.tf1.math_ops import *
from tconv.tf1.more_math import *
from tconv.tf1.ops import *
from tconv.tf1.random_ops import *
from tconv.tf1.random_seed import *
from tconv.tf1.selection import *
from tconv.tf1.session import *
from tconv.tf1.variable_scope import *
from tconv.tf1.variables import *

if TYPE_CHECKING:
    from tconv import contrib as contrib
    from tconv.tf1 import app as app
    from tconv.tf1 import compat as compat
    from tconv.tf1 import flags as flags
    from tconv.tf1 import gfile as gfile
    from tconv.tf1 import initializers as initializers
    from tconv.tf1 import layers as layers
    from tconv.tf1 import losses as losses
    from tconv.tf1 import math as math
    from tconv.tf1 import random as random
    from tconv.tf1 import test as test

# Loaded at their first use: not every program needs them, and all would wait.
_LATER = ("app", "compat", "flags", "gfile", "initializers", "layers", "losses", "math", "random", "test")

newaxis = None
__version__ = "1.15.0"
"""The version of TensorFlow whose interface this is."""
VERSION = __version__


def disable_eager_execution() -> None:
    """Nothing: a graph is built first and run later."""


def enable_eager_execution(*args: Any, **options: Any) -> None:
    """Raises `NotImplementedError`: tconv builds a graph first and runs it later."""
    raise NotImplementedError("tconv has no eager mode of TensorFlow's; tconv.conv2d and its kin compute at once")


disable_v2_behavior = disable_resource_variables = enable_resource_variables = disable_eager_execution
disable_control_flow_v2 = disable_v2_tensorshape = disable_tensor_equality = disable_eager_execution


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return importlib.import_module(f"tconv.tf1.{name}")
        if name == "contrib":
            return importlib.import_module("tconv.contrib")
        raise AttributeError(_text("tf", name, __dir__()))


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, "contrib"})

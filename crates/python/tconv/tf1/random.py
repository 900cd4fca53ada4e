"""`tf.random`."""

from typing import TYPE_CHECKING

from tconv._missing import refuser
from tconv.tf1.random_ops import random_normal as normal
from tconv.tf1.random_ops import random_uniform as uniform
from tconv.tf1.random_ops import truncated_normal
from tconv.tf1.random_seed import set_random_seed

__all__ = ["normal", "set_random_seed", "truncated_normal", "uniform"]

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.random", globals())

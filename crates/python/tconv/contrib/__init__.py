"""What TensorFlow 1 had in `tf.contrib`: `slim`, and the same layers as `layers` and `framework`."""

from typing import TYPE_CHECKING

from tconv._missing import refuser
from tconv.contrib import framework, layers, slim

__all__ = ["framework", "layers", "slim"]

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.contrib", globals())

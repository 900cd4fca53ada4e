"""What TensorFlow 1 had in `tf.contrib`: `slim`, and the same layers as `layers` and `framework`."""

from tconv.contrib import framework, layers, slim

__all__ = ["framework", "layers", "slim"]

"""Random tensors.

With a seed (the graph's, `tf.set_random_seed`, or the op's own) each new session repeats the same values, those that
TensorFlow 2.21 gives; each run within a session goes on in the stream.
"""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import dtypes
from tconv.tf1._node import as_sizes

__all__ = [
    "random_normal",
    "random_uniform",
    "truncated_normal",
]


def random_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Values of a normal distribution."""
    return _tconv.random("normal", as_sizes(shape), mean, stddev, dtype, seed, name)


def truncated_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Values of a normal distribution, those further than two standard deviations from the mean drawn again."""
    return _tconv.random("truncated_normal", as_sizes(shape), mean, stddev, dtype, seed, name)


def random_uniform(
    shape: Any,
    minval: float = 0,
    maxval: float | None = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Values that lie evenly from `minval` up to `maxval` (None: 1), which is left out."""
    # As in TensorFlow the integers 0 and 1 add no nodes.
    least = None if isinstance(minval, int) and minval == 0 else minval
    bound = None if isinstance(maxval, int) and maxval == 1 else maxval
    return _tconv.random("uniform", as_sizes(shape), least, bound, dtype, seed, name)

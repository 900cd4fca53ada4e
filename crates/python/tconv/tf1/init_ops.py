"""How variables get their first values.

Each of these gives an initializer: pass it to `tf.get_variable`, or call it with a shape.
"""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Initializer
from tconv.tf1 import dtypes

__all__ = [
    "Initializer",
    "constant_initializer",
    "glorot_normal_initializer",
    "glorot_uniform_initializer",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones_initializer",
    "random_normal_initializer",
    "random_uniform_initializer",
    "truncated_normal_initializer",
    "variance_scaling_initializer",
    "zeros_initializer",
]


def zeros_initializer(dtype: Any = dtypes.float32) -> Initializer:
    """Zeros."""
    return _tconv.initializer("zeros", dtype=dtype)


def ones_initializer(dtype: Any = dtypes.float32) -> Initializer:
    """Ones."""
    return _tconv.initializer("ones", dtype=dtype)


def constant_initializer(value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False) -> Initializer:
    """One number, or the elements of an array."""
    return _tconv.initializer("constant", value, dtype=dtype)


def random_normal_initializer(
    mean: float = 0.0, stddev: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
) -> Initializer:
    """Values of a normal distribution."""
    return _tconv.initializer("random_normal", mean, stddev, seed=seed, dtype=dtype)


def truncated_normal_initializer(
    mean: float = 0.0, stddev: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
) -> Initializer:
    """Values of a normal distribution, none further than two standard deviations from the mean."""
    return _tconv.initializer("truncated_normal", mean, stddev, seed=seed, dtype=dtype)


def random_uniform_initializer(
    minval: float = 0.0, maxval: float | None = None, seed: int | None = None, dtype: Any = dtypes.float32
) -> Initializer:
    """Values that lie evenly from `minval` up to `maxval` (None: 1)."""
    maxval = 1.0 if maxval is None else maxval
    return _tconv.initializer("random_uniform", minval, maxval, seed=seed, dtype=dtype)


def variance_scaling_initializer(
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    seed: int | None = None,
    dtype: Any = dtypes.float32,
) -> Initializer:
    """Values whose variance is `scale` by the number of inputs (`fan_in`), outputs (`fan_out`) or their mean (`fan_avg`)."""
    return _tconv.initializer("variance_scaling", scale, mode, distribution, seed=seed, dtype=dtype)


def glorot_uniform_initializer(seed: int | None = None, dtype: Any = dtypes.float32) -> Initializer:
    """`variance_scaling_initializer(1.0, "fan_avg", "uniform")`: the default of `tf.get_variable`."""
    return _tconv.initializer("glorot_uniform", seed=seed, dtype=dtype)


def glorot_normal_initializer(seed: int | None = None, dtype: Any = dtypes.float32) -> Initializer:
    """`variance_scaling_initializer(1.0, "fan_avg", "truncated_normal")`."""
    return _tconv.initializer("glorot_normal", seed=seed, dtype=dtype)


def he_normal(seed: int | None = None) -> Initializer:
    """`variance_scaling_initializer(2.0, "fan_in", "truncated_normal")`."""
    return variance_scaling_initializer(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> Initializer:
    """`variance_scaling_initializer(2.0, "fan_in", "uniform")`."""
    return variance_scaling_initializer(2.0, "fan_in", "uniform", seed)


def lecun_normal(seed: int | None = None) -> Initializer:
    """`variance_scaling_initializer(1.0, "fan_in", "truncated_normal")`."""
    return variance_scaling_initializer(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> Initializer:
    """`variance_scaling_initializer(1.0, "fan_in", "uniform")`."""
    return variance_scaling_initializer(1.0, "fan_in", "uniform", seed)


def made(initializer: Any) -> Any:
    """An initializer where TensorFlow also takes the class of one: `initializer=tf.zeros_initializer`."""
    named = getattr(initializer, "__module__", None) == __name__ and callable(initializer)
    return initializer() if named and not isinstance(initializer, Initializer) else initializer

"""Learning rates that change with the global step."""

from __future__ import annotations

from typing import Any

import numpy as np

from tconv._tconv import Tensor
from tconv.tf1 import array_ops, math_ops, more_math
from tconv.tf1._node import graph_of, tensor


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """`learning_rate * decay_rate ** (global_step / decay_steps)`; with `staircase` of whole numbers of decays."""
    with graph_of(global_step).name_scope(name or "ExponentialDecay") as scope:
        rate = tensor(learning_rate, name="initial_learning_rate")
        steps, decay = math_ops.cast(decay_steps, rate.dtype), math_ops.cast(decay_rate, rate.dtype)
        decays = _decays(math_ops.cast(global_step, rate.dtype), steps, staircase)
        return math_ops.multiply(rate, math_ops.pow(decay, decays), scope)


def _decays(step: Tensor, steps: Tensor, staircase: bool) -> Tensor:
    decays = math_ops.truediv(step, steps)
    return more_math.floor(decays) if staircase else decays


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """`learning_rate * exp(-decay_rate * global_step / decay_steps)`; with `staircase` of whole numbers of decays."""
    rate = np.exp(-np.float32(decay_rate)) if isinstance(decay_rate, (int, float)) else math_ops.exp(-decay_rate)
    return exponential_decay(learning_rate, global_step, decay_steps, rate, staircase, name or "ExponentialTimeDecay")


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """`learning_rate / (1 + decay_rate * global_step / decay_steps)`; with `staircase` of whole numbers of decays."""
    with graph_of(global_step).name_scope(name or "InverseTimeDecay") as scope:
        rate = tensor(learning_rate, name="initial_learning_rate")
        steps, decay = math_ops.cast(decay_steps, rate.dtype), math_ops.cast(decay_rate, rate.dtype)
        decays = _decays(math_ops.cast(global_step, rate.dtype), steps, staircase)
        divisor = math_ops.add(math_ops.cast(1.0, rate.dtype), math_ops.multiply(decay, decays))
        return math_ops.truediv(rate, divisor, scope)


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Tensor:
    """From `learning_rate` to `end_learning_rate` within `decay_steps`, along `(1 - step / decay_steps) ** power`.

    With `cycle` it starts again beyond `decay_steps`, along twice, three times, ... as many steps.
    """
    with graph_of(global_step).name_scope(name or "PolynomialDecay") as scope:
        rate = tensor(learning_rate, name="initial_learning_rate")
        end, power = math_ops.cast(end_learning_rate, rate.dtype), math_ops.cast(power, rate.dtype)
        steps, step = math_ops.cast(decay_steps, rate.dtype), math_ops.cast(global_step, rate.dtype)
        if cycle:
            times = more_math.ceil(math_ops.truediv(step, steps))
            steps = math_ops.multiply(steps, math_ops.maximum(times, tensor(1.0, rate.dtype)))
        else:
            step = math_ops.minimum(step, steps)
        left = math_ops.subtract(tensor(1.0, rate.dtype), math_ops.truediv(step, steps))
        scaled = math_ops.multiply(math_ops.subtract(rate, end), math_ops.pow(left, power))
        return math_ops.add(scaled, end, scope)


def piecewise_constant(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Tensor:
    """`values[0]` where `x <= boundaries[0]`, `values[1]` up to `boundaries[1]`, ..., the last value beyond the last.

    Raises:
      ValueError: there is not one value more than there are boundaries.
    """
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    with graph_of(x).name_scope(name or "PiecewiseConstant"):
        x, chosen = tensor(x), tensor(values[-1])
        for boundary, value in zip(reversed(boundaries), reversed(values[:-1])):
            below = math_ops.less_equal(x, math_ops.cast(boundary, x.dtype))
            chosen = array_ops.where(below, tensor(value, chosen.dtype), chosen)
        return chosen

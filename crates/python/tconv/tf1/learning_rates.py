"""Learning rates that change with the global step."""

from __future__ import annotations

from typing import Any

from tconv._tconv import Tensor
from tconv.tf1 import array_ops, math_ops
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
        step, steps = math_ops.cast(global_step, rate.dtype), math_ops.cast(decay_steps, rate.dtype)
        decays = math_ops.floordiv(step, steps) if staircase else math_ops.div(step, steps)
        return math_ops.multiply(rate, math_ops.pow(math_ops.cast(decay_rate, rate.dtype), decays), scope)


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

    Raises:
      NotImplementedError: with `cycle`.
    """
    if cycle:
        raise NotImplementedError("polynomial_decay: tconv has no cycle")
    with graph_of(global_step).name_scope(name or "PolynomialDecay") as scope:
        rate = tensor(learning_rate, name="learning_rate")
        end, steps = math_ops.cast(end_learning_rate, rate.dtype), math_ops.cast(decay_steps, rate.dtype)
        step = math_ops.minimum(math_ops.cast(global_step, rate.dtype), steps)
        left = math_ops.subtract(math_ops.cast(1.0, rate.dtype), math_ops.divide(step, steps))
        scaled = math_ops.multiply(rate - end, math_ops.pow(left, math_ops.cast(power, rate.dtype)))
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

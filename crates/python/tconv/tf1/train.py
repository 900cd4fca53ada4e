"""Training: optimizers, learning rates that change, the global step, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tconv._missing import refuser
from tconv.tf1.learning_rates import (
    exponential_decay,
    inverse_time_decay,
    natural_exp_decay,
    piecewise_constant,
    polynomial_decay,
)
from tconv.tf1.moving_averages import ExponentialMovingAverage
from tconv.tf1.optimizers import AdamOptimizer, GradientDescentOptimizer, MomentumOptimizer, Optimizer
from tconv.tf1.saver import (
    CheckpointState,
    Saver,
    checkpoint_exists,
    get_checkpoint_state,
    latest_checkpoint,
    update_checkpoint_state,
)
from tconv.tf1.slot_optimizers import AdadeltaOptimizer, AdagradOptimizer, RMSPropOptimizer
from tconv.tf1.training_util import create_global_step, get_global_step, get_or_create_global_step, global_step

piecewise_constant_decay = piecewise_constant

__all__ = [
    "AdadeltaOptimizer",
    "AdagradOptimizer",
    "ExponentialMovingAverage",
    "RMSPropOptimizer",
    "inverse_time_decay",
    "natural_exp_decay",
    "AdamOptimizer",
    "CheckpointState",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "Optimizer",
    "Saver",
    "checkpoint_exists",
    "create_global_step",
    "exponential_decay",
    "get_checkpoint_state",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
    "latest_checkpoint",
    "piecewise_constant",
    "piecewise_constant_decay",
    "polynomial_decay",
    "update_checkpoint_state",
]

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.train", globals())

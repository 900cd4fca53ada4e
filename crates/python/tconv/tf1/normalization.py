"""Batch normalization."""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Tensor
from tconv.tf1 import array_ops, init_ops, math_ops, nn_impl
from tconv.tf1._node import Value, tensor
from tconv.tf1.ops import GraphKeys, add_to_collections
from tconv.tf1.variable_scope import get_variable, variable_scope


def _along(value: Tensor, axis: int, rank: int) -> Tensor:
    """A vector as a tensor that lies along an axis."""
    if axis == rank - 1:
        return value
    return array_ops.reshape(value, [-1, *[1] * (rank - 1 - axis)])


def _chosen(training: Any, yes: Any, no: Any) -> Any:
    """`yes` or `no`, as the truth of `training` is known or found when the graph runs."""
    if isinstance(training, (Tensor, _tconv.Variable)):
        return array_ops.where_v2(math_ops.cast(training, _tconv.bool), yes, no)
    return yes if training else no


def normalized(
    inputs: Tensor,
    axis: int,
    momentum: float,
    epsilon: float,
    training: Any,
    trainable: bool,
    initializers: dict[str, Any],
    regularizers: dict[str, Any],
    updates: Any,
) -> Tensor:
    """The layer itself, in the open variable scope, with those of its variables that have an initializer.

    `training` is true, false or a tensor. The updates of the moving mean and variance go into the collection `updates`;
    where this is None they are made before the result is there.
    """
    rank = inputs.shape.rank
    if rank is None:
        raise ValueError(f"batch normalization: the inputs' rank must be known, not {inputs.shape}")
    axis %= rank
    channels = inputs.shape.as_list()[axis]
    if channels is None:
        raise ValueError(f"batch normalization: the size of axis {axis} of the inputs must be known, not {inputs.shape}")
    kept = {}
    for name, initializer in initializers.items():
        trained = trainable and not name.startswith("moving")
        kept[name] = get_variable(
            name, [channels], inputs.dtype, initializer, regularizers.get(name), trained
        )
    mean: Any = kept["moving_mean"]
    variance: Any = kept["moving_variance"]
    if isinstance(training, (Tensor, _tconv.Variable)) or training:
        axes = [other for other in range(rank) if other != axis]
        batch_mean, batch_variance = nn_impl.moments(inputs, axes)
        # As TensorFlow's fused op has it, which computes with images: the moving variance is that of a sample.
        sample = batch_variance
        if rank == 4:
            count = math_ops.cast(array_ops.size(inputs), inputs.dtype) / channels
            sample = batch_variance * (count / math_ops.maximum(count - 1, 1))
        rate = _chosen(training, tensor(1.0 - momentum, inputs.dtype), tensor(0.0, inputs.dtype))
        moved = [
            moving.assign_sub((moving - array_ops.stop_gradient(now)) * rate, name="AssignMovingAvg")
            for moving, now in ((mean, batch_mean), (variance, sample))
        ]
        mean, variance = _chosen(training, batch_mean, mean), _chosen(training, batch_variance, variance)
        if updates is None:
            with inputs.graph.control_dependencies(moved):
                mean, variance = array_ops.identity(mean), array_ops.identity(variance)
        else:
            for update in moved:
                add_to_collections(updates, update.op)
    parts = (mean, variance, kept.get("beta"), kept.get("gamma"))
    along: list[Any] = [None if part is None else _along(tensor(part), axis, rank) for part in parts]
    made = nn_impl.batch_normalization(inputs, along[0], along[1], along[2], along[3], epsilon)
    made.set_shape(inputs.shape)
    return made


def batch_normalization(
    inputs: Value,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = None,
    gamma_initializer: Any = None,
    moving_mean_initializer: Any = None,
    moving_variance_initializer: Any = None,
    beta_regularizer: Any = None,
    gamma_regularizer: Any = None,
    beta_constraint: Any = None,
    gamma_constraint: Any = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_momentum: float = 0.99,
    fused: bool | None = None,
    virtual_batch_size: int | None = None,
    adjustment: Any = None,
) -> Tensor:
    """Each channel brought to a mean of 0 and a variance of 1, then scaled (`gamma`) and shifted (`beta`).

    With `training` mean and variance are the batch's own, and the operations that bring the moving ones after them are put
    into the collection `tf.GraphKeys.UPDATE_OPS`: run them with each step. Without it they are the moving ones.
    """
    if renorm or virtual_batch_size is not None or adjustment is not None or beta_constraint or gamma_constraint:
        raise NotImplementedError("batch_normalization: tconv has neither renorm, virtual batches, adjustment nor constraints")
    inputs = tensor(inputs)
    zeros, ones = init_ops.zeros_initializer(), init_ops.ones_initializer()
    initializers = {"gamma": gamma_initializer or ones} if scale else {}
    if center:
        initializers["beta"] = beta_initializer or zeros
    initializers["moving_mean"] = moving_mean_initializer or zeros
    initializers["moving_variance"] = moving_variance_initializer or ones
    regularizers = {"beta": beta_regularizer, "gamma": gamma_regularizer}
    updates = [GraphKeys.UPDATE_OPS]
    with variable_scope(name, "batch_normalization", reuse=reuse):
        return normalized(inputs, axis, momentum, epsilon, training, trainable, initializers, regularizers, updates)

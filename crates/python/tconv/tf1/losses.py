"""Losses, each of which is also put into the graph's collection `losses`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tconv._missing import refuser
from tconv._tconv import Tensor
from tconv.tf1 import array_ops, math_ops
from tconv.tf1._node import graph_of, tensor
from tconv.tf1.ops import GraphKeys, add_to_collection, get_collection


class Reduction:
    """How the losses of the elements become one."""

    NONE = "none"
    SUM = "weighted_sum"
    MEAN = "weighted_mean"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The losses times their weights, reduced as `reduction` says: by default their mean where a weight is not 0.

    `weights` is a number or has the shape of `losses`, with sizes of 1 where one weight serves a whole axis.
    """
    losses = tensor(losses)
    with graph_of(losses).name_scope(scope or "weighted_loss"):
        weights = tensor(weights, losses.dtype if not isinstance(weights, Tensor) else None)
        weighted = math_ops.multiply(losses, weights)
        if reduction == Reduction.NONE:
            loss = weighted
        else:
            loss = math_ops.reduce_sum(weighted)
            spread = math_ops.multiply(weights, array_ops.ones_like(losses))
            if reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
                none = math_ops.equal(spread, array_ops.zeros_like(spread))
                present = array_ops.where(none, array_ops.zeros_like(spread), array_ops.ones_like(spread))
                # Where no weight counts the sum is 0, and so is the loss.
                loss = math_ops.divide(loss, math_ops.maximum(math_ops.reduce_sum(present), tensor(1, losses.dtype)))
            elif reduction == Reduction.MEAN:
                loss = math_ops.divide(loss, math_ops.reduce_sum(spread))
            elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
                loss = math_ops.divide(loss, math_ops.cast(array_ops.size(losses), losses.dtype))
            elif reduction != Reduction.SUM:
                raise ValueError(f"Invalid Reduction Key {reduction}.")
    add_loss(loss, loss_collection)
    return loss


def _elements(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    if labels is None or predictions is None:
        raise ValueError("labels and predictions must not be None.")
    predictions = tensor(predictions)
    labels = tensor(labels) if isinstance(labels, Tensor) else tensor(labels, predictions.dtype)
    predictions.shape.assert_is_compatible_with(labels.shape)
    return math_ops.cast(labels, predictions.dtype), predictions


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of `(predictions - labels) ** 2`."""
    with graph_of(predictions, labels).name_scope(scope or "mean_squared_error"):
        labels, predictions = _elements(labels, predictions)
        losses = math_ops.squared_difference(predictions, labels)
        return compute_weighted_loss(losses, weights, None, loss_collection, reduction)


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of `abs(predictions - labels)`."""
    with graph_of(predictions, labels).name_scope(scope or "absolute_difference"):
        labels, predictions = _elements(labels, predictions)
        losses = math_ops.abs(predictions - labels)
        return compute_weighted_loss(losses, weights, None, loss_collection, reduction)


def add_loss(loss: Tensor, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Puts a loss into a collection of the default graph."""
    if loss_collection is not None:
        add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Tensor]:
    """The losses of a collection."""
    return get_collection(loss_collection, scope)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of all losses."""
    losses = get_losses(scope)
    if add_regularization_losses:
        losses = losses + get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)
    return math_ops.add_n(losses, name)

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.losses", globals())

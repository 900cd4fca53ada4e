"""Cross entropies of labels and logits, one for each element or for each row."""

from __future__ import annotations

from typing import Any

from tconv._tconv import Tensor
from tconv.tf1 import array_ops, dtypes, math_ops, nn_ops
from tconv.tf1._node import Value, either, graph_of, tensor


def _both(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(f"Only call `{function}` with named arguments (labels=..., logits=..., ...)")
    if labels is None or logits is None:
        raise ValueError("Both `labels` and `logits` must be provided.")


def _same_shape(labels: Tensor, logits: Tensor) -> None:
    if not labels.shape.is_compatible_with(logits.shape):
        raise ValueError(f"`logits` and `labels` must have the same shape, received ({logits.shape} vs {labels.shape}).")


def sigmoid_cross_entropy_with_logits(labels: Value = None, logits: Value = None, name: str | None = None) -> Tensor:
    """`-labels * log(sigmoid(logits)) - (1 - labels) * log(1 - sigmoid(logits))`, without an overflow.

    Raises:
      ValueError: an argument is missing, or the shapes differ.
    """
    _both("sigmoid_cross_entropy_with_logits", None, labels, logits)
    with graph_of(logits, labels).name_scope(name or "logistic_loss") as scope:
        logits, labels = tensor(logits, name="logits"), tensor(labels, name="labels")
        _same_shape(labels, logits)
        zeros = array_ops.zeros_like(logits)
        positive = logits >= zeros
        part = array_ops.where(positive, logits, zeros)
        below = array_ops.where(positive, -logits, logits)
        return math_ops.add(part - logits * labels, nn_ops.softplus(below), scope)


def weighted_cross_entropy_with_logits(
    labels: Value = None, logits: Value = None, pos_weight: Value = None, name: str | None = None, targets: Value = None
) -> Tensor:
    """`sigmoid_cross_entropy_with_logits` whose first term, that of the positive labels, is weighted by `pos_weight`."""
    labels = either("labels", labels, "targets", targets)
    _both("weighted_cross_entropy_with_logits", None, labels, logits)
    with graph_of(logits, labels).name_scope(name or "logistic_loss") as scope:
        logits, labels = tensor(logits, name="logits"), tensor(labels, name="labels")
        _same_shape(labels, logits)
        weight = 1 + (pos_weight - 1) * labels
        spread = nn_ops.softplus(-math_ops.abs(logits)) + nn_ops.relu(-logits)
        return math_ops.add((1 - labels) * logits, weight * spread, scope)


def softmax_cross_entropy_with_logits_v2(
    labels: Value = None, logits: Value = None, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """`-sum(labels * log(softmax(logits)))` over an axis, by default the last one.

    Raises:
      ValueError: an argument is missing, or the shapes differ.
    """
    _both("softmax_cross_entropy_with_logits_v2", None, labels, logits)
    axis = either("axis", axis, "dim", dim)
    with graph_of(logits, labels).name_scope(name or "softmax_cross_entropy_with_logits") as scope:
        logits = tensor(logits, name="logits")
        labels = math_ops.cast(tensor(labels, name="labels"), logits.dtype)
        _same_shape(labels, logits)
        axis = -1 if axis is None else axis
        logarithms = nn_ops.log_softmax(logits, axis)
        return math_ops.negative(math_ops.reduce_sum(labels * logarithms, axis), scope)


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Value = None,
    logits: Value = None,
    dim: int | None = None,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """`softmax_cross_entropy_with_logits_v2` without a gradient for the labels."""
    _both("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with graph_of(logits, labels).name_scope(name or "softmax_cross_entropy_with_logits_sg") as scope:
        labels = array_ops.stop_gradient(labels, "labels_stop_gradient")
        return softmax_cross_entropy_with_logits_v2(labels, logits, either("axis", axis, "dim", dim), scope)


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Value = None, logits: Value = None, name: str | None = None
) -> Tensor:
    """The softmax cross entropy of labels that are the numbers of classes: integers of the shape of `logits[..., 0]`.

    For a label that is no class's number the result is 0.

    Raises:
      ValueError: an argument is missing, or the shapes do not go together.
    """
    from tconv.tf1.selection import one_hot

    function = "sparse_softmax_cross_entropy_with_logits"
    _both(function, _sentinel, labels, logits)
    with graph_of(logits, labels).name_scope(name or "SparseSoftmaxCrossEntropyWithLogits") as scope:
        logits, labels = tensor(logits), tensor(labels)
        if not labels.dtype.is_integer:
            raise TypeError(f"{function}: labels are numbers of classes, int32 or int64, not {labels.dtype}")
        rank = logits.shape.rank
        if rank == 0:
            raise ValueError(f"`logits` cannot be a scalar. Received logits={logits}`")
        if rank is not None and labels.shape.rank is not None and labels.shape.rank != rank - 1:
            raise ValueError(
                f"`labels.shape.rank` must equal `logits.shape.rank - 1`. Received: labels.shape={labels.shape} of rank "
                f"{labels.shape.rank} and logits.shape={logits.shape} of rank {rank}"
            )
        if rank is not None and not labels.shape.is_compatible_with(logits.shape[:-1]):
            raise ValueError(
                "`labels.shape` must equal `logits.shape` except for the last dimension. Received: "
                f"labels.shape={labels.shape} and logits.shape={logits.shape}"
            )
        classes = None if rank is None else logits.shape.as_list()[-1]
        depth = array_ops.shape(logits)[-1] if classes is None else classes
        chosen = one_hot(labels, depth, dtype=logits.dtype)
        logarithms = nn_ops.log_softmax(logits)
        return math_ops.negative(math_ops.reduce_sum(chosen * logarithms, -1), scope)

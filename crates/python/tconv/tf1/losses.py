"""Losses, each of which is also put into the graph's collection `losses`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tconv._missing import refuser
from tconv._tconv import Tensor
from tconv.tf1 import array_ops, cross_entropy, dtypes, math_ops, nn_ops
from tconv.tf1._node import either, graph_of, tensor
from tconv.tf1.ops import GraphKeys, add_to_collection, get_collection


class Reduction:
    """How the losses of the elements become one."""

    NONE = "none"
    SUM = "weighted_sum"
    MEAN = "weighted_mean"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    SUM_OVER_NONZERO_WEIGHTS = "weighted_sum_over_nonzero_weights"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Every one of them."""
        return (
            cls.NONE,
            cls.SUM,
            cls.MEAN,
            cls.SUM_OVER_BATCH_SIZE,
            cls.SUM_OVER_NONZERO_WEIGHTS,
            cls.SUM_BY_NONZERO_WEIGHTS,
        )


def _num_present(losses: Tensor, weights: Tensor) -> Tensor:
    """How many of the losses have a weight that is not 0."""
    with graph_of(losses).name_scope("num_present") as scope:
        none = math_ops.equal(weights, tensor(0.0, weights.dtype))
        present = array_ops.where(none, array_ops.zeros_like(weights), array_ops.ones_like(weights))
        with graph_of(losses).name_scope("broadcast_weights") as inner:
            present = math_ops.multiply(present, array_ops.ones_like(losses), inner)
        return math_ops.reduce_sum(present, name=scope)


def _safe_mean(total: Tensor, count: Tensor) -> Tensor:
    """`total / count`, and 0 where nothing counts."""
    with graph_of(total).name_scope("value") as scope:
        nothing = math_ops.equal(count, tensor(0.0, count.dtype))
        divisor = array_ops.where_v2(nothing, tensor(1.0, count.dtype), count)
        return array_ops.where_v2(nothing, tensor(0.0, total.dtype), math_ops.realdiv(total, divisor), scope)


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The losses times their weights, reduced as `reduction` says: by default their mean where a weight is not 0.

    `weights` is a number or has the shape of `losses`, with sizes of 1 where one weight serves a whole axis.

    Raises:
      ValueError: `weights` has another shape, or there is no such `reduction`.
    """
    if reduction not in Reduction.all():
        raise ValueError(f"Invalid Reduction Key {reduction}. Key should be one of {Reduction.all()}.")
    losses = tensor(losses)
    with graph_of(losses).name_scope(scope or "weighted_loss"):
        given = losses.dtype
        losses = math_ops.cast(losses, dtypes.float32)
        weights = math_ops.cast(tensor(weights, name="weights"), dtypes.float32)
        _assert_broadcastable(weights, losses)
        loss = math_ops.multiply(losses, weights)
        if reduction != Reduction.NONE:
            loss = math_ops.reduce_sum(loss)
        if reduction == Reduction.MEAN:
            loss = _safe_mean(loss, math_ops.reduce_sum(array_ops.ones_like(losses) * weights))
        elif reduction in (Reduction.SUM_BY_NONZERO_WEIGHTS, Reduction.SUM_OVER_NONZERO_WEIGHTS):
            loss = _safe_mean(loss, _num_present(losses, weights))
        elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
            loss = _safe_mean(loss, math_ops.cast(array_ops.size(losses, "num_elements"), losses.dtype))
        loss = math_ops.cast(loss, given)
    add_loss(loss, loss_collection)
    return loss


def _assert_broadcastable(weights: Tensor, losses: Tensor) -> None:
    sizes, wanted = weights.shape, losses.shape
    if sizes.rank in (None, 0) or wanted.rank is None:
        return
    text = f"weights can not be broadcast to values. values.shape={wanted}. weights.shape={sizes}."
    if sizes.rank != wanted.rank:
        raise ValueError(f"{text} values.rank={wanted.rank}. weights.rank={sizes.rank}.")
    for size, whole in zip(sizes.as_list(), wanted.as_list()):
        if size not in (None, 1) and whole is not None and size != whole:
            raise ValueError(text)


def _given(labels: Any, others: Any, label: str = "labels", other: str = "predictions") -> None:
    for name, value in ((label, labels), (other, others)):
        if value is None:
            raise ValueError(f"Argument `{name}` must not be None.")


def _elements(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    """Labels and predictions as float32, of one shape."""
    predictions, labels = math_ops.cast(predictions, dtypes.float32), math_ops.cast(labels, dtypes.float32)
    predictions.shape.assert_is_compatible_with(labels.shape)
    return labels, predictions


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of `(predictions - labels) ** 2`."""
    _given(labels, predictions)
    with graph_of(predictions, labels).name_scope(scope or "mean_squared_error") as whole:
        labels, predictions = _elements(labels, predictions)
        losses = math_ops.squared_difference(predictions, labels)
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of `abs(predictions - labels)`."""
    _given(labels, predictions)
    with graph_of(predictions, labels).name_scope(scope or "absolute_difference") as whole:
        labels, predictions = _elements(labels, predictions)
        losses = math_ops.abs(math_ops.subtract(predictions, labels))
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of half of the squared error up to an error of `delta`, beyond of what grows as the error does."""
    _given(labels, predictions)
    with graph_of(predictions, labels).name_scope(scope or "huber_loss") as whole:
        labels, predictions = _elements(labels, predictions)
        error = math_ops.abs(math_ops.subtract(predictions, labels))
        inner = math_ops.minimum(error, delta)
        beyond = math_ops.subtract(error, inner)
        losses = math_ops.add(math_ops.multiply(0.5, inner * inner), math_ops.multiply(delta, beyond))
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean cross entropy of labels and predicted probabilities, to which `epsilon` is added."""
    _given(labels, predictions)
    with graph_of(predictions, labels).name_scope(scope or "log_loss") as whole:
        labels, predictions = _elements(labels, predictions)
        positive = math_ops.multiply(labels, math_ops.log(predictions + epsilon))
        losses = -positive - math_ops.multiply(1 - labels, math_ops.log(1 - predictions + epsilon))
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of `relu(1 - (2 * labels - 1) * logits)`, the labels 0 or 1."""
    _given(labels, logits, other="logits")
    with graph_of(logits, labels).name_scope(scope or "hinge_loss") as whole:
        labels, logits = _elements(labels, logits)
        one = array_ops.ones_like(labels)
        sides = math_ops.subtract(2 * labels, one)
        losses = nn_ops.relu(math_ops.subtract(one, math_ops.multiply(sides, logits)))
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
    dim: int | None = None,
) -> Tensor:
    """The mean of `1 - sum(labels * predictions)` over an axis, along which both have a length of 1."""
    axis = either("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("You must specify argument `axis`.")
    _given(labels, predictions)
    with graph_of(predictions, labels).name_scope(scope or "cosine_distance_loss") as whole:
        labels, predictions = _elements(labels, predictions)
        losses = 1 - math_ops.reduce_sum(math_ops.multiply(predictions, labels), [axis], keepdims=True)
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of `tf.nn.sigmoid_cross_entropy_with_logits`; `label_smoothing` draws the labels towards 0.5."""
    _given(multi_class_labels, logits, "multi_class_labels", "logits")
    with graph_of(logits, multi_class_labels).name_scope(scope or "sigmoid_cross_entropy_loss") as whole:
        logits = tensor(logits)
        labels = math_ops.cast(multi_class_labels, logits.dtype)
        logits.shape.assert_is_compatible_with(labels.shape)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = cross_entropy.sigmoid_cross_entropy_with_logits(labels, logits, "xentropy")
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of `tf.nn.softmax_cross_entropy_with_logits`; `label_smoothing` draws the labels towards each other."""
    _given(onehot_labels, logits, "onehot_labels", "logits")
    with graph_of(logits, onehot_labels).name_scope(scope or "softmax_cross_entropy_loss") as whole:
        logits = tensor(logits)
        labels = math_ops.cast(onehot_labels, logits.dtype)
        logits.shape.assert_is_compatible_with(labels.shape)
        if label_smoothing > 0:
            classes = math_ops.cast(array_ops.shape(labels)[-1], logits.dtype)
            labels = labels * (1.0 - label_smoothing) + label_smoothing / classes
        labels = array_ops.stop_gradient(labels, "labels_stop_gradient")
        losses = cross_entropy.softmax_cross_entropy_with_logits_v2(labels, logits, name="xentropy")
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The mean of `tf.nn.sparse_softmax_cross_entropy_with_logits`."""
    _given(labels, logits, other="logits")
    with graph_of(logits, labels).name_scope(scope or "sparse_softmax_cross_entropy_loss") as whole:
        logits, labels = tensor(logits), tensor(labels)
        # An axis of size 1 in the place of the classes is no axis of the labels.
        if labels.shape.rank == logits.shape.rank and labels.shape.rank and labels.shape.as_list()[-1] in (None, 1):
            labels = array_ops.squeeze(labels, [-1])
        losses = cross_entropy.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, whole, loss_collection, reduction)


def add_loss(loss: Tensor, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Puts a loss into a collection of the default graph."""
    if loss_collection is not None:
        add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Tensor]:
    """The losses of a collection."""
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Tensor]:
    """What regularizers made of variables."""
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """The sum of what regularizers made of variables; 0 where there is nothing."""
    losses = get_regularization_losses(scope)
    return math_ops.add_n(losses, name) if losses else tensor(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of all losses. Raises `ValueError` where there is none."""
    losses = get_losses(scope)
    if add_regularization_losses:
        losses = losses + get_regularization_losses(scope)
    return math_ops.add_n(losses, name)

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.losses", globals())

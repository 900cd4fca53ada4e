"""Activations that are made of other functions."""

from __future__ import annotations

from tconv._tconv import Tensor
from tconv.tf1 import array_ops, math_ops, nn_ops
from tconv.tf1._node import Value, graph_of, tensor


def relu6(features: Value, name: str | None = None) -> Tensor:
    """`min(max(features, 0), 6)`."""
    with graph_of(features).name_scope(name or "Relu6") as scope:
        features = tensor(features, name="features")
        return math_ops.minimum(nn_ops.relu(features), tensor(6, features.dtype), scope)


def crelu(features: Value, name: str | None = None, axis: int = -1) -> Tensor:
    """`relu` of `features` and of `-features`, one after the other along an axis."""
    with graph_of(features).name_scope(name or "CRelu") as scope:
        features = tensor(features, name="features")
        return nn_ops.relu(array_ops.concat([features, -features], axis, scope))


def _exponential(features: Value, scale: float, alpha: float, name: str) -> Tensor:
    with graph_of(features).name_scope(name) as scope:
        features = tensor(features, name="features")
        # Only of what is below 0 the power is taken: that of a large number has no gradient.
        power = math_ops.exp(math_ops.minimum(features, tensor(0, features.dtype))) - tensor(1, features.dtype)
        positive = features > tensor(0, features.dtype)
        return array_ops.where_v2(positive, features * scale, power * (scale * alpha), scope)


def elu(features: Value, name: str | None = None) -> Tensor:
    """`features` where they are positive, `exp(features) - 1` elsewhere."""
    return _exponential(features, 1.0, 1.0, name or "Elu")


def selu(features: Value, name: str | None = None) -> Tensor:
    """`elu` with two constants that keep mean and variance from layer to layer."""
    return _exponential(features, 1.0507009873554805, 1.6732632423543772, name or "Selu")


def softsign(features: Value, name: str | None = None) -> Tensor:
    """`features / (1 + abs(features))`."""
    with graph_of(features).name_scope(name or "Softsign") as scope:
        features = tensor(features, name="features")
        return math_ops.realdiv(features, math_ops.abs(features) + 1, scope)


def swish(features: Value, beta: Value = 1.0) -> Tensor:
    """`features * sigmoid(beta * features)`."""
    features = tensor(features, name="features")
    scaled = math_ops.cast(tensor(beta, name="beta"), features.dtype) * features
    made: Tensor = features * math_ops.sigmoid(scaled)
    return made


silu = swish

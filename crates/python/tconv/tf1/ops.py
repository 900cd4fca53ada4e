"""Graphs, scopes and collections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tconv import _tconv
from tconv._tconv import (
    Graph,
    Operation,
    Tensor,
    get_default_graph,
    get_default_session,
    reset_default_graph,
)

__all__ = [
    "Graph",
    "GraphKeys",
    "Operation",
    "Tensor",
    "add_to_collection",
    "add_to_collections",
    "control_dependencies",
    "convert_to_tensor",
    "device",
    "executing_eagerly",
    "executing_eagerly_outside_functions",
    "get_collection",
    "get_collection_ref",
    "get_default_graph",
    "get_default_session",
    "name_scope",
    "name_scope_v1",
    "reset_default_graph",
]


class GraphKeys:
    """The names of TensorFlow's collections."""

    GLOBAL_VARIABLES = "variables"
    VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    SUMMARIES = "summaries"
    REGULARIZATION_LOSSES = "regularization_losses"
    LOSSES = "losses"
    UPDATE_OPS = "update_ops"
    TRAIN_OP = "train_op"
    GLOBAL_STEP = "global_step"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    INIT_OP = "init_op"
    SAVERS = "savers"


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None, dtype_hint: Any = None
) -> Tensor:
    """The value as a tensor: a tensor as it is, a variable's value, else a constant.

    Raises:
      ValueError: a tensor has another dtype than is asked for.
      TypeError: the dtype does not hold the value.
    """
    hint = preferred_dtype if dtype_hint is None else dtype_hint
    if dtype is None and hint is not None and not isinstance(value, (Tensor, _tconv.Variable)):
        try:
            return _tconv.convert_to_tensor(value, hint, name)
        except (TypeError, ValueError):
            pass
    return _tconv.convert_to_tensor(value, dtype, name)


def name_scope(name: str | None = None, default_name: str | None = None, values: Any = None) -> AbstractContextManager[str]:
    """`with tf.name_scope("layer"):` puts `layer/` before the names of the operations added within."""
    return get_default_graph().name_scope(default_name if name is None else name)


name_scope_v1 = name_scope


def control_dependencies(control_inputs: Any) -> AbstractContextManager[None]:
    """`with tf.control_dependencies([a, b]):` lets the operations added within run after `a` and `b`."""
    return get_default_graph().control_dependencies(control_inputs)


@contextmanager
def device(device_name_or_function: Any) -> Iterator[None]:
    """Does nothing: tconv has one device."""
    yield


def executing_eagerly() -> bool:
    """False: a graph is built first and run later."""
    return False


def executing_eagerly_outside_functions() -> bool:
    """False, as `executing_eagerly`."""
    return False


def _collection(graph: Graph, key: str) -> list[Any]:
    kept: list[Any] = graph.collections.setdefault(key, [])
    if key == GraphKeys.GLOBAL_VARIABLES:
        return graph.global_variables() + kept
    if key == GraphKeys.TRAINABLE_VARIABLES:
        return graph.trainable_variables() + kept
    return kept


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """What the default graph's collection holds; with `scope` what has a name that this pattern matches at its start."""
    items = list(_collection(get_default_graph(), key))
    if scope is None:
        return items
    pattern = re.compile(scope)
    return [item for item in items if pattern.match(getattr(item, "name", ""))]


def get_collection_ref(key: str) -> list[Any]:
    """The default graph's collection itself; of variables a copy, since the graph keeps these."""
    return _collection(get_default_graph(), key)


def add_to_collection(name: str, value: Any) -> None:
    """Adds to a collection of the default graph."""
    get_default_graph().collections.setdefault(name, []).append(value)


def add_to_collections(names: Any, value: Any) -> None:
    """Adds to several collections of the default graph, to each once."""
    for name in {names} if isinstance(names, str) else set(names):
        add_to_collection(name, value)

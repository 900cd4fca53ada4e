"""The global step: how many steps of training were made."""

from __future__ import annotations

from typing import Any

from tconv._tconv import Graph, Variable, get_default_graph
from tconv.tf1 import dtypes, init_ops
from tconv.tf1.ops import GraphKeys
from tconv.tf1.variable_scope import get_variable


def get_global_step(graph: Graph | None = None) -> Variable | None:
    """The graph's global step, or None."""
    kept = (graph or get_default_graph()).collections.get(GraphKeys.GLOBAL_STEP)
    return kept[0] if kept else None


def create_global_step(graph: Graph | None = None) -> Variable:
    """A new global step: an int64 variable that starts with 0 and is not trained.

    Raises:
      ValueError: the graph has one.
    """
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), graph.name_scope(None):
        zero = init_ops.zeros_initializer(dtypes.int64)
        keys = [GraphKeys.GLOBAL_STEP]
        return get_variable("global_step", [], dtypes.int64, zero, trainable=False, collections=keys)


def get_or_create_global_step(graph: Graph | None = None) -> Variable:
    """The graph's global step; a new one where there is none."""
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The number of steps so far."""
    return int(sess.run(global_step_tensor))

"""What the functions of all families share: one way to add a node, and arguments that have two names."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from tconv._tconv import Graph, Operation, Tensor, apply, convert_to_tensor, get_default_graph

Value = Any
"""What becomes a tensor: a `Tensor`, a `Variable`, a number, an array, a (nested) list of these."""
_T = TypeVar("_T")


def node(op: str, *inputs: Value, name: str | None = None, **attrs: Any) -> Tensor:
    """The output of a new node of `op`. An attribute that is None has its default."""
    output: Tensor = apply(op, inputs, attrs, name)
    return output


def operation(op: str, *inputs: Value, name: str | None = None, **attrs: Any) -> Operation:
    """A new node of `op` that has no output."""
    made: Operation = apply(op, inputs, attrs, name)
    return made


def either(name: str, value: _T | None, old_name: str, old_value: _T | None) -> _T | None:
    """An argument that TensorFlow has under two names. Raises `ValueError` where both are given."""
    if old_value is None:
        return value
    if value is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{name}'.")
    return old_value


def needed(function: str, name: str, value: _T | None) -> _T:
    """An argument that has a default only because it has two names. Raises `TypeError` where it is missing."""
    if value is None:
        raise TypeError(f"{function}() missing 1 required argument: '{name}'")
    return value


def graph_of(*values: Value) -> Graph:
    """The graph of the first of these that has one, else the default graph."""
    for value in values:
        graph = getattr(value, "graph", None)
        if isinstance(graph, Graph):
            return graph
    return get_default_graph()


def as_sizes(value: Value) -> Value:
    """A shape that is given to an op; one without axes, `[]`, is integers too."""
    return np.zeros(0, "int32") if isinstance(value, (list, tuple)) and not value else value


def tensor(value: Value, dtype: Any = None, name: str | None = None) -> Tensor:
    """The value as a tensor."""
    return convert_to_tensor(value, dtype, name)

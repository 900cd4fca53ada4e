"""Which operation runs after which."""

from __future__ import annotations

import builtins
from typing import Any

from tconv import _tconv
from tconv._tconv import Operation, Tensor
from tconv.tf1 import array_ops
from tconv.tf1._node import graph_of, operation

__all__ = [
    "group",
    "no_op",
    "tuple",
]


def _flatten(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, builtins.tuple)):
        return [leaf for part in structure for leaf in _flatten(part)]
    return [structure]


def group(*inputs: Any, name: str | None = None) -> Operation:
    """An operation that does nothing but run after all of these."""
    return _tconv.group([one for one in _flatten(inputs) if one is not None], name or "group_deps")


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing."""
    return operation("NoOp", name=name)


def tuple(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Tensor | None]:  # noqa: A001
    """The same tensors, each of which is there only when all of them are."""
    present = [one for one in tensors if one is not None]
    graph = graph_of(*present)
    with graph.name_scope(name or "tuple"):
        gate = group(present, control_inputs or [], name="group_deps")
        with graph.control_dependencies([gate]):
            return [None if one is None else array_ops.identity(one, "control_dependency") for one in tensors]

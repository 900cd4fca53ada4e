"""Nested lists, tuples and dictionaries: their leaves, and the same structure with other leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Callable

__all__ = ["assert_same_structure", "flatten", "is_nested", "is_sequence", "map_structure", "pack_sequence_as"]


def is_nested(structure: Any) -> bool:
    """Whether this holds other values: a list, a tuple or a dictionary."""
    return isinstance(structure, (list, tuple, Mapping))


is_sequence = is_nested


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves in their order; a dictionary's in the order of its keys."""
    if isinstance(structure, Mapping):
        structure = [structure[key] for key in sorted(structure)]
    elif not is_nested(structure):
        return [structure]
    return [leaf for part in structure for leaf in flatten(part)]


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, Mapping):
        packed = {key: _pack(structure[key], leaves) for key in sorted(structure)}
        return type(structure)((key, packed[key]) for key in structure)  # type: ignore[call-arg]
    if not is_nested(structure):
        return next(leaves)
    parts = [_pack(part, leaves) for part in structure]
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """The same structure with these leaves. Raises `ValueError` where their number is another one."""
    given, wanted = len(flat_sequence), len(flatten(structure))
    if given != wanted:
        raise ValueError(f"Could not pack sequence. Structure had {wanted} atoms, but flat_sequence had {given} items.")
    return _pack(structure, iter(flat_sequence))


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False) -> None:
    """Raises `ValueError` where two structures differ, and `TypeError` where only their types do."""
    if is_nested(nest1) != is_nested(nest2):
        raise ValueError(f"The two structures don't have the same nested structure: {nest1} and {nest2}")
    if not is_nested(nest1):
        return
    if check_types and type(nest1) is not type(nest2):
        raise TypeError(f"The two structures don't have the same types: {type(nest1)} and {type(nest2)}")
    both_maps = isinstance(nest1, Mapping) and isinstance(nest2, Mapping)
    if (set(nest1) != set(nest2)) if both_maps else (len(nest1) != len(nest2)):
        raise ValueError(f"The two structures don't have the same number of elements: {nest1} and {nest2}")
    for one, other in [(nest1[key], nest2[key]) for key in nest1] if both_maps else zip(nest1, nest2):
        assert_same_structure(one, other, check_types)


def map_structure(func: Callable[..., Any], *structure: Any, **options: Any) -> Any:
    """The structure of the results of `func` for the leaves of one or more structures of one form."""
    first, *others = structure
    for other in others:
        assert_same_structure(first, other, options.get("check_types", True))
    return pack_sequence_as(first, [func(*leaves) for leaves in zip(*map(flatten, structure))])

"""The graph's seed."""

from __future__ import annotations

from tconv._tconv import get_default_graph

__all__ = [
    "set_random_seed",
]

DEFAULT_GRAPH_SEED = 87654321
"""The graph's part of the seed of an op that has one while its graph has none."""


def set_random_seed(seed: int | None) -> None:
    """Sets the default graph's seed: random ops added from now on repeat their values in each new session."""
    get_default_graph().seed = seed

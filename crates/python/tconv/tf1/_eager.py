"""TensorFlow's modes, of which there is one here: a graph is built first and run later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tconv.tf1.ops import executing_eagerly

__all__ = ["context", "eager_mode", "executing_eagerly", "graph_mode"]


class _Context:
    def executing_eagerly(self) -> bool:
        return False

    def num_gpus(self) -> int:
        return 0


_CONTEXT = _Context()


def context() -> _Context:
    """The mode: always the same."""
    return _CONTEXT


@contextmanager
def graph_mode() -> Iterator[None]:
    """Does nothing."""
    yield


def eager_mode() -> None:
    """Raises `NotImplementedError`."""
    raise NotImplementedError("tconv has no eager mode of TensorFlow's; tconv.conv2d and its kin compute at once")

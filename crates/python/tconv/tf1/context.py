"""TensorFlow's switch between graphs and eager execution; here it always stands at graphs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from tconv.tf1.ops import executing_eagerly
from tconv.tf1.session import ConfigProto

__all__ = ["context", "eager_mode", "executing_eagerly", "graph_mode", "num_gpus"]


class Context:
    """What TensorFlow knows of its runtime."""

    def executing_eagerly(self) -> bool:
        """False."""
        return False

    def num_gpus(self) -> int:
        """0: tconv computes on the CPU."""
        return 0

    @property
    def config(self) -> ConfigProto:
        """New options of a session."""
        return ConfigProto()


_context = Context()


def context() -> Context:
    """The only one."""
    return _context


def num_gpus() -> int:
    """0: tconv computes on the CPU."""
    return 0


@contextmanager
def graph_mode() -> Iterator[None]:
    """Does nothing: graphs are built all the time."""
    yield


def eager_mode() -> NoReturn:
    """Raises `NotImplementedError`."""
    raise NotImplementedError("tconv has no eager mode of TensorFlow's; tconv.conv2d and its kin compute at once")

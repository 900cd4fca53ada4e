"""Sessions and their options."""

from __future__ import annotations

from typing import Any

from tconv._tconv import Session, get_default_session

__all__ = [
    "ConfigProto",
    "GPUOptions",
    "GraphOptions",
    "InteractiveSession",
    "OptimizerOptions",
    "RewriterConfig",
    "RunMetadata",
    "RunOptions",
    "Session",
    "get_default_session",
]


class _Options:
    """Named options as TensorFlow's protocol buffers have them; those that tconv has no use for are kept and ignored."""

    _parts: dict[str, type[_Options]] = {}

    def __init__(self, **options: Any) -> None:
        for name, part in self._parts.items():
            setattr(self, name, part())
        for name, value in options.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class GPUOptions(_Options):
    """Options of graphics processors, of which tconv uses none."""


class RewriterConfig(_Options):
    """Options of TensorFlow's graph optimizer."""

    DEFAULT, ON, OFF, AGGRESSIVE = range(4)


class OptimizerOptions(_Options):
    """Options of TensorFlow's just-in-time compiler."""

    L1, L0 = 0, -1


class GraphOptions(_Options):
    """Options of how TensorFlow rewrites a graph."""

    _parts = {"rewrite_options": RewriterConfig, "optimizer_options": OptimizerOptions}


class ConfigProto(_Options):
    """Options of a session: `intra_op_parallelism_threads` is the number of its threads, 0 for as many as there are."""

    _parts = {"gpu_options": GPUOptions, "graph_options": GraphOptions}
    intra_op_parallelism_threads = 0
    inter_op_parallelism_threads = 0
    allow_soft_placement = False
    log_device_placement = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.device_count: dict[str, int] = options.get("device_count", {})


class RunOptions(_Options):
    """Options of a run, which tconv has no use for."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)


class RunMetadata(_Options):
    """What TensorFlow writes about a run; tconv writes nothing here."""


class InteractiveSession(Session):
    """A session that is the default one from now on, until it is closed."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self._default: Any = self.as_default()
        self._default.__enter__()

    def close(self) -> None:
        """Ends it."""
        if self._default is not None:
            default, self._default = self._default, None
            try:
                default.__exit__(None, None, None)
            finally:
                super().close()
        super().close()

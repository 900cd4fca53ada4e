"""Names that TensorFlow has and tconv has not: they say so."""

from __future__ import annotations

import difflib
import functools
import types
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NoReturn


def text(module: str, name: str, known: Iterable[str]) -> str:
    """What is said of `module.name`, which is not there; names like it that are there."""
    near = difflib.get_close_matches(name, [one for one in known if not one.startswith("_")], cutoff=0.7)
    hint = f"; there is {', '.join(f'{module}.{one}' for one in near)}" if near else ""
    return f"tconv has no {module}.{name}{hint}"


def refuser(module: str, names: Mapping[str, Any]) -> Callable[[str], NoReturn]:
    """A module's `__getattr__`: raises an `AttributeError` that says that tconv has no such name."""

    def refuse(name: str) -> NoReturn:
        raise AttributeError(text(module, name, names))

    return refuse


class Missing:
    """Stands for a name of TensorFlow's that tconv has not, where a program imports it and perhaps never uses it.

    Used, it raises `NotImplementedError`. As the decorator of a function it lets that function raise when it is called.
    """

    def __init__(self, message: str) -> None:
        self._message = message

    def __getattr__(self, name: str) -> Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType):
            return functools.wraps(args[0])(lambda *_, **__: self._raise())
        self._raise()

    def _raise(self, *_: Any) -> NoReturn:
        raise NotImplementedError(self._message)

    __enter__ = __iter__ = __getitem__ = __bool__ = __mro_entries__ = __instancecheck__ = _raise

    def __repr__(self) -> str:
        return f"<{self._message}>"

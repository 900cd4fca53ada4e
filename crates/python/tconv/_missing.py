"""Names that TensorFlow has and tconv has not: they say so."""

from __future__ import annotations

import difflib
import functools
import types
from collections.abc import Iterable
from typing import Any, NoReturn


def text(module: str, name: str, known: Iterable[str]) -> str:
    """`module` has no `name`; these names are like it."""
    near = difflib.get_close_matches(name, [one for one in known if not one.startswith("_")], n=3, cutoff=0.6)
    hint = f"; there is {', '.join(f'{module}.{one}' for one in near)}" if near else ""
    return f"tconv has no {module}.{name}{hint}"


class Missing:
    """Stands for a name of TensorFlow's that tconv has not, where programs import it and perhaps never use it.

    Used, it raises `NotImplementedError`: when it is called, compared with, subclassed. As a decorator it lets the function
    raise when that is called.
    """

    def __init__(self, name: str, message: str) -> None:
        self._name, self._message = name, message

    def __getattr__(self, name: str) -> Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._name}.{name}", self._message)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], (types.FunctionType, type)):
            decorated, raise_ = args[0], self._raise
            if isinstance(decorated, type):
                self._raise()

            @functools.wraps(decorated)
            def refuse(*args: Any, **kwargs: Any) -> NoReturn:
                raise_()

            return refuse
        return self._raise()

    def _raise(self, *_: Any) -> NoReturn:
        raise NotImplementedError(self._message)

    __enter__ = __iter__ = __getitem__ = __mro_entries__ = __instancecheck__ = _raise

    def __repr__(self) -> str:
        return f"<{self._message}>"

"""Default arguments for the layers of a `with` block."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, TypeVar, cast

_F = TypeVar("_F", bound=Callable[..., Any])

_open: contextvars.ContextVar[dict[str, dict[str, Any]]] = contextvars.ContextVar("arg_scope", default={})


def _key(layer: Any) -> str | None:
    return getattr(layer, "_arg_scope_key", None)


def add_arg_scope(func: _F) -> _F:
    """Lets `arg_scope` give default arguments to this function."""
    key = f"{func.__module__}.{func.__qualname__}"

    @functools.wraps(func)
    def scoped(*args: Any, **kwargs: Any) -> Any:
        defaults = _open.get().get(key)
        return func(*args, **(kwargs if defaults is None else {**defaults, **kwargs}))

    scoped._arg_scope_key = key  # type: ignore[attr-defined]
    return cast(_F, scoped)


def has_arg_scope(func: Any) -> bool:
    """Whether `arg_scope` may give default arguments to this function."""
    return _key(func) is not None


@contextmanager
def arg_scope(list_ops_or_scope: Any, **kwargs: Any) -> Iterator[dict[str, dict[str, Any]]]:
    """`with slim.arg_scope([slim.conv2d], padding="VALID") as scope:` gives default arguments to the layers called within.

    Scopes nest. `with slim.arg_scope(scope):` opens the same one again.

    Raises:
      ValueError: a function takes no default arguments from here, or a scope is opened again with further ones.
    """
    if isinstance(list_ops_or_scope, dict):
        if kwargs:
            raise ValueError(
                "When attempting to re-use a scope by suppling a dictionary, kwargs must be empty."
            )
        scope = dict(list_ops_or_scope)
    elif isinstance(list_ops_or_scope, (list, tuple)):
        scope = dict(_open.get())
        for layer in list_ops_or_scope:
            key = _key(layer)
            if key is None:
                raise ValueError(f"{layer} is not decorated with @add_arg_scope")
            scope[key] = {**scope.get(key, {}), **kwargs}
    else:
        raise TypeError("list_ops_or_scope must either be a list/tuple or reused scope (i.e. dict)")
    before = _open.set(scope)
    try:
        yield scope
    finally:
        _open.reset(before)


def current_arg_scope() -> dict[str, dict[str, Any]]:
    """The default arguments that are given now."""
    return _open.get()

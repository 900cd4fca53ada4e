"""Everything public says what it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import tconv
from tconv import _tconv, contrib, tf1

# What Python itself gives every exception, tuple or enumeration.
INHERITED = {name for base in (object, Exception, tuple, dict, type) for name in dir(base)}


def modules() -> Iterator[Any]:
    yield tconv
    yield _tconv
    yield importlib.import_module("tconv.errors")
    for package in (tf1, contrib):
        yield package
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            if not found.name.rsplit(".", 1)[1].startswith("_"):
                yield importlib.import_module(found.name)


MODULES = list(modules())


def lacking(owner: str, name: str, thing: Any) -> Iterator[str]:
    """The names of what has no docstring, in `thing` and its members."""
    described = isinstance(thing, property) or inspect.isgetsetdescriptor(thing)
    if not (inspect.isroutine(thing) or inspect.isclass(thing) or described):
        return
    # A getter that is called `name` and is of type `str` need not say so again.
    if not described and not (inspect.getdoc(thing) or "").strip():
        yield f"{owner}.{name}"
    if inspect.isclass(thing):
        for key, member in vars(thing).items():
            if not key.startswith("_") and key not in INHERITED:
                yield from lacking(f"{owner}.{name}", key, inspect.unwrap(getattr(member, "__func__", member)))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_everything_public_has_a_docstring(module: Any) -> None:
    assert (module.__doc__ or "").strip()
    missing: list[str] = []
    for name, thing in sorted(vars(module).items()):
        at_home = getattr(thing, "__module__", None) in (module.__name__, None)
        if at_home and not name.startswith("_") and not inspect.ismodule(thing):
            missing += lacking(module.__name__, name, thing)
    assert not missing, f"{len(missing)} without a docstring: {', '.join(missing)}"


EAGER = [name for name in vars(tconv) if name.startswith("conv")]


@pytest.mark.parametrize("name", EAGER)
def test_eager_functions_speak_of_shapes_and_errors(name: str) -> None:
    text = inspect.getdoc(getattr(tconv, name)) or ""
    assert "Raises:" in text and "ValueError" in text and "shape" in text.lower()
    assert not any(len(line) > 120 for line in text.splitlines())


def test_help_can_be_read() -> None:
    import pydoc

    for thing in (tconv, _tconv.Session, _tconv.Tensor, tconv.conv2d_transpose, tf1.nn.conv2d):
        text = pydoc.plain(pydoc.render_doc(thing))
        assert "NULL" not in text and "Box<" not in text and "Bound<" not in text

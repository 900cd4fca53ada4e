"""`tf.flags`: options of the command line, `--name=value`."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "t", "1", "yes"):
        return True
    if text.lower() in ("false", "f", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


class FlagValues:
    """The options' values as attributes; the command line is read at the first look, or by calling this."""

    def __init__(self) -> None:
        self.__dict__["_parser"] = argparse.ArgumentParser(allow_abbrev=False)
        self.__dict__["_values"] = None

    def __call__(self, argv: list[str]) -> list[str]:
        """Reads a command line, whose first word is the program; the answer is the words that are no options."""
        values, rest = self._parser.parse_known_args(argv[1:])
        self.__dict__["_values"] = values
        return [argv[0], *rest]

    def __getattr__(self, name: str) -> Any:
        if self._values is None:
            self(sys.argv)
        try:
            return getattr(self._values, name)
        except AttributeError:
            raise AttributeError(f"there is no flag {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if self._values is None:
            self(sys.argv)
        setattr(self._values, name, value)


FLAGS = FlagValues()


def _define(kind: Any, name: str, default: Any, help: str | None, **options: Any) -> None:
    FLAGS._parser.add_argument(f"--{name}", type=kind, default=default, help=help, **options)
    FLAGS.__dict__["_values"] = None


def DEFINE_string(name: str, default: str | None, help: str | None = None) -> None:
    """An option whose value is text."""
    _define(str, name, default, help)


def DEFINE_integer(name: str, default: int | None, help: str | None = None) -> None:
    """An option whose value is a whole number."""
    _define(int, name, default, help)


def DEFINE_float(name: str, default: float | None, help: str | None = None) -> None:
    """An option whose value is a number."""
    _define(float, name, default, help)


def DEFINE_boolean(name: str, default: bool | None, help: str | None = None) -> None:
    """An option that is true or false: `--name`, `--name=false`, `--noname`."""
    _define(_boolean, name, default, help, nargs="?", const=True)
    FLAGS._parser.add_argument(f"--no{name}", dest=name, action="store_false", default=default, help=argparse.SUPPRESS)


def DEFINE_enum(name: str, default: str | None, enum_values: list[str], help: str | None = None) -> None:
    """An option whose value is one of these words."""
    _define(str, name, default, help, choices=enum_values)


DEFINE_bool = DEFINE_boolean

"""`tf.app.run` and `tf.app.flags`."""

from __future__ import annotations

import sys
from typing import Any, Callable, NoReturn

from tconv.tf1 import flags

__all__ = ["flags", "run"]


def run(main: Callable[[list[str]], Any] | None = None, argv: list[str] | None = None) -> NoReturn:
    """Reads the flags of the command line, calls `main` with what is left of it, and exits with its answer."""
    rest = flags.FLAGS(argv or sys.argv)
    main = main or sys.modules["__main__"].main
    sys.exit(main(rest))

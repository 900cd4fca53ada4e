"""`python -m tconv SCRIPT.py`: runs a TensorFlow 1 program on tconv."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import os
import runpy
import sys
import types
from typing import Any

USAGE = "usage: python -m tconv [-h] [-V] (SCRIPT.py | -c CODE | -m MODULE) [argument ...]"
HELP = f"""{USAGE}

Runs a program that was written for TensorFlow 1 on tconv, as it stands: `import tensorflow as tf`,
`from tensorflow.contrib import slim` and `import tf_slim` find tconv instead, in this process only.
TensorFlow need not be installed; where it is, it is not used.

  SCRIPT.py      runs this file as `python SCRIPT.py` would
  -c CODE        runs this text as `python -c CODE` would
  -m MODULE      runs this module as `python -m MODULE` would
  -h, --help     says this
  -V, --version  says which tconv this is

examples:
  python -m tconv train.py --steps 100
  python -m tconv -c "import tensorflow as tf; print(tf.Session().run(tf.constant(1) + 2))"
  python -m tconv -m pytest tests/conv_test.py
"""


def _run_code(source: str | bytes, filename: str, **names: Any) -> int:
    """Runs a text as the module `__main__`; a traceback begins where the text does."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, **names)
    sys.modules["__main__"] = main
    try:
        exec(compile(source, filename, "exec", dont_inherit=True), main.__dict__)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        traceback = error.__traceback__
        error.__traceback__ = traceback.tb_next if traceback is not None else None
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _set_path(first: str) -> None:
    """Puts the program's folder where Python has put this one's, if it has."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = first


def _refuse(message: str) -> int:
    print(f"python -m tconv: {message}", file=sys.stderr)
    return 2


def _run_script(script: str) -> int:
    try:
        with open(script, "rb") as file:
            source = file.read()
    except OSError as error:
        return _refuse(f"can't open file {os.path.abspath(script)!r}: {error.strerror}")
    _set_path(os.path.dirname(os.path.realpath(script)))
    path = os.path.abspath(script)
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    return _run_code(source, path, __file__=path, __cached__=None, __loader__=loader)


def _run_module(module: str) -> int:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        found = None
    if found is None:
        return _refuse(f"No module named {module}")
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def main(arguments: list[str]) -> int:
    """Runs what the arguments say and gives the exit status."""
    from tconv import _tensorflow

    option = arguments[0] if arguments else ""
    if option in ("-h", "--help"):
        print(HELP, end="")
        return 0
    if option in ("-V", "--version"):
        import tconv

        print(f"tconv {tconv.__version__}")
        return 0
    if not arguments or (option.startswith("-") and option not in ("-c", "-m")) or arguments in (["-c"], ["-m"]):
        problem = f"{option} needs an argument" if option in ("-c", "-m") else f"unknown option {option}"
        print(USAGE, file=sys.stderr)
        return _refuse(problem if option else "which program?")
    _tensorflow.install()
    if option == "-c":
        sys.argv = ["-c", *arguments[2:]]
        _set_path("")
        return _run_code(arguments[1], "<string>")
    if option == "-m":
        sys.argv = ["-m", *arguments[2:]]
        return _run_module(arguments[1])
    sys.argv = list(arguments)
    return _run_script(option)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tconv SCRIPT.py`: runs a script that imports TensorFlow on tconv, unchanged."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import types
from typing import Any, Callable, NoReturn

from tconv._tensorflow import install

_USAGE = """usage: python -m tconv SCRIPT.py [argument ...]
       python -m tconv -m MODULE [argument ...]
       python -m tconv -c CODE [argument ...]
"""

_HELP = (
    _USAGE
    + """
Runs a program that imports TensorFlow 1 on tconv, without a changed line and without TensorFlow: `import tensorflow as tf`,
`from tensorflow.contrib import slim`, `import tensorflow.compat.v1 as tf` and `import tf_slim as slim` find tconv's modules,
in this process only. What tconv has not says so where it is used.

  SCRIPT.py   a file (or a folder or archive with a __main__.py); - is the standard input
  -m MODULE   a module, as `python -m` runs it
  -c CODE     a program as text
  -h, --help  this
  --version   the version of tconv

For example:
  python -m tconv train.py --epochs 3
  python -m tconv -m pytest tests
  python -m tconv -c "import tensorflow as tf; print(tf.Session().run(tf.random_normal([2, 2])))"
"""
)


def _wrong(message: str) -> NoReturn:
    sys.stderr.write(f"{_USAGE}python -m tconv: error: {message}\n")
    sys.exit(2)


def _execute(code: str, file: str) -> None:
    """Runs a program's text as `__main__`."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    exec(compile(code, file, "exec"), module.__dict__)


def _plan(arguments: list[str]) -> Callable[[], Any]:
    """What to run; sets `sys.argv` and `sys.path[0]` as Python itself would."""
    if not arguments:
        _wrong("a script is missing")
    first, rest = arguments[0], arguments[1:]
    if first in ("-h", "--help"):
        sys.stdout.write(_HELP)
        sys.exit(0)
    if first == "--version":
        from tconv import __version__

        sys.stdout.write(f"tconv {__version__}\n")
        sys.exit(0)
    if first in ("-m", "-c"):
        if not rest:
            _wrong(f"argument expected for the {first} option")
        what, sys.argv = rest[0], [first, *rest[1:]]
        if first == "-c":
            sys.path[0] = ""
            return lambda: _execute(what, "<string>")
        sys.path[0] = os.getcwd()
        return lambda: runpy.run_module(what, run_name="__main__", alter_sys=True)
    if first.startswith("-") and first != "-":
        _wrong(f"unknown option {first}")
    sys.argv = [first, *rest]
    if first == "-":
        sys.path[0] = ""
        return lambda: _execute(sys.stdin.read(), "<stdin>")
    try:
        if not os.path.isdir(first):
            with open(first, "rb"):
                pass
    except OSError as error:
        sys.stderr.write(
            f"python -m tconv: can't open file {os.path.abspath(first)!r}: [Errno {error.errno}] {error.strerror}\n"
        )
        sys.exit(2)
    # `runpy` itself puts a folder or an archive at the path's head.
    if os.path.isdir(first) or first.endswith((".zip", ".pyz")):
        del sys.path[0]
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(first))
    return lambda: runpy.run_path(first, run_name="__main__")


def _own(filename: str) -> bool:
    return filename == __file__ or filename == "<frozen runpy>" or filename == runpy.__file__


def main() -> None:
    """Runs what the command line names; its exit status is the program's."""
    run = _plan(sys.argv[1:])
    install()
    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        # The traceback begins with the program's first line, as without us.
        trace = error.__traceback__
        while trace is not None and _own(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        if isinstance(error, KeyboardInterrupt):
            # As Python itself ends then: the shell sees that a signal ended the program.
            sys.stdout.flush()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)


if __name__ == "__main__":
    main()

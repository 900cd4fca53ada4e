"""TensorFlow's modules for a program that imports them: `install()` lets `import tensorflow` find ours, in this process."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any

from tconv._missing import Missing, text

# Where TensorFlow's public names are here.
_PUBLIC = {
    "tensorflow": "tconv.tf1",
    "tensorflow.app": "tconv.tf1.app",
    "tensorflow.compat": "tconv.tf1.compat",
    "tensorflow.compat.v1": "tconv.tf1",
    "tensorflow.contrib": "tconv.contrib",
    "tensorflow.contrib.framework": "tconv.contrib.framework",
    "tensorflow.contrib.layers": "tconv.contrib.layers",
    "tensorflow.contrib.slim": "tconv.contrib.slim",
    "tensorflow.errors": "tconv.errors",
    "tensorflow.nn": "tconv.tf1.nn",
    "tensorflow.train": "tconv.tf1.train",
    "tf_slim": "tconv.contrib.slim",
}

# Where the names of TensorFlow's own modules are here, by the modules' last names: they are unique, and some moved from
# one folder to another over the years. Each has the names of all these modules.
_ARRAY, _MATH, _NN = ["array_ops"], ["math_ops"], ["nn_ops", "nn_impl", "math_ops"]
_GRADIENTS, _VARIABLES = ["gradients_impl"], ["variables", "variable_scope", "ops"]
_OPS = ["ops", "session", "random_seed"]
_OWN: dict[str, list[str]] = {
    "array_ops": _ARRAY,
    "array_ops_stack": _ARRAY,
    "clip_ops": _MATH,
    "collections_abc": [],
    "compat": ["compat"],
    "config_pb2": ["session"],
    "constant_op": ["constant_op", "array_ops"],
    "context": ["_eager"],
    "control_flow_assert": ["control_flow_ops"],
    "control_flow_ops": ["control_flow_ops"],
    "convolutional": ["layers"],
    "core": ["layers"],
    "dtypes": ["dtypes"],
    "errors": [],
    "errors_impl": [],
    "gen_array_ops": _ARRAY,
    "gen_math_ops": _MATH,
    "gen_nn_ops": _NN,
    "gen_random_ops": ["random_ops"],
    "googletest": ["test"],
    "gradient_checker": ["gradient_checker"],
    "gradient_checker_v2": ["gradient_checker_v2"],
    "gradients": _GRADIENTS,
    "gradients_impl": _GRADIENTS,
    "gradients_util": _GRADIENTS,
    "indexed_slices": [],
    "init_ops": ["init_ops"],
    "layers": ["layers"],
    "learning_rate_decay": ["learning_rates"],
    "losses": ["losses"],
    "losses_impl": ["losses"],
    "math_ops": _MATH,
    "nn": ["nn", "nn_ops", "nn_impl"],
    "nn_impl": _NN,
    "nn_ops": _NN,
    "ops": _OPS,
    "optimizer": ["optimizers"],
    "pooling": ["layers"],
    "random_ops": ["random_ops"],
    "random_seed": ["random_seed"],
    "resource_variable_ops": _VARIABLES,
    "rewriter_config_pb2": ["session"],
    "saver": ["saver"],
    "session": ["session"],
    "state_ops": ["variables"],
    "tensor": ["ops"],
    "tensor_shape": [],
    "test": ["test"],
    "test_lib": ["test"],
    "test_util": ["test_util"],
    "tf_logging": ["logging"],
    "training": ["train"],
    "training_util": ["training_util"],
    "variable_scope": _VARIABLES,
    "variable_v1": _VARIABLES,
    "variables": _VARIABLES,
    "while_loop": [],
}
_OPTIMIZERS = ("gradient_descent", "momentum", "adam")


def _sources(name: str) -> list[str] | None:
    """The modules of ours whose names a module of TensorFlow's has; None where TensorFlow's is no business of ours."""
    if name in _PUBLIC:
        return [_PUBLIC[name]]
    package, _, rest = name.partition(".")
    if package == "tf_slim":
        return ["tconv.contrib.slim"]
    if package != "tensorflow":
        return None
    if rest.startswith("contrib.slim."):
        return ["tconv.contrib.slim"]
    if not rest.startswith(("python", "core")):
        return []
    last = rest.rpartition(".")[2]
    if last in ("errors", "errors_impl"):
        return ["tconv.errors"]
    if last in ("tensor_shape", "tensor"):
        return ["tconv._tconv"]
    if last in _OPTIMIZERS:
        return ["tconv.tf1.optimizers"]
    if rest == "python":
        return ["tconv.tf1"]
    return [f"tconv.tf1.{own}" for own in _OWN.get(last, [])]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        sources = _sources(fullname)
        if sources is None:
            return None
        own = fullname.startswith(("tensorflow.python", "tensorflow.core"))
        if not sources and not own:
            # Without its name: `from tensorflow import keras` would swallow an error that has one.
            raise ModuleNotFoundError(f"tconv has no {fullname}")
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        sources = [importlib.import_module(source) for source in _sources(module.__name__) or []]
        names = vars(module)
        for source in reversed(sources):
            names.update((name, value) for name, value in vars(source).items() if not name.startswith("__"))
        if sources:
            names["__doc__"] = sources[0].__doc__
            if hasattr(sources[0], "__version__"):
                names["__version__"] = sources[0].__version__
        names["__getattr__"] = _getter(module, sources)


def _getter(module: types.ModuleType, sources: list[types.ModuleType]) -> Any:
    public = module.__name__ in _PUBLIC

    def getter(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for source in sources:
            try:
                return getattr(source, name)
            except AttributeError:
                pass
        full = f"{module.__name__}.{name}"
        if not public and (name in _OWN or name in _OPTIMIZERS):
            return importlib.import_module(full)
        message = text(module.__name__, name, vars(module))
        if public:
            raise AttributeError(message)
        # TensorFlow's own files import many names that they hardly use.
        return Missing(message)

    return getter


def install() -> None:
    """From now on `import tensorflow`, `tensorflow.contrib.slim`, `tf_slim` and `tensorflow.python...` find ours."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())

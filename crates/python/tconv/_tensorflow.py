"""TensorFlow's modules on tconv's, for the process that asks for it.

`install()` lets `import tensorflow` and the like find the modules of the table below, whatever else is installed. A module
of the table has the public names of ours. What tconv has not says so, with the names that are nearest.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from typing import Any

from tconv._missing import Missing, text

_SLIM = "contrib.slim"

_ALIASES: dict[str, dict[str, str]] = {
    # TensorFlow's package: its modules, and where (beside `tconv.`) their names are looked up, one after the other.
    "tensorflow": {
        "app": "tf1.app",
        "compat": "tf1.compat",
        "flags": "tf1.flags",
        "gfile": "tf1.gfile",
        "initializers": "tf1.initializers",
        "layers": "tf1.layers",
        "logging": "tf1.logging",
        "losses": "tf1.losses",
        "math": "tf1.math",
        "nn": "tf1.nn",
        "random": "tf1.random",
        "test": "tf1.test",
        "train": "tf1.train",
    },
    "tensorflow.compat": {"v1": "tf1"},
    "tensorflow.contrib": {"framework": "contrib.framework", "layers": "contrib.layers", "slim": _SLIM},
    "tensorflow.core.protobuf": {"config_pb2": "tf1.session", "rewriter_config_pb2": "tf1.session"},
    "tensorflow.python.client": {"session": "tf1.session"},
    "tensorflow.python.eager": {"context": "tf1.context"},
    "tensorflow.python.framework": {
        "constant_op": "tf1.constant_op",
        "dtypes": "tf1.dtypes",
        "errors": "errors",
        "errors_impl": "errors",
        "ops": "tf1.ops",
        "random_seed": "tf1.random_seed",
        "tensor": "tf1.ops",
        "tensor_conversion": "tf1.ops",
        "tensor_shape": "tf1.tensor_shape",
        "tensor_util": "tf1.tensor_util",
        "test_util": "tf1.test_util",
    },
    "tensorflow.python.layers": {"convolutional": "tf1.layers", "layers": "tf1.layers"},
    "tensorflow.python.ops": {
        "array_ops": "tf1.array_ops",
        "array_ops_stack": "tf1.array_ops",
        "control_flow_ops": "tf1.control_flow_ops",
        "gen_array_ops": "tf1.array_ops",
        "gen_math_ops": "tf1.math_ops",
        "gen_nn_ops": "tf1.nn_ops",
        "gradient_checker": "tf1.gradient_checker",
        "gradient_checker_v2": "tf1.gradient_checker_v2",
        "gradients": "tf1.gradients_impl",
        "gradients_impl": "tf1.gradients_impl",
        "init_ops": "tf1.init_ops",
        "losses.losses": "tf1.losses",
        "losses.losses_impl": "tf1.losses",
        "math_ops": "tf1.math_ops",
        "nn": "tf1.nn",
        "nn_impl": "tf1.nn_impl",
        "nn_ops": "tf1.nn_ops",
        "random_ops": "tf1.random_ops",
        "resource_variable_ops": "tf1.variables",
        "state_ops": "tf1.variables",
        "variable_scope": "tf1.variable_scope",
        "variable_v1": "tf1.variables",
        "variables": "tf1.variables",
        "while_loop": "tf1.control_flow_ops",
    },
    "tensorflow.python.platform": {
        "app": "tf1.app",
        "flags": "tf1.flags",
        "gfile": "tf1.gfile",
        "googletest": "tf1.test",
        "test": "tf1.test",
        "tf_logging": "tf1.logging",
    },
    "tensorflow.python.training": {
        "adam": "tf1.train",
        "gradient_descent": "tf1.train",
        "learning_rate_decay": "tf1.train",
        "momentum": "tf1.train",
        "optimizer": "tf1.train",
        "saver": "tf1.train",
        "training": "tf1.train",
        "training_util": "tf1.training_util",
    },
    "tensorflow.python.util": {"compat": "tf1.compat", "nest": "tf1.nest"},
}

_UNUSED = """
tensorflow.compat.v2 tensorflow.python.compat.compat tensorflow.python.data.ops.dataset_ops
tensorflow.python.eager.backprop tensorflow.python.eager.def_function tensorflow.python.eager.function
tensorflow.python.framework.config tensorflow.python.framework.function tensorflow.python.framework.importer
tensorflow.python.framework.meta_graph tensorflow.python.framework.sparse_tensor tensorflow.python.ops.nn_grad
tensorflow.python.ops.array_grad tensorflow.python.ops.math_grad tensorflow.python.ops.while_v2
tensorflow.python.ops.functional_ops tensorflow.python.ops.tensor_array_ops
tensorflow.python.tools.freeze_graph tensorflow.python.util.tf_inspect
tensorflow.core.framework.graph_pb2 tensorflow.core.framework.node_def_pb2 tensorflow.core.framework.tensor_shape_pb2
"""
"""Modules that programs import and often do not use: importing one does nothing, and using it raises."""

TABLE: dict[str, str] = {
    "tensorflow": "tf1",
    "tf_slim": _SLIM,
    **{f"{package}.{name}": ours for package, names in _ALIASES.items() for name, ours in names.items()},
}
"""The full name of each of TensorFlow's modules that tconv has, and the module of tconv that it is."""
STAND_INS = frozenset(_UNUSED.split())
"""The full names of the modules whose every use raises."""


def _packages() -> frozenset[str]:
    names = [*TABLE, *STAND_INS]
    above = {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}
    return frozenset(above - set(names))


PACKAGES = _packages()
"""The packages that are nothing but the way to their modules."""
_ALL = PACKAGES | STAND_INS | set(TABLE)


def _public(module: types.ModuleType) -> list[str]:
    names = getattr(module, "__all__", None) or dir(module)
    return [name for name in names if not name.startswith("_")]


def _below(package: str) -> list[str]:
    """The modules of a package by their last names."""
    return [name.rpartition(".")[2] for name in _ALL if name.rpartition(".")[0] == package]


class _Module(types.ModuleType):
    """One of TensorFlow's modules. Each says that it is a package, so that importing an unknown name comes to the finder."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"{name}, as tconv has it.")
        self._ours = importlib.import_module(f"tconv.{TABLE[name]}") if name in TABLE else None
        if self._ours is not None:
            self.__all__ = _public(self._ours)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        if self._ours is not None and hasattr(self._ours, name):
            return getattr(self._ours, name)
        full = f"{self.__name__}.{name}"
        if full in _ALL:
            return importlib.import_module(full)
        message = text(self.__name__, name, dir(self))
        if self.__name__ in STAND_INS:
            return Missing(full, message)
        raise AttributeError(message)

    def __dir__(self) -> list[str]:
        return sorted({*_below(self.__name__), *(_public(self._ours) if self._ours is not None else [])})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds TensorFlow's modules in the table, and says so when it has not what is asked for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module of this name, None where it is none of TensorFlow's."""
        package, _, name = fullname.rpartition(".")
        if fullname in _ALL:
            return importlib.machinery.ModuleSpec(fullname, self, origin="tconv", is_package=True)
        if fullname.partition(".")[0] not in ("tensorflow", "tf_slim"):
            return None
        parent = sys.modules.get(package)
        if parent is not None and hasattr(parent, name):
            return None
        # Without a `name` the error is not taken for "there is no such module, perhaps it is an attribute".
        raise ModuleNotFoundError(text(package, name, dir(parent) if parent is not None else _below(package)))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The module itself."""
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: the names are looked up when they are used."""


def install() -> None:
    """From now on this process finds TensorFlow's modules here."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())

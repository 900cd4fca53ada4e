"""TensorFlow's modules on tconv's, for the process that asks for it.

`install()` lets `import tensorflow` and the like find the modules of the table below, whatever else is installed. A module
of the table has the public names of ours. What tconv has not says so, with the names that are nearest.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any

from tconv._missing import Missing, text

# TensorFlow's packages, their modules, and the module of `tconv` that each is.
_PACKAGES: dict[str, dict[str, str]] = {
    "tensorflow": {
        "app": "tf1.app",
        "compat": "tf1.compat",
        "contrib": "contrib",
        "errors": "errors",
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
    "tensorflow.contrib": {"framework": "contrib.framework", "layers": "contrib.layers", "slim": "contrib.slim"},
    "tensorflow.core.protobuf": {"config_pb2": "tf1.session", "rewriter_config_pb2": "tf1.session"},
    "tensorflow.python.client": {"session": "tf1.session"},
    "tensorflow.python.compat": {"compat": "tf1.compat"},
    "tensorflow.python.eager": {"context": "tf1._eager"},
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
        "learning_rate_decay": "tf1.learning_rates",
        "momentum": "tf1.train",
        "optimizer": "tf1.train",
        "saver": "tf1.train",
        "training": "tf1.train",
        "training_util": "tf1.training_util",
    },
    "tensorflow.python.util": {"compat": "tf1.compat", "nest": "tf1.nest"},
}

TABLE: dict[str, str] = {
    "tensorflow": "tf1",
    "tf_slim": "contrib.slim",
    **{f"{package}.{name}": ours for package, names in _PACKAGES.items() for name, ours in names.items()},
}
"""The full name of each of TensorFlow's modules that tconv has, and the module of tconv that it is."""


def _public(module: types.ModuleType) -> list[str]:
    names = getattr(module, "__all__", None) or dir(module)
    return [name for name in names if not name.startswith("_")]


_TOPS = ("tensorflow", "tf_slim")
_INNER = ("tensorflow.python", "tensorflow.core")


class _Module(types.ModuleType):
    """One of TensorFlow's modules, with the names of ours where the table has it.

    What it has not of TensorFlow's inner packages may be imported, since programs import much that they do not use, and
    raises when it is used. Each module says that it is a package, so that importing an unknown name comes to the finder.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, f"{name}, as tconv has it.")
        self._ours = importlib.import_module(f"tconv.{TABLE[name]}") if name in TABLE else None
        if self._ours is not None:
            self.__all__ = _public(self._ours)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full in TABLE or any(module.startswith(f"{full}.") for module in TABLE):
            return importlib.import_module(full)
        if self._ours is None:
            return Missing(text(self.__name__, name, []))
        try:
            return getattr(self._ours, name)
        except AttributeError:
            raise AttributeError(text(self.__name__, name, dir(self))) from None

    def __dir__(self) -> list[str]:
        return _public(self._ours) if self._ours is not None else []


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds TensorFlow's modules in the table, and says so when it has not what is asked for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module of this name, None where it is none of TensorFlow's."""
        package, _, name = fullname.rpartition(".")
        if fullname.partition(".")[0] not in _TOPS:
            return None
        if fullname in TABLE or fullname in _INNER or package not in TABLE:
            return importlib.machinery.ModuleSpec(fullname, self, origin="tconv", is_package=True)
        # An error with the module's name would be taken for "perhaps it is an attribute", and its text be lost.
        raise ModuleNotFoundError(text(package, name, dir(sys.modules[package])))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The module itself."""
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: the names are looked up when they are used."""


def install() -> None:
    """From now on this process finds TensorFlow's modules here."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())

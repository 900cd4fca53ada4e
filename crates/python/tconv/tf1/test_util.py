"""What TensorFlow's tests are written with: decorators, devices, layouts.

tconv has graphs, CPUs and one kind of arithmetic. So tests of eager execution too run in a graph, tests of other devices are
skipped, and what turns TensorFlow's compilers off does nothing.
"""

from __future__ import annotations

import functools
import inspect
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, TypeVar

from tconv._tconv import Tensor
from tconv.tf1 import array_ops
from tconv.tf1.test_case import TensorFlowTestCase

__all__ = [
    "GpuSupportsHalfMatMulAndConv",
    "IsBuiltWithROCm",
    "IsBuiltWithXLA",
    "IsGoogleCudaEnabled",
    "IsMklEnabled",
    "NCHWToNHWC",
    "NHWCToNCHW",
    "TensorFlowTestCase",
    "assert_no_new_tensors",
    "deprecated_graph_mode_only",
    "device",
    "disable_asan",
    "disable_cudnn_autotune",
    "disable_mlir_bridge",
    "disable_msan",
    "disable_tfrt",
    "disable_tsan",
    "disable_ubsan",
    "disable_xla",
    "enable_control_flow_v2",
    "for_all_test_methods",
    "force_cpu",
    "gpu_device_name",
    "is_gpu_available",
    "is_xla_enabled",
    "no_xla_auto_jit",
    "run_all_in_deprecated_graph_mode_only",
    "run_all_in_graph_and_eager_modes",
    "run_all_without_tensor_float_32",
    "run_cuda_only",
    "run_deprecated_v1",
    "run_gpu_only",
    "run_in_graph_and_eager_modes",
    "run_v1_only",
    "run_v2_only",
    "run_without_tensor_float_32",
    "skip_if",
    "use_gpu",
    "with_control_flow_v2",
    "xla_allow_fallback",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_C = TypeVar("_C", bound=type)

# --- devices and builds


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """False."""
    return False


def gpu_device_name() -> str:
    """Empty: there is none."""
    return ""


def _false(*args: Any) -> bool:
    """False."""
    return False


GpuSupportsHalfMatMulAndConv = IsMklEnabled = IsGoogleCudaEnabled = IsBuiltWithROCm = IsBuiltWithXLA = _false
IsBuiltWithNvcc = is_xla_enabled = is_mlir_bridge_enabled = is_asan_enabled = is_msan_enabled = _false
is_tsan_enabled = is_ubsan_enabled = _false


@contextmanager
def device(use_gpu: bool) -> Iterator[None]:
    """Does nothing: tconv has one device."""
    yield


@contextmanager
def use_gpu() -> Iterator[None]:
    """Does nothing: where there is no graphics processor TensorFlow too takes the CPU."""
    yield


force_cpu = deterministic_ops = use_gpu

# --- layouts

_NHWC_TO_NCHW = {3: [0, 2, 1], 4: [0, 3, 1, 2], 5: [0, 4, 1, 2, 3]}
_NCHW_TO_NHWC = {3: [0, 2, 1], 4: [0, 2, 3, 1], 5: [0, 2, 3, 4, 1]}


def _permuted(value: Any, permutations: dict[int, list[int]]) -> Any:
    if isinstance(value, Tensor):
        return array_ops.transpose(value, permutations[len(value.shape)])
    return [value[axis] for axis in permutations[len(value)]]


def NHWCToNCHW(input_tensor: Any) -> Any:
    """A tensor, or a list with an entry for each axis, with the channels second instead of last."""
    return _permuted(input_tensor, _NHWC_TO_NCHW)


def NCHWToNHWC(input_tensor: Any) -> Any:
    """A tensor, or a list with an entry for each axis, with the channels last instead of second."""
    return _permuted(input_tensor, _NCHW_TO_NHWC)


# --- which tests run


def _same(func: _F) -> _F:
    """The function as it is: there is only graph mode."""
    return func


deprecated_graph_mode_only = run_deprecated_v1 = run_all_in_deprecated_graph_mode_only = _same
enable_control_flow_v2 = with_control_flow_v2 = disable_cudnn_autotune = assert_no_new_tensors = _same
enable_output_all_intermediates = assert_no_garbage_created = assert_no_new_pyobjects_executing_eagerly = _same
also_run_as_tf_function = enable_c_shapes = with_c_shapes = add_graph_building_optimization_tests = _same


def _described(description: Any = None) -> Callable[[_F], _F]:
    """Nothing, for a reason that it gives: what this turns off tconv has not."""
    return _same


disable_xla = disable_mlir_bridge = disable_asan = disable_msan = disable_tsan = disable_ubsan = _described
disable_tfrt = no_xla_auto_jit = xla_allow_fallback = disable_control_flow_v2 = disable_eager_op_as_function = _described
run_without_tensor_float_32 = run_all_without_tensor_float_32 = enable_tf_xla_constant_folding = _described


def _each_test(cls: type) -> list[str]:
    prefix = unittest.TestLoader.testMethodPrefix
    return [name for name in dir(cls) if name.startswith(prefix) and callable(getattr(cls, name))]


def for_all_test_methods(decorator: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[[_C], _C]:
    """Decorates each test of a class with `decorator(*args, **kwargs)`."""

    def decorate(cls: _C) -> _C:
        for name in _each_test(cls):
            setattr(cls, name, decorator(*args, **kwargs)(getattr(cls, name)))
        return cls

    return decorate


def run_in_graph_and_eager_modes(
    func: Any = None, config: Any = None, use_gpu: bool = True, assert_no_eager_garbage: bool = False, **options: Any
) -> Any:
    """Runs a test in graph mode, with a session as the default one. tconv has no eager mode to run it in as well."""

    def decorate(test: Any) -> Any:
        if inspect.isclass(test):
            raise ValueError(
                "`run_in_graph_and_eager_modes` only supports test methods. Did you mean to use "
                "`run_all_in_graph_and_eager_modes`?"
            )

        @functools.wraps(test)
        def run(self: TensorFlowTestCase, *args: Any, **kwargs: Any) -> None:
            with self.test_session(use_gpu=use_gpu, config=config):
                test(self, *args, **kwargs)

        return run

    return decorate if func is None else decorate(func)


def run_all_in_graph_and_eager_modes(cls: _C) -> _C:
    """`run_in_graph_and_eager_modes` for each test of a class."""
    return for_all_test_methods(run_in_graph_and_eager_modes)(cls)


run_in_v1_v2 = run_in_graph_and_eager_modes
run_class_in_v1_v2 = run_all_in_graph_and_eager_modes


def _skip(reason: str) -> Callable[[_F], _F]:
    return unittest.skip(reason)


def run_v1_only(reason: Any = None, func: Any = None) -> Any:
    """Nothing: this is version 1. Also as `@run_v1_only` without a reason."""
    test = reason if callable(reason) else func
    return _same if test is None else test


def run_v2_only(func: Any = None, reason: str | None = None) -> Any:
    """Skips a test of TensorFlow 2."""
    skip = _skip(reason or "Test is only compatible with v2")
    return skip if func is None else skip(func)


run_gpu_only = _skip("Test requires GPU")
run_cuda_only = _skip("Test requires CUDA GPU")
run_gpu_or_tpu = _skip("Test requires GPU or TPU")


def skip_if(condition: Any) -> Callable[[_F], _F]:
    """Does not run a test where the condition, or what it gives when it is called, holds."""

    def decorate(test: Any) -> Any:
        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> Any:
            if not (condition() if callable(condition) else condition):
                return test(*args, **kwargs)

        return run

    return decorate


def disable_with_predicate(pred: Callable[[], bool], skip_message: str) -> Callable[[_F], _F]:
    """Skips a test where `pred()` holds."""

    def decorate(test: Any) -> Any:
        @functools.wraps(test)
        def run(self: unittest.TestCase, *args: Any, **kwargs: Any) -> Any:
            if pred():
                self.skipTest(skip_message)
            return test(self, *args, **kwargs)

        return run

    return decorate

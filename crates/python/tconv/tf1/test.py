"""`tf.test`: the base class of tests, gradient checkers, benchmarks."""

from __future__ import annotations

import atexit
import shutil
import statistics
import sys
import tempfile
import time
import unittest
from typing import Any
from unittest import mock as mock

from tconv._tconv import Session, get_default_session
from tconv.tf1.gradient_checker import compute_gradient, compute_gradient_error
from tconv.tf1.session import ConfigProto
from tconv.tf1.test_case import TensorFlowTestCase as TestCase
from tconv.tf1.test_util import disable_with_predicate, gpu_device_name, is_gpu_available

__all__ = [
    "Benchmark",
    "TestCase",
    "benchmark_config",
    "compute_gradient",
    "compute_gradient_error",
    "disable_with_predicate",
    "get_temp_dir",
    "gpu_device_name",
    "is_built_with_cuda",
    "is_built_with_gpu_support",
    "is_built_with_rocm",
    "is_built_with_xla",
    "is_gpu_available",
    "main",
    "mock",
]

_folders: list[str] = []


def is_built_with_cuda() -> bool:
    """False: tconv computes on the CPU."""
    return False


is_built_with_rocm = is_built_with_gpu_support = is_built_with_xla = is_built_with_cuda


def get_temp_dir() -> str:
    """A folder that is there until the process ends, the same for each call."""
    if not _folders:
        _folders.append(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, _folders[0], ignore_errors=True)
    return _folders[0]


def main(argv: list[str] | None = None) -> None:
    """Runs all tests of the program, or those that its arguments name, and ends it."""
    unittest.main(argv=sys.argv if argv is None else argv)


def benchmark_config() -> ConfigProto:
    """The options of a session in which things are measured."""
    return ConfigProto()


class Benchmark:
    """Measures operations. Nobody runs its methods but those who call them."""

    def report_benchmark(
        self,
        iters: int | None = None,
        cpu_time: float | None = None,
        wall_time: float | None = None,
        throughput: float | None = None,
        extras: dict[str, Any] | None = None,
        name: str | None = None,
        metrics: Any = None,
    ) -> None:
        """Prints what was measured."""
        said = {"iters": iters, "cpu_time": cpu_time, "wall_time": wall_time, "throughput": throughput, "extras": extras}
        shown = ", ".join(f"{key}: {value}" for key, value in said.items() if value is not None)
        print(f"{type(self).__name__}.{name or sys._getframe(1).f_code.co_name}: {shown}")

    def run_op_benchmark(
        self,
        sess: Session,
        op_or_tensor: Any,
        feed_dict: Any = None,
        burn_iters: int = 2,
        min_iters: int = 10,
        store_trace: bool = False,
        store_memory_usage: bool = True,
        name: str | None = None,
        extras: dict[str, Any] | None = None,
        mbs: float = 0,
    ) -> dict[str, Any]:
        """Runs an operation `min_iters` times, after `burn_iters` times unmeasured, and reports the median in seconds."""
        for _ in range(burn_iters):
            sess.run(op_or_tensor, feed_dict)
        seconds = []
        for _ in range(min_iters):
            start = time.perf_counter()
            sess.run(op_or_tensor, feed_dict)
            seconds.append(time.perf_counter() - start)
        median = statistics.median(seconds)
        found: dict[str, Any] = {"iters": min_iters, "wall_time": median, "throughput": mbs / median}
        found.update(extras=extras or {}, name=name or sys._getframe(1).f_code.co_name)
        self.report_benchmark(**found)
        return found

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors in the default session."""
        return (get_default_session() or Session()).run(tensors)

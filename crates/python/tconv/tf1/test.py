"""`tf.test`: tests in TensorFlow's manner."""

from __future__ import annotations

import sys
import unittest
from typing import Any
from unittest import mock

from tconv.tf1.gradient_checker import compute_gradient, compute_gradient_error
from tconv.tf1.test_util import TestCase, get_temp_dir, gpu_device_name, is_gpu_available

__all__ = [
    "Benchmark",
    "TestCase",
    "compute_gradient",
    "compute_gradient_error",
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


class Benchmark:
    """What stands between the tests to be timed: nothing times it here."""


def main(argv: list[str] | None = None) -> None:
    """Runs the tests of the program's own file, and exits."""
    unittest.main(module="__main__", argv=argv or sys.argv)


def _no(*_: Any) -> bool:
    """False."""
    return False


is_built_with_cuda = is_built_with_gpu_support = is_built_with_rocm = is_built_with_xla = _no

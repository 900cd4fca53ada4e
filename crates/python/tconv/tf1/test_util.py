"""What TensorFlow's own tests need: `TestCase`, and decorators of tests.

TensorFlow runs many tests at once, without a graph. Here all run in a graph; what it would find wrong while it runs is then
found while the graph is built, and is a `ValueError`: where such a test expects an `InvalidArgumentError`, either will do.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import re
import shutil
import tempfile
import threading
import unittest
from collections.abc import Iterator, Mapping
from typing import Any, Callable

import numpy as np

from tconv import errors
from tconv._tconv import (
    Graph,
    Session,
    Tensor,
    Variable,
    get_default_graph,
    get_default_session,
    reset_default_graph,
)
from tconv.tf1 import array_ops
from tconv.tf1.random_seed import DEFAULT_GRAPH_SEED, set_random_seed

_of_graph = threading.local()


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (Tensor, Variable))


class TestCase(unittest.TestCase):
    """`tf.test.TestCase`: each test begins with an empty default graph and the same seeds."""

    def setUp(self) -> None:
        super().setUp()
        self._cached: Session | None = None
        self._directory: str | None = None
        random.seed(DEFAULT_GRAPH_SEED)
        np.random.seed(DEFAULT_GRAPH_SEED)
        # Within `with graph.as_default()`, as the decorators below open it, that graph is the empty one.
        if not getattr(_of_graph, "nested", 0):
            reset_default_graph()
        set_random_seed(DEFAULT_GRAPH_SEED)
        if self.id().endswith(".test_session"):
            self.skipTest("Not a test.")

    def tearDown(self) -> None:
        if self._cached is not None:
            self._cached.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        super().tearDown()

    def get_temp_dir(self) -> str:
        """A folder for this test, which is removed after it."""
        if self._directory is None:
            self._directory = tempfile.mkdtemp()
        return self._directory

    # --- sessions

    @contextlib.contextmanager
    def session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = True, force_gpu: bool = False
    ) -> Iterator[Session]:
        """A new session, which is the default one within the block."""
        with Session(graph=graph, config=config) as session:
            yield session

    @contextlib.contextmanager
    def cached_session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = True, force_gpu: bool = False
    ) -> Iterator[Session]:
        """The test's session, which is the default one within the block and stays open to the test's end."""
        wanted = graph or get_default_graph()
        if self._cached is None or self._cached.graph is not wanted:
            self._cached = Session(graph=wanted, config=config)
        with self._cached.graph.as_default(), self._cached.as_default():
            yield self._cached

    @contextlib.contextmanager
    def test_session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = True, force_gpu: bool = False
    ) -> Iterator[Session]:
        """`cached_session`, or with a graph `session`."""
        with self.cached_session(config=config) if graph is None else self.session(graph, config) as session:
            yield session

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors, in the structure in which they are given."""
        session = get_default_session()
        if session is not None:
            return session.run(tensors)
        with self.cached_session() as session:
            return session.run(tensors)

    # --- numbers

    def _array(self, value: Any) -> Any:
        if _is_tensor(value):
            value = self.evaluate(value)
        elif isinstance(value, (list, tuple)) and any(_is_tensor(one) for one in value):
            value = [self.evaluate(one) if _is_tensor(one) else one for one in value]
        return np.asarray(value)

    def _arrays(self, a: Any, b: Any) -> tuple[Any, Any]:
        if _is_tensor(a) and _is_tensor(b):
            a, b = self.evaluate([a, b])
        return self._array(a), self._array(b)

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:
        """Fails where arrays, tensors, or structures of such differ by more than `atol + rtol * abs(b)`."""
        a, b = (one._asdict() if hasattr(one, "_asdict") else one for one in (a, b))
        if isinstance(a, Mapping) != isinstance(b, Mapping):
            raise ValueError(f"Can't compare dict to non-dict: {a} vs {b}. {msg or ''}")
        if isinstance(a, Mapping):
            self.assertEqual(set(a), set(b), msg)
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, f"{msg or ''} [{key}]")
            return
        try:
            one, other = self._arrays(a, b)
        except ValueError:
            self.assertEqual(len(a), len(b), msg)
            for i, (one, other) in enumerate(zip(a, b)):
                self.assertAllClose(one, other, rtol, atol, f"{msg or ''} [{i}]")
            return
        self.assertEqual(one.shape, other.shape, f"Shape mismatch: expected {one.shape}, got {other.shape}. {msg or ''}")
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=msg or "", equal_nan=True)

    def assertAllCloseAccordingToType(
        self,
        a: Any,
        b: Any,
        rtol: float = 1e-6,
        atol: float = 1e-6,
        float_rtol: float = 1e-6,
        float_atol: float = 1e-6,
        half_rtol: float = 1e-3,
        half_atol: float = 1e-3,
        bfloat16_rtol: float = 1e-2,
        bfloat16_atol: float = 1e-2,
        msg: str | None = None,
    ) -> None:
        """`assertAllClose` with wider bounds where one of the two is of a narrower dtype."""
        a, b = self._arrays(a, b)
        for dtype, relative, absolute in (
            ("float32", float_rtol, float_atol),
            ("float16", half_rtol, half_atol),
            ("bfloat16", bfloat16_rtol, bfloat16_atol),
        ):
            if dtype in (a.dtype.name, b.dtype.name):
                rtol, atol = max(rtol, relative), max(atol, absolute)
        self.assertAllClose(a, b, rtol, atol, msg)

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:
        """Fails where `assertAllClose` does not."""
        try:
            self.assertAllClose(a, b, rtol, atol, msg)
        except AssertionError:
            return
        raise AssertionError(f"The two values are close at all elements. {msg or ''}")

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Fails where the elements of arrays or tensors, or their shapes, differ; not-a-number equals itself."""
        a, b = self._arrays(a, b)
        self.assertEqual(a.shape, b.shape, f"Shape mismatch: expected {a.shape}, got {b.shape}. {msg or ''}")
        np.testing.assert_array_equal(a, b, err_msg=msg or "")

    def assertNotAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Fails where `assertAllEqual` does not."""
        try:
            self.assertAllEqual(a, b)
        except AssertionError:
            return
        raise AssertionError(f"The two values are equal at all elements. {msg or ''}")

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """Fails where an element is not greater."""
        self.assertGreater(np.min(self._array(a)), comparison_target)

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """Fails where an element is not less."""
        self.assertLess(np.max(self._array(a)), comparison_target)

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        """Fails where an element is less."""
        self.assertGreaterEqual(np.min(self._array(a)), comparison_target)

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        """Fails where an element is greater."""
        self.assertLessEqual(np.max(self._array(a)), comparison_target)

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:
        """Fails where an element is not in the set."""
        rest = np.setdiff1d(self._array(target).ravel(), list(expected_set))
        self.assertEqual(rest.size, 0, f"{rest} are not in the set {expected_set}")

    def assertNear(self, f1: Any, f2: Any, err: float, msg: str | None = None) -> None:
        """Fails where two numbers differ by more than `err`."""
        if f1 != f2:
            self.assertTrue(abs(f1 - f2) <= err, f"{f1} != {f2} +/- {err}{f' ({msg})' if msg else ''}")

    def assertArrayNear(self, farray1: Any, farray2: Any, err: float, msg: str | None = None) -> None:
        """Fails where two elements of lists differ by more than `err`."""
        self.assertEqual(len(farray1), len(farray2), msg)
        for one, other in zip(farray1, farray2):
            self.assertNear(float(one), float(other), err, msg)

    def assertNDArrayNear(self, ndarray1: Any, ndarray2: Any, err: float, msg: str | None = None) -> None:
        """Fails where the length of the arrays' difference is not below `err`."""
        self.assertLess(np.linalg.norm(np.asarray(ndarray1) - ndarray2), err, msg)

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: str | None = None) -> None:
        """Fails where the shapes of arrays or tensors differ, as far as they are known while the graph is built."""
        shapes = [one.shape.as_list() if isinstance(one, Tensor) else list(one.shape) for one in (input_a, input_b)]
        self.assertEqual(*shapes, msg)

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """Fails where an array or a tensor has another dtype."""
        self.assertEqual(self._array(target).dtype, expected_dtype)

    # --- containers

    def assertEmpty(self, container: Any, msg: str | None = None) -> None:
        """Fails where something is in the container."""
        self.assertEqual(len(container), 0, msg)

    def assertNotEmpty(self, container: Any, msg: str | None = None) -> None:
        """Fails where nothing is in the container."""
        self.assertNotEqual(len(container), 0, msg)

    def assertLen(self, container: Any, expected_len: int, msg: str | None = None) -> None:
        """Fails where the container has another length."""
        self.assertEqual(len(container), expected_len, msg)

    def assertItemsEqual(self, first: Any, second: Any, msg: str | None = None) -> None:
        """Fails where the same things are not in both, as often."""
        self.assertCountEqual(first, second, msg)

    def assertStartsWith(self, actual: str, expected_start: str, msg: str | None = None) -> None:
        """Fails where the text begins in another way."""
        self.assertTrue(actual.startswith(expected_start), msg or f"{actual!r} does not start with {expected_start!r}")

    # --- errors

    @staticmethod
    def _or_built(expected: Any) -> Any:
        """The classes that will do where these are expected; see above."""
        several = expected if isinstance(expected, tuple) else (expected,)
        at_once = not getattr(_of_graph, "only", 0)
        return (*several, ValueError) if at_once and errors.InvalidArgumentError in several else expected

    def assertRaises(self, expected_exception: Any, *args: Any, **kwargs: Any) -> Any:
        """Fails where the block, or the function, does not raise this."""
        return super().assertRaises(self._or_built(expected_exception), *args, **kwargs)

    def assertRaisesRegex(self, expected_exception: Any, expected_regex: Any, *args: Any, **kwargs: Any) -> Any:
        """Fails where the block, or the function, does not raise this with such a text."""
        return super().assertRaisesRegex(self._or_built(expected_exception), expected_regex, *args, **kwargs)

    assertRaisesRegexp = assertRaisesRegex

    @contextlib.contextmanager
    def assertRaisesWithPredicateMatch(self, exception_type: Any, expected_err_re_or_predicate: Any) -> Iterator[None]:
        """Fails where the block does not raise this with a text that matches, or one that the function accepts."""
        try:
            yield
        except Exception as error:
            given = expected_err_re_or_predicate
            matches = given(error) if callable(given) else re.search(given, str(error))
            if not isinstance(error, self._or_built(exception_type)) or not matches:
                raise AssertionError(f"Exception of type {type(error)}: {error}") from error
        else:
            self.fail(f"{exception_type} not raised")

    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> Any:
        """Fails where the block does not raise an `OpError` with such a text."""
        return self.assertRaisesWithPredicateMatch(errors.OpError, expected_err_re_or_predicate)


TensorFlowTestCase = TestCase


# --- decorators


@contextlib.contextmanager
def _graph_of_its_own(only: bool) -> Iterator[None]:
    """A new default graph; with `only` its errors are those of a graph and of no other mode."""
    _of_graph.nested = getattr(_of_graph, "nested", 0) + 1
    _of_graph.only = getattr(_of_graph, "only", 0) + only
    try:
        with Graph().as_default():
            yield
    finally:
        _of_graph.nested -= 1
        _of_graph.only -= only


def _in_a_graph(only: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(test: Any) -> Any:
        if isinstance(test, type):
            return for_all_test_methods(decorate)(test)

        @functools.wraps(test)
        def run(self: TestCase, *args: Any, **kwargs: Any) -> Any:
            with _graph_of_its_own(only):
                set_random_seed(DEFAULT_GRAPH_SEED)
                if only:
                    return test(self, *args, **kwargs)
                with self.cached_session():
                    return test(self, *args, **kwargs)

        return run

    return decorate


run_deprecated_v1 = deprecated_graph_mode_only = run_all_in_deprecated_graph_mode_only = _in_a_graph(True)


def _optional(decorate: Callable[[Any], Any]) -> Callable[..., Any]:
    """A decorator that may stand with or without arguments, which say nothing here."""

    def either(func: Any = None, *args: Any, **options: Any) -> Any:
        return decorate(func) if callable(func) else decorate

    return either


run_in_graph_and_eager_modes = run_all_in_graph_and_eager_modes = _optional(_in_a_graph(False))
run_v1_only = _optional(_in_a_graph(True))


def _skipped(reason: str) -> Callable[[Any], Any]:
    return _optional(unittest.skip(reason))


run_v2_only = _skipped("for TensorFlow 2")
run_gpu_only = run_cuda_only = run_gpu_or_tpu = _skipped("for graphics processors")


def _unchanged(*args: Any, **options: Any) -> Any:
    """A decorator that says nothing here, with or without arguments."""
    if len(args) == 1 and not options and callable(args[0]):
        return args[0]
    return lambda test: test


run_all_without_tensor_float_32 = run_without_tensor_float_32 = disable_xla = disable_mlir_bridge = _unchanged
disable_tfrt = disable_asan = disable_msan = disable_tsan = disable_ubsan = no_xla_auto_jit = _unchanged
xla_allow_fallback = disable_cudnn_autotune = enable_control_flow_v2 = disable_control_flow_v2 = _unchanged
with_control_flow_v2 = enable_c_shapes = with_c_shapes = enable_tf_xla_constant_folding = _unchanged
assert_no_new_tensors = assert_no_garbage_created = also_run_as_tf_function = _unchanged
assert_no_new_pyobjects_executing_eagerly = with_eager_op_as_function = add_graph_building_optimization_tests = _unchanged


def for_all_test_methods(decorator: Callable[..., Any], *args: Any, **options: Any) -> Callable[[type], type]:
    """Decorates each test of a class."""

    def decorate(cls: type) -> type:
        for name in [name for name in dir(cls) if name.startswith("test") and name != "test_session"]:
            own = decorator(*args, **options) if args or options else decorator
            setattr(cls, name, own(getattr(cls, name)))
        return cls

    return decorate


def skip_if(condition: Any) -> Callable[[Any], Any]:
    """Does not run the test where the condition holds."""
    return unittest.skipIf(condition() if callable(condition) else condition, "the condition of skip_if holds")


# --- devices: there is one


@contextlib.contextmanager
def device(use_gpu: bool) -> Iterator[None]:
    """Does nothing."""
    yield


@contextlib.contextmanager
def use_gpu() -> Iterator[None]:
    """Does nothing."""
    yield


force_gpu = force_cpu = deterministic_ops = use_gpu


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """False."""
    return False


def gpu_device_name() -> str:
    """Nothing: there is no graphics processor."""
    return ""


def _no(*_: Any) -> bool:
    """False."""
    return False


IsMklEnabled = GpuSupportsHalfMatMulAndConv = IsGoogleCudaEnabled = IsBuiltWithROCm = IsBuiltWithXLA = _no
IsBuiltWithNvcc = is_xla_enabled = is_mlir_bridge_enabled = is_asan_enabled = is_msan_enabled = is_tsan_enabled = _no
is_ubsan_enabled = _no


def _axes(value: Any, move: Callable[[list[Any]], list[Any]]) -> Any:
    if isinstance(value, Tensor):
        rank = value.shape.rank
        if rank is None:
            raise ValueError("the rank of the tensor must be known")
        return array_ops.transpose(value, move(list(range(rank))))
    return move(list(value))


def NHWCToNCHW(input_tensor: Any) -> Any:
    """A tensor, or a list with an element for each axis, with the channels moved from the last axis to the second."""
    return _axes(input_tensor, lambda axes: [axes[0], axes[-1], *axes[1:-1]])


def NCHWToNHWC(input_tensor: Any) -> Any:
    """A tensor, or a list with an element for each axis, with the channels moved from the second axis to the last."""
    return _axes(input_tensor, lambda axes: [axes[0], *axes[2:], axes[1]])


def get_temp_dir() -> str:
    """A folder for files that nobody needs afterwards."""
    return os.environ.get("TEST_TMPDIR") or tempfile.gettempdir()

"""The base class of tests: `tf.test.TestCase`.

Each test starts with an empty default graph, whose seed, Python's and NumPy's are TensorFlow's 87654321.
"""

from __future__ import annotations

import random
import re
import shutil
import tempfile
import unittest
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from tconv import errors
from tconv._tconv import Graph, Session, Tensor, get_default_session, reset_default_graph
from tconv.tf1.random_seed import DEFAULT_GRAPH_SEED, set_random_seed
from tconv.tf1.tensor_util import is_tf_type

Array = npt.NDArray[Any]


class _NoTest:
    """A method whose name starts with `test` though it is no test: runners that look at the class do not see it."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else self._function.__get__(instance, owner)


def _wide(array: Array) -> Array:
    """NumPy compares no bfloat16."""
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


class TensorFlowTestCase(unittest.TestCase):
    """A test of graphs and sessions; what compares takes tensors too, and runs them."""

    maxDiff = None

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        self._cached: tuple[Session, Graph | None, Any] | None = None
        self._tempdir: str | None = None

    def setUp(self) -> None:
        """Empties the default graph and sets all seeds."""
        super().setUp()
        self._close_cached_session()
        random.seed(DEFAULT_GRAPH_SEED)
        np.random.seed(DEFAULT_GRAPH_SEED)
        reset_default_graph()
        set_random_seed(DEFAULT_GRAPH_SEED)

    def tearDown(self) -> None:
        """Closes the session that the test's runs shared."""
        self._close_cached_session()
        super().tearDown()

    def _close_cached_session(self) -> None:
        if self._cached is not None:
            self._cached[0].close()
            self._cached = None

    def get_temp_dir(self) -> str:
        """A folder that is there until the test ends."""
        if self._tempdir is None:
            self._tempdir = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, self._tempdir, ignore_errors=True)
        return self._tempdir

    @contextmanager
    def session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = True, force_gpu: bool = False
    ) -> Iterator[Session]:
        """`with self.session() as sess:` makes a session and its graph the default ones."""
        with Session(graph=graph, config=config) as made, made.graph.as_default():
            yield made

    @contextmanager
    def cached_session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = True, force_gpu: bool = False
    ) -> Iterator[Session]:
        """`session`, but the same one for the whole test.

        Raises:
          ValueError: it was made with another graph or configuration.
        """
        if self._cached is not None and (self._cached[1] is not graph or self._cached[2] is not config):
            raise ValueError(
                "The graph or config used to get the cached session is different than the one that was used to create "
                "the session. Maybe create a new session with self.session()"
            )
        with self._shared(graph, config) as shared:
            yield shared

    @contextmanager
    def _shared(self, graph: Graph | None, config: Any) -> Iterator[Session]:
        if self._cached is None:
            self._cached = Session(graph=graph, config=config), graph, config
        shared = self._cached[0]
        with shared.graph.as_default(), shared.as_default():
            yield shared

    @_NoTest
    def test_session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = True, force_gpu: bool = False
    ) -> AbstractContextManager[Session]:
        """`cached_session` without a graph, `session` with one."""
        return self._shared(None, config) if graph is None else self.session(graph, config)

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors, or of a structure of tensors."""
        session = get_default_session()
        if session is not None:
            return session.run(tensors)
        with self._shared(None, None) as session:
            return session.run(tensors)

    def _array(self, value: Any) -> Array:
        if is_tf_type(value):
            value = self.evaluate(value)
        try:
            return np.asarray(value)
        except ValueError as error:
            if "inhomogeneous" not in str(error):
                raise
            return np.asarray(value, dtype=object)

    def _arrays(self, a: Any, b: Any) -> tuple[Array, Array]:
        # Two tensors are run together: random ones may come from one node.
        if is_tf_type(a) and is_tf_type(b):
            a, b = self.evaluate([a, b])
        return self._array(a), self._array(b)

    def _same_shape(self, a: Array, b: Array, msg: str) -> None:
        contents = f" with contents {b}" if b.ndim <= 3 or b.size < 500 else ""
        self.assertEqual(a.shape, b.shape, f"Shape mismatch: expected {a.shape}, got {b.shape}{contents}. {msg}")

    # --- values

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:
        """`|a - b| <= atol + rtol * |b|` for all elements, or for those of all parts of two structures."""
        self._close(a, b, rtol, atol, msg or "", "")

    def _close(self, a: Any, b: Any, rtol: float, atol: float, msg: str, path: str) -> None:
        a, b = (part._asdict() if hasattr(part, "_asdict") else part for part in (a, b))
        if isinstance(a, Mapping) != isinstance(b, Mapping):
            raise ValueError(f"Can't compare dict to non-dict, a{path} vs b{path}. {msg}")
        if isinstance(a, Mapping):
            self.assertCountEqual(a, b, f"mismatched keys: a{path} and b{path}. {msg}")
            for key in a:
                self._close(a[key], b[key], rtol, atol, msg, f"{path}[{key}]")
            return
        if isinstance(a, (list, tuple)):
            parts = [part for part in (*a, *(b if isinstance(b, (list, tuple)) else ()))]
            if any(isinstance(part, (Mapping, Tensor)) for part in parts) or self._array(a).dtype == object:
                if len(a) != len(b):
                    raise ValueError(f"Mismatched length: a{path} has {len(a)} items, but b{path} has {len(b)} items. {msg}")
                for index, (one, other) in enumerate(zip(a, b)):
                    self._close(one, other, rtol, atol, msg, f"{path}[{index}]")
                return
        left, right = map(_wide, self._arrays(a, b))
        where = f"Mismatched value: a{path} is different from b{path}. {msg}"
        self._same_shape(left, right, where)
        np.testing.assert_allclose(left, right, rtol, atol, err_msg=where)

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
        """`assertAllClose` with the tolerance of the less precise of the two dtypes."""
        a, b = self._arrays(a, b)
        tolerances = {
            "float32": (float_rtol, float_atol),
            "float16": (half_rtol, half_atol),
            "bfloat16": (bfloat16_rtol, bfloat16_atol),
        }
        for name in {a.dtype.name, b.dtype.name} & set(tolerances):
            rtol, atol = max(rtol, tolerances[name][0]), max(atol, tolerances[name][1])
        self.assertAllClose(a, b, rtol, atol, msg)

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:
        """Some elements are not close."""
        try:
            self.assertAllClose(a, b, rtol, atol)
        except AssertionError:
            return
        self.fail(f"The two values are close at all elements. {msg or ''}")

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """All elements are equal; not-a-numbers are equal to each other."""
        left, right = self._arrays(a, b)
        self._same_shape(left, right, msg or "")
        np.testing.assert_array_equal(left, right, err_msg=msg or "")

    def assertNotAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Some elements are not equal."""
        try:
            self.assertAllEqual(a, b)
        except AssertionError:
            return
        self.fail(f"The two values are equal at all elements. {msg or ''}")

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """All elements are greater than the target."""
        self.assertGreater(np.min(self._array(a)), comparison_target)

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """All elements are less than the target."""
        self.assertLess(np.max(self._array(a)), comparison_target)

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        """No element is less than the target."""
        self.assertGreaterEqual(np.min(self._array(a)), comparison_target)

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        """No element is greater than the target."""
        self.assertLessEqual(np.max(self._array(a)), comparison_target)

    def assertAllInRange(
        self, target: Any, lower_bound: Any, upper_bound: Any, open_lower_bound: bool = False, open_upper_bound: bool = False
    ) -> None:
        """All elements lie between the bounds, which belong to the range unless they are open."""
        values = self._array(target)
        above = values > lower_bound if open_lower_bound else values >= lower_bound
        below = values < upper_bound if open_upper_bound else values <= upper_bound
        outside = values[~(above & below)]
        self.assertEqual(outside.size, 0, f"outside {lower_bound} to {upper_bound}: {outside[:10]}")

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:
        """All elements belong to the set."""
        others = np.setdiff1d(self._array(target), list(expected_set))
        self.assertEqual(others.size, 0, f"{others.size} unique element(s) are not in the set {expected_set}: {others}")

    def assertNear(self, f1: Any, f2: Any, err: float, msg: str | None = None) -> None:
        """Two numbers differ by no more than `err`."""
        one, other = float(np.squeeze(f1)), float(np.squeeze(f2))
        suffix = f" ({msg})" if msg is not None else ""
        # Infinities are equal, and their difference is no number.
        near = one == other or abs(one - other) <= err
        self.assertTrue(near, f"{one} != {other} +/- {err} (difference: {abs(one - other)}){suffix}")

    def assertArrayNear(self, farray1: Any, farray2: Any, err: float, msg: str | None = None) -> None:
        """The numbers of two lists differ by no more than `err` each."""
        self.assertEqual(len(farray1), len(farray2), msg)
        for one, other in zip(farray1, farray2):
            self.assertNear(one, other, err, msg)

    def assertNDArrayNear(self, ndarray1: Any, ndarray2: Any, err: float, msg: str | None = None) -> None:
        """The norm of the difference of two arrays is less than `err`."""
        self.assertLess(float(np.linalg.norm(np.asarray(ndarray1) - np.asarray(ndarray2))), err, msg)

    # --- shapes, dtypes, structures

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: str | None = None) -> None:
        """Two arrays or tensors have the same shape; of a tensor that which is known while the graph is built."""
        for value in (input_a, input_b):
            if not isinstance(value, (np.ndarray, np.generic, Tensor)):
                raise TypeError(f"assertShapeEqual compares NumPy arrays and Tensors. Instead received {type(value)}")
        one, other = (
            list(value.shape.as_list() if isinstance(value, Tensor) else value.shape) for value in (input_a, input_b)
        )
        self.assertAllEqual(one, other, msg)

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """An array or a tensor's value is of this dtype."""
        self.assertEqual(self._array(target).dtype, expected_dtype)

    def assertDictEqual(self, d1: Any, d2: Any, msg: Any = None) -> None:
        """Two dictionaries are equal; their floating-point values may differ a little."""
        try:
            super().assertDictEqual(d1, d2, msg)
        except Exception:  # Arrays have no one truth value.
            self.assertCountEqual(d1, d2, msg)
            for key, value in d1.items():
                floating = np.issubdtype(self._array(value).dtype, np.floating)
                (self.assertAllClose if floating else self.assertAllEqual)(value, d2[key], msg=key)

    assertItemsEqual = unittest.TestCase.assertCountEqual
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex

    def assertStartsWith(self, actual: str, expected_start: str, msg: Any = None) -> None:
        """The text begins so."""
        self.assertTrue(actual.startswith(expected_start), f"{actual!r} does not start with {expected_start!r} {msg or ''}")

    def assertEndsWith(self, actual: str, expected_end: str, msg: Any = None) -> None:
        """The text ends so."""
        self.assertTrue(actual.endswith(expected_end), f"{actual!r} does not end with {expected_end!r} {msg or ''}")

    def assertContainsSubset(self, expected_subset: Any, actual_set: Any, msg: Any = None) -> None:
        """The second holds all that the first holds."""
        self.assertEqual(set(expected_subset) - set(actual_set), set(), msg)

    def assertEmpty(self, container: Any, msg: Any = None) -> None:
        """There is nothing in it."""
        self.assertEqual(len(container), 0, f"{container!r} has length of {len(container)}. {msg or ''}")

    def assertNotEmpty(self, container: Any, msg: Any = None) -> None:
        """There is something in it."""
        self.assertNotEqual(len(container), 0, f"{container!r} has length of 0. {msg or ''}")

    def assertLen(self, container: Any, expected_len: int, msg: Any = None) -> None:
        """There are so many in it."""
        self.assertEqual(len(container), expected_len, msg)

    def assertSameElements(self, expected_seq: Any, actual_seq: Any, msg: Any = None) -> None:
        """The same values, in any order and number."""
        self.assertEqual(set(expected_seq), set(actual_seq), msg)

    def assertBetween(self, value: Any, minv: Any, maxv: Any, msg: Any = None) -> None:
        """The value lies between these, or is one of them."""
        self.assertTrue(minv <= value <= maxv, f"{value!r} unexpectedly not between {minv!r} and {maxv!r}. {msg or ''}")

    # --- errors

    @contextmanager
    def assertRaisesWithPredicateMatch(self, exception_type: Any, expected_err_re_or_predicate: Any) -> Iterator[None]:
        """The block raises such an exception, whose text this pattern finds or of which this function says True."""
        try:
            yield
        except Exception as error:
            if isinstance(error, exception_type) and self._matches(error, expected_err_re_or_predicate):
                return
            raise AssertionError(f"Exception of type {type(error)}: {error}") from error
        self.fail(f"{exception_type} not raised")

    @staticmethod
    def _matches(error: Exception, pattern_or_predicate: Any) -> bool:
        if callable(pattern_or_predicate):
            return bool(pattern_or_predicate(error))
        text = str(error)
        if isinstance(error, errors.OpError) and error.op is not None:
            text += f"\nCaused by: {error.op.name}"
        return re.search(pattern_or_predicate, text) is not None

    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> AbstractContextManager[None]:
        """`assertRaisesWithPredicateMatch` of what a run raises."""
        return self.assertRaisesWithPredicateMatch(errors.OpError, expected_err_re_or_predicate)

    def assertRaisesIncompatibleShapesError(
        self, exception_type: Any = errors.InvalidArgumentError
    ) -> AbstractContextManager[None]:
        """The block raises that shapes do not go together."""
        pattern = r"Incompatible shapes|Dimensions must be equal|required broadcastable shapes"
        return self.assertRaisesWithPredicateMatch(exception_type, pattern)

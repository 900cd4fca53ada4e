"""`tf.test`: what its comparisons take and refuse, its seeds and sessions, its gradient checkers."""

from __future__ import annotations

import random
import unittest
from typing import Any

import numpy as np
import pytest

import tconv.tf1 as tf
from tconv.tf1 import gradient_checker_v2, nest, test_util

CASE = tf.test.TestCase()


def tensor(*values: float) -> Any:
    return tf.constant(values)


HALF, ONE = np.ones(1, np.float16), np.ones(1, np.float32)

# A comparison, what it takes, what it refuses: TensorFlow 2.21's own takes and refuses the same.
COMPARISONS: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]] = [
    ("assertAllClose", ([1.0, 2.0], [1.0, 2.000002]), ([1.0, 2.0], [1.0, 2.000004])),
    ("assertAllClose", (np.inf, np.inf), (np.inf, -np.inf)),
    ("assertAllClose", (np.nan, np.nan), (np.nan, 0.0)),
    ("assertAllClose", ([[1.0], [2.0, 3.0]], [[1.0], [2.0, 3.0]]), ([[1.0], [2.0, 3.0]], [[1.0], [2.0, 4.0]])),
    ("assertAllClose", ({"a": 1.0, "b": [2.0]}, {"a": 1.0, "b": [2.0]}), ({"a": 1.0}, {"b": 1.0})),
    ("assertAllClose", ([tensor(1, 2), 3.0], [[1.0, 2.0], tf.constant(3.0)]), ([tensor(1, 2), 3.0], [[1.0, 2.0], 4.0])),
    ("assertAllClose", (tensor(1, 2), [1, 2]), (tensor(1, 2), [[1, 2]])),
    ("assertAllCloseAccordingToType", (HALF, HALF * np.float16(1.001)), (ONE, ONE * np.float32(1.001))),
    ("assertNotAllClose", (1.0, 1.1), (1.0, 1.0)),
    ("assertAllEqual", ([1, np.nan], [1, np.nan]), ([1, 2], [1, 3])),
    ("assertAllEqual", (tensor(1, 2), tensor(1, 2)), (tensor(1, 2), tensor(1, 2, 3))),
    ("assertNotAllEqual", ([1, 2], [1, 3]), ([1, 2], [1, 2])),
    ("assertAllGreater", (tensor(2, 3), 1), (tensor(1, 3), 1)),
    ("assertAllLess", ([2, 3], 4), ([2, 4], 4)),
    ("assertAllGreaterEqual", ([1, 3], 1), ([0, 3], 1)),
    ("assertAllLessEqual", ([2, 4], 4), ([2, 5], 4)),
    ("assertAllInRange", ([0.0, 1.0], 0, 1), ([0.0, 1.0], 0, 1, True)),
    ("assertAllInRange", ([0.0, 0.5], 0, 1, False, True), ([0.0, np.nan], 0, 1)),
    ("assertAllInSet", ([1, 2, 1], {1, 2, 3}), ([1, 4], {1, 2, 3})),
    ("assertNear", (1.0, 1.1, 0.2), (1.0, 1.1, 0.05)),
    ("assertNear", (np.inf, np.inf, 0.0), (np.inf, 1.0, 9.0)),
    ("assertArrayNear", ([1.0, 2.0], [1.1, 2.0], 0.2), ([1.0, 2.0], [1.0, 2.3], 0.2)),
    ("assertNDArrayNear", (np.zeros(4), np.full(4, 0.4), 1.0), (np.zeros(4), np.full(4, 0.6), 1.0)),
    ("assertShapeEqual", (np.zeros([2, 3]), tf.zeros([2, 3])), (np.zeros([2, 3]), tf.zeros([3, 2]))),
    ("assertDTypeEqual", (tensor(1.5), np.float32), (tensor(1.5), np.float64)),
    ("assertDictEqual", ({"a": np.ones(2)}, {"a": np.ones(2)}), ({"a": np.ones(2)}, {"a": np.zeros(2)})),
    ("assertItemsEqual", ([1, 2, 2], [2, 1, 2]), ([1, 2, 2], [2, 1])),
    ("assertStartsWith", ("text", "te"), ("text", "ex")),
    ("assertEndsWith", ("text", "xt"), ("text", "ex")),
    ("assertContainsSubset", ([1], [1, 2]), ([1, 3], [1, 2])),
    ("assertEmpty", ([],), ([0],)),
    ("assertNotEmpty", ([0],), ([],)),
    ("assertLen", ([0], 1), ([0], 2)),
    ("assertSameElements", ([1, 2, 2], [2, 1]), ([1, 2], [1])),
    ("assertBetween", (1, 1, 2), (3, 1, 2)),
]


@pytest.mark.parametrize(("name", "taken", "refused"), COMPARISONS)
def test_comparisons(name: str, taken: tuple[Any, ...], refused: tuple[Any, ...]) -> None:
    compare = getattr(CASE, name)
    compare(*taken)
    with pytest.raises(AssertionError):
        compare(*refused)


def test_what_cannot_be_compared_is_a_value_error() -> None:
    for a, b in (({"a": 1}, [1]), ([[1], [1, 2]], [[1]])):
        with pytest.raises(ValueError):
            CASE.assertAllClose(a, b)


def test_errors_are_matched_by_class_and_text() -> None:
    error = tf.errors.InvalidArgumentError(None, None, "a wrong size")
    with CASE.assertRaisesOpError("wrong"):
        raise error
    with CASE.assertRaisesWithPredicateMatch(ValueError, lambda error: str(error) == "wrong"):
        raise ValueError("wrong")
    for pattern, raised in (("right", error), ("wrong", ValueError("wrong"))):
        with pytest.raises(AssertionError, match="Exception of type"), CASE.assertRaisesOpError(pattern):
            raise raised
    with pytest.raises(AssertionError, match="not raised"), CASE.assertRaisesOpError("wrong"):
        pass


def outcomes(case: type[unittest.TestCase]) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert not result.errors, result.errors[0][1]
    return result


def test_each_test_begins_anew() -> None:
    seen: list[Any] = []

    class Case(tf.test.TestCase):
        def _look(self) -> None:
            graph = tf.get_default_graph()
            drawn = tf.random_uniform([1])
            seen.append(
                (len(graph.get_operations()) < 8, graph.seed, random.random(), np.random.rand(), self.evaluate(drawn)[0])
            )

        def test_one(self) -> None:
            self._look()

        def test_two(self) -> None:
            self._look()

    # `test_session` is no test.
    assert outcomes(Case).testsRun == 2
    assert seen[0] == seen[1] and seen[0][:2] == (True, 87654321)


def test_sessions() -> None:
    class Case(tf.test.TestCase):
        def test_cached(self) -> None:
            with self.cached_session() as first, self.test_session() as second:
                assert first is second is tf.get_default_session()
            with self.session() as other:
                assert other is not first and tf.get_default_session() is other
            with self.assertRaisesRegex(ValueError, "cached session"), self.cached_session(tf.Graph()):
                pass
            graph = tf.Graph()
            with self.session(graph=graph):
                assert tf.get_default_graph() is graph

        @test_util.run_in_graph_and_eager_modes
        def test_decorated(self) -> None:
            assert tf.get_default_session() is not None
            self.assertEqual(self.evaluate({"a": tf.constant(1), "b": [tf.constant(2)]}), {"a": 1, "b": [2]})

    assert outcomes(Case).failures == []


def test_decorators_skip_what_tconv_has_not() -> None:
    ran: list[str] = []

    @test_util.run_all_without_tensor_float_32("a reason")
    @test_util.run_all_in_graph_and_eager_modes
    class Case(tf.test.TestCase):
        @test_util.run_cuda_only
        def test_cuda(self) -> None:
            ran.append("cuda")

        @test_util.run_v2_only
        def test_v2(self) -> None:
            ran.append("v2")

        @test_util.run_v1_only("a reason")
        @test_util.disable_xla("a reason")
        @test_util.run_deprecated_v1
        def test_v1(self) -> None:
            assert tf.get_default_session() is not None
            ran.append("v1")

        @test_util.skip_if(lambda: True)
        def test_skip(self) -> None:
            ran.append("skip")

    assert len(outcomes(Case).skipped) == 2
    assert ran == ["v1"]


@pytest.mark.parametrize(
    ("nhwc", "nchw"), [([1, 2, 3], [1, 3, 2]), ([1, 2, 3, 4], [1, 4, 2, 3]), ([1, 2, 3, 4, 5], [1, 5, 2, 3, 4])]
)
def test_layouts(nhwc: list[int], nchw: list[int]) -> None:
    assert test_util.NHWCToNCHW(nhwc) == nchw
    assert test_util.NCHWToNHWC(nchw) == nhwc
    assert test_util.NHWCToNCHW(tf.zeros(nhwc)).shape.as_list() == nchw


def test_gradient_checkers_find_the_jacobian() -> None:
    x, f = tf.constant([1.0, 2.0, 3.0], tf.float64), tf.constant([2.0, 0.5, 1.0], tf.float64)
    y = tf.reshape(x * x * f, [3, 1])
    at = [np.array([3.0, 1.0, 2.0]), np.array([4.0, 6.0, 5.0])]
    found = tf.test.compute_gradient([x, f], [[3], [3]], y, [3, 1], x_init_value=at)
    # Each is moved while the other is what the graph says.
    for pair, expected in zip(found, (np.diag([12.0, 1.0, 4.0]), np.diag([1.0, 4.0, 9.0]))):
        np.testing.assert_allclose(pair[0], expected, rtol=1e-12)
        np.testing.assert_allclose(pair[1], expected, rtol=1e-6, atol=1e-12)
    theoretical, numeric = gradient_checker_v2.compute_gradient(lambda a, b: a * a * b, [[1.0, 2.0], [3.0, 4.0]])
    for jacobians in (theoretical, numeric):
        np.testing.assert_allclose(jacobians, [np.diag([6.0, 16.0]), np.diag([1.0, 4.0])], rtol=1e-3)


def test_gradient_checkers_find_a_wrong_gradient() -> None:
    # The slope of relu at 0 is 0 to the gradient, and half of 0 and 1 to central differences.
    x = tf.constant([0.0, 2.0])
    error = tf.test.compute_gradient_error(x, [2], tf.nn.relu(x), [2], x_init_value=np.array([0.0, 2.0], np.float32))
    assert error == pytest.approx(0.5, abs=1e-3)
    grads = gradient_checker_v2.compute_gradient(tf.nn.relu, [[0.0, 2.0]])
    assert gradient_checker_v2.max_error(*grads) == pytest.approx(0.5, abs=1e-3)


def test_gradient_checkers_refuse_what_has_no_gradient() -> None:
    x, n = tf.constant([1.0]), tf.constant([1])
    for y, of in ((tf.constant([2.0]), x), (n + 1, n)):
        with pytest.raises(ValueError):
            tf.test.compute_gradient(of, [1], y, [1])
    with pytest.raises(ValueError, match="must be a list or tuple"):
        gradient_checker_v2.compute_gradient(tf.nn.relu, 1.0)


def test_nested_structures() -> None:
    structure = {"b": [1, (2, 3)], "a": 4}
    assert nest.flatten(structure) == [4, 1, 2, 3]
    assert nest.map_structure(lambda a, b: a + b, structure, structure) == {"b": [2, (4, 6)], "a": 8}
    assert list(nest.pack_sequence_as(structure, "abcd")) == ["b", "a"]
    with pytest.raises(ValueError):
        nest.pack_sequence_as(structure, [1])
    with pytest.raises(TypeError):
        nest.assert_same_structure([1], (1,))

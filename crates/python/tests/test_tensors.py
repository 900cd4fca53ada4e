"""Tensors as Python values, shapes, and what becomes a constant. Expected: NumPy's answers and TensorFlow 2.21's."""

from __future__ import annotations

import operator
from typing import Any, Callable

import numpy as np
import pytest

import tconv.tf1 as tf

D, S = tf.Dimension, tf.TensorShape

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "**": operator.pow,
}


@pytest.mark.parametrize("sign", BINARY)
def test_operators_with_numbers_and_arrays_on_either_side(sess: tf.Session, sign: str) -> None:
    f = BINARY[sign]
    array = np.array([[1.5, -2, 3], [0.5, 4, -1]], "f4") if sign != "**" else np.array([[1.5, 2, 3]], "f4")
    others: list[Any] = [2, 2.5, np.float32(2), np.float64(2), np.array([1, 2, 3]), np.array([1.0, 2, 3]), [1, 2, 3]]
    for make in (tf.constant, lambda a: tf.Variable(a)):
        t = make(array)
        sess.run(tf.global_variables_initializer())
        for other in others:
            number = np.asarray(other, "f4")
            for made, want in ((f(t, other), f(array, number)), (f(other, t), f(number, array))):
                assert isinstance(made, tf.Tensor) and made.dtype == tf.float32
                np.testing.assert_allclose(sess.run(made), want, 1e-6)
        made = f(t, t)
        if sign != "**":
            np.testing.assert_allclose(sess.run(made), f(array, array), 1e-6)


def test_whole_numbers(sess: tf.Session) -> None:
    t = tf.constant([-7, 7])
    for made, want in [
        (t // 2, [-4, 3]),
        (t // -2, [3, -4]),
        (100 // t, [-15, 14]),
        (t * 2 - 1, [-15, 13]),
        (-t, [7, -7]),
        (abs(t), [7, 7]),
        (np.int64(2) * t, [-14, 14]),
    ]:
        found = sess.run(made)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, want)
    assert (t / 2).dtype == tf.float64
    np.testing.assert_array_equal(sess.run(t / 2), [-3.5, 3.5])


@pytest.mark.parametrize("other", [None, "x", 1.5, [1, 2.5], object(), 2**40])
def test_what_no_operator_takes(sess: tf.Session, other: Any) -> None:
    t = tf.constant([1, 2])
    for f in (operator.add, operator.mul, operator.floordiv):
        with pytest.raises((TypeError, ValueError)):
            f(t, other)
        with pytest.raises((TypeError, ValueError)):
            f(other, t)
    np.testing.assert_array_equal(sess.run(t), [1, 2])


def test_matmul(sess: tf.Session) -> None:
    a, b = np.arange(6, dtype="f4").reshape(2, 3), np.arange(12, dtype="f4").reshape(3, 4)
    for made in (tf.constant(a) @ b, a @ tf.constant(b), tf.constant(a) @ tf.constant(b)):
        np.testing.assert_array_equal(sess.run(made), a @ b)


def test_a_tensor_equals_itself_only(graph: tf.Graph) -> None:
    t, u = tf.constant(1), tf.constant(1)
    assert t == t and not t == u and t != u and t != 1 and not t == 1
    assert t in [u, t] and {t: 1, u: 2}[t] == 1
    assert hash(t) == hash(graph.get_tensor_by_name(t.name)) and t == graph.get_tensor_by_name(t.name)


def test_a_tensor_is_no_number_of_pythons(graph: tf.Graph) -> None:
    t = tf.constant([1.0, 2.0])
    with pytest.raises(TypeError, match="as a Python `bool` is not allowed"):
        bool(t)
    with pytest.raises(TypeError, match="as a Python `bool` is not allowed"):
        assert not t
    with pytest.raises(TypeError, match="len is not well defined for a symbolic Tensor"):
        len(t)
    for convert in (float, int, operator.index, range, complex):
        with pytest.raises(TypeError):
            convert(t)
    for numpy in (np.array, np.asarray, np.sum, lambda t: np.asarray([t]), np.sin):
        with pytest.raises((NotImplementedError, TypeError)):
            numpy(t)
    with pytest.raises(AttributeError, match="no attribute 'foo'"):
        t.foo  # noqa: B018
    with pytest.raises(TypeError):
        pow(tf.constant(2), 3, 5)


def test_iteration(sess: tf.Session) -> None:
    a, b = tf.constant([[1, 2], [3, 4]])
    np.testing.assert_array_equal(sess.run([a, b]), [[1, 2], [3, 4]])
    assert list(tf.zeros([0, 2])) == []
    for t in (tf.constant(1), tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32)):
        with pytest.raises(TypeError, match="iterate over"):
            list(t)


ARRAY = np.arange(24).reshape(3, 4, 2)
SLICES = (
    "0 -1 2 : 1: :2 ::2 ::-1 1::-1 2:0:-1 -2: :-1 5: 1:1 2:1 ... ...,0 0,... ...,1,: None None,0 0,None :,None,1 "
    "...,None 0,1 0,1,1 1:,0:2 :,-1 :,::-1,1:3 None:None :2**40 -2**40: 2**40: ::-2 -1:-3:-1 :,:,::-1 0:3:2,...,0"
).split()


@pytest.mark.parametrize("key", SLICES)
def test_slices_are_numpys(sess: tf.Session, key: str) -> None:
    want = eval(f"array[{key}]", {"array": ARRAY})
    found = sess.run(eval(f"t[{key}]", {"t": tf.constant(ARRAY)}))
    np.testing.assert_array_equal(found, want)
    unknown = tf.placeholder(tf.int32, [None, None, None])
    found = sess.run(eval(f"t[{key}]", {"t": unknown}), {unknown: ARRAY})
    assert found.shape == want.shape
    np.testing.assert_array_equal(found, want)


def test_slices_by_tensors_and_numpys_numbers(sess: tf.Session) -> None:
    t, one = tf.constant(ARRAY), tf.constant(1)
    for found, want in [
        (t[one], ARRAY[1]),
        (t[one:], ARRAY[1:]),
        (t[: one + 1, one], ARRAY[:2, 1]),
        (t[tf.constant(1, tf.int64)], ARRAY[1]),
        (t[np.int64(1)], ARRAY[1]),
        (t[np.array(1)], ARRAY[1]),
        (t[D(1)], ARRAY[1]),
        (t[: D(2)], ARRAY[:2]),
        (t[: t.shape[0] - 1], ARRAY[:2]),
        (t[[0, 1]], ARRAY[0, 1]),
        (t[tf.newaxis], ARRAY[None]),
    ]:
        np.testing.assert_array_equal(sess.run(found), want)


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (3, ValueError, "slice index 3 of dimension 0 out of bounds."),
        (-4, ValueError, "slice index -1 of dimension 0 out of bounds."),
        ((0, 1, 2), ValueError, "slice index 2 of dimension 2 out of bounds."),
        ((0, 0, 0, 0), ValueError, "Index out of range using input dim 3; input has only 3 dims"),
        ((..., ...), ValueError, "Multiple ellipses in slice spec not allowed"),
        (slice(None, None, 0), ValueError, "strides[0] must be non-zero"),
        ("a", TypeError, "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`)"),
        (1.5, TypeError, "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`)"),
        (slice(1.5, None), TypeError, "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`)"),
        ([[0, 1]], TypeError, "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`)"),
        (np.array([0, 1]), TypeError, "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`)"),
    ],
)
def test_what_is_no_slice(sess: tf.Session, key: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        tf.constant(ARRAY)[key]
    assert text in str(caught.value)


def test_an_index_beyond_the_end_of_what_is_fed(sess: tf.Session) -> None:
    x = tf.placeholder(tf.int32, [None])
    with pytest.raises(tf.errors.InvalidArgumentError, match="slice index 3 of dimension 0 out of bounds"):
        sess.run(x[3], {x: [1, 2, 3]})


CONSTANTS: list[tuple[Any, Any, str, Any]] = [
    # value, dtype that is asked for, dtype, value
    (1, None, "int32", 1),
    (1.5, None, "float32", 1.5),
    (True, None, "bool", True),
    ([1, 2.5], None, "float32", [1, 2.5]),
    ([True, 1.5], None, "float32", [1, 1.5]),
    ([], None, "float32", []),
    ([[], []], None, "float32", [[], []]),
    ((1, (2)), None, "int32", [1, 2]),
    (2**31 - 1, None, "int32", 2**31 - 1),
    (2**31, None, "int64", 2**31),
    (-(2**31) - 1, None, "int64", -(2**31) - 1),
    ([1, 2**31], None, "int64", [1, 2**31]),
    (2**63 - 1, None, "int64", 2**63 - 1),
    (1e400, None, "float32", np.inf),
    (float("nan"), None, "float32", np.nan),
    (np.float64(1.5), None, "float64", 1.5),
    (np.float16(1.5), None, "float16", 1.5),
    (np.int64(3), None, "int64", 3),
    (np.bool_(True), None, "bool", True),
    (np.arange(3), None, "int64", [0, 1, 2]),
    (np.arange(3.0), None, "float64", [0, 1, 2]),
    ([np.float64(1.5)], None, "float32", [1.5]),
    ([np.int64(1), 2], None, "int32", [1, 2]),
    (1, "float32", "float32", 1),
    ([], "int32", "int32", []),
    ([[]], "bool", "bool", [[]]),
    (True, "int32", "int32", 1),
    (True, "float32", "float32", 1),
    ([True, False], "float32", "float32", [1, 0]),
    ([1, True], "int32", "int32", [1, 1]),
    (255, "uint8", "uint8", 255),
    (2**31, "int64", "int64", 2**31),
    (1e300, "float64", "float64", 1e300),
    (2**24 + 1, "float32", "float32", 2**24),
    (2**70, "float32", "float32", 2.0**70),
    (np.float64(1.5), "float32", "float32", 1.5),
    (np.arange(3.0) + 0.5, "int32", "int32", [0, 1, 2]),
    (np.array([True]), "float32", "float32", [1]),
]


@pytest.mark.parametrize(("value", "asked", "dtype", "want"), CONSTANTS)
@pytest.mark.filterwarnings("ignore:overflow")
def test_constants(sess: tf.Session, value: Any, asked: Any, dtype: str, want: Any) -> None:
    for made in (tf.constant(value, asked), tf.convert_to_tensor(value, asked)):
        assert made.dtype == dtype and made.op.type == "Const"
        found = sess.run(made)
        assert found.dtype == dtype and found.shape == np.shape(want)
        np.testing.assert_array_equal(found, np.asarray(want, dtype))


@pytest.mark.parametrize(
    ("value", "asked", "error", "text"),
    [
        (None, None, ValueError, "None values not supported."),
        ([None], None, TypeError, "Failed to convert elements of [None] to Tensor."),
        ([1, None], None, TypeError, "Failed to convert elements of [1, None] to Tensor."),
        ({1: 2}, None, TypeError, "Failed to convert elements of {1: 2} to Tensor."),
        (2**64, None, TypeError, "Failed to convert elements of 18446744073709551616 to Tensor."),
        (2**63, None, TypeError, "9223372036854775808"),
        (2**63, "int64", TypeError, "9223372036854775808"),
        ("x", None, TypeError, "x"),
        (b"x", None, TypeError, "x"),
        (1j, None, TypeError, "complex"),
        (1.5, "int32", TypeError, "Expected int32, but got 1.5 of type 'float'."),
        (1.0, "int32", TypeError, "Expected int32, but got 1.0 of type 'float'."),
        ([1, 2.0], "int32", TypeError, "Expected int32, but got 2.0 of type 'float'."),
        ([[1, 2], [3, 4.5]], "int32", TypeError, "Expected int32, but got 4.5 of type 'float'."),
        (float("nan"), "int32", TypeError, "Expected int32, but got nan of type 'float'."),
        (1, "bool", TypeError, "Expected bool, but got 1 of type 'int'."),
        (0.0, "bool", TypeError, "Expected bool, but got 0.0 of type 'float'."),
        ("x", "float32", TypeError, "Expected float32, but got x of type 'str'."),
        (["x", 1], "float32", TypeError, "Expected float32, but got x of type 'str'."),
        ([1, "x"], "float32", TypeError, "Expected float32, but got x of type 'str'."),
        ([None], "float32", TypeError, "Expected float32, but got None of type 'NoneType'."),
        ([1.5, None], "float32", TypeError, "Expected float32, but got None of type 'NoneType'."),
        ([[1, 2], [3]], None, ValueError, "setting an array element with a sequence."),
        ([1, [2]], "float32", ValueError, "setting an array element with a sequence."),
        # TensorFlow makes other numbers of these.
        (300, "uint8", TypeError, "300 does not fit in uint8"),
        (-1, "uint8", TypeError, "-1 does not fit in uint8"),
        (2**31, "int32", TypeError, "2147483648 does not fit in int32"),
        ([1, 2**31], "int32", TypeError, "does not fit in int32"),
    ],
)
def test_what_becomes_no_constant(graph: tf.Graph, value: Any, asked: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        tf.constant(value, asked)
    assert text in str(caught.value)


def test_a_constants_shape(sess: tf.Session) -> None:
    for value, shape, want in [
        (1, [2, 2], [[1, 1], [1, 1]]),
        ([1, 2], [2, 2], [[1, 2], [2, 2]]),
        ([1, 2, 3, 4], [2, 2], [[1, 2], [3, 4]]),
        (1.0, (), 1.0),
        ([1.0], [], 1.0),
        (1, S([2]), [1, 1]),
        (1, [D(2)], [1, 1]),
        ([], [2], [0, 0]),
        (1, [0, 3], np.ones((0, 3))),
    ]:
        np.testing.assert_array_equal(sess.run(tf.constant(value, shape=shape)), want)
    with pytest.raises(ValueError, match="Too many elements provided. Takes at most 2, but got 3."):
        tf.constant([1, 2, 3], shape=[2])
    with pytest.raises(TypeError, match=r"Expected Tensor's shape: \(3,\), but got \(2,\)."):
        tf.constant([1, 2], shape=[3], verify_shape=True)
    for shape in ([-1], [None], ["a"], [1.5], "ab"):
        with pytest.raises((TypeError, ValueError)):
            tf.constant(1, shape=shape)


def test_lists_with_tensors_and_sizes_in_them(sess: tf.Session) -> None:
    one = tf.constant(1.0)
    for value, want in [([one, 2], [1, 2]), ([[one, 2.0], [3, one]], [[1, 2], [3, 1]]), ([[one]], [[1]])]:
        made = tf.convert_to_tensor(value)
        assert made.dtype == tf.float32
        np.testing.assert_array_equal(sess.run(made), want)
    with pytest.raises(TypeError, match="Expected int32, but got 2.5 of type 'float'"):
        tf.convert_to_tensor([tf.constant(1), 2.5])
    x = tf.placeholder(tf.float32, [None, 4, 6])
    assert tf.reshape(x, [-1, x.shape[1] * x.shape[2]]).shape.as_list() == [None, 24]
    assert tf.reshape(x, [-1, x.get_shape()[2]]).shape.as_list() == [None, 6]
    assert tf.reshape(tf.ones([2, 4]), S([4, 2])).shape == [4, 2]
    assert tf.zeros(tf.ones([2, 3]).shape).shape == [2, 3]
    assert sess.run(tf.convert_to_tensor(S([2, 3]))).tolist() == [2, 3]
    assert sess.run(tf.convert_to_tensor(S([]))).dtype == np.int32
    assert sess.run(tf.convert_to_tensor([D(2), 3])).tolist() == [2, 3]
    with pytest.raises(ValueError, match="Cannot convert a partially known TensorShape"):
        tf.convert_to_tensor(x.shape)


SHAPES: list[tuple[Callable[[], Any], Any]] = [
    (lambda: S([1, 2]) == [1, 2], True),
    (lambda: S([1, 2]) == (1, 2), True),
    (lambda: S([1, 2]) != S([1, 2]), False),
    (lambda: S([1, 2]) == S([1, 3]), False),
    (lambda: S([1]) == 1, True),
    (lambda: S([1]) == "a", False),
    (lambda: len(S([1, 2])), 2),
    (lambda: bool(S([])), True),
    (lambda: bool(S(None)), False),
    (lambda: [size.value for size in S([1, None])], [1, None]),
    (lambda: S([1, 2, 3])[-1].value, 3),
    (lambda: S([1, 2, 3])[1:].as_list(), [2, 3]),
    (lambda: S([1, 2, 3])[::2].as_list(), [1, 3]),
    (lambda: S([1, None])[1].value, None),
    (lambda: S(None)[0].value, None),
    (lambda: S(None)[1:].ndims, None),
    (lambda: S([1, None]).as_list(), [1, None]),
    (lambda: S([1, 2]).ndims, 2),
    (lambda: S(None).ndims, None),
    (lambda: S(None).dims, None),
    (lambda: S([2, 3]).num_elements(), 6),
    (lambda: S([]).num_elements(), 1),
    (lambda: S([2, None]).num_elements(), None),
    (lambda: S(None).num_elements(), None),
    (lambda: S([1, 2]).is_fully_defined(), True),
    (lambda: S([1, None]).is_fully_defined(), False),
    (lambda: S([1, 2]).is_compatible_with([1, None]), True),
    (lambda: S([1, 2]).is_compatible_with([1]), False),
    (lambda: S([1, 2]).is_compatible_with(None), True),
    (lambda: S([1, 2]).assert_same_rank([3, 4]), None),
    (lambda: S([1, None]).merge_with([None, 2]).as_list(), [1, 2]),
    (lambda: S(None).merge_with([1]).as_list(), [1]),
    (lambda: S(None).with_rank(2).as_list(), [None, None]),
    (lambda: S([1, 2]).with_rank_at_least(1).as_list(), [1, 2]),
    (lambda: S([1, 2]).with_rank_at_most(3).as_list(), [1, 2]),
    (lambda: S([1, 2]).concatenate([3]).as_list(), [1, 2, 3]),
    (lambda: S([1, 2]).concatenate(None).ndims, None),
    (lambda: (S([1]) + [2]).as_list(), [1, 2]),
    (lambda: ([2] + S([1])).as_list(), [2, 1]),
    (lambda: (S([1]) + S([2])).as_list(), [1, 2]),
    (lambda: {S([1, 2]): 1}[S([1, 2])], 1),
    (lambda: 1 in S([1, 2]), True),
    (lambda: 3 in S([1, 2]), False),
    (lambda: str(S([1])), "(1,)"),
    (lambda: str(S([])), "()"),
    (lambda: str(S(None)), "<unknown>"),
    (lambda: (D(3) == 3, D(3) == D(4), D(3) != 4), (True, False, True)),
    (lambda: (D(3) == None, D(None) == None, D(None) == 3, D(None) != 3), (None,) * 4),  # noqa: E711
    (lambda: (D(3) == "a", D(3) != "a", 3 == D(3)), (False, True, True)),
    (lambda: (D(3) < 4, D(3) <= 3, D(3) > 3, D(3) >= 4, 3 < D(4)), (True, True, False, False, True)),
    (lambda: (D(None) < 3, D(3) < None), (None, None)),
    (lambda: [(D(3) + 1).value, (1 + D(3)).value, (D(3) + None).value], [4, 4, None]),
    (lambda: [(D(3) - 1).value, (5 - D(3)).value, (D(None) - 1).value], [2, 2, None]),
    (lambda: [(D(3) * 2).value, (2 * D(3)).value, (D(3) * None).value], [6, 6, None]),
    (lambda: [(D(7) // 2).value, (7 // D(2)).value, (D(7) // None).value], [3, 3, None]),
    (lambda: [(D(7) % 3).value, (7 % D(3)).value, (D(7) % None).value], [1, 1, None]),
    (lambda: (int(D(3)), [1, 2, 3, 4][D(2)], list(range(D(2)))), (3, 3, [0, 1])),
    (lambda: (bool(D(0)), bool(D(3)), bool(D(None))), (False, True, False)),
    (lambda: (D(3).is_compatible_with(None), D(3).is_compatible_with(4)), (True, False)),
    (lambda: (D(3).merge_with(None).value, D(None).merge_with(4).value), (3, 4)),
    (lambda: (max(D(3), D(4)).value, [size.value for size in sorted([D(3), D(1)])]), (4, [1, 3])),
    (lambda: (str(D(3)), str(D(None)), repr(D(3)), repr(D(None))), ("3", "?", "Dimension(3)", "Dimension(None)")),
]


@pytest.mark.parametrize(("ask", "want"), SHAPES)
def test_shapes_are_tensorflows(ask: Callable[[], Any], want: Any) -> None:
    found = ask()
    assert type(found) is type(want) and found == want


SHAPE_ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: S([-1]), ValueError, "Dimension -1 must be >= 0"),
    (lambda: S([1.5]), TypeError, "Dimension value must be integer or None or have an __index__ method"),
    (lambda: D(-1), ValueError, "Dimension -1 must be >= 0"),
    (lambda: D(3) - 5, ValueError, "Dimension -2 must be >= 0"),
    (lambda: D(3).merge_with(4), ValueError, "Dimensions 3 and 4 are not compatible"),
    (lambda: D(3) / 2, TypeError, "unsupported operand type(s) for /"),
    (lambda: int(D(None)), TypeError, ""),
    (lambda: len(S(None)), ValueError, "Cannot take the length of shape with unknown rank."),
    (lambda: list(S(None)), ValueError, "Cannot iterate over a shape with unknown rank."),
    (lambda: S([1])[3], IndexError, ""),
    (lambda: S([1])["a"], TypeError, ""),
    (lambda: S(None).as_list(), ValueError, "as_list() is not defined on an unknown TensorShape."),
    (lambda: S([1, 2]).assert_is_compatible_with([1, 3]), ValueError, "are incompatible"),
    (lambda: S([1, 2]).assert_has_rank(3), ValueError, "Shape (1, 2) must have rank 3"),
    (lambda: S([1, None]).assert_is_fully_defined(), ValueError, "is not fully defined"),
    (lambda: S([1, 2]).assert_same_rank([1]), ValueError, "Shapes (1, 2) and (1,) must have the same rank"),
    (lambda: S([1, 2]).merge_with([2, 2]), ValueError, "Shapes (1, 2) and (2, 2) are not compatible"),
    (lambda: S([1, 2]).with_rank(3), ValueError, "Shape (1, 2) must have rank 3"),
    (lambda: S([1, 2]).with_rank_at_least(3), ValueError, "Shape (1, 2) must have rank at least 3"),
    (lambda: S([1, 2]).with_rank_at_most(1), ValueError, "Shape (1, 2) must have rank at most 1"),
]


@pytest.mark.parametrize(("ask", "error", "text"), SHAPE_ERRORS)
def test_what_shapes_refuse(ask: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        ask()
    assert text in str(caught.value)

"""What may be given as an array, and that none is copied that need not be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tconv
import tconv.tf1 as tf
from tconv import _tconv

DTYPES = ["float16", "float32", "float64", "int32"]


def numbers(*shape: int, dtype: str = "float32") -> np.ndarray:
    return (np.arange(np.prod(shape)) * 7 % 11 - 5).reshape(shape).astype(dtype)


def by_hand(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """A VALID convolution with a stride of 1, in float64."""
    y = np.zeros((x.shape[0], x.shape[1] - w.shape[0] + 1, x.shape[2] - w.shape[1] + 1, w.shape[3]))
    for i, j in np.ndindex(w.shape[:2]):
        y += x[:, i : i + y.shape[1], j : j + y.shape[2]].astype(float) @ w[i, j].astype(float)
    return y


class Foreign:
    """An array of another library, as DLPack shows it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def swapped(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("S"))


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def misaligned(array: np.ndarray) -> np.ndarray:
    room = np.zeros(array.nbytes + 1, "uint8")
    view = room[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned or array.itemsize == 1
    return view


FORMS: dict[str, Any] = {
    "plain": lambda a: a,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "fortran": np.asfortranarray,
    "read-only": read_only,
    "byte-swapped": swapped,
    "misaligned": misaligned,
    "broadcast": lambda a: np.broadcast_to(a[None], (1, *a.shape))[0],
    "dlpack": Foreign,
    "matrix-like": lambda a: a.view(type("Own", (np.ndarray,), {})),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_any_layout(form: str, dtype: str) -> None:
    x, w = numbers(2, 5, 4, 3, dtype=dtype), numbers(2, 3, 3, 2, dtype=dtype)
    want = by_hand(x, w)
    for a, b in [(FORMS[form](x), w), (x, FORMS[form](w)), (FORMS[form](x), FORMS[form](w))]:
        found = tconv.conv2d(a, b, 1, "VALID")
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, want)
    value = want.astype(dtype)
    back = tconv.conv2d_transpose(FORMS[form](value), FORMS[form](w), x.shape, 1, "VALID")
    assert back.dtype == dtype and back.shape == x.shape
    if dtype != "float16":  # there the sums are too long to be exact
        # <y, conv(x)> = <transpose(y), x>
        assert (back.astype(float) * x).sum() == (want * want).sum()


def test_lists_take_the_dtype_of_arrays_beside_them() -> None:
    x, w = numbers(1, 3, 3, 1, dtype="float64"), numbers(2, 2, 1, 1, dtype="float64")
    for a, b in [(x.tolist(), w), (x, w.tolist()), (tuple(x.tolist()), w)]:
        found = tconv.conv2d(a, b, 1, "VALID")
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, by_hand(x, w))
    assert tconv.conv2d(x.tolist(), w.tolist(), 1, "VALID").dtype == np.float32
    whole = tconv.conv2d(x.astype(int).tolist(), w.astype(int).tolist(), 1, "VALID")
    assert whole.dtype == np.int32


@pytest.mark.parametrize("given", [5.0, np.float32(5), np.array(5.0), [], None, "x", object(), {"a": 1}, 1j])
def test_what_is_no_image_is_an_error(given: Any) -> None:
    with pytest.raises((ValueError, TypeError, tconv.errors.InvalidArgumentError)):
        tconv.conv2d(given, numbers(2, 2, 1, 1))


@pytest.mark.parametrize("dtype", ["complex64", "uint16", "U3", "datetime64[s]", "O", "int8", "longdouble"])
def test_dtypes_that_tensors_have_not_are_named(dtype: str) -> None:
    array = np.zeros((1, 3, 3, 1)).astype(dtype)
    with pytest.raises(TypeError) as caught:
        tconv.conv2d(array, numbers(2, 2, 1, 1))
    assert str(array.dtype) in str(caught.value)


def test_mixed_dtypes_are_an_error() -> None:
    with pytest.raises((TypeError, ValueError, tconv.errors.InvalidArgumentError), match="float64"):
        tconv.conv2d(numbers(1, 3, 3, 1), numbers(2, 2, 1, 1, dtype="float64"))


def test_empty_arrays() -> None:
    assert tconv.conv2d(numbers(0, 3, 3, 1), numbers(2, 2, 1, 4)).shape == (0, 3, 3, 4)
    assert tconv.conv2d(numbers(2, 3, 3, 1), numbers(2, 2, 1, 0)).shape == (2, 3, 3, 0)


def test_out_may_have_any_layout() -> None:
    x, w = numbers(2, 5, 4, 3), numbers(2, 3, 3, 2)
    want = by_hand(x, w)
    for make in (
        lambda: np.full(want.shape, 9, "f4"),
        lambda: np.full(want.shape[::-1], 9, "f4").T,
        lambda: np.full((2, *want.shape[1:], 2), 9, "f4")[..., 1],
        lambda: misaligned(np.full(want.shape, 9, "f4")),
    ):
        out = make()
        try:
            assert tconv.conv2d(x, w, 1, "VALID", out=out) is out
        except ValueError as refused:
            assert "out" in str(refused)
            assert (out == 9).all()
        else:
            np.testing.assert_array_equal(out, want)


def test_wrong_out_is_an_error_and_stays_as_it_was() -> None:
    room = numbers(8, 5, 4, 3)
    x, w = room[:2], numbers(2, 3, 3, 3)
    shape = by_hand(x, w).shape
    fixed = np.full(shape, 9, "f4")
    fixed.flags.writeable = False
    wrong: list[Any] = [
        (np.full(shape[1:], 9, "f4"), ValueError),
        (np.full((3, *shape[1:]), 9, "f4"), ValueError),
        (np.full(shape, 9, "f8"), TypeError),
        (np.full(shape, 9, "i4"), TypeError),
        (swapped(np.full(shape, 9, "f4")), (TypeError, ValueError)),
        (fixed, ValueError),
        (room[:2, :4, :2], ValueError),
        (np.full(shape, 9, "f4").tolist(), TypeError),
        (5, TypeError),
    ]
    for out, error in wrong:
        before = np.array(out, copy=True)
        with pytest.raises(error, match="out"):
            tconv.conv2d(x, w, 1, "VALID", out=out)
        np.testing.assert_array_equal(np.array(out), before)


def test_an_error_of_shapes_leaves_out_as_it_was() -> None:
    out = np.full((1, 3, 3, 1), 9, "f4")
    with pytest.raises((ValueError, tconv.errors.InvalidArgumentError)):
        tconv.conv2d(numbers(1, 3, 3, 2), numbers(2, 2, 3, 1), out=out)
    assert (out == 9).all()


@pytest.mark.parametrize("dtype", [*DTYPES, "int64", "uint8"])
def test_contiguous_arrays_are_read_where_they_lie(dtype: str) -> None:
    array = numbers(3, 4, dtype=dtype)
    assert _tconv.address(array) == array.ctypes.data
    assert _tconv.address(array[1:]) == array[1:].ctypes.data
    assert _tconv.address(read_only(array)) != array.ctypes.data
    fixed = read_only(array)
    assert _tconv.address(fixed) == fixed.ctypes.data
    assert _tconv.address(Foreign(array)) == array.ctypes.data
    assert _tconv.address(array.T) != array.ctypes.data


def test_fetched_arrays_are_the_callers_own(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None], "x")
    v = tf.Variable([1.0, 2.0])
    sess.run(v.initializer)
    fed = np.array([1.0, 2.0], "f4")
    fetches = [x, x + 1.0, v, tf.constant([1.0, 2.0]), tf.identity(x), tf.reshape(x, [2, 1]), v + 0.0, tf.identity(v)]
    for fetch in fetches:
        found = sess.run(fetch, {x: fed})
        want = found.copy()
        assert found.flags.writeable and found.flags.aligned and found.flags.c_contiguous
        assert found.flags.owndata or found.base is not fed
        found[...] = 99
        np.testing.assert_array_equal(fed, [1, 2])
        np.testing.assert_array_equal(sess.run(fetch, {x: fed}), want)
    first, second = sess.run([v, v])
    first[...] = 99
    np.testing.assert_array_equal(second, [1, 2])
    first, second = sess.run([x, x], {x: fed})
    first[...] = 99
    np.testing.assert_array_equal(second, [1, 2])


def test_variables_keep_nothing_of_what_is_fed(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2], "x")
    v = tf.Variable(np.zeros(2, "f4"))
    sess.run(v.initializer)
    for assign in (v.assign(x), v.assign(tf.identity(x)), v.assign(tf.reshape(x, [2]))):
        fed = np.array([1.0, 2.0], "f4")
        sess.run(assign, {x: fed})
        fed[...] = 99
        np.testing.assert_array_equal(sess.run(v), [1, 2])
    array = np.array([3.0, 4.0], "f4")
    v.load(array, sess)
    array[...] = 99
    np.testing.assert_array_equal(sess.run(v), [3, 4])


def test_constants_keep_nothing_of_the_array(sess: tf.Session) -> None:
    array = np.array([3.0, 4.0], "f4")
    constant, added = tf.constant(array), tf.zeros([2]) + array
    variable = tf.Variable(array)
    array[...] = 99
    sess.run(variable.initializer)
    for fetch in (constant, added, variable):
        np.testing.assert_array_equal(sess.run(fetch), [3, 4])


def test_fed_arrays_of_any_layout(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, None, "x")
    array = numbers(3, 4)
    for name, form in FORMS.items():
        np.testing.assert_array_equal(sess.run(x * 2.0, {x: form(array)}), array * 2, name)
    for dtype in ("float64", "int64", "bool", "uint16", ">f8"):
        np.testing.assert_array_equal(sess.run(x, {x: array.astype(dtype)}), array.astype(dtype).astype("f4"), dtype)

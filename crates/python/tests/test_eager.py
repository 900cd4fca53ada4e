"""Functions on arrays, without a graph."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tconv
from tconv import _tconv


def numbers(*shape: int, dtype: str = "float32") -> np.ndarray:
    return (np.arange(np.prod(shape)) * 7 % 11 - 5).reshape(shape).astype(dtype)


def by_hand(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    """A VALID convolution, channels last, of any number of axes."""
    axes = w.ndim - 2
    sizes = [(x.shape[1 + i] - w.shape[i]) // stride + 1 for i in range(axes)]
    y = np.zeros((x.shape[0], *sizes, w.shape[-1]), x.dtype)
    for at in np.ndindex(*sizes):
        window = x[(slice(None), *(slice(p * stride, p * stride + k) for p, k in zip(at, w.shape)))]
        y[(slice(None), *at)] = np.tensordot(window, w, (range(1, axes + 2), range(axes + 1)))
    return y


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_convolutions_are_what_they_are_by_hand(axes: int, dtype: str) -> None:
    x, w = numbers(2, *[7, 6, 5][:axes], 3, dtype=dtype), numbers(*[2, 3, 2][:axes], 3, 4, dtype=dtype)
    forward = getattr(tconv, f"conv{axes}d")
    y = forward(x, w, 2, "VALID")
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, by_hand(x, w, 2))
    out = np.full(y.shape, 99, dtype)
    assert forward(x, w, 2, "VALID", out=out) is out
    np.testing.assert_array_equal(out, y)
    # The transposes are the gradients of half the sum of squares.
    slopes = [getattr(tconv, f"conv{axes}d_{name}") for name in ("transpose", "backprop_input", "backprop_filter")]
    back = slopes[0](y, w, x.shape, 2, "VALID")
    np.testing.assert_array_equal(back, slopes[1](x.shape, w, y, 2, "VALID"))
    dw = slopes[2](x, w.shape, y, 2, "VALID")
    if dtype == "float64":
        squares = float((y * y).sum())
        assert float((back * x).sum()) == squares
        assert float((dw * w).sum()) == squares


def test_channels_first_and_lists() -> None:
    x, w = numbers(1, 6, 5, 2), numbers(3, 2, 2, 3)
    y = tconv.conv2d(x, w, 2)
    first = tconv.conv2d(np.moveaxis(x, -1, 1), w, [2, 2], data_format="NCHW")
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), y)
    # Lists take the dtype of the arrays beside them; non-contiguous and reversed arrays are read as they are.
    np.testing.assert_array_equal(tconv.conv2d(x.tolist(), w.astype("float64"), 2), y.astype("float64"))
    np.testing.assert_array_equal(tconv.conv2d(np.asfortranarray(x), w, 2), y)
    np.testing.assert_array_equal(tconv.conv2d(x[:, ::-1], w, 1)[:, ::-1], tconv.conv2d(x, w[::-1], 1))
    assert tconv.conv2d([[[[1.0]]]], [[[[2.0]]]], 1).dtype == np.float32


def test_out_that_does_not_fit_is_refused_and_stays_as_it_was() -> None:
    x, w = numbers(1, 6, 5, 2), numbers(3, 2, 2, 2)
    for out, error, words in [
        (np.full((1, 6, 5, 3), 9, "float32"), ValueError, "has the shape"),
        (np.full((1, 5, 6, 2), 9, "float32"), ValueError, "has the shape"),
        (np.full((1, 6, 5, 2), 9, "float64"), TypeError, "float64"),
        (np.full((1, 6, 5, 4), 9, "float32")[..., ::2], ValueError, "contiguous"),
    ]:
        with pytest.raises(error, match=words):
            tconv.conv2d(x, w, 1, out=out)
        assert (out == 9).all()
    with pytest.raises(ValueError, match="shares memory with input"):
        tconv.conv2d(x, w, 1, out=x)
    np.testing.assert_array_equal(x, numbers(1, 6, 5, 2))
    fixed = np.zeros((1, 6, 5, 2), "float32")
    fixed.flags.writeable = False
    with pytest.raises(Exception):
        tconv.conv2d(x, w, 1, out=fixed)
    assert (fixed == 0).all()


def test_mistakes_name_op_and_shapes() -> None:
    x, w = numbers(1, 6, 5, 2), numbers(3, 2, 3, 2)
    with pytest.raises(ValueError, match=r"(?s)Depth of input.*in op Conv2D.*input: \(1, 6, 5, 2\) float32"):
        tconv.conv2d(x, w, 1)
    with pytest.raises(ValueError, match="an input of 6 goes with 11 to 12"):
        tconv.conv2d_transpose(x, numbers(2, 2, 3, 2), [1, 13, 10, 3], 2)
    with pytest.raises(TypeError):
        tconv.conv2d(x, numbers(3, 2, 2, 2, dtype="float64"), 1)
    with pytest.raises(TypeError):
        tconv.conv2d(x.astype("complex64"), w, 1)
    with pytest.raises(ValueError):
        tconv.conv2d(x, numbers(3, 2, 2, 2), 0)
    with pytest.raises(ValueError, match="no kind of convolution"):
        _tconv.eager_conv("conv4d", [x, w], 1, "SAME", None, None, None)
    with pytest.raises(TypeError, match="it takes input, filter"):
        _tconv.eager_conv("conv2d", [x], 1, "SAME", None, None, None)


def test_any_op() -> None:
    x = numbers(2, 3)
    np.testing.assert_array_equal(_tconv.eager("Relu", [x]), np.maximum(x, 0))
    np.testing.assert_array_equal(_tconv.eager("AddV2", [x, 1.5]), x + np.float32(1.5))
    np.testing.assert_array_equal(_tconv.eager("ConcatV2", [[x, x], 1]), np.concatenate([x, x], 1))
    parts = _tconv.eager("Unpack", [x], {"num": 2, "axis": 0})
    assert len(parts) == 2
    np.testing.assert_array_equal(parts[1], x[1])
    # What is given out is the caller's own, whatever the op shares.
    y = _tconv.eager("Reshape", [x, [3, 2]])
    y[0, 0] = 99
    assert x[0, 0] != 99
    with pytest.raises(ValueError, match="'strid' is not understood"):
        _tconv.eager("Relu", [x], {"strid": 1})
    with pytest.raises(Exception, match="Conv9D"):
        _tconv.eager("Conv9D", [x])


def test_shapes() -> None:
    assert tconv.shape("conv2d", {"input": ["N", "H", 97, 3], "filter": [3, 3, 3, 20]}, strides=4) == (
        "N", "ceil(H/4)", 25, 20,
    )  # fmt: skip
    assert tconv.shape("conv1d", {"input": [None, 9, 3], "filter": [2, 3, 5]}, 2, "VALID") == (None, 4, 5)
    sizes = {"value": ["N", "H", "W", 8], "filter": [3, 3, 3, 8], "output_shape": ["N", "2*H", "2*W-1", 3]}
    assert tconv.shape("conv2d_transpose", sizes, 2) == ("N", "2*H", "2*W - 1", 3)
    sizes["output_shape"] = ["N", "3*H", "2*W", 3]
    with pytest.raises(ValueError, match="height"):
        tconv.shape("conv2d_transpose", {**sizes, "output_shape": ["N", "4*H", "2*W", 3]}, 2)
    with pytest.raises(TypeError, match="no operand 'inputs'"):
        tconv.shape("conv2d", {"inputs": [1, 2, 3, 4]})
    with pytest.raises(TypeError, match="'filter' is missing"):
        tconv.shape("conv2d", {"input": [1, 2, 3, 4]})
    with pytest.raises(ValueError):
        tconv.shape("conv2d", {"input": [1, "2 H", 3, 4], "filter": [1, 1, 4, 4]})


def test_legal_output_shapes() -> None:
    assert tconv.legal_output_shapes([1, 3, 4, 5], [3, 3, 6, 5], 2) == [1, range(5, 7), range(7, 9), 6]
    assert tconv.legal_output_shapes([1, 5, 3], [3, 6, 5], 2, data_format="NCW") == [1, 6, range(5, 7)]
    found = tconv.legal_output_shapes([2, 2, 3, 2, 4], [3, 3, 3, 5, 4], 3, "VALID")
    value, filter = np.zeros((2, 2, 3, 2, 4), "float32"), np.zeros((3, 3, 3, 5, 4), "float32")
    depth = found[1]
    for size in range(1, 20):
        wanted = [2, size, found[2][0], found[3][0], 5]
        if size in depth:
            assert tconv.conv3d_transpose(value, filter, wanted, 3, "VALID").shape == tuple(wanted)
        else:
            with pytest.raises((ValueError, tconv.errors.OpError)):
                tconv.conv3d_transpose(value, filter, wanted, 3, "VALID")
    with pytest.raises(ValueError):
        tconv.legal_output_shapes([1, 3, 4, 5], [3, 3, 6, 4], 2)


def test_threads() -> None:
    before = _tconv.get_num_threads()
    x, w = numbers(2, 20, 20, 8), numbers(3, 3, 8, 8)
    expected = tconv.conv2d(x, w, 1)
    try:
        for count in (1, 3):
            _tconv.set_num_threads(count)
            assert _tconv.get_num_threads() == count
            found: list[np.ndarray] = []
            threads = [threading.Thread(target=lambda: found.append(tconv.conv2d(x, w, 1))) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(found) == 4
            for y in found:
                np.testing.assert_array_equal(y, expected)
    finally:
        _tconv.set_num_threads(0)
    assert _tconv.get_num_threads() == before

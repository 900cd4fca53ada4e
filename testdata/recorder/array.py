"""Ops that move, cut and shape arrays."""

import numpy as np
import tensorflow as tf

from .core import Recorder, v1

raw = tf.raw_ops


def values(rng, shape, dtype):
    """Values of any of the recorded dtypes."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype == "uint8":
        return rng.integers(0, 256, shape).astype(dtype)
    if dtype in ("int32", "int64"):
        return rng.integers(-100, 100, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


class Array:
    """The cases of array.safetensors."""

    def __init__(self):
        self.recorder = Recorder("array")

    def add(self, name, build, *inputs):
        """Records a case; an input is an array, or `(shape, dtype)` for drawn values."""
        rng = self.recorder.rng(name)
        made = [
            values(rng, *given) if isinstance(given, tuple) else np.asarray(given)
            for given in inputs
        ]
        self.recorder.case(name, build, made)

    def shapes(self):
        for shape in [(), (0,), (3,), (2, 3, 4), (1, 0, 2)]:
            for out in ("int32", "int64"):
                for op in ("Shape", "Size"):
                    self.add(
                        f"{op} {shape} {out}",
                        lambda x: getattr(raw, op)(input=x, out_type=out),
                        (shape, "float32"),
                    )
            self.add(f"Rank {shape}", lambda x: raw.Rank(input=x), (shape, "float32"))
        self.add("Shape of bool", lambda x: raw.Shape(input=x), ((2, 5), "bool"))

    def packs(self):
        for shape, count, axis, dtype in [
            ((), 1, 0, "float32"),
            ((), 3, 0, "int32"),
            ((), 4, -1, "int64"),
            ((2, 3), 2, 0, "float32"),
            ((2, 3), 3, 1, "float64"),
            ((2, 3), 2, 2, "float32"),
            ((2, 3), 2, -1, "uint8"),
            ((2, 3), 2, -2, "float32"),
            ((2, 3), 2, -3, "bool"),
            ((2, 0), 3, 1, "float32"),
        ]:
            self.add(
                f"Pack {count} of {shape} axis {axis} {dtype}",
                lambda *x: raw.Pack(values=x, axis=axis),
                *[(shape, dtype)] * count,
            )
        for shape, axis, dtype in [
            ((3,), 0, "float32"),
            ((3, 2), 0, "int32"),
            ((3, 2), 1, "float64"),
            ((2, 3, 4), 1, "float32"),
            ((2, 3, 4), -1, "uint8"),
            ((2, 3, 4), -3, "float32"),
            ((2, 3, 0), 1, "float32"),
            ((1,), -1, "bool"),
        ]:
            self.add(
                f"Unpack {shape} axis {axis} {dtype}",
                lambda x: raw.Unpack(value=x, num=shape[axis], axis=axis),
                (shape, dtype),
            )

    def strided_slices(self):
        newaxis = tf.newaxis
        slices = [
            ((6,), "x[2]", "float32"),
            ((6,), "x[-2]", "int32"),
            ((6,), "x[1:4]", "int64"),
            ((6,), "x[-4:-1]", "float32"),
            ((6,), "x[::2]", "float64"),
            ((6,), "x[::-1]", "float32"),
            ((6,), "x[4:1:-1]", "float32"),
            ((6,), "x[-1:-5:-2]", "int32"),
            ((6,), "x[:-10:-1]", "float32"),
            ((6,), "x[2:100]", "uint8"),
            ((6,), "x[-100:3]", "float32"),
            ((6,), "x[4:2]", "float32"),
            ((6,), "x[...]", "bool"),
            ((6,), "x[newaxis]", "float32"),
            ((6,), "x[:, newaxis]", "float32"),
            ((6,), "x[1:6:3]", "float32"),
            ((0,), "x[0:5]", "float32"),
            ((), "x[...]", "float32"),
            ((), "x[newaxis, ..., newaxis]", "float32"),
            ((4, 5), "x[1]", "float32"),
            ((4, 5), "x[:, -1]", "float32"),
            ((4, 5), "x[1, 2]", "float64"),
            ((4, 5), "x[1:3, ::2]", "int32"),
            ((4, 5), "x[::-1, ::-2]", "float32"),
            ((4, 5), "x[..., 3]", "float32"),
            ((4, 5), "x[3:0:-2, newaxis, 1]", "float32"),
            ((4, 5), "x[2:, :-2]", "bool"),
            ((4, 5), "x[newaxis, ..., newaxis]", "uint8"),
            ((4, 0), "x[1:3]", "float32"),
            ((2, 3, 4), "x[1, ..., 2]", "float32"),
            ((2, 3, 4), "x[..., ::-1]", "float64"),
            ((2, 3, 4), "x[:, 1:, newaxis, 2]", "float32"),
            ((2, 3, 4), "x[-1, -2, -3]", "int64"),
            ((2, 3, 4), "x[newaxis, 1, ..., 1:3, newaxis]", "float32"),
            ((2, 3, 4), "x[:, ::2, ::3]", "float32"),
            ((2, 3, 2, 5), "x[0, 1:, ..., ::-2]", "float32"),
            ((2, 3, 2, 5), "x[..., newaxis, 1, 4:1:-1]", "float32"),
            ((2, 3, 2, 5), "x[:, 2, newaxis, :, 0]", "float32"),
            ((2, 3, 2, 5), "x[::-1, ..., 1::2]", "float64"),
            ((2, 3, 2, 5), "x[1:1]", "float32"),
        ]
        for shape, text, dtype in slices:
            with tf.Graph().as_default():
                x = v1.placeholder(dtype, shape)
                op = eval(text, {"x": x, "newaxis": newaxis}).op  # the table above
                spec = [tf.get_static_value(t) for t in op.inputs[1:]]
                masks = {
                    name: op.get_attr(name)
                    for name in (
                        "begin_mask",
                        "end_mask",
                        "ellipsis_mask",
                        "new_axis_mask",
                        "shrink_axis_mask",
                    )
                }
            for index in ("int32", "int64") if text in ("x[1]", "x[::-1]") else ("int32",):
                self.add(
                    f"StridedSlice {text} of {shape} {dtype} {index}",
                    lambda x, b, e, s: raw.StridedSlice(input=x, begin=b, end=e, strides=s, **masks),
                    (shape, dtype),
                    *[np.asarray(part, index) for part in spec],
                )

    def slices(self):
        for shape, begin, size, dtype, index in [
            ((5,), [1], [3], "float32", "int32"),
            ((5,), [2], [-1], "float32", "int64"),
            ((5,), [5], [0], "float32", "int32"),
            ((4, 5), [1, 2], [2, -1], "float64", "int32"),
            ((4, 5), [0, 0], [-1, -1], "int32", "int32"),
            ((4, 5), [3, 0], [1, 5], "uint8", "int64"),
            ((2, 3, 4), [1, 0, 1], [-1, 2, 3], "float32", "int32"),
            ((2, 3, 4), [0, 1, 0], [2, 0, 4], "float32", "int32"),
            ((2, 3, 2, 2), [0, 1, 1, 0], [1, -1, 1, 2], "bool", "int32"),
            ((), [], [], "float32", "int32"),
        ]:
            self.add(
                f"Slice {shape} {begin} {size} {dtype} {index}",
                lambda x, b, s: raw.Slice(input=x, begin=b, size=s),
                (shape, dtype),
                np.asarray(begin, index),
                np.asarray(size, index),
            )

    def concats(self):
        for shapes, axis, dtype, index in [
            ([(2,), (3,)], 0, "float32", "int32"),
            ([(2,), (0,), (3,)], 0, "float32", "int64"),
            ([(2, 3), (1, 3)], 0, "float64", "int32"),
            ([(2, 3), (2, 1), (2, 2)], 1, "float32", "int32"),
            ([(2, 3), (2, 1)], -1, "int32", "int32"),
            ([(2, 3), (1, 3)], -2, "uint8", "int64"),
            ([(2, 0), (2, 3)], 1, "float32", "int32"),
            ([(2, 0), (3, 0)], 0, "float32", "int32"),
            ([(1, 2, 3), (1, 4, 3)], 1, "float32", "int32"),
            ([(1, 2, 3), (1, 2, 2)], -1, "bool", "int32"),
        ]:
            self.add(
                f"ConcatV2 {shapes} axis {axis} {dtype} {index}",
                lambda *x: raw.ConcatV2(values=x[:-1], axis=x[-1]),
                *[(shape, dtype) for shape in shapes],
                np.asarray(axis, index),
            )

    def reshapes(self):
        for shape, wanted, dtype, index in [
            ((2, 6), [3, 4], "float32", "int32"),
            ((2, 6), [-1], "float64", "int64"),
            ((2, 6), [4, -1], "int32", "int32"),
            ((2, 6), [-1, 1, 6], "float32", "int32"),
            ((1,), [], "float32", "int32"),
            ((), [1, 1], "bool", "int32"),
            ((), [-1], "float32", "int32"),
            ((0, 3), [3, 0], "float32", "int32"),
            ((0, 3), [-1, 3], "uint8", "int32"),
        ]:
            self.add(
                f"Reshape {shape} to {wanted} {dtype} {index}",
                lambda x, s: raw.Reshape(tensor=x, shape=s),
                (shape, dtype),
                np.asarray(wanted, index),
            )
        for shape, perm, dtype, index in [
            ((3, 4), [1, 0], "float32", "int32"),
            ((2, 3, 4), [2, 0, 1], "float64", "int32"),
            ((2, 3, 4), [0, 2, 1], "float32", "int64"),
            ((2, 3, 4, 2), [3, 1, 0, 2], "int32", "int32"),
            ((2, 3, 4, 2), [0, 3, 1, 2], "float32", "int32"),
            ((1, 2, 3, 1, 2), [4, 2, 0, 1, 3], "uint8", "int32"),
            ((2, 0, 3), [2, 1, 0], "float32", "int32"),
            ((3,), [0], "bool", "int32"),
            ((), [], "float32", "int32"),
        ]:
            self.add(
                f"Transpose {shape} {perm} {dtype} {index}",
                lambda x, p: raw.Transpose(x=x, perm=p),
                (shape, dtype),
                np.asarray(perm, index),
            )
        for shape, axis, dtype, index in [
            ((), 0, "float32", "int32"),
            ((), -1, "int32", "int64"),
            ((3,), 1, "float64", "int32"),
            ((2, 3), 1, "float32", "int32"),
            ((2, 3), -1, "bool", "int64"),
            ((2, 3), -3, "float32", "int32"),
            ((0, 3), 2, "uint8", "int32"),
        ]:
            self.add(
                f"ExpandDims {shape} axis {axis} {dtype} {index}",
                lambda x, a: raw.ExpandDims(input=x, axis=a),
                (shape, dtype),
                np.asarray(axis, index),
            )
        for shape, axes, dtype in [
            ((1, 3, 1), [], "float32"),
            ((1, 3, 1), [0], "float64"),
            ((1, 3, 1), [-1], "float32"),
            ((1, 3, 1), [0, 2], "int32"),
            ((1, 1), [], "float32"),
            ((2, 3), [], "uint8"),
            ((1, 0, 1), [0, -1], "bool"),
            ((), [], "float32"),
        ]:
            self.add(
                f"Squeeze {shape} {axes} {dtype}",
                lambda x: raw.Squeeze(input=x, axis=axes),
                (shape, dtype),
            )

    def fills(self):
        for dims, dtype, index in [
            ([2, 3], "float32", "int32"),
            ([4], "float64", "int64"),
            ([], "int32", "int32"),
            ([0, 3], "float32", "int32"),
            ([1, 2, 1], "bool", "int32"),
            ([3], "uint8", "int64"),
            ([3], "int64", "int32"),
        ]:
            self.add(
                f"Fill {dims} {dtype} {index}",
                lambda d, v: raw.Fill(dims=d, value=v),
                np.asarray(dims, index),
                ((), dtype),
            )
        for shape, dtype in [((2, 3), "float32"), ((), "bool"), ((0,), "int64")]:
            self.add(f"Identity {shape} {dtype}", lambda x: raw.Identity(input=x), (shape, dtype))

    def casts(self):
        small = {
            "float32": [-3.9, -2.5, -1.0, -0.5, -0.0, 0.0, 0.49, 0.5, 1.0, 1.5, 2.7, 100.1],
            "float64": [-3.9, -2.5, -1.0, -0.5, -0.0, 0.0, 0.49, 0.5, 1.0, 1.5, 2.7, 1 / 3],
            "int32": [-(2**31), -16777217, -7, -1, 0, 1, 16777217, 2**31 - 1],
            "int64": [-7, -1, 0, 1, 127, 16777217, 2**31 - 1, -(2**31)],
            "uint8": [0, 1, 7, 127, 128, 255],
            "bool": [False, True],
        }
        for source, numbers in small.items():
            for target in small:
                kept = numbers
                if target == "uint8" and source not in ("uint8", "bool"):
                    kept = [n for n in numbers if 0 <= n <= 255]
                self.add(
                    f"Cast {source} to {target}",
                    lambda x: raw.Cast(x=x, DstT=target),
                    np.asarray(kept, source),
                )
        for name, source, target, numbers in [
            ("wrap", "int32", "uint8", [-1, -256, 256, 257, 511]),
            ("wrap", "int64", "uint8", [-1, -256, 256, 257, 2**40 + 3]),
            ("wrap", "int64", "int32", [2**31, 2**32 + 5, -(2**31) - 1]),
            ("round", "int64", "float32", [2**53 + 1, 2**62 + 1, -(2**53) - 1, 33554435]),
            ("round", "int64", "float64", [2**53 + 1, 2**62 + 1, -(2**53) - 1]),
            ("round", "float64", "float32", [0.1, 1 / 3, 1e-46, 1e300, -1e300, 1e-30]),
            ("special", "float64", "float32", [np.inf, -np.inf, np.nan, -0.0]),
            ("special", "float32", "float64", [np.inf, -np.inf, np.nan, -0.0, 1e-30]),
            ("special", "float32", "bool", [np.inf, np.nan, -0.0, 1e-30]),
            ("scalar", "float32", "int32", -2.5),
            ("empty", "float32", "int32", []),
        ]:
            self.add(
                f"Cast {source} to {target} {name}",
                lambda x: raw.Cast(x=x, DstT=target),
                np.asarray(numbers, source),
            )

    def pads(self):
        for shape, paddings, dtype, index in [
            ((3,), [[1, 2]], "float32", "int32"),
            ((2, 3), [[0, 0], [1, 1]], "float64", "int32"),
            ((2, 3), [[2, 1], [0, 3]], "int32", "int64"),
            ((1, 2, 3), [[0, 0], [1, 0], [0, 2]], "float32", "int32"),
            ((1, 2, 2, 1), [[0, 1], [1, 0], [0, 2], [1, 1]], "float32", "int32"),
            ((2, 0), [[0, 0], [1, 2]], "float32", "int32"),
            ((2, 2), [[1, 0], [0, 0]], "bool", "int32"),
            ((2, 2), [[0, 0], [0, 0]], "uint8", "int32"),
        ]:
            self.add(
                f"Pad {shape} {paddings} {dtype} {index}",
                lambda x, p: raw.Pad(input=x, paddings=p),
                (shape, dtype),
                np.asarray(paddings, index),
            )
        for shape, multiples, dtype, index in [
            ((3,), [2], "float32", "int32"),
            ((2, 3), [1, 1], "float64", "int64"),
            ((2, 3), [2, 3], "float32", "int32"),
            ((2, 1, 2), [1, 3, 2], "float32", "int32"),
            ((2, 3), [0, 2], "float32", "int32"),
            ((2, 0), [2, 2], "float32", "int32"),
            ((2, 2), [2, 1], "int32", "int32"),
            ((2, 2), [1, 2], "bool", "int32"),
            ((3,), [2], "uint8", "int32"),
            ((), [], "float32", "int32"),
        ]:
            self.add(
                f"Tile {shape} {multiples} {dtype} {index}",
                lambda x, m: raw.Tile(input=x, multiples=m),
                (shape, dtype),
                np.asarray(multiples, index),
            )


def record():
    """Writes array.safetensors."""
    array = Array()
    array.shapes()
    array.packs()
    array.strided_slices()
    array.slices()
    array.concats()
    array.reshapes()
    array.fills()
    array.casts()
    array.pads()
    array.recorder.write()

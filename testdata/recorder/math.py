"""Elementwise arithmetic, reductions and matrix products."""

import numpy as np
import tensorflow as tf

from .core import Recorder

raw = tf.raw_ops

# No subnormal numbers: TensorFlow flushes them to zero.
SPECIAL = [np.inf, -np.inf, np.nan, -0.0, 0.0, 1.0, -1.0, 1e-30, 1e30, -1e30]


def draw(rng, shape, dtype, op):
    """Values for which the op is defined."""
    if dtype == "uint8":
        return rng.integers(1, 16, shape).astype(dtype)
    if dtype in ("int32", "int64"):
        values = rng.integers(1, 20, shape)
        if op != "Pow":
            values = values * rng.choice([-1, 1], shape)
        else:
            values = values % 5
        return values.astype(dtype)
    values = rng.standard_normal(shape) * 2
    if op in ("Sqrt", "Rsqrt", "Log", "Pow"):
        values = np.abs(values) + 0.1
    return np.asarray(values).astype(dtype)


class Math:
    """The cases of math.safetensors."""

    def __init__(self):
        self.recorder = Recorder("math")

    def binary(self):
        pairs = [
            ((), ()),
            ((3,), ()),
            ((1,), (4,)),
            ((3, 1), (1, 4)),
            ((2, 3), (3,)),
            ((3,), (2, 3)),
            ((2, 1, 4), (3, 1)),
            ((1, 1, 1), (5,)),
            ((2, 3, 2, 2), (1, 3, 1, 2)),
            ((0, 3), (1, 3)),
            ((0,), ()),
            ((0, 1), (1, 2)),
        ]
        ops = "Add AddV2 Sub Mul RealDiv FloorDiv Maximum Minimum Pow FloorMod SquaredDifference".split()
        for op in ops:
            chosen = pairs if op not in ("Add", "Minimum", "RealDiv") else pairs[1:6] + pairs[9:10]
            for i, (a, b) in enumerate(chosen):
                self.two(op, a, b, "float64" if i % 4 == 3 else "float32")
            for dtype in ("int32", "int64", "uint8"):
                if op == "RealDiv" or (op in ("Pow", "FloorMod", "SquaredDifference") and dtype == "uint8"):
                    continue
                self.two(op, (3, 1), (1, 4), dtype)
        special = np.asarray(SPECIAL)
        for op in ops:
            for dtype in ("float32", "float64"):
                x = special.astype(dtype)
                self.pair(f"{op} special values {dtype}", op, x[:, None], x[None, :], grads=False)
        one = np.asarray
        signs = one([7, -7, 7, -7, 6, -6, 0, 1, -1], "float64")
        others = one([2, 2, -2, -2, -3, 3, 5, 3, 3], "float64")
        for dtype in ("int32", "int64", "float32", "float64"):
            x, y = signs.astype(dtype), others.astype(dtype)
            for op in ("FloorDiv", "FloorMod"):
                self.pair(f"{op} signs {dtype}", op, x, y)
        fractions = one([7.5, -7.5, 0.3, -0.3, 1.0, 0.7], "float32")
        self.pair("FloorDiv fractions", "FloorDiv", fractions, one([2, 2, 0.1, 0.1, -0.1, -0.7], "float32"))
        low, high = -(2**31), 2**31 - 1
        edges = one([high, low, high, low, 65536, 46341, -7], "int32")
        partners = one([1, -1, high, low, 65536, 46341, low], "int32")
        for op in ("Add", "AddV2", "Sub", "Mul"):
            self.pair(f"{op} int32 wraps", op, edges, partners)
            wide = edges.astype("int64") << 32
            self.pair(f"{op} int64 wraps", op, wide, partners.astype("int64") << 31)
        self.pair("Mul uint8 wraps", "Mul", one([255, 16, 100], "uint8"), one([255, 16, 3], "uint8"))
        self.pair("AddV2 uint8 wraps", "AddV2", one([255, 16], "uint8"), one([255, 16], "uint8"))
        self.pair("Sub uint8 wraps", "Sub", one([0, 16], "uint8"), one([1, 17], "uint8"))
        ties = one([1.0, 2.0, -1.0, 0.0, 3.0], "float32")
        for op in ("Maximum", "Minimum"):
            self.pair(f"{op} ties", op, ties, one([1.0, 1.0, -1.0, -0.0, 4.0], "float32"))
            self.pair(f"{op} ties broadcast", op, ties[:, None], one([[1.0, 0.0]], "float32"))
        self.pair(
            "Pow at zero and below",
            "Pow",
            one([0.0, 0.0, 0.0, -2.0, -2.0, -2.0, 2.0], "float32"),
            one([0.0, 1.0, 2.0, 3.0, 2.0, 0.5, -1.0], "float32"),
        )
        self.pair("RealDiv by zero", "RealDiv", one([1, -1, 0], "float32"), one([0, 0, 0], "float32"))

    def two(self, op, a, b, dtype):
        name = f"{op} {a} {b} {dtype}"
        rng = self.recorder.rng(name)
        self.pair(name, op, draw(rng, a, dtype, op), draw(rng, b, dtype, op))

    def pair(self, name, op, x, y, grads=True):
        self.recorder.case(name, lambda x, y: getattr(raw, op)(x=x, y=y), [x, y], grads=grads)

    def unary(self):
        whole = ("Neg", "Square", "Abs")
        for op in ("Neg", "Square", "Sqrt", "Rsqrt", "Exp", "Log", "Abs"):

            def build(x):
                return getattr(raw, op)(x=x)

            def one(name, value, grads=True):
                self.recorder.case(f"{op} {name}", build, [value], grads=grads)

            rng = self.recorder.rng(op)
            for shape, dtype in [
                ((), "float32"),
                ((4, 5), "float32"),
                ((2, 3, 3), "float64"),
                ((0, 2), "float32"),
            ]:
                one(f"{shape} {dtype}", draw(rng, shape, dtype, op))
            for dtype in ("float32", "float64"):
                one(f"special values {dtype}", np.asarray(SPECIAL, dtype))
            if op in ("Exp", "Log"):
                edges = np.asarray([-87, -20, -10, 1e-3, 0.5, 10, 88, 89, 709, 710])
                for dtype in ("float32", "float64"):
                    one(f"wide {dtype}", edges.astype(dtype) if op == "Exp" else np.abs(edges).astype(dtype))
            if op in whole:
                for dtype in ("int32", "int64"):
                    limit = np.iinfo(dtype)
                    one(dtype, np.asarray([limit.min, -3, -1, 0, 1, 46341, limit.max], dtype))
            if op == "Abs":
                one("at zero", np.asarray([-1.0, 0.0, -0.0, 2.0], "float32"))

    def reductions(self):
        for op in ("Sum", "Mean", "Max", "Min"):
            for shape, axes, keep, dtype, index in [
                ((3, 4), [0], False, "float32", "int32"),
                ((3, 4), [1], True, "float32", "int32"),
                ((3, 4), [-1], False, "float64", "int32"),
                ((3, 4), [0, 1], False, "float32", "int32"),
                ((3, 4), [0, -1], True, "float32", "int64"),
                ((3, 4), [], False, "float32", "int32"),
                ((3, 4), [], True, "float32", "int32"),
                ((3, 4), 1, False, "float32", "int32"),
                ((2, 3, 4), [1], False, "float32", "int32"),
                ((2, 3, 4), [2, 0], False, "float32", "int32"),
                ((2, 3, 4), [0, 1, 2], True, "float64", "int32"),
                ((2, 3, 2, 3), [1, 3], False, "float32", "int32"),
                ((2, 3, 2, 3), [-2, 0], True, "float32", "int32"),
                ((2, 17, 5), [0, 1], False, "float32", "int32"),
                ((), [], False, "float32", "int32"),
                ((3, 4), [0], False, "int32", "int32"),
                ((3, 4), [-1], True, "int64", "int32"),
                ((3, 4), [0, 1], False, "uint8", "int32"),
            ]:
                name = f"{op} {shape} {axes} keep {keep} {dtype} {index}"
                value = draw(self.recorder.rng(name), shape, dtype, op)
                self.reduce(name, op, value, np.asarray(axes, index), keep)
            for shape, axes in [((0, 3), [0]), ((0, 3), [1]), ((2, 0), [0, 1]), ((0,), [])]:
                value = np.zeros(shape, "float32")
                self.reduce(f"{op} empty {shape} {axes}", op, value, np.asarray(axes, "int32"), False)
            special = np.asarray(
                [[1, np.nan, 2], [np.inf, 1, -np.inf], [-0.0, 0.0, -0.0], [-np.inf] * 3], "float32"
            )
            self.reduce(f"{op} special values", op, special, np.asarray([1], "int32"), False)
            self.reduce(
                f"{op} int32 negative",
                op,
                np.asarray([[-7, 2], [-8, -1], [2**31 - 1, 2]], "int32"),
                np.asarray([1], "int32"),
                False,
            )
        ties = np.asarray([[1, 3, 3, 0], [2, 2, 2, 2], [-1, -5, -1, -2]], "float32")
        for axes in ([1], [0], [0, 1]):
            self.reduce(f"Max ties {axes}", "Max", ties, np.asarray(axes, "int32"), False)

    def reduce(self, name, op, value, axes, keep):
        self.recorder.case(
            name,
            lambda x, a: getattr(raw, op)(input=x, axis=a, keep_dims=keep),
            [value, axes],
        )

    def logic(self):
        for op in ("Less", "NotEqual"):
            for dtype in ("float32", "int64", "uint8"):
                self.two(op, (3, 1), (1, 4), dtype)
            special = np.asarray(SPECIAL, "float32")
            self.pair(f"{op} special values", op, special[:, None], special[None, :])
        flags = np.asarray([[True, False, True]])
        for op in ("LogicalAnd", "LogicalOr"):
            self.pair(op, op, flags, np.asarray([[True], [False]]))
        self.recorder.case("LogicalNot", lambda x: raw.LogicalNot(x=x), [flags])

    def products(self):
        for m, k, n, ta, tb, dtype in [
            (2, 3, 4, False, False, "float32"),
            (2, 3, 4, True, False, "float32"),
            (2, 3, 4, False, True, "float32"),
            (2, 3, 4, True, True, "float32"),
            (3, 5, 2, True, False, "float64"),
            (3, 5, 2, False, True, "float64"),
            (3, 5, 2, True, True, "float64"),
            (3, 5, 2, False, False, "int32"),
            (3, 5, 2, True, True, "int32"),
            (3, 5, 2, False, True, "int64"),
            (1, 1, 1, False, False, "float32"),
            (1, 7, 1, False, False, "float32"),
            (5, 1, 3, False, False, "float32"),
            (17, 33, 9, False, False, "float32"),
            (8, 16, 19, True, True, "float32"),
            (2, 0, 3, False, False, "float32"),
            (0, 3, 2, False, False, "float32"),
            (2, 3, 0, False, True, "float32"),
        ]:
            name = f"MatMul {m}x{k}x{n} {ta} {tb} {dtype}"
            rng = self.recorder.rng(name)
            a = draw(rng, (k, m) if ta else (m, k), dtype, "MatMul")
            b = draw(rng, (n, k) if tb else (k, n), dtype, "MatMul")
            self.recorder.case(
                name,
                lambda a, b: raw.MatMul(a=a, b=b, transpose_a=ta, transpose_b=tb),
                [a, b],
            )


def record():
    """Writes math.safetensors."""
    math = Math()
    math.binary()
    math.unary()
    math.reductions()
    math.products()
    math.logic()
    math.recorder.write()

"""float16 and bfloat16: what TensorFlow's kernels round to, one op of each kind."""

import json

import ml_dtypes
import numpy as np
import tensorflow as tf

from .core import Recorder, first_line, session, v1
from .random import record_op

raw = tf.raw_ops
HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


class Half:
    """The cases of half.safetensors."""

    def __init__(self):
        self.recorder = Recorder("half")

    def add(self, name, build, *inputs, grads=True):
        try:
            self.recorder.case(name, build, list(inputs), grads=grads)
        except (tf.errors.OpError, TypeError, ValueError) as reason:
            self.recorder.note(f"{name}: {type(reason).__name__}: {first_line(reason)[:200]}")

    def drawn(self, name, shape, dtype):
        return np.asarray(self.recorder.rng(name).standard_normal(shape)).astype(HALVES[dtype])

    def convolutions(self, dtype):
        for shape, kernel, stride, padding in [
            ((2, 5, 6, 3), (3, 2, 3, 4), (1, 1), "SAME"),
            ((1, 7, 7, 2), (3, 3, 2, 5), (2, 2), "VALID"),
            ((1, 6, 5, 16), (2, 2, 16, 17), (2, 1), "SAME"),
        ]:
            name = f"{shape} {kernel} s{stride} {padding} {dtype}"
            x, w = self.drawn(name, shape, dtype), self.drawn(name + "w", kernel, dtype)
            attrs = {"strides": [1, *stride, 1], "padding": padding}
            self.add(f"Conv2D {name}", lambda x, w: raw.Conv2D(input=x, filter=w, **attrs), x, w)
            made = self.recorder.tensors[self.recorder.cases[-1]["outputs"][0]]
            dy = self.drawn(name + "dy", made.shape, dtype)
            self.add(
                f"Conv2DBackpropInput {name}",
                lambda n, w, dy: raw.Conv2DBackpropInput(input_sizes=n, filter=w, out_backprop=dy, **attrs),
                np.asarray(shape, "int32"),
                w,
                dy,
            )
            self.add(
                f"Conv2DBackpropFilter {name}",
                lambda x, n, dy: raw.Conv2DBackpropFilter(input=x, filter_sizes=n, out_backprop=dy, **attrs),
                x,
                np.asarray(kernel, "int32"),
                dy,
            )

    def pools(self, dtype):
        x = self.drawn("pool", (2, 5, 4, 3), dtype)
        attrs = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 1, 1], "padding": "SAME"}
        self.add(f"MaxPool {dtype}", lambda x: raw.MaxPool(input=x, **attrs), x)
        self.add(f"AvgPool {dtype}", lambda x: raw.AvgPool(value=x, **attrs), x)

    def elements(self, dtype):
        x, y = self.drawn("x", (3, 5), dtype), self.drawn("y", (3, 5), dtype)
        row, least = self.drawn("row", (5,), dtype), HALVES[dtype](0.125)
        positive = np.abs(x) + least
        for op in ("AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum"):
            self.add(f"{op} {dtype}", lambda x, y: getattr(raw, op)(x=x, y=y), x, y)
            self.add(f"{op} broadcast {dtype}", lambda x, y: getattr(raw, op)(x=x, y=y), x, row)
        self.add(f"Pow {dtype}", lambda x, y: raw.Pow(x=x, y=y), positive, y)
        for op in ("Equal", "Greater", "LessEqual"):
            self.add(f"{op} {dtype}", lambda x, y: getattr(raw, op)(x=x, y=y), x, np.where(x > 0, x, y))
        for op in ("Neg", "Abs", "Sign", "Square", "Exp", "Sigmoid", "Tanh"):
            self.add(f"{op} {dtype}", lambda x: getattr(raw, op)(x=x), x)
        for op in ("Log", "Sqrt", "Rsqrt", "Reciprocal"):
            self.add(f"{op} {dtype}", lambda x: getattr(raw, op)(x=x), positive)
        for op in ("Relu", "LeakyRelu", "Softplus"):
            self.add(f"{op} {dtype}", lambda x: getattr(raw, op)(features=x), x)
        self.add(f"AddN {dtype}", lambda *all: raw.AddN(inputs=all), x, y, x)
        self.add(f"BiasAdd {dtype}", lambda x, b: raw.BiasAdd(value=x, bias=b), x, row)
        self.add(f"BiasAddGrad {dtype}", lambda dy: raw.BiasAddGrad(out_backprop=dy), x)
        self.add(f"MatMul {dtype}", lambda a, b: raw.MatMul(a=a, b=b, transpose_b=True), x, y)
        for op in ("Sum", "Mean", "Max"):
            for axes in ([0], [0, 1]):
                build = lambda x, axes: getattr(raw, op)(input=x, axis=axes)
                self.add(f"{op} {axes} {dtype}", build, x, np.asarray(axes, "int32"))

    def casts(self, dtype):
        half = HALVES[dtype]
        numbers = np.asarray([0, -0.0, 1, -1.5, 0.1, 1 / 3, 2049, -65504, 65519.9, 65520, 1e-4, 1e30, np.inf, -np.inf, np.nan])
        whole = np.asarray([0, 1, -1, 255, 2049, 4098, 65519, 65520, 16777217])
        for name, values in [
            ("float32", numbers.astype("float32")),
            ("float64", numbers),
            ("int32", whole.astype("int32")),
            ("int64", whole.astype("int64") * 3),
            ("uint8", np.arange(256, dtype="uint8")),
            ("bool", np.asarray([True, False])),
            *((other, self.drawn("cast", (30,), other)) for other in HALVES),
        ]:
            self.add(f"Cast {name} to {dtype}", lambda x: raw.Cast(x=x, DstT=dtype), values, grads=False)
        # Within the range of every integer: TensorFlow leaves open what is beyond.
        values = np.asarray([0, 0.5, 1.5, 2, 3.75, 100, 254]).astype(half)
        for name in ("float32", "float64", "int32", "int64", "uint8", "bool"):
            self.add(f"Cast {dtype} to {name}", lambda x: raw.Cast(x=x, DstT=name), values)

    def layouts(self, dtype):
        x = self.drawn("layout", (2, 3, 4), dtype)
        i = lambda *n: np.asarray(n, "int32")
        self.add(f"Transpose {dtype}", lambda x, p: raw.Transpose(x=x, perm=p), x, i(2, 0, 1))
        self.add(f"Reshape {dtype}", lambda x, s: raw.Reshape(tensor=x, shape=s), x, i(4, -1))
        self.add(f"Pad {dtype}", lambda x, p: raw.Pad(input=x, paddings=p), x, np.asarray([[1, 0], [0, 2], [0, 0]], "int32"))
        self.add(f"Slice {dtype}", lambda x, b, s: raw.Slice(input=x, begin=b, size=s), x, i(0, 1, 1), i(2, 2, -1))
        self.add(f"Tile {dtype}", lambda x, n: raw.Tile(input=x, multiples=n), x, i(1, 2, 1))
        self.add(f"Pack {dtype}", lambda *all: raw.Pack(values=all, axis=1), x, x)
        self.add(f"Fill {dtype}", lambda n, x: raw.Fill(dims=n, value=x), i(2, 3), x[0, 0, 0])
        condition = self.recorder.rng("condition").integers(0, 2, x.shape).astype(bool)
        self.add(f"SelectV2 {dtype}", lambda c, x, y: raw.SelectV2(condition=c, t=x, e=y), condition, x, -x)

    def random(self, dtype):
        for op in ("RandomStandardNormal", "RandomUniform", "TruncatedNormal"):
            for seeds, shape in [((1, 2), (5,)), ((3, 4), (1000,)), ((7, 8), (300, 100))]:
                record_op(self.recorder, op, seeds, shape, dtype)

    def updates(self, dtype):
        """Three steps of each optimizer with the same gradient; `start`, `gradient` and the value after each."""
        start, gradient = self.drawn("start", (7,), dtype), self.drawn("gradient", (7,), dtype)
        for name, make in {
            "GradientDescent": lambda: v1.train.GradientDescentOptimizer(0.1),
            "Momentum": lambda: v1.train.MomentumOptimizer(0.1, 0.9),
            "Momentum Nesterov": lambda: v1.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
            "Adam": lambda: v1.train.AdamOptimizer(0.01, epsilon=1e-4),
        }.items():
            graph = tf.Graph()
            with graph.as_default():
                variable = v1.get_variable("w", initializer=start)
                step = make().apply_gradients([(tf.constant(gradient), variable)])
                first = v1.global_variables_initializer()
            found = []
            with session(graph) as running:
                running.run(first)
                for _ in range(3):
                    running.run(step)
                    found.append(running.run(variable))
            number = len(self.recorder.cases)
            store = lambda key, value: self.recorder.store(f"{number}/{key}", value)
            self.recorder.cases.append({
                "name": f"{name} {dtype}",
                "op": "updates",
                "inputs": [store("in0", start), store("in1", gradient)],
                "outputs": [store(f"out{i}", value) for i, value in enumerate(found)],
            })


def record():
    """Writes half.safetensors."""
    half = Half()
    for dtype in HALVES:
        half.convolutions(dtype)
        half.pools(dtype)
        half.elements(dtype)
        half.casts(dtype)
        half.layouts(dtype)
        half.random(dtype)
        half.updates(dtype)
    half.recorder.metadata["values"] = json.dumps(
        "random ops: outputs are the runs of one session; `updates`: the variable after each of three steps"
    )
    half.recorder.write()

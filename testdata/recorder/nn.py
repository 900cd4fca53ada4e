"""Bias, activations and pooling, and the ops that are their gradients."""

import numpy as np
import tensorflow as tf

from .core import Recorder, first_line

raw = tf.raw_ops


class Nn:
    """The cases of nn.safetensors."""

    def __init__(self):
        self.recorder = Recorder("nn")

    def add(self, name, build, *inputs, grads=True):
        try:
            self.recorder.case(name, build, list(inputs), grads=grads)
        except (tf.errors.OpError, TypeError, ValueError) as reason:
            self.recorder.note(f"{name}: {type(reason).__name__}: {first_line(reason)[:200]}")

    def drawn(self, name, shape, dtype="float32"):
        rng = self.recorder.rng(name)
        if dtype.startswith("int"):
            return rng.integers(-50, 50, shape).astype(dtype)
        return np.asarray(rng.standard_normal(shape)).astype(dtype)

    def biases(self):
        for shape, channels, data_format, dtype in [
            ((3, 4), 4, "NHWC", "float32"),
            ((2, 3, 4), 4, "NHWC", "float32"),
            ((2, 3, 2, 5), 5, "NHWC", "float32"),
            ((2, 3, 2, 5), 5, "NHWC", "float64"),
            ((1, 2, 2, 17), 17, "NHWC", "float32"),
            ((2, 2, 2, 2, 3), 3, "NHWC", "float32"),
            ((3, 4), 4, "NCHW", "float32"),
            ((2, 3, 4), 3, "NCHW", "float32"),
            ((2, 3, 2, 5), 3, "NCHW", "float32"),
            ((2, 3, 2, 5), 3, "NCHW", "float64"),
            ((0, 3, 2, 5), 5, "NHWC", "float32"),
            ((3, 4), 4, "NHWC", "int32"),
            ((2, 2, 3), 3, "NHWC", "int64"),
        ]:
            name = f"{shape} {data_format} {dtype}"
            value, bias = self.drawn(name, shape, dtype), self.drawn(name + "b", (channels,), dtype)
            self.add(
                f"BiasAdd {name}",
                lambda x, b: raw.BiasAdd(value=x, bias=b, data_format=data_format),
                value,
                bias,
            )
            self.add(
                f"BiasAddGrad {name}",
                lambda dy: raw.BiasAddGrad(out_backprop=dy, data_format=data_format),
                value,
            )

    def activations(self):
        edges = [-1000, -100, -30, -13.9, -1, -0.5, -0.0, 0.0, 0.5, 1, 13.9, 17, 30, 88, 100, 1000]
        special = [np.inf, -np.inf, np.nan]
        ops = {
            "Relu": lambda x: raw.Relu(features=x),
            "LeakyRelu": lambda x: raw.LeakyRelu(features=x),
            "LeakyRelu alpha 0.01": lambda x: raw.LeakyRelu(features=x, alpha=0.01),
            "LeakyRelu alpha 1.5": lambda x: raw.LeakyRelu(features=x, alpha=1.5),
            "LeakyRelu alpha -0.5": lambda x: raw.LeakyRelu(features=x, alpha=-0.5),
            "Sigmoid": lambda x: raw.Sigmoid(x=x),
            "Tanh": lambda x: raw.Tanh(x=x),
            "Softplus": lambda x: raw.Softplus(features=x),
        }
        for name, build in ops.items():
            for shape, dtype in [((), "float32"), ((3, 5), "float32"), ((2, 3, 3), "float64"), ((0, 2), "float32")]:
                case = f"{name} {shape} {dtype}"
                self.add(case, build, self.drawn(case, shape, dtype) * 3)
            for dtype in ("float32", "float64"):
                self.add(f"{name} edges {dtype}", build, np.asarray(edges, dtype))
                self.add(f"{name} special values {dtype}", build, np.asarray(special, dtype))
        rows = {"Softmax": raw.Softmax, "LogSoftmax": raw.LogSoftmax}
        for name, op in rows.items():
            for shape, dtype in [((7,), "float32"), ((3, 5), "float32"), ((2, 3, 4), "float64"), ((0, 2), "float32")]:
                case = f"{name} {shape} {dtype}"
                self.add(case, lambda x: op(logits=x), self.drawn(case, shape, dtype) * 3)
            large = np.asarray([[1000, 999, -1000], [0, 0, 0], [-200, -201, -300]], "float32")
            self.add(f"{name} large", lambda x: op(logits=x), large)
        for dtype in ("int32", "int64", "uint8"):
            self.add(f"Relu {dtype}", ops["Relu"], np.asarray([0, 1, 100] if dtype == "uint8" else [-5, 0, 5], dtype))
        gradients = {
            "ReluGrad": lambda dy, x: raw.ReluGrad(gradients=dy, features=x),
            "LeakyReluGrad": lambda dy, x: raw.LeakyReluGrad(gradients=dy, features=x, alpha=0.1),
            "SoftplusGrad": lambda dy, x: raw.SoftplusGrad(gradients=dy, features=x),
            "SigmoidGrad": lambda y, dy: raw.SigmoidGrad(y=y, dy=dy),
            "TanhGrad": lambda y, dy: raw.TanhGrad(y=y, dy=dy),
        }
        for name, build in gradients.items():
            for shape, dtype in [((4, 3), "float32"), ((7,), "float64"), ((0,), "float32")]:
                case = f"{name} {shape} {dtype}"
                a, b = self.drawn(case, shape, dtype), self.drawn(case + "b", shape, dtype)
                self.add(case, build, a, b)
            x = np.asarray(edges, "float32")
            if name in ("SigmoidGrad", "TanhGrad"):
                self.add(f"{name} edges", build, np.asarray([-1, 0, 0.25, 0.5, 1], "float32"), np.ones(5, "float32"))
            else:
                self.add(f"{name} edges", build, np.linspace(-1, 1, x.size, dtype="float32"), x)

    def pools(self):
        for shape, k, s, padding, dtype in [
            ((1, 4, 4, 1), (2, 2), (2, 2), "VALID", "float32"),
            ((1, 5, 5, 2), (2, 2), (2, 2), "SAME", "float32"),
            ((1, 5, 5, 2), (3, 3), (1, 1), "SAME", "float32"),
            ((2, 5, 6, 3), (3, 2), (2, 1), "VALID", "float32"),
            ((2, 6, 5, 3), (2, 3), (1, 2), "SAME", "float64"),
            ((1, 7, 7, 2), (2, 2), (3, 3), "SAME", "float32"),
            ((1, 7, 8, 2), (2, 2), (3, 3), "VALID", "float32"),
            ((1, 6, 6, 17), (3, 3), (2, 2), "SAME", "float32"),
            ((1, 3, 4, 2), (3, 4), (1, 1), "VALID", "float32"),
            ((1, 3, 3, 2), (5, 5), (2, 2), "SAME", "float32"),
            ((1, 1, 1, 1), (1, 1), (1, 1), "VALID", "float32"),
            ((2, 3, 5, 1), (1, 1), (2, 3), "SAME", "float32"),
            ((0, 4, 4, 2), (2, 2), (2, 2), "SAME", "float32"),
            ((1, 6, 5, 3), (2, 2), (1, 2), "VALID", "float64"),
        ]:
            self.pool(f"{shape} k{k} s{s} {padding} {dtype}", shape, k, s, padding, dtype)
        ties = np.asarray(
            [[1, 1, 2, 2], [1, 1, 2, 3], [0, -1, 3, 3], [-1, 0, 3, 3]], "float32"
        ).reshape(1, 4, 4, 1)
        for k, s, padding in [((2, 2), (2, 2), "VALID"), ((3, 3), (1, 1), "SAME"), ((2, 2), (1, 1), "VALID")]:
            self.pool(f"ties k{k} s{s} {padding}", None, k, s, padding, "float32", value=ties)
        negative = -1 - np.abs(self.drawn("negative", (1, 3, 3, 2)))
        self.pool("negative at the border", None, (3, 3), (2, 2), "SAME", "float32", value=negative)
        for dtype in ("int32", "int64"):
            self.add(
                f"MaxPool {dtype}",
                lambda x: raw.MaxPool(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"),
                self.drawn("whole", (1, 5, 4, 2), dtype),
            )

    def pool(self, name, shape, k, s, padding, dtype, value=None):
        attrs = {"ksize": [1, *k, 1], "strides": [1, *s, 1], "padding": padding}
        x = self.drawn(name, shape, dtype) if value is None else value
        maximum = self.recorder.case(f"MaxPool {name}", lambda x: raw.MaxPool(input=x, **attrs), [x])
        self.add(f"AvgPool {name}", lambda x: raw.AvgPool(value=x, **attrs), x)
        y = self.recorder.tensors[maximum["outputs"][0]]
        dy = self.drawn(name + "dy", y.shape, dtype)
        self.add(
            f"MaxPoolGrad {name}",
            lambda x, y, dy: raw.MaxPoolGrad(orig_input=x, orig_output=y, grad=dy, **attrs),
            x,
            y,
            dy,
            grads=False,
        )
        self.add(
            f"AvgPoolGrad {name}",
            lambda n, dy: raw.AvgPoolGrad(orig_input_shape=n, grad=dy, **attrs),
            np.asarray(x.shape, "int32"),
            dy,
        )


def record():
    """Writes nn.safetensors."""
    nn = Nn()
    nn.biases()
    nn.activations()
    nn.pools()
    nn.recorder.write()

"""Conv2D, Conv2DBackpropInput, Conv2DBackpropFilter and those of three axes."""

import numpy as np
import tensorflow as tf

from .core import Recorder, first_line

raw = tf.raw_ops


def eighths(rng, shape):
    """Multiples of 1/8: sums of their products are exact in any order."""
    return rng.integers(-16, 17, shape) / 8


def normal(rng, shape):
    return rng.standard_normal(shape)


def integers(rng, shape):
    return rng.integers(-9, 10, shape)


class Geometry:
    """One forward convolution, channels last; `pads` are before and after of each axis in turn."""

    def __init__(
        self, n, size, c, kernel, o, stride, padding="SAME", pads=None, dilation=None, depth=None
    ):
        self.n, self.size, self.c, self.kernel, self.o = n, size, c, kernel, o
        self.stride, self.padding, self.pads = stride, padding, pads
        self.dilation = dilation or (1,) * len(size)
        self.depth = depth or c

    def output(self):
        """The output's sizes, for drawing the gradient that arrives there; None if none fits."""
        sizes = []
        for axis in range(len(self.size)):
            span = (self.kernel[axis] - 1) * self.dilation[axis] + 1
            size, stride = self.size[axis], self.stride[axis]
            if self.padding == "SAME":
                sizes.append(-(-size // stride))
                continue
            if self.padding == "EXPLICIT":
                size += self.pads[2 * axis] + self.pads[2 * axis + 1]
            if size < span:
                return None
            sizes.append((size - span) // stride + 1)
        return tuple(sizes)

    def attrs(self, data_format):
        def per_axis(values):
            return [1, 1, *values] if data_format.startswith("NC") else [1, *values, 1]

        attrs = {
            "strides": per_axis(self.stride),
            "padding": self.padding,
            "data_format": data_format,
            "dilations": per_axis(self.dilation),
        }
        if len(self.size) == 3:
            return attrs
        pads = []
        if self.padding == "EXPLICIT":
            spatial = list(self.pads)
            pads = [0, 0, *spatial, 0, 0] if data_format == "NHWC" else [0, 0, 0, 0, *spatial]
        return {**attrs, "explicit_paddings": pads}

    def name(self):
        def times(values):
            return "x".join(map(str, values))

        text = times([self.n, *self.size, self.c])
        text += f" k{times([*self.kernel, self.depth, self.o])}"
        text += f" s{times(self.stride)} {self.padding}"
        if self.pads:
            text += str(list(self.pads)).replace(" ", "")
        if set(self.dilation) != {1}:
            text += f" d{times(self.dilation)}"
        return text


def record_op(recorder, op, g, dtype="float32", draw=eighths, data_format=None, xla=False):
    data_format = data_format or ("NHWC" if len(g.size) == 2 else "NDHWC")
    name = f"{op} {g.name()} {dtype} {data_format} {draw.__name__}{' xla' if xla else ''}"
    rng = recorder.rng(name)

    def layout(shape):
        n, *sizes, c = shape
        return (n, c, *sizes) if data_format.startswith("NC") else (n, *sizes, c)

    def make(shape):
        return np.asarray(draw(rng, shape), dtype)

    in_shape = layout((g.n, *g.size, g.c))
    x, w = make(in_shape), make((*g.kernel, g.depth, g.o))
    dy = make(layout((g.n, *g.output(), g.o)))
    attrs = g.attrs(data_format)
    sizes = np.asarray(in_shape, np.int32)
    if "Backprop" not in op:
        inputs = [x, w]

        def build(x, w):
            return getattr(raw, op)(input=x, filter=w, **attrs)

    elif "BackpropInput" in op:
        inputs = [sizes, w, dy]

        def build(s, w, dy):
            return getattr(raw, op)(input_sizes=s, filter=w, out_backprop=dy, **attrs)

    else:
        inputs = [x, np.asarray(w.shape, np.int32), dy]

        def build(x, s, dy):
            return getattr(raw, op)(input=x, filter_sizes=s, out_backprop=dy, **attrs)

    try:
        recorder.case(name, build, inputs, draw_dy=draw, xla=xla)
    except (tf.errors.OpError, TypeError, ValueError) as reason:
        recorder.note(f"{name}: {type(reason).__name__}: {first_line(reason)[:200]}")


FIXED = [
    # one element, empty batch, kernel 1, kernel < stride
    Geometry(1, (1, 1), 1, (1, 1), 1, (1, 1)),
    Geometry(1, (1, 1), 1, (1, 1), 1, (3, 3), "VALID"),
    Geometry(1, (1, 1), 1, (3, 3), 1, (2, 2)),
    Geometry(0, (5, 4), 3, (3, 2), 2, (2, 2)),
    Geometry(0, (5, 5), 2, (3, 3), 2, (1, 1), "VALID"),
    Geometry(2, (5, 7), 3, (1, 1), 4, (1, 1)),
    Geometry(2, (7, 5), 3, (1, 1), 4, (2, 2)),
    Geometry(1, (8, 9), 2, (1, 1), 3, (3, 3), "VALID"),
    Geometry(1, (5, 5), 3, (2, 2), 1, (2, 2)),
    Geometry(1, (6, 6), 3, (2, 2), 1, (2, 2)),
    Geometry(1, (9, 10), 2, (2, 2), 3, (3, 3)),
    Geometry(1, (11, 13), 2, (2, 3), 3, (5, 5)),
    Geometry(1, (9, 9), 3, (3, 3), 2, (4, 4), "VALID"),
    Geometry(1, (10, 6), 2, (1, 3), 2, (2, 2)),
    Geometry(1, (6, 10), 2, (3, 1), 2, (2, 2)),
    Geometry(1, (1, 12), 2, (1, 5), 3, (1, 1)),
    Geometry(1, (12, 1), 2, (5, 1), 3, (2, 2)),
    Geometry(1, (3, 3), 2, (5, 5), 2, (1, 1)),
    Geometry(1, (4, 4), 2, (7, 7), 2, (2, 2)),
    Geometry(1, (4, 5), 2, (4, 5), 3, (1, 1), "VALID"),
    # strides that differ
    Geometry(2, (7, 9), 2, (3, 3), 3, (2, 1)),
    Geometry(1, (7, 9), 2, (3, 2), 3, (1, 3)),
    Geometry(1, (8, 11), 3, (2, 4), 2, (3, 2), "VALID"),
    Geometry(1, (9, 8), 2, (1, 1), 3, (2, 3)),
    Geometry(1, (7, 8), 2, (3, 4), 2, (1, 2), "EXPLICIT", (1, 0, 2, 3)),
    # explicit padding
    Geometry(1, (5, 6), 2, (3, 3), 3, (1, 1), "EXPLICIT", (1, 1, 1, 1)),
    Geometry(1, (5, 6), 2, (3, 3), 3, (2, 2), "EXPLICIT", (0, 2, 1, 0)),
    Geometry(2, (4, 7), 2, (4, 2), 2, (2, 2), "EXPLICIT", (3, 1, 0, 1)),
    Geometry(1, (6, 6), 2, (1, 1), 3, (1, 1), "EXPLICIT", (1, 0, 0, 2)),
    Geometry(1, (6, 5), 2, (2, 2), 2, (3, 3), "EXPLICIT", (1, 3, 2, 2)),
    Geometry(1, (3, 3), 1, (2, 2), 2, (1, 1), "EXPLICIT", (4, 3, 0, 5)),
    # vector remainders
    Geometry(1, (5, 6), 17, (3, 3), 4, (1, 1)),
    Geometry(1, (6, 5), 4, (3, 3), 17, (2, 2)),
    Geometry(1, (4, 5), 33, (2, 2), 5, (1, 1), "VALID"),
    Geometry(1, (5, 4), 5, (2, 2), 33, (2, 2)),
    Geometry(2, (3, 4), 17, (1, 1), 33, (1, 1)),
    Geometry(1, (3, 4), 7, (3, 3), 8, (1, 1)),
    Geometry(1, (7, 7), 16, (3, 3), 16, (1, 1), "VALID"),
    Geometry(1, (12, 12), 40, (3, 3), 3, (2, 2)),
    Geometry(1, (9, 12), 4, (3, 3), 40, (1, 1), "VALID"),
    Geometry(1, (6, 12), 40, (2, 3), 8, (2, 1), "EXPLICIT", (1, 0, 0, 2)),
]

F64 = [
    Geometry(1, (5, 5), 3, (2, 2), 2, (2, 2)),
    Geometry(2, (6, 7), 3, (3, 2), 4, (1, 1), "VALID"),
    Geometry(1, (7, 6), 2, (3, 3), 3, (4, 4)),
    Geometry(1, (6, 5), 3, (3, 3), 5, (2, 1), "EXPLICIT", (1, 2, 0, 1)),
]

DILATED = [
    Geometry(1, (8, 9), 2, (3, 3), 3, (1, 1), dilation=(2, 2)),
    Geometry(1, (9, 8), 2, (3, 2), 3, (1, 1), "VALID", dilation=(3, 2)),
    Geometry(2, (7, 10), 3, (2, 3), 2, (1, 1), dilation=(1, 3)),
    Geometry(1, (8, 8), 2, (3, 3), 2, (1, 1), "EXPLICIT", (2, 1, 3, 0), dilation=(2, 2)),
    Geometry(1, (11, 10), 2, (3, 3), 2, (2, 2), dilation=(2, 2)),
    Geometry(1, (11, 12), 2, (2, 3), 3, (3, 2), "VALID", dilation=(4, 3)),
    Geometry(1, (10, 9), 2, (3, 2), 3, (2, 3), "EXPLICIT", (2, 3, 0, 1), dilation=(2, 3)),
]

GROUPED = [
    Geometry(1, (5, 6), 4, (3, 3), 6, (1, 1), depth=2),
    Geometry(2, (6, 5), 6, (2, 2), 6, (2, 2), depth=1),
    Geometry(1, (5, 5), 6, (3, 2), 9, (1, 1), "VALID", depth=2),
    Geometry(1, (7, 6), 4, (3, 3), 4, (2, 2), "EXPLICIT", (1, 2, 0, 1), depth=2),
]

GROUPED_DILATED = [
    Geometry(1, (8, 7), 4, (3, 3), 6, (1, 1), dilation=(2, 2), depth=2),
    Geometry(1, (9, 8), 6, (2, 3), 3, (2, 2), dilation=(3, 2), depth=2),
]

NCHW = [
    Geometry(1, (5, 5), 3, (2, 2), 1, (2, 2)),
    Geometry(2, (6, 7), 2, (3, 2), 4, (1, 1), "VALID"),
    Geometry(1, (7, 9), 3, (3, 3), 2, (4, 4)),
    Geometry(1, (6, 8), 2, (3, 2), 3, (2, 3), "EXPLICIT", (1, 2, 0, 1)),
]


VOLUMES = [
    Geometry(1, (1, 1, 1), 1, (1, 1, 1), 1, (1, 1, 1)),
    Geometry(0, (3, 4, 5), 2, (2, 2, 2), 2, (1, 2, 1)),
    Geometry(2, (4, 5, 6), 2, (3, 2, 1), 3, (1, 1, 1)),
    Geometry(1, (5, 4, 7), 3, (2, 3, 3), 2, (2, 2, 2)),
    Geometry(1, (5, 6, 4), 2, (2, 2, 3), 3, (2, 1, 3), "VALID"),
    Geometry(1, (7, 3, 5), 2, (3, 3, 2), 2, (3, 2, 1), "VALID"),
    Geometry(1, (3, 4, 4), 2, (5, 5, 5), 2, (1, 1, 1)),
    Geometry(1, (4, 5, 5), 17, (2, 2, 2), 9, (1, 2, 2)),
]

VOLUMES_BY_XLA = [
    # Where strides exceed the kernel the CPU's Conv3D begins inside the input, unlike its own gradients, its
    # Conv2D and every other kernel of TensorFlow.
    Geometry(2, (6, 6, 5), 1, (1, 1, 1), 4, (2, 3, 2)),
    Geometry(1, (6, 5, 7), 2, (2, 3, 2), 2, (1, 1, 1), dilation=(2, 1, 3)),
    Geometry(1, (7, 6, 7), 2, (3, 2, 2), 3, (1, 1, 1), "VALID", dilation=(2, 3, 1)),
    Geometry(1, (4, 5, 3), 4, (2, 3, 2), 6, (1, 2, 1), depth=2),
]


def drawn_geometries(count):
    """Random geometries: nothing is left out but windows that do not fit."""
    rng = np.random.default_rng(20210)
    made = []
    while len(made) < count:

        def pair(low, high, equal):
            first = int(rng.integers(low, high))
            return (first, first if equal else int(rng.integers(low, high)))

        padding = ["SAME", "VALID", "EXPLICIT"][rng.integers(3)]
        pads = tuple(map(int, rng.integers(0, 4, 4))) if padding == "EXPLICIT" else None
        g = Geometry(
            int(rng.integers(1, 4)),
            pair(1, 12, False),
            int(rng.integers(1, 7)),
            pair(1, 6, rng.random() < 0.3),
            int(rng.integers(1, 7)),
            pair(1, 6, rng.random() < 0.6),
            padding,
            pads,
        )
        if g.output():
            made.append(g)
    return made


def record():
    """Writes conv.safetensors."""
    recorder = Recorder("conv")
    ops = ["Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"]
    for i, g in enumerate(FIXED):
        large = g.c * g.o > 100
        for op in [ops[i % 3]] if large else ["Conv2D", ops[1 + i % 2]]:
            record_op(recorder, op, g)
    for i, g in enumerate(drawn_geometries(27)):
        for op in (ops[i % 3], ops[(i + 1) % 3]):
            record_op(recorder, op, g, draw=normal if i % 4 == 0 else eighths)
    for g in F64:
        for op in ops:
            record_op(recorder, op, g, dtype="float64", draw=normal)
    for g in DILATED[:4] + GROUPED:
        record_op(recorder, "Conv2D", g)
    for g in FIXED[8:11]:
        for op in ops:
            record_op(recorder, op, g, dtype="int32", draw=integers)
    for g in DILATED + GROUPED + GROUPED_DILATED:
        for op in ops:
            record_op(recorder, op, g, xla=True)
    for g in NCHW + DILATED[:2] + GROUPED[:2]:
        for op in ops:
            record_op(recorder, op, g, data_format="NCHW", xla=True)
    ops = ["Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"]
    for i, g in enumerate(VOLUMES):
        for op in ops:
            record_op(recorder, op, g, draw=normal if i % 3 == 2 else eighths)
    for op in ops:
        record_op(recorder, op, VOLUMES[3], dtype="float64", draw=normal)
    for g in VOLUMES_BY_XLA:
        for op in ops:
            record_op(recorder, op, g, xla=True)
    for g in VOLUMES[3:5]:
        for op in ops:
            record_op(recorder, op, g, data_format="NCDHW", xla=True)
    recorder.write()

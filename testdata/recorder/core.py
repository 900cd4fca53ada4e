"""What every family shares: building a case from placeholders, running it, writing the file."""

import json
import os
import platform
import struct
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2

v1 = tf.compat.v1
v1.logging.set_verbosity(v1.logging.ERROR)
v1.disable_v2_behavior()
v1.enable_resource_variables()

FOLDER = Path(__file__).resolve().parent.parent
FLOATS = ("float16", "bfloat16", "float32", "float64")
SAFETENSORS_DTYPE = {
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
    "bool": "BOOL",
}


def versions():
    """The programs and switches that the recorded values depend on."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "flags": {
            "TF_ENABLE_ONEDNN_OPTS": os.environ["TF_ENABLE_ONEDNN_OPTS"],
            "v2_behavior": False,
            "resource_variables": True,
            "grappler": False,
            "threads": 1,
            "device": "CPU",
        },
    }


def session(graph):
    """A session whose graph runs as it was built: one thread, no rewriting."""
    config = config_pb2.ConfigProto(
        intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
    )
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.rewrite_options.constant_folding = (
        rewriter_config_pb2.RewriterConfig.OFF
    )
    config.graph_options.optimizer_options.opt_level = config_pb2.OptimizerOptions.L0
    return v1.Session(graph=graph, config=config)


def shape_json(proto):
    """A TensorShapeProto as a list with null for unknown, or null for unknown rank."""
    if proto.unknown_rank:
        return None
    return [None if dim.size < 0 else dim.size for dim in proto.dim]


def attr_json(value):
    """One attribute of a NodeDef as JSON."""
    kind = value.WhichOneof("value")
    if kind == "s":
        return value.s.decode()
    if kind in ("i", "f", "b"):
        return getattr(value, kind)
    if kind == "type":
        return tf.as_dtype(value.type).name
    if kind == "shape":
        return shape_json(value.shape)
    if kind == "tensor":
        return tf.make_ndarray(value.tensor).tolist()
    if kind == "list":
        items = value.list
        return (
            [item.decode() for item in items.s]
            + list(items.i)
            + list(items.f)
            + list(items.b)
            + [tf.as_dtype(item).name for item in items.type]
            + [shape_json(item) for item in items.shape]
        )
    raise ValueError(f"attribute of kind {kind}")


def attrs_json(op):
    """All attributes of an operation that its op definition names."""
    return {
        name: attr_json(value)
        for name, value in sorted(op.node_def.attr.items())
        if not name.startswith("_")
    }


def first_line(error):
    """The first line of an error's message as the runtime made it.

    A Session wraps it in "Graph execution error:" and the place where the node was made; what it
    wrapped is the error's context.
    """
    inner = error.__context__ if isinstance(error.__context__, tf.errors.OpError) else error
    text = inner.message if isinstance(inner, tf.errors.OpError) else str(inner)
    return text.splitlines()[0] if text else ""


def write_safetensors(path, tensors, metadata):
    """Writes a safetensors file whose bytes depend on its content alone."""
    header = {"__metadata__": metadata}
    blobs, at = [], 0
    # 8-byte items first keeps every tensor aligned to its own items.
    for key in sorted(tensors, key=lambda k: -tensors[k].dtype.itemsize):
        array = tensors[key]
        blob = array.tobytes()
        header[key] = {
            "dtype": SAFETENSORS_DTYPE[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [at, at + len(blob)],
        }
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


class Recorder:
    """Collects the cases of one family, then writes `<family>.safetensors`."""

    def __init__(self, family):
        self.family = family
        self.cases = []
        self.tensors = {}
        self.metadata = {}
        self.notes = []

    def rng(self, name):
        """The random source of a case: its values depend on its name alone."""
        return np.random.default_rng(zlib.crc32(f"{self.family}/{name}".encode()))

    def store(self, key, value):
        """Keeps a tensor under a key and returns the key."""
        array = np.asarray(value, order="C")
        if array.dtype.name not in SAFETENSORS_DTYPE:
            raise ValueError(f"{key}: {array.dtype} is not recorded")
        assert key not in self.tensors, key
        self.tensors[key] = array
        return key

    def note(self, text):
        """Reports something that could not be recorded."""
        self.notes.append(text)
        print(f"  {self.family}: {text}")

    def case(self, name, build, inputs, grads=True, draw_dy=None, xla=False):
        """Records one op.

        `build` makes the op from placeholders of the inputs' dtypes and shapes, which must be the
        op's inputs in order. `draw_dy(rng, shape)` draws the gradients that arrive; `xla` runs the
        op with TensorFlow's compiler, for what its CPU kernels refuse.
        """
        inputs = [np.asarray(value) for value in inputs]
        graph = tf.Graph()
        with graph.as_default():
            holders = [v1.placeholder(value.dtype, value.shape) for value in inputs]
            built = build(*holders)
            flat = list(built) if isinstance(built, (list, tuple)) else [built]
            op = flat[0].op
            outputs = list(op.outputs)
            given = list(op.inputs)
            assert len(given) == len(holders) and all(
                a is b for a, b in zip(given, holders)
            ), f"{name}: {[t.name for t in given]}"
        number = len(self.cases)
        case = {"name": name, "op": op.type, "attrs": attrs_json(op)}
        feed = dict(zip(holders, inputs))
        run = self._run_xla if xla else self._run
        if xla:
            case["kernel"] = "xla"
        values = run(graph, build, outputs, feed)
        case["inputs"] = [self.store(f"{number}/in{i}", v) for i, v in enumerate(inputs)]
        case["outputs"] = [self.store(f"{number}/out{i}", v) for i, v in enumerate(values)]
        self.cases.append(case)
        if grads and any(value.dtype.name in FLOATS for value in values):
            self._gradients(case, number, name, graph, build, outputs, feed, values, draw_dy, xla)
        return case

    def _run(self, graph, _build, fetches, feed):
        with session(graph) as running:
            return running.run(fetches, feed)

    def _compiled(self, graph, function, feed):
        """Runs a function of the inputs under XLA; integer inputs are constants there."""
        with graph.as_default():
            holders = list(feed)
            floats = [h for h in holders if h.dtype.is_floating]

            @tf.function(jit_compile=True, autograph=False)
            def compiled(*given):
                given = iter(given)
                return function(
                    [
                        next(given) if h.dtype.is_floating else tf.constant(feed[h])
                        for h in holders
                    ]
                )

            fetches = compiled(*floats)
        with session(graph) as running:
            return running.run(fetches, {h: feed[h] for h in floats})

    def _run_xla(self, graph, build, _fetches, feed):
        return self._compiled(graph, lambda given: [build(*given)], feed)

    def _gradients(
        self, case, number, name, graph, build, outputs, feed, values, draw_dy, xla
    ):
        rng = self.rng(name + "/dy")
        draw_dy = draw_dy or (lambda rng, shape: rng.standard_normal(shape))
        dys = [
            np.asarray(draw_dy(rng, value.shape), value.dtype)
            if value.dtype.name in FLOATS
            else None
            for value in values
        ]
        holders = list(feed)
        used = [i for i, dy in enumerate(dys) if dy is not None]
        try:
            with graph.as_default():
                dy_holders = [v1.placeholder(dys[i].dtype, dys[i].shape) for i in used]
                ys = [outputs[i] for i in used]
                made = v1.gradients(ys, holders, dy_holders)
                made = [
                    tf.convert_to_tensor(g) if g is not None else None for g in made
                ]
            present = [i for i, g in enumerate(made) if g is not None]
            all_feed = {**feed, **{h: dys[i] for h, i in zip(dy_holders, used)}}
            if xla:

                def function(given):
                    xs, dy = given[: len(holders)], given[len(holders) :]
                    made = v1.gradients(build(*xs), xs, dy)
                    return [made[i] for i in present]

                found = self._compiled(graph, function, all_feed)
            else:
                found = self._run(graph, None, [made[i] for i in present], all_feed)
        except (LookupError, TypeError, ValueError, tf.errors.OpError) as reason:
            self.note(f"{name}: no gradient: {type(reason).__name__}: {first_line(reason)[:160]}")
            return
        found = dict(zip(present, found))
        case["grads"] = {
            "dy": [
                None if dy is None else self.store(f"{number}/dy{i}", dy)
                for i, dy in enumerate(dys)
            ],
            "dx": [
                self.store(f"{number}/dx{i}", found[i]) if i in found else None
                for i in range(len(holders))
            ],
        }

    def write(self):
        """Writes the family's file and says how large it is."""
        path = FOLDER / f"{self.family}.safetensors"
        metadata = {
            "versions": json.dumps(versions()),
            "cases": json.dumps(self.cases, allow_nan=False),
            "not_recorded": json.dumps(self.notes),
            **self.metadata,
        }
        write_safetensors(path, self.tensors, metadata)
        print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size} bytes")


def write_json(name, value):
    """Writes `<name>.json` with one item per line."""
    path = FOLDER / f"{name}.json"
    lines = ",\n".join(json.dumps(item) for item in value)
    text = f'{{"versions": {json.dumps(versions())},\n"cases": [\n{lines}\n]}}\n'
    path.write_text(text)
    print(f"{path.name}: {len(value)} cases, {path.stat().st_size} bytes")

"""Random ops, the seeds that a graph gives them, and initial values of variables."""

import json

import numpy as np
import tensorflow as tf
import tf_slim as slim

from .core import Recorder, attrs_json, session, v1

raw = tf.raw_ops
ENDS = 64


def record_op(recorder, op, seeds, shape, dtype, index="int32"):
    """Three runs in one session, each going on in the stream."""
    name = f"{op} seeds {seeds} {list(shape)} {dtype} {index}"
    shape = np.asarray(shape, index)
    graph = tf.Graph()
    with graph.as_default():
        holder = v1.placeholder(index, shape.shape)
        made = getattr(raw, op)(shape=holder, dtype=dtype, seed=seeds[0], seed2=seeds[1])
    with session(graph) as running:
        runs = [running.run(made, {holder: shape}) for _ in range(3)]
    number = len(recorder.cases)
    case = {
        "name": name,
        "op": op,
        "attrs": attrs_json(made.op),
        "runs": 3,
        "inputs": [recorder.store(f"{number}/in0", shape)],
    }
    if runs[0].size > 2000:
        case["stored"] = {"first": ENDS, "last": ENDS, "of": int(runs[0].size)}
        runs = [np.concatenate([run.ravel()[:ENDS], run.ravel()[-ENDS:]]) for run in runs]
    case["outputs"] = [recorder.store(f"{number}/out{i}", run) for i, run in enumerate(runs)]
    recorder.cases.append(case)


MAKERS = {
    "random_normal": lambda seed: v1.random_normal([3], seed=seed),
    "random_uniform": lambda seed: v1.random_uniform([3], seed=seed),
    "truncated_normal": lambda seed: v1.truncated_normal([3], seed=seed),
}


def seeded_nodes(graph):
    """The nodes that have seeds, in the order in which they were made."""
    return [
        {"name": op.name, "op": op.type, **{k: attrs_json(op)[k] for k in ("seed", "seed2")}}
        for op in graph.get_operations()
        if "seed2" in op.node_def.attr
    ]


def record_sequence(recorder, name, graph_seed, sequence):
    """The seeds of several ops in one graph; each of `sequence` is an op and its seed or null.

    An item "set_random_seed" sets the graph's seed between ops. With no seed at all TensorFlow
    leaves both attributes zero and draws when it runs, so no values are stored then.
    """
    graph = tf.Graph()
    outputs = []
    with graph.as_default():
        if graph_seed is not None:
            v1.set_random_seed(graph_seed)
        for op, seed in sequence:
            if op == "set_random_seed":
                v1.set_random_seed(seed)
            elif op == "other":
                tf.constant(1.0) + tf.constant(2.0)
            else:
                outputs.append(MAKERS[op](seed))
    nodes = seeded_nodes(graph)
    number = len(recorder.cases)
    case = {
        "name": f"graph {name}",
        "op": "graph",
        "graph_seed": graph_seed,
        "sequence": [{"op": op, "seed": seed} for op, seed in sequence],
        "nodes": nodes,
        "inputs": [],
        "outputs": [],
    }
    if all(node["seed"] or node["seed2"] for node in nodes):
        with session(graph) as running:
            found = running.run(outputs)
        case["outputs"] = [recorder.store(f"{number}/out{i}", v) for i, v in enumerate(found)]
    recorder.cases.append(case)


def record_variables(recorder, name, build):
    """Variables made under `set_random_seed(1)`: node seeds, names and initial values."""
    graph = tf.Graph()
    with graph.as_default():
        v1.set_random_seed(1)
        build()
        variables = v1.global_variables()
        start = v1.global_variables_initializer()
    with session(graph) as running:
        running.run(start)
        found = running.run(variables)
    number = len(recorder.cases)
    recorder.cases.append(
        {
            "name": f"variables {name}",
            "op": "variables",
            "graph_seed": 1,
            "variables": [variable.name for variable in variables],
            "nodes": seeded_nodes(graph),
            "inputs": [],
            "outputs": [recorder.store(f"{number}/out{i}", v) for i, v in enumerate(found)],
        }
    )


def record_variable_families(recorder):
    shape = [3, 3, 10, 20]

    def single(initializer=None, shape=shape):
        return lambda: v1.get_variable("w", shape=shape, initializer=initializer)

    def conv2d():
        slim.conv2d(v1.placeholder("float32", [None, None, None, 3]), 20, 3, stride=4)
        v1.get_variable("de_weight", shape=[3, 3, 3, 20])

    def three():
        for i, size in enumerate([[4], [3, 5], []]):
            v1.get_variable(f"v{i}", shape=size)

    def mixed():
        v1.random_normal([2])
        v1.get_variable("a", shape=[2, 3])
        v1.random_normal([2], seed=5)
        v1.get_variable("b", shape=[2, 3], initializer=v1.random_normal_initializer(seed=3))
        v1.get_variable("c", shape=[2, 3])

    for name, build in {
        "get_variable default [3,3,10,20]": single(),
        "slim.xavier_initializer uniform": single(slim.xavier_initializer(uniform=True)),
        "slim.xavier_initializer normal": single(slim.xavier_initializer(uniform=False)),
        "glorot_uniform_initializer": single(v1.glorot_uniform_initializer()),
        "glorot_normal_initializer": single(v1.glorot_normal_initializer()),
        "truncated_normal_initializer 0.1": single(v1.truncated_normal_initializer(stddev=0.1)),
        "random_normal_initializer": single(v1.random_normal_initializer(), [4, 5]),
        "random_uniform_initializer": single(v1.random_uniform_initializer(-2, 3), [4, 5]),
        "he_normal": single(v1.initializers.he_normal(), [3, 3, 2, 4]),
        "variance_scaling": single(v1.variance_scaling_initializer(), [3, 3, 2, 4]),
        "zeros and ones": lambda: (
            single(v1.zeros_initializer(), [3])(),
            v1.get_variable("o", shape=[2], initializer=v1.ones_initializer()),
        ),
        "slim.conv2d and de_weight": conv2d,
        "ranks 1, 2, 0": three,
        "between other random ops": mixed,
    }.items():
        record_variables(recorder, name, build)


def record():
    """Writes random.safetensors."""
    recorder = Recorder("random")
    ops = ("RandomStandardNormal", "RandomUniform", "TruncatedNormal")
    for op in ops:
        for dtype in ("float32", "float64"):
            for shape in [(), (1,), (2,), (3,), (4,), (5,), (17,), (0,), (3, 4, 5)]:
                record_op(recorder, op, (1, 2), shape, dtype)
            for seeds in [(1, 0), (0, 1), (87654321, 7), (0, 2**31 - 1), (1234567890123, 98765432101)]:
                record_op(recorder, op, seeds, (20,), dtype)
            record_op(recorder, op, (-5, -9), (20,), dtype, "int64")
            record_op(recorder, op, (3, 4), (300,), dtype)
            record_op(recorder, op, (5, 6), (1000,), dtype)
            record_op(recorder, op, (7, 8), (300, 1000), dtype)
    normal, uniform, truncated = "random_normal", "random_uniform", "truncated_normal"
    for name, seed, sequence in [
        ("no seeds", None, [(normal, None), (uniform, None)]),
        ("graph seed", 1, [(normal, None), (normal, None), (uniform, None), (truncated, None)]),
        ("graph seed 0", 0, [(normal, None), (normal, None)]),
        ("op seeds", None, [(normal, 7), (uniform, 0), (truncated, 1), (normal, 2**31 - 1)]),
        ("both", 3, [(normal, 7), (normal, None), (normal, 0), (normal, None)]),
        ("both zero", 0, [(normal, 0), (uniform, 0), (uniform, 2**31 - 1)]),
        ("large", 2**31, [(normal, None), (normal, 2**31 + 5), (normal, 2**40)]),
        ("negative", -1, [(normal, None), (normal, -2)]),
        ("other ops between", 1, [("other", None), (normal, None), ("other", None), (normal, None)]),
        ("seed set late", None, [(normal, None), ("set_random_seed", 1), (normal, None)]),
        ("seed set twice", 1, [(normal, None), ("set_random_seed", 1), (normal, None)]),
        ("seed set again to another", 1, [(normal, None), ("set_random_seed", 2), (normal, None)]),
    ]:
        record_sequence(recorder, name, seed, sequence)
    record_variable_families(recorder)
    recorder.metadata["values"] = json.dumps(
        "outputs are the runs of one session in order; `stored` says which values of a large one"
    )
    recorder.write()

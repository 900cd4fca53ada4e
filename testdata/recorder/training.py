"""Program 3 (slim.conv2d, conv2d_transpose, an optimizer) over ten steps."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_slim as slim

from .core import Recorder, session, v1

STEPS = 10
SIZES = (33, 97)
INPUTS = (
    "inputs of step t (0..9), row-major element i of [3,size,size,3], as float32, all in 64-bit "
    "unsigned arithmetic: ((i*1103515245 + 12345 + t*7919) mod 65536) / 32768 - 1"
)
OPTIMIZERS = {
    "GradientDescent(0.001)": lambda: v1.train.GradientDescentOptimizer(0.001),
    "Momentum(0.001, 0.9)": lambda: v1.train.MomentumOptimizer(0.001, 0.9),
    "Momentum(0.001, 0.9, use_nesterov)": lambda: v1.train.MomentumOptimizer(
        0.001, 0.9, use_nesterov=True
    ),
    "Adam(0.001)": lambda: v1.train.AdamOptimizer(0.001),
}
LOSSES = {
    "deconv1 - inputs": lambda out, wanted: out - wanted,
    "reduce_mean(square(deconv1 - inputs))": lambda out, wanted: tf.reduce_mean(
        tf.square(out - wanted)
    ),
}


def data(size, step):
    """The inputs of a step, by the formula of INPUTS."""
    i = np.arange(3 * size * size * 3, dtype=np.uint64)
    bits = (i * np.uint64(1103515245) + np.uint64(12345 + step * 7919)) % np.uint64(65536)
    return (bits.astype(np.float32) / np.float32(32768) - np.float32(1)).reshape(3, size, size, 3)


def train(size, optimizer, loss_name):
    """One training run: initial and final variables, and per step what was fetched."""
    graph = tf.Graph()
    with graph.as_default():
        v1.set_random_seed(1)
        inputs = v1.placeholder(tf.float32, shape=[None, None, None, 3])
        conv1 = slim.conv2d(inputs, num_outputs=20, kernel_size=3, stride=4)
        de_weight = v1.get_variable("de_weight", shape=[3, 3, 3, 20])
        deconv1 = v1.nn.conv2d_transpose(
            conv1,
            filter=de_weight,
            output_shape=tf.shape(inputs),
            strides=[1, 4, 4, 1],
            padding="SAME",
        )
        difference = deconv1 - inputs
        loss = LOSSES[loss_name](deconv1, inputs)
        train_op = OPTIMIZERS[optimizer]().minimize(loss)
        fetched = [tf.reduce_sum(difference), tf.reduce_mean(difference**2)]
        trained = v1.trainable_variables()
        names = [variable.name for variable in v1.global_variables()]
        start = v1.global_variables_initializer()
    with session(graph) as running:
        running.run(start)
        before = running.run(trained)
        steps = [
            running.run([*fetched, train_op], {inputs: data(size, step)})[:2]
            for step in range(STEPS)
        ]
        after = running.run(trained)
    return {
        "trainable": [variable.name for variable in trained],
        "variables": names,
        "before": before,
        "sums": np.asarray([s for s, _ in steps], np.float32),
        "squares": np.asarray([q for _, q in steps], np.float32),
        "after": after,
    }


def run_all(path):
    """Trains everything under this process's flags and leaves the arrays in one .npz file."""
    arrays = {}
    for size in SIZES:
        for optimizer in OPTIMIZERS:
            for loss in LOSSES:
                found = train(size, optimizer, loss)
                key = f"{size}|{optimizer}|{loss}"
                arrays[f"{key}|names"] = np.asarray(
                    json.dumps({k: found[k] for k in ("trainable", "variables")})
                )
                for part in ("sums", "squares"):
                    arrays[f"{key}|{part}"] = found[part]
                for part in ("before", "after"):
                    for i, value in enumerate(found[part]):
                        arrays[f"{key}|{part}{i}"] = value
    np.savez(path, **arrays)


def record():
    """Writes training.safetensors, with oneDNN off and on."""
    recorder = Recorder("training")
    initial = None
    for onednn in (0, 1):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "found.npz"
            subprocess.run(
                [sys.executable, "-c", f"from recorder.training import run_all; run_all({str(path)!r})"],
                check=True,
                cwd=Path(__file__).resolve().parent.parent,
                env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": str(onednn)},
            )
            arrays = dict(np.load(path))
        for size in SIZES:
            for optimizer in OPTIMIZERS:
                for loss in LOSSES:
                    key = f"{size}|{optimizer}|{loss}"
                    names = json.loads(str(arrays[f"{key}|names"]))
                    count = len(names["trainable"])
                    before = [arrays[f"{key}|before{i}"] for i in range(count)]
                    if initial is None:
                        initial = [
                            recorder.store(f"initial/{name}", value)
                            for name, value in zip(names["trainable"], before)
                        ]
                    assert all(
                        np.array_equal(recorder.tensors[k], v) for k, v in zip(initial, before)
                    )
                    number = len(recorder.cases)
                    recorder.cases.append(
                        {
                            "name": f"program 3 {size}x{size} {optimizer} {loss} onednn {onednn}",
                            "op": "training",
                            "size": size,
                            "optimizer": optimizer,
                            "loss": loss,
                            "onednn": bool(onednn),
                            "steps": STEPS,
                            **names,
                            "initial": initial,
                            "final": [
                                recorder.store(f"{number}/final{i}", arrays[f"{key}|after{i}"])
                                for i in range(count)
                            ],
                            "sum_per_step": recorder.store(f"{number}/sum", arrays[f"{key}|sums"]),
                            "mean_square_per_step": recorder.store(
                                f"{number}/mean_square", arrays[f"{key}|squares"]
                            ),
                            "inputs": [],
                            "outputs": [],
                        }
                    )
    recorder.metadata["inputs"] = INPUTS
    recorder.write()

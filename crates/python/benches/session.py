"""What `sess.run` costs: program 1's graph, here, in the engine alone, and in TensorFlow.

    python crates/python/benches/session.py --tensorflow /path/to/a/python/that/has/tensorflow

prints microseconds for each call, the medians of rounds that take turns, so that all see the same machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

ROUNDS = 9
RUNS = 2000

TENSORFLOW = """
import sys
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()
sys.path.insert(0, sys.argv[1])
from session import seconds
print(tf.version.VERSION, seconds(tf, 300), flush=True)
for _ in sys.stdin:
    print(seconds(tf, 300), flush=True)
"""


def program(tf):
    """Program 1's graph and a session of it."""
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(1)
        x = tf.random_normal(shape=[1, 3, 3, 1])
        kernel = tf.random_normal(shape=[2, 2, 3, 1])
        y = tf.nn.conv2d_transpose(x, kernel, output_shape=[1, 5, 5, 3], strides=[1, 2, 2, 1], padding="SAME")
        return tf.Session(graph=graph), y


def seconds(tf, runs: int) -> float:
    """The median of `runs` calls of `sess.run`."""
    if not hasattr(tf, "bench_session"):
        tf.bench_session = program(tf)
    session, y = tf.bench_session
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run(y)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python that has TensorFlow, to be timed beside")
    arguments = parser.parse_args()

    import tconv
    import tconv.tf1 as tf

    session, y = program(tf)
    peer = None
    if arguments.tensorflow:
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
        peer = subprocess.Popen(
            [arguments.tensorflow, "-c", TENSORFLOW, os.path.dirname(os.path.abspath(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        version = peer.stdout.readline().split()[0]
    rows: dict[str, list[float]] = {"engine": [], "sess.run": [], "adds": [], "TensorFlow": []}
    for _ in range(ROUNDS):
        engine = statistics.median(session.engine_seconds(y, runs=RUNS))
        python = seconds(tf, RUNS)
        rows["engine"].append(engine)
        rows["sess.run"].append(python)
        rows["adds"].append(python - engine)
        if peer:
            peer.stdin.write("\n")
            peer.stdin.flush()
            rows["TensorFlow"].append(float(peer.stdout.readline()))
    if peer:
        peer.stdin.close()
        peer.wait()
    names = {
        "engine": "the engine's run alone",
        "sess.run": f"sess.run of tconv {tconv.__version__}",
        "adds": "what Python adds",
        "TensorFlow": f"sess.run of TensorFlow {version}" if peer else "",
    }
    for key, values in rows.items():
        if values:
            print(f"{1e6 * statistics.median(values):8.1f} us  {names[key]}")


if __name__ == "__main__":
    sys.exit(main())

"""Several threads, several sessions, pickles, memory, interrupts and the time of an import."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from conftest import PACKAGE, python

import tconv
import tconv.tf1 as tf
from tconv import _tconv, errors


def test_threads_share_a_session(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 3])
    y = tf.reduce_sum(tf.nn.conv2d(x, tf.ones([3, 3, 3, 4]), strides=1, padding="VALID"), [1, 2, 3])

    def work(i: int) -> None:
        for _ in range(20):
            found = sess.run(y, {x: np.full((2, 8, 8, 3), i, "f4")})
            np.testing.assert_array_equal(found, [i * 27 * 36 * 4] * 2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))


def test_threads_update_a_variable(sess: tf.Session) -> None:
    v = tf.Variable(np.zeros(4, "f4"))
    delta = tf.placeholder(tf.float32, [4])
    add = v.assign_add(delta)
    sess.run(v.initializer)

    def work(_: int) -> None:
        for _ in range(50):
            sess.run(add.op, {delta: np.ones(4)})
            found = sess.run(v)
            assert (found == found[0]).all(), "a value is of one moment"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    np.testing.assert_array_equal(sess.run(v), np.full(4, 200))


def test_errors_in_threads_are_each_threads_own(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2], "x")

    def work(i: int) -> None:
        for _ in range(50):
            if i % 2:
                with pytest.raises(errors.InvalidArgumentError, match="feed a value"):
                    sess.run(x)
            else:
                np.testing.assert_array_equal(sess.run(x, {x: [i, i]}), [i, i])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))


def test_each_thread_has_default_graphs_and_sessions_of_its_own(sess: tf.Session) -> None:
    found: dict[str, Any] = {}

    def work() -> None:
        found["session"] = tf.get_default_session()
        found["graph"] = tf.get_default_graph()
        with tf.Graph().as_default(), tf.Session() as own:
            found["value"] = own.run(tf.constant(3) + 4)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found["session"] is None and found["value"] == 7
    assert found["graph"] is not sess.graph
    assert tf.get_default_session() is sess


def test_threads_build_one_graph(graph: tf.Graph) -> None:
    def work(_: int) -> None:
        with graph.as_default():
            for _ in range(50):
                tf.constant(1.0, name="c")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    names = [operation.name for operation in graph.get_operations()]
    assert len(names) == len(set(names)) == 200


def test_a_run_lets_other_threads_of_python_go_on(sess: tf.Session) -> None:
    y = tf.nn.conv2d(tf.ones([8, 96, 96, 32]), tf.ones([5, 5, 32, 64]), strides=1, padding="SAME")
    y = tf.reduce_sum(y * tf.placeholder(tf.float32, name="by"))
    done = threading.Event()

    def work() -> None:
        sess.run(y, {"by:0": 1.0})
        done.set()

    thread = threading.Thread(target=work)
    start = time.perf_counter()
    thread.start()
    turns = 0
    while not done.is_set():
        turns += 1
        time.sleep(0.001)
    thread.join()
    took = time.perf_counter() - start
    assert took < 0.02 or turns > 3, f"{turns} turns in {took:.3f} s"


def test_threads_of_sessions_and_of_eager_functions(graph: tf.Graph) -> None:
    x, w = tf.constant(np.arange(2048, dtype="f4").reshape(2, 16, 16, 4) % 7), tf.ones([3, 3, 4, 8])
    y = tf.nn.conv2d(x, w, strides=1, padding="SAME")
    answers = [tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=n)).run(y) for n in (0, 1, 2)]
    answers += [_tconv.Session(threads=3).run(y)]
    for answer in answers[1:]:
        assert answer.tobytes() == answers[0].tobytes(), "the order of sums does not depend on threads"
    before = tconv.get_num_threads()
    try:
        tconv.set_num_threads(2)
        assert tconv.get_num_threads() == 2
    finally:
        tconv.set_num_threads(0)
    assert tconv.get_num_threads() >= 1 and before >= 1
    with pytest.raises((ValueError, OverflowError, TypeError)):
        tconv.set_num_threads(-1)
    with pytest.raises(TypeError):
        tconv.set_num_threads("2")  # type: ignore[arg-type]


def test_the_environment_says_how_many_threads() -> None:
    run = python("import tconv; print(tconv.get_num_threads())", TCONV_NUM_THREADS="3")
    assert run.stdout.strip() == "3", run.stderr
    run = python("import tconv; tconv.set_num_threads(2); print(tconv.get_num_threads())", TCONV_NUM_THREADS="3")
    assert run.stdout.strip() == "2", run.stderr
    run = python("import tconv; tconv.conv2d([[[[1.0]]]], [[[[1.0]]]])", TCONV_NUM_THREADS="many")
    assert run.returncode == 1 and "TCONV_NUM_THREADS" in run.stderr and "panicked" not in run.stderr


CLASSES = [errors.exception_type_from_error_code(code) for code in range(1, 17)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_errors_can_be_pickled(cls: type[errors.OpError], graph: tf.Graph) -> None:
    operation = tf.no_op()
    error = cls(errors.NodeDef("node", "Op"), operation, "what is wrong")
    assert error.op is operation
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls and again.op is None
        assert (again.message, again.node_def, again.error_code) == ("what is wrong", ("node", "Op"), error.error_code)
    plain = errors.OpError(None, None, "text", 77)
    again = pickle.loads(pickle.dumps(plain))
    assert type(again) is errors.OpError and again.error_code == 77 and str(again) == "text"


def test_raised_errors_cross_processes(sess: tf.Session) -> None:
    with pytest.raises(errors.InvalidArgumentError) as caught:
        sess.run(tf.placeholder(tf.float32, name="x"))
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.message == caught.value.message and again.node_def == ("x", "Placeholder")


def test_dtypes_and_shapes_can_be_pickled() -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.int32, tf.int64, tf.uint8, tf.bool):
            assert pickle.loads(pickle.dumps(dtype, protocol)) == dtype
            assert copy.deepcopy(dtype) == dtype and hash(copy.copy(dtype)) == hash(dtype)
        for shape in ([], [1, None], None, [3, 4]):
            again = pickle.loads(pickle.dumps(tf.TensorShape(shape), protocol))
            assert repr(again) == repr(tf.TensorShape(shape))


@pytest.mark.parametrize("make", [tf.Graph, tf.Session, tf.no_op, lambda: tf.constant(1), lambda: tf.Variable(1)])
def test_what_belongs_to_a_graph_cannot_be_pickled(graph: tf.Graph, make: Any) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(make())


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc here")
def test_runs_do_not_leak(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 64], "x")
    v = tf.Variable(np.zeros((64, 64), "f4"))
    product, update = tf.matmul(x, v), v.assign_add(tf.ones([64, 64]))
    sess.run(v.initializer)
    fed = np.ones((16, 64), "f4")  # 4 KiB; what comes back is as much

    def turn() -> None:
        sess.run({"y": [product, (x, v)]}, {x: fed})
        sess.run(update.op)
        sess.run(x, {x: fed.tolist()[:1]})
        for wrong in ({}, {x: fed[:, :3]}, {x: "a"}):
            try:
                sess.run(product, wrong)
            except (errors.OpError, ValueError):
                pass
        tconv.conv2d(fed.reshape(1, 16, 16, 4), v_ones)

    v_ones = np.ones((3, 3, 4, 4), "f4")
    for _ in range(400):
        turn()
    gc.collect()
    before = resident()
    for _ in range(2000):  # seven calls each
        turn()
    gc.collect()
    grown = resident() - before
    assert grown < 4 << 20, f"{grown} bytes in 14000 calls"


def test_graphs_that_nobody_has_are_freed() -> None:
    def build() -> list[Any]:
        graph = tf.Graph()
        with graph.as_default(), tf.Session() as sess:
            v = tf.Variable(tf.ones([4]))
            loss = tf.reduce_sum(v * 2.0)
            step = tf.train.AdamOptimizer(0.1).minimize(loss)
            sess.run(tf.global_variables_initializer())
            sess.run(step)
            with pytest.raises(errors.InvalidArgumentError):
                sess.run(tf.placeholder(tf.float32))
            with pytest.raises(ValueError):
                tf.ones([2]) + tf.ones([3])
        return [weakref.ref(graph), weakref.ref(sess), weakref.ref(loss)]

    alive = build()
    gc.collect()
    assert [reference() for reference in alive] == [None] * 3


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc here")
@pytest.mark.parametrize("variables", [False, True])
def test_sessions_and_graphs_do_not_leak(variables: bool) -> None:
    def turn() -> None:
        with tf.Graph().as_default(), tf.Session() as sess:
            v = tf.constant(np.ones(2**16, "f4"))  # 256 KiB
            if variables:
                v = tf.Variable(v)
                sess.run(v.initializer)
            sess.run(v + tf.constant(np.ones(2**16, "f4")))

    for _ in range(20):
        turn()
    gc.collect()
    before = resident()
    for _ in range(200):
        turn()
    gc.collect()
    grown = resident() - before
    assert grown < 8 << 20, f"{grown} bytes for 200 graphs of 512 KiB"


INTERRUPTED = """
import threading, time, sys
import numpy as np
import tconv.tf1 as tf
x = tf.placeholder(tf.float32, [64, 64])
y = x
for i in range({nodes}):
    y = tf.matmul(y, x) * 1e-3
sess = tf.Session()
fed = np.ones((64, 64), "f4")
sess.run(tf.constant(1))
print("running", flush=True)
try:
    while True:
        sess.run(y, {{x: fed}})
        if {once}:
            print("over", flush=True)
except KeyboardInterrupt:
    assert sess.run(tf.constant(1) + 1) == 2
    print("interrupted", flush=True)
    raise
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there")
@pytest.mark.parametrize("nodes", [20, 4000])
def test_an_interrupt_ends_a_run(nodes: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    program = INTERRUPTED.format(nodes=nodes, once=False)
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "running\n"
        time.sleep(0.2)
        start = time.perf_counter()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
        took = time.perf_counter() - start
    finally:
        child.kill()
    assert "interrupted" in out and "KeyboardInterrupt" in err.splitlines()[-1], err
    assert child.returncode in (1, 130, -signal.SIGINT)
    assert took < 3, f"{took:.2f} s"


def test_the_import_is_quick() -> None:
    program = """
import time, numpy
start = time.perf_counter()
import tconv.tf1
print(time.perf_counter() - start)
"""
    took = min(float(python(program).stdout) for _ in range(3))
    print(f"import tconv.tf1 takes {took * 1000:.0f} ms beyond NumPy's")
    assert took < 0.3

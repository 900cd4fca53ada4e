"""Bad input: an error that says what to do, never a crash, a wrong value, or a graph or session that is broken after."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest

import tconv
import tconv.tf1 as tf
from tconv import _tconv


@pytest.fixture(autouse=True)
def _graph() -> Any:
    with tf.Graph().as_default():
        yield


def cyclic(*first: Any) -> list[Any]:
    values = list(first)
    values.append(values)
    return values


def deep(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


# Values


def test_lists_that_hold_themselves_are_refused() -> None:
    for values in (cyclic(), cyclic(1), cyclic(tf.constant(1.0))):
        for function in (tf.constant, tf.convert_to_tensor, tf.stack, tf.add_n, tf.reduce_sum):
            with pytest.raises((TypeError, ValueError, NotImplementedError)):
                function(values)
    with pytest.raises(ValueError, match="nested more than 64 levels deep, or holds itself"):
        tf.constant(deep(1.0, 100_000))
    with pytest.raises(ValueError, match="nested more than 64 levels deep"):
        tf.convert_to_tensor(deep(tf.constant(1.0), 100_000))


def test_a_list_that_is_ever_so_large_is_refused() -> None:
    parts: list[Any] = [tf.constant(1.0)]
    for _ in range(60):
        parts = [parts, parts]
    with pytest.raises(ValueError, match="a list with tensors in it has more than 1048576 parts"):
        tf.convert_to_tensor(parts)


def test_a_learning_rate_may_be_a_function_but_not_of_functions() -> None:
    def itself() -> Any:
        return itself

    with pytest.raises(TypeError, match="of type 'function'"):
        tf.train.GradientDescentOptimizer(itself)


def test_values_are_read_on_a_small_stack() -> None:
    x, found = tf.constant(1.0), []
    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(tf.Session(graph=x.graph).run(deep(x, 60))))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert found == [deep(1.0, 60)]


def test_bfloat16_says_which_package_it_wants() -> None:
    script = """
import sys
sys.modules["ml_dtypes"] = None
import tconv.tf1 as tf
x = tf.cast(tf.constant([1.0, 2.0]), tf.bfloat16)
for wrong in (lambda: tf.Session().run(x), lambda: tf.bfloat16.as_numpy_dtype, lambda: tf.bfloat16.max):
    try:
        wrong()
    except ImportError as error:
        print(str(error).split(":")[1])
print(tf.Session().run(tf.cast(x, tf.float32)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, env=_environment())
    advice = b" pip install ml_dtypes, or cast to float32"
    assert done.stdout.splitlines() == [advice, advice, advice, b"[1. 2.]"], done.stderr


def test_fetches_that_hold_themselves_are_refused() -> None:
    x, session = tf.constant(1.0), tf.Session()
    themselves: dict[str, Any] = {}
    themselves["a"] = themselves
    for fetches in (cyclic(x), themselves, deep(x, 10_000), deep({"a": deep(x, 40)}, 40)):
        with pytest.raises(ValueError, match="fetches are nested more than 64 levels deep"):
            session.run(fetches)
    assert session.run(deep(x, 60)) == deep(1.0, 60)


def test_a_length_that_is_a_lie_takes_no_memory() -> None:
    class Liar(list):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return 2**50

    x = tf.constant([1.0])
    assert len(_tconv.gradients(Liar([x]), Liar([x]))) == 1
    assert _tconv.group(Liar([x.op]), None).type == "NoOp"
    assert _tconv.apply("Identity", Liar([x])).dtype == tf.float32
    assert tconv.conv2d(np.ones((1, 2, 2, 1), "float32"), np.ones((1, 1, 1, 1), "float32"), Liar([1, 1])).shape == (1, 2, 2, 1)


def test_a_dictionary_may_change_while_it_is_read() -> None:
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)

    class Changes:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            feed.update({tf.placeholder(tf.float32): 1.0 for _ in range(100)})
            return np.array(1.0, "float32")

    feed: dict[Any, Any] = {x: Changes(), y: 1.0}
    assert tf.Session().run([x, y], feed) == [1.0, 1.0]

    class Attribute:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            attrs.clear()
            return np.array(1.0, "float32")

    for call in (_tconv.apply, _tconv.eager):
        attrs = {"T": Attribute(), "U": 1}
        with pytest.raises((TypeError, ValueError, tconv.errors.OpError)):
            call("Identity", [1.0], attrs)


def test_integers_are_never_other_integers() -> None:
    for value in (2**63, 2**64, 10**400, [2**64]):
        with pytest.raises(TypeError):
            tf.constant(value)
    with pytest.raises(TypeError, match="18446744073709551616 does not fit in int64"):
        tf.constant(2**64)
    with pytest.raises(TypeError, match="9223372036854775808 does not fit in int64"):
        tf.constant(2**63)
    for dtype, value in [(tf.int32, 2**40), (tf.uint8, 300), (tf.uint8, -1)]:
        x = tf.placeholder(dtype)
        for number in (np.int64(value), np.array([value]), value, [value]):
            with pytest.raises(TypeError, match="does not fit in"):
                tf.constant(number, dtype)
            with pytest.raises(TypeError, match="is not compatible with Tensor type"):
                tf.Session().run(x, {x: number})
    x = tf.placeholder(tf.int32)
    assert tf.Session().run(x, {x: np.array([2**31 - 1, -(2**31)])}).tolist() == [2**31 - 1, -(2**31)]


def test_the_value_that_does_not_fit_is_named() -> None:
    with pytest.raises(TypeError, match=r"Expected int32, but got 2.5 of type 'float'."):
        tf.constant([[1, 2], [2.5, 3]], tf.int32)
    with pytest.raises(TypeError, match="Tensors here hold numbers and booleans"):
        tf.constant([1.0, None])
    with pytest.raises(TypeError, match="Tensors here hold numbers and booleans"):
        tf.reduce_sum(object())
    with pytest.raises(TypeError, match="Expected float32, but got 1j of type 'complex'"):
        tf.constant([1.0, 1j], tf.float32)


def test_arrays_without_elements_may_have_any_byte_order() -> None:
    session = tf.Session()
    for dtype in (">f4", "<f4", ">i8"):
        assert session.run(tf.constant(np.zeros((0, 3), dtype))).shape == (0, 3)
        assert _tconv.eager("Identity", [np.zeros((3, 0), dtype)]).shape == (3, 0)


def test_arrays_that_lie_about_their_memory_are_refused() -> None:
    class Lies(np.ndarray):  # type: ignore[type-arg]
        @property
        def flags(self) -> Any:
            return type("Flags", (), {"aligned": True})()

    array = np.frombuffer(bytearray(17), "uint8")[1:].view("float32").view(Lies)
    with pytest.raises(ValueError, match="give a copy"):
        tf.constant(array)


def test_tensors_may_have_more_axes_than_arrays() -> None:
    session = tf.Session()
    most = 64 if np.__version__ >= "2" else 32
    x = tf.reshape(tf.range(2), [2] + [1] * (most - 1))
    assert session.run(x).shape == tuple(x.shape.as_list())
    x = tf.expand_dims(x, 0)
    with pytest.raises(ValueError, match=f"a tensor of {most + 1} axes cannot become an array: .*; reshape it"):
        session.run(x)
    assert session.run(tf.reduce_sum(x)) == 1


def test_shapes_that_are_none() -> None:
    for shape in ("abc", b"ab", {"a": 1}):
        with pytest.raises(TypeError, match="a shape is a list of sizes"):
            tf.placeholder(tf.float32, shape)
    with pytest.raises(ValueError, match="254 axes are the most"):
        tf.TensorShape(None).with_rank(2**40)
    with pytest.raises(tconv.errors.ResourceExhaustedError):
        tf.Session().run(tf.zeros([2**31, 2**31]))
    with pytest.raises(tconv.errors.ResourceExhaustedError):
        tf.constant(1.0, shape=[2**40])
    with pytest.raises(ValueError, match="Takes at most 2, but got 3"):
        tf.constant([1.0, 2.0, 3.0], shape=[2])
    with pytest.raises(TypeError, match=r"input\[1\] must be an integer of at most 64 bits, a name or None, not 2.5"):
        tconv.shape("conv2d", {"input": [1, 2.5, 5, 3], "filter": [3, 3, 3, 3]})


def test_strides_that_are_none() -> None:
    x, w = np.ones((1, 5, 5, 1), "float32"), np.ones((3, 3, 1, 1), "float32")
    for strides in (2**63, 1.5, "2", b"2", [1, None], object(), [[1, 1]]):
        with pytest.raises(TypeError, match="an integer or a list of integers is wanted"):
            tconv.conv2d(x, w, strides)
    for out in (np.broadcast_to(np.float32(0), (1, 5, 5, 1)), np.zeros((1, 5, 5, 1), ">f4")):
        with pytest.raises(ValueError, match="^out "):
            tconv.conv2d(x, w, out=out)


# Graphs and sessions


def test_defaults_are_left_in_any_order() -> None:
    outer = tf.get_default_graph()
    first, second = tf.Graph(), tf.Graph()
    one, two = first.as_default(), second.as_default()
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert tf.get_default_graph() is second
    two.__exit__(None, None, None)
    assert tf.get_default_graph() is outer
    with pytest.raises(RuntimeError, match="this thread has not entered"):
        one.__exit__(None, None, None)

    sessions = [tf.Session(graph=first), tf.Session(graph=second)]
    for session in sessions:
        session.__enter__()
    sessions[0].__exit__(None, None, None)
    assert tf.get_default_session() is sessions[1] and tf.get_default_graph() is second
    sessions[1].__exit__(None, None, None)
    assert tf.get_default_session() is None and tf.get_default_graph() is outer
    with pytest.raises(RuntimeError, match="this thread has not entered"):
        tf.Session().__exit__(None, None, None)


def test_each_thread_has_scopes_of_its_own() -> None:
    graph = tf.get_default_graph()
    inside, done = threading.Barrier(2), threading.Barrier(2)
    names: dict[str, str] = {}

    def build(name: str) -> None:
        with graph.as_default(), tf.name_scope(name), tf.variable_scope("v" + name):
            inside.wait(10)
            with tf.control_dependencies([tf.constant(1.0)]):
                y = tf.constant([1.0]) / 2.0
            names[name] = y.name
            names["v" + name] = tf.get_variable("w", [1]).name
            done.wait(10)

    threads = [threading.Thread(target=build, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == {"a": "a/va/truediv:0", "b": "b/vb/truediv:0", "va": "va/w:0", "vb": "vb/w:0"}
    assert graph.get_name_scope() == "" and tf.get_variable_scope().name == ""
    x = tf.constant(1.0)
    assert x.name.startswith("Const") and x.op.control_inputs == []


def test_graphs_are_freed_with_what_they_hold() -> None:
    def graph_of(hold: Any) -> Any:
        with tf.Graph().as_default() as graph:
            x = tf.constant(1.0)
            hold(graph, x)
        return weakref.ref(graph)

    def fails(graph: Any, x: Any) -> None:
        try:
            tf.Session().run(tf.placeholder(tf.float32))
        except tconv.errors.InvalidArgumentError as error:
            graph.error = error

    holds = [
        lambda graph, x: tf.add_to_collection("kept", x),
        lambda graph, x: tf.add_to_collection("kept", [x.op, tf.Variable(x)]),
        lambda graph, x: setattr(graph, "mine", x),
        lambda graph, x: setattr(graph, "mine", tf.Session()),
        lambda graph, x: setattr(graph, "mine", tf.Session().make_callable([x])),
        lambda graph, x: setattr(graph, "mine", graph.name_scope("a")),
        lambda graph, x: setattr(graph, "mine", tf.Session().as_default()),
        fails,
    ]
    for hold in holds:
        graph = graph_of(hold)
        gc.collect()
        assert graph() is None


def test_code_that_dies_may_add_nodes() -> None:
    # Once it waited for itself: for the lock on the positions of the code that died.
    script = """
import weakref
import tconv.tf1 as tf
kept = []
for i in range(20):
    code = compile("tf.constant(1.0)", f"<{i}>", "exec")
    kept.append(weakref.ref(code, lambda _: tf.constant(2.0)))
    exec(code)
    del code
print(len(tf.get_default_graph().get_operations()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, env=_environment())
    assert int(done.stdout) >= 39, done.stderr


def _environment() -> dict[str, str]:
    folder = os.path.dirname(os.path.dirname(tconv.__file__))
    return {**os.environ, "PYTHONPATH": folder, "TCONV_NUM_THREADS": "2"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_computes() -> None:
    # It has none of its parent's threads, and once waited for them.
    script = """
import os
import numpy as np
import tconv, tconv.tf1 as tf
image, kernel = np.ones((1, 64, 64, 16), "float32"), np.ones((3, 3, 16, 16), "float32")
x = tf.placeholder(tf.float32, [1, 64, 64, 16])
y, session = tf.nn.conv2d(x, kernel, 1, "SAME"), tf.Session()
def values():
    return [session.run(y, {x: image}), tf.Session().run(y, {x: image}), tconv.conv2d(image, kernel)]
before = values()
child = os.fork()
if not child:
    same = all((one == other).all() for one, other in zip(before, values()))
    os._exit(0 if same else 1)
print(os.waitpid(child, 0)[1])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=_environment(), start_new_session=True
    )
    try:
        assert process.communicate(timeout=60)[0].strip() == b"0"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_run_goes_on_while_the_interpreter_ends() -> None:
    script = """
import threading, time
import numpy as np
import tconv, tconv.tf1 as tf
x = tf.constant(1.0)
session, image = tf.Session(), np.ones((1, 99, 99, 8), "float32")
def run():
    while True:
        session.run(x)
        tconv.conv2d(image, np.ones((3, 3, 8, 8), "float32"))
for _ in range(3):
    threading.Thread(target=run, daemon=True).start()
time.sleep(0.2)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, env=_environment())
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_signal_ends_a_run_and_the_session_goes_on() -> None:
    class Over(Exception):
        pass

    def over(*_: Any) -> None:
        raise Over

    x = tf.placeholder(tf.float32, [1, 64, 64, 8])
    y: Any = x
    for _ in range(2000):
        y = tf.nn.conv2d(y, np.full((3, 3, 8, 8), 0.01, "float32"), 1, "SAME")
    session, start = tf.Session(), time.monotonic()
    before = signal.signal(signal.SIGALRM, over)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        with pytest.raises(Over):
            while time.monotonic() < start + 60:
                session.run(y, {x: np.ones((1, 64, 64, 8))})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert session.run(tf.constant(2.0)) == 2.0
    with pytest.raises(ValueError, match="Dimensions must be equal"):
        tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0])


# Files


def test_checkpoints_may_have_any_name(tmp_path: Any) -> None:
    variable = tf.get_variable("v", [2])
    session, saver = tf.Session(), tf.train.Saver()
    session.run(variable.initializer)
    for name in ("\udcff", "a\"b", "é", b"bytes\xff"):
        path = os.path.join(os.fsencode(tmp_path), name) if isinstance(name, bytes) else str(tmp_path / name)
        saved = saver.save(session, path, global_step=np.int64(3))
        assert saved == os.fsdecode(path) + "-3"
        assert tf.train.latest_checkpoint(str(tmp_path)) == saved
        saver.restore(session, saved)
    assert not list(tmp_path.glob("*.tmp"))
    (tmp_path / "checkpoint").write_bytes(b"\xff\xfe\0")
    assert tf.train.latest_checkpoint(str(tmp_path)) is None


def test_a_checkpoint_of_another_dtype_is_refused(tmp_path: Any) -> None:
    variable = tf.get_variable("v", [2], initializer=tf.zeros_initializer())
    session = tf.Session()
    session.run(variable.initializer)
    for array in (np.ones(2), np.ones(2, "int64"), np.ones(2, bool)):
        _tconv.save_variables(tmp_path / "m.safetensors", {"v": array})
        with pytest.raises(tconv.errors.InvalidArgumentError, match="Assign requires dtypes of both tensors to match"):
            tf.train.Saver().restore(session, str(tmp_path / "m"))
    assert session.run(variable).tolist() == [0.0, 0.0]
    for variables in ([5], {"a": 5}, "a"):
        with pytest.raises(TypeError, match="Variable to save is not a Variable"):
            tf.train.Saver(variables)


def test_programs_that_are_none(tmp_path: Any) -> None:
    def run(*arguments: str, given: bytes = b"") -> Any:
        command = [sys.executable, "-m", "tconv", *arguments]
        return subprocess.run(command, input=given, capture_output=True, timeout=60, env=_environment())

    refused = run(str(tmp_path))
    assert refused.returncode == 2 and b"can't find '__main__' module in" in refused.stderr
    assert b"Traceback" not in refused.stderr
    assert b"SyntaxError" in run("-", given=b"print('\xff')").stderr
    assert run("-", given=b"# coding: latin-1\nprint(ascii('\xff'))").stdout.strip() == b"'\\xff'"


def test_layers_name_the_argument_that_is_wrong() -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 3])
    with pytest.raises(ValueError, match="The `data_format` argument must be one of"):
        tf.layers.conv2d(x, 2, 3, data_format="NHWC")
    with pytest.raises(ValueError, match="The `data_format` argument must be one of"):
        tf.layers.max_pooling2d(x, 2, 2, data_format={})  # type: ignore[arg-type]
    for inputs in (1.0, tf.placeholder(tf.float32)):
        with pytest.raises(ValueError, match="must have an axis -1 whose size is known"):
            tf.layers.dense(inputs, 2)
    with pytest.raises(ValueError, match=r"split: axis 5 is not in \[-4, 4\)"):
        tf.split(x, 2, axis=5)
    with pytest.raises((TypeError, ValueError)):
        tf.layers.average_pooling2d(x, 2, 2, padding=3)  # type: ignore[arg-type]
    assert tf.get_default_graph().get_name_scope() == ""

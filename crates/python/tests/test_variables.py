"""Variables, scopes, optimizers and layers of the compiled part: names as TensorFlow 2.21 and tf_slim 1.1 give them."""

from __future__ import annotations

import numpy as np
import pytest

from tconv import _tconv


@pytest.fixture
def graph():
    with _tconv.Graph().as_default() as graph:
        yield graph


def names(graph):
    return [operation.name for operation in graph.get_operations()]


def get(name, shape=None, dtype=None, initializer=None):
    return _tconv.get_variable(name, shape, dtype, initializer, True)


def scope(name, default=None, reuse=None, initializer=None, dtype=None):
    return _tconv.variable_scope(name, default, reuse, initializer, dtype)


def conv2d(x, activation=None, normalizer=None, biases=None, scope=None, weights=None, reuse=None):
    args = (3, 2, "SAME", None, 1, activation, normalizer, weights, biases, True, reuse, scope)
    return _tconv.layer("conv2d", x, 4, *args)


def test_a_variable_of_a_value(graph):
    v = _tconv.variable(1.0, True, None, None)
    assert names(graph) == [
        "Variable/Initializer/initial_value",
        "Variable",
        "Variable/IsInitialized/VarIsInitializedOp",
        "Variable/Assign",
        "Variable/Read/ReadVariableOp",
    ]
    assert (v.name, v.op.name, v.shape.as_list(), v.dtype, v.trainable) == ("Variable:0", "Variable", [], "float32", True)
    assert (v.initializer.name, v.initial_value.name) == ("Variable/Assign", "Variable/Initializer/initial_value:0")
    assert repr(v) == "<tf.Variable 'Variable:0' shape=() dtype=float32>"
    assert graph.global_variables() == [v] == graph.trainable_variables()
    with graph.name_scope("s"):
        w = _tconv.variable(np.zeros([2]), False, None, "v")
    assert (w.name, w.dtype, graph.trainable_variables()) == ("s/v:0", "float64", [v])
    assert v != w and len({v, w, graph.global_variables()[0]}) == 2


def test_a_function_stands_within_the_variables_scope(graph):
    v = _tconv.variable(lambda: _tconv.constant([1.0, 2.0]), True, None, "f")
    assert v.initial_value.name == "f/Initializer/Const:0"
    seen = []

    def initializer(shape, dtype=None, partition_info=None):
        seen.append((shape, dtype))
        return np.arange(4).reshape(shape)

    w = get("w", [2, 2], _tconv.float64, initializer)
    assert seen == [([2, 2], "float64")]
    assert w.initial_value.name == "w/Initializer/initial_value:0"
    with _tconv.Session() as session:
        session.run(_tconv.initialize(None, "init"))
        assert session.run([v, w[1]])[1].tolist() == [2.0, 3.0]


def test_exceptions_of_the_callers_own_come_back(graph):
    class Mine(Exception):
        pass

    mine = Mine("mine")

    def fails(*_args, **_options):
        raise mine

    x = _tconv.placeholder(_tconv.float32, [1, 4, 4, 3])
    for call in [
        lambda: get("v", [2], None, fails),
        lambda: _tconv.variable(fails, True, None, None),
        lambda: conv2d(x, activation=fails),
        lambda: conv2d(x, normalizer=fails),
        lambda: conv2d(x, weights=fails),
    ]:
        with pytest.raises(Mine) as raised:
            call()
        assert raised.value is mine
        assert (graph.get_name_scope(), _tconv.get_variable_scope().name) == ("", "")
    # The next error is its own.
    with pytest.raises(ValueError, match="must be fully defined"):
        get("w")


def test_scopes_share_variables(graph):
    with scope("a") as a:
        v = get("v", [2])
        assert (a.name, a.original_name_scope, a.reuse) == ("a", "a/", False)
        with scope("b", reuse=_tconv.AUTO_REUSE) as b:
            assert (get("v", [2]).name, repr(b.reuse)) == ("a/b/v:0", "AUTO_REUSE")
        with pytest.raises(ValueError, match="Variable a/v already exists"):
            get("v", [2])
    with scope(a, reuse=True):
        assert get("v") == v
        with pytest.raises(ValueError, match="Variable a/w does not exist"):
            get("w", [2])
    with scope("a") as again:
        again.reuse_variables()
        assert get("v") == v
        assert _tconv.constant(1.0).name == "a_2/Const:0"
    assert _tconv.get_variable_scope().reuse is False
    with scope("ones", initializer=_tconv.initializer("ones"), dtype=_tconv.float64):
        assert get("v", [2]).initial_value.name == "ones/v/Initializer/ones:0"
        assert get("w", [2]).dtype == "float64"
    for number in ["d", "d_1"]:
        with scope(None, "d"):
            assert get("v", [2]).name == f"{number}/v:0"
    with pytest.raises(RuntimeError), scope("e"):
        raise RuntimeError
    assert _tconv.get_variable_scope().name == ""


def test_updates(graph):
    v = _tconv.variable(1.0, True, None, None)
    with _tconv.Session() as session:
        with pytest.raises(Exception, match="uninitialized"):
            session.run(v)
        assert not session.run(v.is_initialized())
        session.run(_tconv.initialize([v], "init"))
        assert session.run(v.assign(5.0)) == 5.0
        assert session.run(v.assign_add(2.0, name="plus")) == 7.0
        session.run(v.assign_sub(3.0, read_value=False))
        assert (v.eval(), graph.get_operation_by_name("plus").type) == (4.0, "AssignAddVariableOp")
        v.load(9.0)
        x, y = 2.0, v
        made = [x + y, y - x, x * y, y / x, x / y, y // x, y**x, -y, abs(-y), y > x]
        expected = [11.0, 7.0, 18.0, 4.5, 2.0 / 9.0, 4.0, 81.0, -9.0, 9.0, True]
        assert session.run(made) == pytest.approx(expected)
        assert session.run([v.read_value(), v.value(), v.initialized_value()]) == [9.0, 9.0, 1.0]


def test_optimizers(graph):
    w = _tconv.variable([1.0, -2.0], True, None, "w")
    step = _tconv.variable(0, False, _tconv.int64, "step")
    rate = _tconv.placeholder(_tconv.float32, [])
    loss = _tconv.reduce("Sum", w * w, None, False, None)
    descent = _tconv.Optimizer("GradientDescent", rate)
    train = descent.minimize(loss, None, step, None)
    assert (train.name, train.type) == ("GradientDescent", "AssignAddVariableOp")
    adam = _tconv.Optimizer("Adam", lambda: 0.1, "A", beta1=0.5)
    pairs = adam.compute_gradients(loss, [w])
    assert [variable for _, variable in pairs] == [w]
    assert adam.apply_gradients(pairs, None, "training").name == "training"
    adam.apply_gradients(pairs, None, None)
    momentum = _tconv.Optimizer("Momentum", 0.1, momentum=0.9, use_nesterov=True)
    assert momentum.minimize(loss, [w], None, None).name == "Momentum"
    own = ["w", "step", "beta1_power", "beta2_power", "w/A", "w/A_1", "w/Momentum"]
    assert [variable.op.name for variable in graph.global_variables()] == own
    with _tconv.Session() as session:
        session.run(_tconv.initialize(None, "init"))
        session.run(train, {rate: 0.25})
        assert session.run([step, w])[1].tolist() == [0.5, -1.0]
    for wrong in [{"beta3": 1.0}, {"beta1": "x"}]:
        with pytest.raises(TypeError):
            _tconv.Optimizer("Adam", 0.1, **wrong)
    with pytest.raises(ValueError, match="No variables to optimize"):
        descent.minimize(loss, [], None, None)
    with pytest.raises(ValueError, match="No gradients provided"):
        descent.minimize(loss, [step], None, None)


def test_layers(graph):
    x = _tconv.placeholder(_tconv.float32, [None, 8, 8, 3])
    zeros = _tconv.initializer("zeros")
    y = conv2d(x, lambda sums: _tconv.apply("Relu", [sums]), biases=zeros)
    assert (y.name, y.shape.as_list()) == ("Conv/Relu:0", [None, 4, 4, 4])
    assert conv2d(x, normalizer=lambda sums: sums * 2.0, biases=zeros, scope="n").name == "n/mul:0"
    with scope("open") as opened:
        pass
    assert conv2d(x, scope=opened).name == "open_1/Conv2D:0"
    conv2d(x, scope="open", reuse=True)
    assert [variable.op.name for variable in graph.global_variables()] == [
        "Conv/weights",
        "Conv/biases",
        "n/weights",
        "open/weights",
    ]
    with pytest.raises(ValueError, match="reuse=True cannot be used without a name_or_scope"):
        conv2d(x, reuse=True)

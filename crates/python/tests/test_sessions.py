"""Fetches, feeds and sessions, as TensorFlow 1 has them."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest

import tconv
import tconv.tf1 as tf
from tconv import errors

Pair = collections.namedtuple("Pair", "first second")


def same(found: Any, want: Any) -> None:
    """That two structures are of the same types and hold the same numbers."""
    if isinstance(want, dict):
        assert type(found) in (dict, type(want)) and list(found) == list(want)
        for key in want:
            same(found[key], want[key])
    elif isinstance(want, (list, tuple)):
        assert type(found) is type(want) and len(found) == len(want)
        for one, other in zip(found, want):
            same(one, other)
    elif want is None:
        assert found is None
    else:
        assert isinstance(found, (np.ndarray, np.generic))
        np.testing.assert_array_equal(found, want)


def test_the_answer_has_the_structure_of_the_fetches(sess: tf.Session) -> None:
    a, b = tf.constant(1.0, name="a"), tf.constant([2, 3], name="b")
    v = tf.Variable(4.0, name="v")
    sess.run(v.initializer)
    one, two = np.float32(1), np.array([2, 3])
    cases: list[tuple[Any, Any]] = [
        (a, one),
        (b, two),
        ([a], [one]),
        ((a, b), (one, two)),
        (Pair(a, b), Pair(one, two)),
        ({"x": a, "y": [b, {"z": a}]}, {"x": one, "y": [two, {"z": one}]}),
        ([[a], (b, [a, ()]), Pair([a], {"k": b})], [[one], (two, [one, ()]), Pair([one], {"k": two})]),
        (collections.OrderedDict([("z", a), ("a", b)]), {"z": one, "a": two}),
        ([], []),
        ((), ()),
        ({}, {}),
        ([a, a, b, a], [one, one, two, one]),
        (v, np.float32(4)),
        ([v, v, a], [np.float32(4)] * 2 + [one]),
        (a.op, None),
        ([a.op, a], [None, one]),
        (tf.no_op(), None),
        ({"op": v.initializer, "v": a}, {"op": None, "v": one}),
        ("a:0", one),
        (["a:0", "b:0", "a"], [one, two, None]),
        ("v/Assign", None),
    ]
    for fetches, want in cases:
        same(sess.run(fetches), want)
    assert sess.run(a).dtype == np.float32 and type(sess.run(a)) is np.float32
    assert type(sess.run(b)) is np.ndarray and sess.run(b).dtype == np.int32


@pytest.mark.parametrize(
    ("fetch", "error", "text"),
    [
        (None, TypeError, "Fetch argument None has invalid type <class 'NoneType'>"),
        ([None], TypeError, "Fetch argument None has invalid type <class 'NoneType'>"),
        (1, TypeError, "Fetch argument 1 has invalid type <class 'int'>, must be a string or Tensor."),
        (1.5, TypeError, "Fetch argument 1.5 has invalid type <class 'float'>"),
        ({1}, TypeError, "has invalid type <class 'set'>"),
        ("missing", ValueError, "Fetch argument 'missing' cannot be interpreted as a Tensor."),
        ("missing:0", ValueError, "Fetch argument 'missing:0' cannot be interpreted as a Tensor."),
        ("a:1", ValueError, "Fetch argument 'a:1' cannot be interpreted as a Tensor."),
    ],
)
def test_what_cannot_be_fetched(sess: tf.Session, fetch: Any, error: type[Exception], text: str) -> None:
    a = tf.constant(1.0, name="a")
    with pytest.raises(error) as caught:
        sess.run(fetch)
    assert text in str(caught.value)
    assert sess.run(a) == 1


def test_a_tensor_of_another_graph_cannot_be_fetched_or_fed(sess: tf.Session) -> None:
    with tf.Graph().as_default():
        other = tf.placeholder(tf.float32, name="other")
        operation = tf.no_op()
        variable = tf.Variable(1.0)
    for fetch in (other, operation, variable, [other]):
        with pytest.raises(ValueError, match="is not an element of this graph"):
            sess.run(fetch)
    for key in (other, variable):
        with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
            sess.run([], {key: 1.0})


FED: list[tuple[Any, Any, Any, Any]] = [
    # dtype, shape, what is fed, the value
    (tf.float32, None, 1, np.float32(1)),
    (tf.float32, None, True, np.float32(1)),
    (tf.float32, None, [1, 2.5], np.array([1, 2.5], "f4")),
    (tf.float32, None, np.float64(1.5), np.float32(1.5)),
    (tf.float32, None, np.array([1, 2.5]), np.array([1, 2.5], "f4")),
    (tf.float32, [2, 2], ((1, 2), (3, 4)), np.array([[1, 2], [3, 4]], "f4")),
    (tf.float32, [None, 2], np.ones((0, 2)), np.ones((0, 2), "f4")),
    (tf.float32, None, [np.float32(1), 2], np.array([1, 2], "f4")),
    (tf.float32, None, 2**70, np.float32(2**70)),
    (tf.float32, None, [], np.array([], "f4")),
    (tf.float64, None, [1, 2], np.array([1.0, 2.0])),
    (tf.float16, None, [1.5, 2], np.array([1.5, 2], "f2")),
    (tf.int32, None, range(3), np.arange(3, dtype="i4")),
    (tf.int32, None, True, np.int32(1)),
    (tf.int32, None, [1.5, 2], np.array([1, 2], "i4")),
    (tf.int64, None, 2**62, np.int64(2**62)),
    (tf.uint8, None, [0, 255], np.array([0, 255], "u1")),
    (tf.bool, None, [2, 0], np.array([True, False])),
]


@pytest.mark.parametrize(("dtype", "shape", "value", "want"), FED)
def test_what_is_fed_is_converted(sess: tf.Session, dtype: Any, shape: Any, value: Any, want: Any) -> None:
    x = tf.placeholder(dtype, shape, "x")
    for key in (x, "x:0"):
        found = sess.run(x, {key: value})
        same(found, want)
        assert found.dtype == want.dtype
    same(sess.make_callable(x, [x])(value), want)
    same(x.eval({x: value}), want)


REFUSED: list[tuple[Any, Any, Any, type[Exception], str]] = [
    (tf.float32, [2], [1, 2, 3], ValueError, "Cannot feed value of shape (3,) for Tensor x:0, which has shape (2,)"),
    (tf.float32, [2], 1, ValueError, "Cannot feed value of shape () for Tensor x:0, which has shape (2,)"),
    (tf.float32, [None, 2], [1, 2], ValueError, "Cannot feed value of shape (2,) for Tensor x:0, which has shape (None, 2)"),
    (tf.float32, None, "a", ValueError, "could not convert string to float"),
    (tf.float32, None, [[1], [2, 3]], ValueError, "x:0"),
    (tf.float32, None, object(), (TypeError, ValueError), "x:0"),
    (tf.float32, None, [object()], (TypeError, ValueError), "x:0"),
    (tf.int32, None, 2**31, (TypeError, OverflowError), ""),
    (tf.int32, None, [2**31], (TypeError, ValueError, OverflowError), ""),
    (tf.int64, None, 2**63, (TypeError, ValueError, OverflowError), ""),
    (tf.uint8, None, 300, (TypeError, ValueError, OverflowError), ""),
    (tf.uint8, None, -1, (TypeError, ValueError, OverflowError), ""),
]


@pytest.mark.parametrize(("dtype", "shape", "value", "error", "text"), REFUSED)
def test_what_cannot_be_fed(sess: tf.Session, dtype: Any, shape: Any, value: Any, error: Any, text: str) -> None:
    x = tf.placeholder(dtype, shape, "x")
    one = tf.constant(1.0)
    with pytest.raises(error) as caught:
        sess.run(one, {x: value})
    assert text.replace("x:0", "").strip() in str(caught.value).replace("x:0", "").replace("''", "").strip()
    assert sess.run(one) == 1


@pytest.mark.parametrize("key", [1, None, "y:0", "x", "", 1.5, (1,)])
def test_what_is_no_key_of_a_feed_dict(sess: tf.Session, key: Any) -> None:
    x = tf.placeholder(tf.float32, name="x")
    with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
        sess.run(x, {key: (1,)})


def test_a_tensor_is_no_value_of_a_feed(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, name="x")
    for value in (x, tf.constant(1.0), tf.Variable(1.0)):
        with pytest.raises(TypeError, match="The value of a feed cannot be a tf.Tensor object"):
            sess.run(x, {x: value})
    with pytest.raises((TypeError, ValueError, NotImplementedError)):
        sess.run(x, {x: [x]})
    with pytest.raises(TypeError, match="feed_dict must be a dictionary"):
        sess.run(x, [x])


def test_any_tensor_may_be_fed(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, name="x")
    y = x + 1.0
    assert sess.run(y, {y: 5}) == 5
    assert sess.run([x, y, y * 2.0], {x: 1, y: 5}) == [1, 5, 10]
    constant = tf.constant(1.0)
    assert sess.run(constant + 1.0, {constant: 5}) == 6
    z = tf.placeholder(tf.float32, name="z")
    assert sess.run([x, z], {(x, z): (1, 2)}) == [1, 2]
    assert sess.run(constant, {x: 1}) == 1


def test_variables_that_are_fed_keep_their_values(sess: tf.Session) -> None:
    v = tf.Variable(1.0)
    sess.run(v.initializer)
    assert sess.run(v, {v: 5}) == 5
    assert sess.run(v) == 1


def test_default_sessions(graph: tf.Graph) -> None:
    t, operation = tf.constant(1.0), tf.no_op()
    assert tf.get_default_session() is None
    with pytest.raises(ValueError, match=r"Cannot evaluate tensor using `eval\(\)`: No default session is registered"):
        t.eval()
    with pytest.raises(ValueError, match=r"Cannot execute operation using `run\(\)`: No default session is registered"):
        operation.run()
    sess = tf.Session()
    assert t.eval(session=sess) == 1 and operation.run(session=sess) is None
    with sess.as_default() as entered:
        assert entered is sess and tf.get_default_session() is sess
        assert t.eval() == 1
        with tf.Session() as inner:
            assert tf.get_default_session() is inner
        assert tf.get_default_session() is sess
    assert tf.get_default_session() is None
    assert sess.run(t) == 1, "as_default does not close"
    sess.close()
    sess.close()
    for run in (lambda: sess.run(t), lambda: t.eval(session=sess), sess.make_callable(t)):
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
            run()


def test_a_session_of_another_graph_makes_that_graph_the_default(graph: tf.Graph) -> None:
    other = tf.Graph()
    with tf.Session(graph=other) as sess:
        assert sess.graph is other and tf.get_default_graph() is other
        assert sess.run(tf.constant(1.0)) == 1
    assert tf.get_default_graph() is graph


def test_what_makes_no_session(graph: tf.Graph) -> None:
    for arguments in ({"graph": 1}, {"target": 1}, {"target": "grpc://x"}, {"threads": -1}, {"threads": "a"}):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            tf.Session(**arguments)


def test_a_with_block_that_raises_leaves_no_default_session(graph: tf.Graph) -> None:
    with pytest.raises(KeyError), tf.Session():
        raise KeyError
    assert tf.get_default_session() is None and tf.get_default_graph() is graph


def test_callables(sess: tf.Session) -> None:
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32)
    call = sess.make_callable({"sum": x + y}, [x, y])
    np.testing.assert_array_equal(call([1, 2], 3)["sum"], [4, 5])
    with pytest.raises(TypeError, match="2 values"):
        call([1, 2])
    with pytest.raises(ValueError):
        call([[1]], 3)
    with pytest.raises(errors.InvalidArgumentError, match="You must feed a value for placeholder tensor"):
        sess.make_callable(x)()


def test_two_sessions_have_variables_of_their_own(graph: tf.Graph) -> None:
    v = tf.Variable(0.0)
    add = v.assign_add(1.0)
    with tf.Session() as one, tf.Session() as two:
        one.run(v.initializer)
        two.run(v.initializer)
        one.run(add)
        assert one.run(v) == 1 and two.run(v) == 0


def test_less_precision_is_permitted_by_name(graph: tf.Graph) -> None:
    x, w = tf.constant(np.arange(512, dtype="f4").reshape(2, 8, 8, 4) % 5), tf.ones([3, 3, 4, 8])
    plain = tf.nn.conv2d_transpose(x, w[:, :, :, :4], [2, 8, 8, 4], 1)
    ops = [tf.nn.conv2d(x, w, 1, "SAME", precision=name) for name in ("highest", "high", "medium")]
    assert [op.op.get_attr("_precision") for op in ops] == [b"highest", b"high", b"medium"]
    slopes = tf.gradients(ops[1], [x, w])
    assert all(slope.op.get_attr("_precision") == b"high" for slope in slopes)
    with pytest.raises(ValueError):
        plain.op.get_attr("_precision")
    for name in ("highest", "high", "medium"):
        session = tf.Session(graph=graph, precision=name)
        # Sums of small whole numbers are exact however they are computed.
        for found, expected in zip(session.run([plain, *ops]), tf.Session(graph=graph).run([plain, *ops])):
            np.testing.assert_array_equal(found, expected)
        eager = tconv.conv2d(np.ones((1, 4, 4, 2), "f4"), np.ones((2, 2, 2, 1), "f4"), precision=name)
        assert eager.max() == 8
    message = "precision must be 'highest', 'high' or 'medium', got 'bf16'"
    for wrong in (
        lambda: tf.Session(graph=graph, precision="bf16"),
        lambda: tf.nn.conv2d(x, w, 1, "SAME", precision="bf16"),
        lambda: tconv.conv2d(np.ones((1, 4, 4, 2), "f4"), np.ones((2, 2, 2, 1), "f4"), precision="bf16"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()

"""Sizes with names, what is found wrong for some of them, and how it is shown."""

from __future__ import annotations

import html
import inspect
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import tconv.tf1 as tf


def here() -> int:
    """The line of the caller."""
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    return frame.f_back.f_lineno




def doubled(graph: tf.Graph) -> tuple[tf.Tensor, int]:
    """The sum of an image and what is made of its halves, and the line of the sum."""
    x = tf.placeholder(tf.float32, ["N", "H", "W", 3], "x")
    half = tf.nn.max_pool(x, 2, 2, "VALID")
    size = tf.shape(half)
    shape = tf.stack([size[0], size[1] * 2, size[2] * 2, 3])
    back = tf.nn.conv2d_transpose(half, tf.ones([2, 2, 3, 3]), shape, [1, 2, 2, 1], "VALID")
    return x + back, here()


def test_shapes_have_expressions(graph: tf.Graph) -> None:
    x = tf.placeholder(tf.float32, ["N", "H", "W", 3], "x")
    y = tf.nn.conv2d(x, tf.ones([3, 3, 3, 8]), strides=2, padding="SAME")
    assert y.symbolic_shape == "[N, ceil(H/2), ceil(W/2), 8]"
    assert x.shape.as_list() == [None, None, None, 3] and y.shape.as_list() == [None, None, None, 8]


def test_one_name_is_one_size(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, ["N", "N"], "x")
    assert sess.run(x, {x: np.ones((2, 2))}).shape == (2, 2)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="N"):
        sess.run(x, {x: np.ones((2, 3))})


def test_diagnostics_name_the_line(sess: tf.Session) -> None:
    assert sess.graph.diagnostics() == []
    y, line = doubled(sess.graph)
    (found,) = sess.graph.diagnostics()
    assert found.level == "warning"
    assert found.file == __file__ and found.line == line
    assert found.node == y.op.name and found.op == "AddV2"
    assert found.title and "\n" not in found.title
    assert found.notes and found.helps
    text = str(found)
    assert text == found.render() and "\x1b" not in text and "\x1b[" in found.render(color=True)
    assert f"{Path(__file__).name}:{line}" in text and "return x + back, here()" in text
    assert sess.run(y, {"x:0": np.ones((1, 4, 4, 3))}).shape == (1, 4, 4, 3)
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.run(y, {"x:0": np.ones((1, 5, 4, 3))})


def test_requirements(graph: tf.Graph) -> None:
    y, _ = doubled(graph)
    requirements = graph.requirements(y)
    by_text = {requirement.condition: requirement for requirement in requirements}
    assert requirements, "H and W must be even"
    assert all("H" in text or "W" in text for text in by_text)
    for height, width in [(4, 4), (5, 4), (4, 7), (1, 1), (2, 128)]:
        holds = all(requirement.holds(N=1, H=height, W=width) for requirement in requirements)
        # A window of two wants two; odd sizes lose their last row, which the sum wants. One is broadcast to.
        assert holds == (height % 2 == 0 and width % 2 == 0) or 1 in (height, width)
    first = requirements[0]
    assert first.holds() is None
    assert first.operations and all(graph.get_operation_by_name(name) for name in first.operations)
    assert first.condition in str(first) and first.condition in repr(first)
    with pytest.raises(TypeError, match="must be an integer"):
        first.holds(H="a")
    for wrong in (None, 5, "none:0"):
        with pytest.raises((TypeError, ValueError, KeyError)):
            graph.requirements(wrong)


def test_a_strict_graph_refuses(graph: tf.Graph) -> None:
    graph.set_strict(True)
    with pytest.raises(ValueError, match="(?s)return x \\+ back, here|doubled|AddV2|x"):
        doubled(graph)
    graph.set_strict(False)


class Balanced(HTMLParser):
    """Fails on tags that are not closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(text: str) -> str:
    parser = Balanced()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser.text


def test_notebooks_show_html(graph: tf.Graph) -> None:
    y, _ = doubled(graph)
    (found,) = graph.diagnostics()
    assert str(found) in parsed(found._repr_html_())
    assert html.escape(str(found), quote=False) in found._repr_html_()
    for shown in (parsed(y._repr_html_()), parsed(graph._repr_html_())):
        assert y.name in shown and "AddV2" in shown and "float32" in shown
    assert found.title in parsed(graph._repr_html_())


def test_html_is_escaped(graph: tf.Graph) -> None:
    with graph.name_scope("a") as scope:
        assert scope == "a/"
    named = tf.constant(1.0, name="a>b")
    shown = named._repr_html_()
    assert "a&gt;b:0" in shown and not re.search("[^<a-z/]>b", shown)
    assert "a>b:0" in parsed(shown) and "a>b:0" in parsed(graph._repr_html_())


def test_a_large_graph_is_not_shown_whole(graph: tf.Graph) -> None:
    for _ in range(500):
        tf.constant(1.0)
    shown = graph._repr_html_()
    assert len(shown) < 60_000 and "and 300 more" in parsed(shown)

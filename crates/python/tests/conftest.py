"""What tests of several files use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tconv.tf1 as tf

PACKAGE = Path(tf.__file__).parents[2]


@pytest.fixture
def graph() -> Iterator[tf.Graph]:
    """A graph of the test's own, which is the default one."""
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture
def sess(graph: tf.Graph) -> Iterator[tf.Session]:
    """A session of that graph, which is the default one."""
    with tf.Session(graph=graph) as sess:
        yield sess


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a fresh interpreter."""
    paths = [str(PACKAGE), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

"""What is composed of several ops has the values that TensorFlow gives it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from compared import cases, evaluated

import tconv.tf1 as tf

RECORDED = json.loads(Path(__file__).with_name("compared.json").read_text())["cases"]
CASES = cases(tf)


def test_all_are_recorded() -> None:
    assert list(CASES) == list(RECORDED)


@pytest.mark.parametrize("name", CASES)
def test_tensorflows_values(name: str) -> None:
    values = evaluated(tf, CASES[name])
    assert len(values) == len(RECORDED[name])
    for value, recorded in zip(values, RECORDED[name]):
        assert list(value.shape) == recorded["shape"]
        np.testing.assert_allclose(value.ravel(), recorded["values"], rtol=2e-5, atol=2e-6)

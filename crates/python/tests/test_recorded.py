"""Eager convolutions beside the values that were recorded from TensorFlow."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tconv

TESTDATA = Path(__file__).parents[3] / "testdata"
DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}


def recorded(family: str) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The cases of a family and its arrays. The format is read by hand: nothing of tconv's own."""
    content = (TESTDATA / f"{family}.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__")
    arrays = {}
    for name, entry in header.items():
        if entry["dtype"] in DTYPES:
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            arrays[name] = np.frombuffer(content[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return json.loads(metadata["cases"]), arrays


CASES, ARRAYS = recorded("conv")
FUNCTIONS = {
    "Conv2D": (tconv.conv2d, "NHWC"),
    "Conv2DBackpropInput": (tconv.conv2d_backprop_input, "NHWC"),
    "Conv2DBackpropFilter": (tconv.conv2d_backprop_filter, "NHWC"),
    "Conv3D": (tconv.conv3d, "NDHWC"),
    "Conv3DBackpropInputV2": (tconv.conv3d_backprop_input, "NDHWC"),
    "Conv3DBackpropFilterV2": (tconv.conv3d_backprop_filter, "NDHWC"),
}
TRANSPOSES = {"Conv2DBackpropInput": tconv.conv2d_transpose, "Conv3DBackpropInputV2": tconv.conv3d_transpose}


def options(case: dict[str, Any]) -> dict[str, Any]:
    """A case's attributes as the eager functions name them."""
    attrs = case["attrs"]
    padding = attrs["padding"]
    if padding == "EXPLICIT":
        flat = attrs["explicit_paddings"]
        padding = [flat[i : i + 2] for i in range(0, len(flat), 2)]
    chosen = {key: attrs[key] for key in ("strides", "dilations", "data_format") if key in attrs}
    return {**chosen, "padding": padding}


def check(case: dict[str, Any], found: np.ndarray) -> None:
    want = ARRAYS[case["outputs"][0]]
    assert found.dtype == want.dtype and found.shape == want.shape
    if "eighths" in case["name"] or want.dtype.kind == "i":
        np.testing.assert_array_equal(found, want)
    else:
        tolerance = {4: 2e-5, 8: 1e-12}[want.dtype.itemsize]
        np.testing.assert_allclose(found, want, tolerance, tolerance * max(1, np.abs(want).max(initial=0)))


@pytest.mark.parametrize("op", FUNCTIONS)
def test_convolutions_give_tensorflows_values(op: str) -> None:
    function, _ = FUNCTIONS[op]
    cases = [case for case in CASES if case["op"] == op]
    assert len(cases) > 10
    for case in cases:
        inputs = [ARRAYS[key] for key in case["inputs"]]
        check(case, function(*inputs, **options(case)))
        out = np.full_like(ARRAYS[case["outputs"][0]], 77)
        assert function(*inputs, **options(case), out=out) is out
        check(case, out)
        if op in TRANSPOSES:
            sizes, filter, value = inputs
            check(case, TRANSPOSES[op](value, filter, sizes, **options(case)))


def test_convolutions_over_one_axis_are_those_over_two_of_height_one() -> None:
    """TensorFlow's `conv1d` is its `conv2d` of height 1; so the recorded cases of height 1 serve."""
    count = 0
    for case in CASES:
        attrs = case["attrs"]
        arrays = [ARRAYS[key] for key in case["inputs"]]
        if not case["op"].startswith("Conv2D") or attrs["data_format"] != "NHWC" or attrs["padding"] == "EXPLICIT":
            continue
        x, w = {
            "Conv2D": lambda a: (a[0].shape, a[1].shape),
            "Conv2DBackpropInput": lambda a: (tuple(a[0]), a[1].shape),
            "Conv2DBackpropFilter": lambda a: (a[0].shape, tuple(a[1])),
        }[case["op"]](arrays)
        if x[1] != 1 or w[0] != 1 or attrs["strides"][1] != 1:
            continue
        count += 1
        narrow = [np.delete(a, 1 if tuple(a) == tuple(x) else 0) if a.ndim == 1 else a for a in arrays]
        narrow = [a[0] if a.ndim == 4 and a.shape == w and i == 1 else a for i, a in enumerate(narrow)]
        narrow = [a[:, 0] if a.ndim == 4 else a for a in narrow]
        name = case["op"].replace("Conv2D", "conv1d").replace("BackpropInput", "_backprop_input")
        function = getattr(tconv, name.replace("BackpropFilter", "_backprop_filter"))
        found = function(*narrow, attrs["strides"][2], attrs["padding"], dilations=attrs["dilations"][2])
        check(case, found[None] if "Filter" in case["op"] else found[:, None])
    assert count > 0

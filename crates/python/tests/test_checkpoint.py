"""Variables' values in safetensors files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tconv import _tconv

DTYPES = ["float16", "float32", "float64", "int32", "int64", "uint8", "bool"]


def written_by_hand(path: Path, header: dict, elements: bytes) -> None:
    """The format as its description has it: a length, a header in JSON, the elements."""
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + elements)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_saved_comes_back(tmp_path: Path, dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    values = {"layer/w": array, "turned": array.T, "scalar": array[1, 2], "empty": array[:0], "list": [1.5, 2]}
    path = tmp_path / "a.safetensors"
    _tconv.save_variables(str(path), values)
    found = _tconv.load_variables(str(path))
    assert sorted(found) == sorted(values)
    for name, value in values.items():
        want = np.asarray(value)
        assert isinstance(found[name], np.ndarray), name
        assert found[name].dtype == want.dtype and found[name].shape == want.shape, name
        np.testing.assert_array_equal(found[name], want)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_bfloat16(tmp_path: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = {"b": np.asarray([1, -2.5, 1e30], ml_dtypes.bfloat16)}
    _tconv.save_variables(tmp_path / "b", values)
    found = _tconv.load_variables(tmp_path / "b")["b"]
    assert found.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(found, values["b"])


def test_the_file_is_in_the_formats_form(tmp_path: Path) -> None:
    path = tmp_path / "a"
    array = np.asarray([[1, 2], [3, 4]], "<f4")
    _tconv.save_variables(str(path), {"w": array})
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert header == {"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    assert content[8 + length :] == array.tobytes()
    written_by_hand(path, {"__metadata__": {"by": "hand"}, **header}, array.tobytes())
    np.testing.assert_array_equal(_tconv.load_variables(str(path))["w"], array)


def test_errors_name_the_file(tmp_path: Path) -> None:
    from tconv import errors

    missing = str(tmp_path / "none" / "a")
    with pytest.raises(errors.NotFoundError, match="none"):
        _tconv.load_variables(missing)
    with pytest.raises(errors.NotFoundError, match="none"):
        _tconv.save_variables(missing, {"w": np.zeros(2)})
    damaged = tmp_path / "damaged"
    written_by_hand(damaged, {"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}, b"\0" * 8)
    with pytest.raises(errors.InvalidArgumentError, match="damaged: "):
        _tconv.load_variables(str(damaged))
    with pytest.raises(TypeError, match="'c': .*complex128"):
        _tconv.save_variables(str(tmp_path / "c"), {"c": np.zeros(2, complex)})
    assert not (tmp_path / "c").exists()

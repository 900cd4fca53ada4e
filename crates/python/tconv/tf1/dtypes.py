"""Element types: `tf.float32` and the others that the engine has."""

from __future__ import annotations

from tconv._tconv import (
    DType,
    as_dtype,
    bfloat16,
    bool,
    float16,
    float32,
    float64,
    int32,
    int64,
    resource,
    uint8,
)

half = float16
double = float64

__all__ = [
    "DType",
    "as_dtype",
    "bfloat16",
    "bool",
    "double",
    "float16",
    "float32",
    "float64",
    "half",
    "int32",
    "int64",
    "resource",
    "uint8",
]

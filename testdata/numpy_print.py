"""Records how NumPy prints arrays, for the tests of tconv-tensor's Display.

    python numpy_print.py [RANDOM_ARRAYS [SEED]] > numpy_print.json

Elements are kept as bit patterns in hexadecimal and repeated cyclically to fill the shape.
"""

import json
import sys

import ml_dtypes
import numpy as np

BITS = {"float16": np.uint16, "bfloat16": np.uint16, "float32": np.uint32, "float64": np.uint64, "int32": np.uint32, "int64": np.uint64, "uint8": np.uint8}
FINITE = np.arange(0x7c00, dtype=np.uint16).view(np.float16)
cases = []


def record(dtype, shape, values):
    numpy_dtype = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    values = np.asarray(values, numpy_dtype).ravel()
    bits = values.astype(np.uint8) if dtype == "bool" else values.view(BITS[dtype])
    array = np.resize(values, shape).astype(numpy_dtype)
    cases.append({
        "dtype": dtype,
        "shape": list(shape),
        "bits": " ".join(f"{int(b):x}" for b in bits),
        "text": str(array),
    })


def chosen():
    floats = ("float32", "float64")
    for dtype in floats:
        for scalar in (0, -0.0, 1, -2.5, 0.1, 1e-4, 9.99e-5, 999999, 1e6, 123456789, 1e15, 1e16, 1e22,
                       np.pi, 1e-38, np.nan, np.inf, -np.inf):
            record(dtype, (), [scalar])
        record(dtype, (0,), [0])
        record(dtype, (2, 0, 3), [0])
        record(dtype, (3,), [np.nan, np.inf, -np.inf])
        record(dtype, (2,), [np.nan, np.inf])
        record(dtype, (3,), [1.5, np.nan, -np.inf])
        record(dtype, (3,), [1e-9, np.nan, -np.inf])
        record(dtype, (4,), [0, -0.0, 1, -1])
        # Ties at the eighth digit, and on either side of each limit for exponents.
        record(dtype, (3,), [2.0**-9, 3 * 2.0**-9, 1])
        record(dtype, (2,), [1 + 2.0**-9, 1e9])
        record(dtype, (2,), [1, 1000])
        record(dtype, (2,), [1, 1001])
        record(dtype, (2,), [1e-4, 1e-3])
        record(dtype, (2,), [9.99e-5, 1e-3])
        record(dtype, (2,), [999999, 999998])
        record(dtype, (2,), [1e6, 1e6 + 1])
        record(dtype, (2,), [1e8 - 8, 1e8 - 16])
        record(dtype, (2,), [1e8, 1e8 + 8])
        record(dtype, (2,), [np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal])
        record(dtype, (2,), [-0.1, 1.2345678e-9])
        # Powers of two, where the neighbour below is nearer than the one above.
        record(dtype, (3,), [2.0**-96, 2.0**87, 2.0**90])
        record(dtype, (1001,), np.arange(17) / 16)
        record(dtype, (40, 30), np.arange(-18, 19) * 0.37)
        record(dtype, (2, 8, 9, 8), np.arange(-18, 19) * 1.1)
    for scalar in (0, -0.0, 1, -2.5, 0.1, 1e-4, 9.99e-5, 999, 1000, 2049, 65504, 2.0**-24, np.pi, np.nan, np.inf, -np.inf):
        record("float16", (), [scalar])
    for exponent in range(31):
        record("float16", (64,), FINITE[1024 * exponent:][:1024:16])
    for values in ([np.nan, np.inf, -np.inf], [1.5, np.nan, -np.inf], [1e-5, np.nan], [1, 1000], [1, 1001], [0.5, 999],
                   [1e-4, 1e-3], [9.99e-5, 1e-3], [65504, 2.0**-24], [0, -0.0, 1, -1], [0.1, 0.2, 0.3], [2.0**-5, 2.0**9]):
        record("float16", (len(values),), values)
    record("float16", (2, 3, 2, 2), np.arange(-7, 8) * 0.37)
    record("float16", (40, 30), np.arange(-18, 19) * 0.37)
    for values in ([0, -0.0, 1, -2.5], [1e-5, 300, 123456], [1e6, 3e38], [1e-4, 9.99e-5], [np.nan, np.inf, -np.inf],
                   [0.1, 0.2, 0.3, 1234.5]):
        record("bfloat16", (len(values),), values)
    record("bfloat16", (), [0.1])
    record("bfloat16", (2, 3, 2, 2), np.arange(-7, 8) * 0.37)
    record("bfloat16", (40, 30), np.arange(-18, 19) * 0.37)
    # Two texts of the least length are equally near: the even one.
    record("float32", (2,), [4031759.25, -131072.125])
    record("float32", (), [131072.125])
    record("float64", (), [2.0**-1074])
    record("float32", (1, 1200), np.arange(101) * 1e-3)
    record("float32", (2, 2, 2, 2), np.arange(16))
    # The largest value is in the middle, which is not shown and does not count.
    record("int32", (1100,), [1] * 500 + [10**9] + [2] * 599)
    record("int32", (1000,), np.arange(-50, 51))
    record("int32", (), [-7])
    record("int32", (3, 7), [-(2**31), 2**31 - 1, 0])
    record("int32", (7, 200), np.arange(13) - 6)
    record("int64", (2, 3), [-(2**63), 2**63 - 1, 5])
    record("int64", (0, 3), [1])
    record("uint8", (3, 40), np.arange(0, 256, 5))
    record("uint8", (2, 3, 2, 2), np.arange(24))
    record("uint8", (1,) * 6, [9])
    record("bool", (), [True])
    record("bool", (), [False])
    record("bool", (3, 3), [True, False, False, True])
    record("bool", (30,), [True, False, False])
    record("bool", (1002,), [True, False])


def random_arrays(count, seed):
    rng = np.random.default_rng(seed)
    for index in range(count):
        dtype = ("float32", "float64")[index % 2]
        shape = tuple(int(n) for n in rng.integers(1, 5, size=rng.integers(0, 5)))
        size = int(np.prod(shape))
        if size > 24:
            shape, size = (5, 4), 20
        scale = 10.0 ** rng.integers(-12, 12)
        values = rng.normal(size=size) * scale
        match index // 2 % 4:
            case 1:
                values = values * 10.0 ** rng.integers(-3, 3, size=size)
            case 2:
                values = np.round(values / scale, int(rng.integers(0, 6)))
            case 3:
                values = rng.integers(0, 2**64, size=size, dtype=np.uint64)
                if dtype == "float32":
                    values = (values >> np.uint64(32)).astype(np.uint32).view(np.float32)
                else:
                    values = values.view(np.float64)
        record(dtype, shape, values.astype(dtype))


if __name__ == "__main__":
    arguments = [int(a) for a in sys.argv[1:]]
    with np.errstate(all="ignore"):
        chosen()
        random_arrays(*(arguments + [40, 1][len(arguments):]))
    print(json.dumps({"numpy": np.__version__}, separators=(",", ":"))[:-1] + ',"cases":[')
    print(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
    print("]}")

"""Records small .npy files, for the tests of tconv-tensor's readers.

    python record_npy.py
"""

import numpy as np

for dtype in ("f2", "f4", "f8", "i4", "i8", "u1", "?"):
    values = np.array([[0, 1, 2], [3, 4, 100]]).astype(dtype)
    np.save({"?": "bool"}.get(dtype, dtype) + ".npy", values)
np.save("big_endian_f4.npy", np.array([[0, 1, 2], [3, 4, 100]], ">f4"))
np.save("big_endian_i8.npy", np.array([1, -2, 2**40], ">i8"))
np.save("fortran_f8.npy", np.asfortranarray(np.arange(24, dtype="f8").reshape(2, 3, 4)))
np.save("scalar_f4.npy", np.array(2.5, "f4"))
np.save("empty_i4.npy", np.zeros((2, 0, 3), "i4"))
with open("version3_f4.npy", "wb") as file:
    np.lib.format.write_array(file, np.array([1.5, -1], "f4"), version=(3, 0))
np.save("complex.npy", np.array([1 + 2j]))
np.save("half.npy", np.array([1], "f2"))
np.save("text.npy", np.array(["ab"]))
np.save("structured.npy", np.array([(1, 2)], [("a", "f4"), ("b", "i4")]))
np.save("object.npy", np.array([None]), allow_pickle=True)

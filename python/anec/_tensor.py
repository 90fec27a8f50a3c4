"""Tensors of the library from numpy's arrays, and back."""
from __future__ import annotations

import ctypes as c

import numpy as np

from ._library import CTensor, MAX_RANK, WrongError

DTYPES = {"fp16": np.float16, "fp32": np.float32, "fp64": np.float64, "bool": np.bool_, "int8": np.int8,
          "uint8": np.uint8, "int16": np.int16, "uint16": np.uint16, "int32": np.int32, "uint32": np.uint32,
          "int64": np.int64, "uint64": np.uint64}
NAMES = {np.dtype(t): name for name, t in DTYPES.items()}


def taken(name: str, value, dtype: str) -> np.ndarray:
    """A value as an input takes it: floats are rounded to its type, integers become what holds them. What would be
    infinite or another number is refused, and so is a float for an integer."""
    a = np.asarray(value)
    want = np.dtype(DTYPES[dtype]) if dtype in DTYPES else None
    if want is None:
        raise WrongError(f"input {name} is of {dtype}, which no array is")
    if a.dtype.kind not in "fiub":
        raise TypeError(f"input {name} takes {want}, not an array of {a.dtype}")
    if a.dtype == want:
        return np.ascontiguousarray(a).reshape(a.shape)
    if a.dtype.kind == "f" and want.kind != "f":
        raise TypeError(f"input {name} takes {want}, not an array of {a.dtype}: convert it, a.astype({str(want)!r})")
    if (a.dtype.kind == "b") != (want.kind == "b"):
        raise TypeError(f"input {name} takes {want}, not an array of {a.dtype}")
    with np.errstate(all="ignore"):
        b = a.astype(want)
        back = b.astype(a.dtype)
    # floats are rounded, and may not become infinite; integers stay what they are
    lost = np.isinf(b) & ~np.isinf(a) if a.dtype.kind == "f" else back != a
    if a.dtype.kind != "f" and want.kind == "f":
        lost |= np.isinf(b)
    if np.any(lost):
        at = tuple(int(i) for i in np.argwhere(lost)[0])
        raise ValueError(f"input {name}: {a[at]} at {list(at)} does not fit {b.dtype}")
    return np.ascontiguousarray(b).reshape(b.shape)


def tensor_of(a: np.ndarray) -> CTensor:
    """The array must outlive it."""
    if a.ndim > MAX_RANK:
        raise ValueError(f"an array of {a.ndim} axes; {MAX_RANK} are the limit")
    t = CTensor(dtype=NAMES[a.dtype].encode(), rank=a.ndim, data=a.ctypes.data, bytes=a.nbytes)
    t.shape[:a.ndim] = a.shape
    return t


def array_of(t: CTensor):
    """A copy; texts as an array of objects, a scalar as numpy's own."""
    shape, dtype = tuple(t.shape[:t.rank]), t.dtype.decode()
    count = int(np.prod(shape, dtype=np.int64))
    if dtype == "string":
        texts = c.cast(t.data, c.POINTER(c.c_char_p))
        a = np.array([texts[i].decode(errors="replace") for i in range(count)], dtype=object).reshape(shape)
    elif dtype in DTYPES:
        data = c.string_at(t.data, t.bytes) if t.bytes else b""
        a = np.frombuffer(data, DTYPES[dtype], count).reshape(shape).copy()
    else:
        raise WrongError(f"a result of {dtype} has no array")
    return a[()] if not shape else a

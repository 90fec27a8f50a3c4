"""onnx_wire.py -- as much of protobuf as tests of .onnx files need: reading tensors and names of operators, and
writing models."""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench"))
from nets import field, varint as put_varint  # noqa: E402

TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
         10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """Number, wire type and value of each field."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            value, at = data[at:at + 8], at + 8
        elif wire == 5:
            value, at = data[at:at + 4], at + 4
        else:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        yield tag >> 3, wire, value


def packed(data):
    at, out = 0, []
    while at < len(data):
        v, at = varint(data, at)
        out.append(v - (1 << 64) if v >> 63 else v)
    return out


def tensor(data):
    dims, kind, raw, numbers = [], 0, None, None
    for num, wire, value in fields(data):
        if num == 1:
            dims += packed(value) if wire == 2 else [value]
        elif num == 2:
            kind = value
        elif num == 9:
            raw = value
        elif num == 4:
            numbers = np.frombuffer(value, "<f4")
        elif num == 10:
            numbers = np.frombuffer(value, "<f8")
        elif num in (5, 7, 11):
            numbers = np.array(packed(value) if wire == 2 else [value])
    dtype = TYPES.get(kind)
    if dtype is None:
        raise ValueError(f"a tensor of type {kind}")
    if raw is not None:
        return np.frombuffer(raw, dtype).reshape(dims)
    if dtype == np.float16 and numbers is not None:
        return numbers.astype(np.uint16).view(np.float16).reshape(dims)
    return (np.zeros(0) if numbers is None else numbers).astype(dtype).reshape(dims)


def tensor_file(path):
    with open(path, "rb") as f:
        return tensor(f.read())


def operators(path):
    with open(path, "rb") as f:
        data = f.read()
    found = set()
    for num, _, graph in fields(data):
        if num == 7:
            for n, _, node in fields(graph):
                if n == 1:
                    parts = {k: v for k, _, v in fields(node)}
                    domain = parts.get(7, b"").decode()
                    found.add((domain + "." if domain else "") + parts[4].decode())
    return found


def put_tensor(name, a):
    kind = next(k for k, t in TYPES.items() if t == a.dtype.type)
    return (field(1, [int(d) for d in a.shape]) + field(2, kind) + field(8, name)
            + field(9, np.ascontiguousarray(a).tobytes()))


def with_constants(model, constants):
    """A model, as bytes, some inputs of which are initializers: {name: array}."""
    out = b""
    for num, wire, value in fields(model):
        if num == 7:
            value += b"".join(field(5, put_tensor(name, a)) for name, a in constants.items())
        out += field(num, value) if wire in (0, 2) else put_varint(num << 3 | wire) + value
    return out


def inputs(model):
    """Names of the inputs that are no initializers."""
    graph = next(v for k, _, v in fields(model) if k == 7)
    named = lambda number, at: [dict((k, v) for k, _, v in fields(x))[at].decode() for n, _, x in fields(graph)
                                if n == number]
    fixed = set(named(5, 8))
    return [name for name in named(11, 1) if name not in fixed]

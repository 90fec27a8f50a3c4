#!/usr/bin/env python3
"""nets.py -- writes nets that `make bench` runs beside a peer: as MIL text for us, as ONNX for it.

usage: nets.py DIR NET[:fp16]..     DIR/NET.mil, DIR/NET.onnx, DIR/weights/NET.bin, DIR/NET.json
       nets.py --list

Both texts name the same bytes of one weight file. Weights are drawn from a seed and scaled so that values
neither grow nor vanish on the way. The .json tells inputs, each with a raw file beside it, and results."""
import array
import json
import math
import os
import random
import struct
import sys

TABLE = 65537  # drawn once; a prime, so that rows of no weight are alike
ONNX_TYPE = {"fp32": 1, "fp16": 10}
BLOB_TYPE = {"fp16": 1, "fp32": 2}


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def field(number, value):
    """A field of a protobuf message: of an int, a float, a str, bytes, or a list of such."""
    if isinstance(value, list):
        return b"".join(field(number, v) for v in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def attribute(name, value):
    """An AttributeProto: of an int, a float, a str, or a list of ints."""
    number, kind = {int: (3, 2), float: (2, 1), str: (4, 3), list: (8, 7)}[type(value)]
    return field(1, name) + field(number, value) + field(20, kind)


def value_info(name, dtype, shape):
    dims = b"".join(field(1, field(1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, ONNX_TYPE[dtype]) + field(2, dims)))


def mil_value(v, dtype):
    """An argument: an int, a bool, a float of the net's type, a word, or a list of ints."""
    if isinstance(v, bool):
        return f"bool({str(v).lower()})"
    if isinstance(v, int):
        return f"int32({v})"
    if isinstance(v, float):
        return f"{dtype}({v.hex()})"
    if isinstance(v, list):
        return f"tensor<int32, [{len(v)}]>([{', '.join(map(str, v))}])"
    return f'string("{v}")'


class Value:
    def __init__(self, name, shape):
        self.name, self.shape = name, list(shape)


class Net:
    """A net that grows an op at a time, in both texts."""

    def __init__(self, folder, name, dtype):
        self.folder, self.name, self.dtype = folder, name, dtype
        self.size = 2 if dtype == "fp16" else 4
        self.lines, self.nodes, self.tensors = [], [], []
        self.inputs, self.results, self.count = [], [], 0
        draw = random.Random(1)
        self.table = [draw.gauss(0, 1) for _ in range(TABLE)]
        self.scaled = {}
        self.at, self.records = 64, 0
        os.makedirs(os.path.join(folder, "weights"), exist_ok=True)
        self.weights = open(os.path.join(folder, "weights", name + ".bin"), "wb")
        self.weights.write(bytes(64))

    def path(self, end):
        return os.path.join(self.folder, self.name + end)

    def fresh(self):
        self.count += 1
        return f"v{self.count}"

    # ---- numbers

    def drawn(self, count, scale, mean=0.0):
        """`count` numbers as bytes of the net's type."""
        key = (scale, mean)
        if key not in self.scaled:
            numbers = [v * scale + mean for v in self.table]
            self.scaled[key] = struct.pack(f"<{TABLE}e", *numbers) if self.size == 2 else array.array("f", numbers).tobytes()
        block, n = self.scaled[key], count * self.size
        first = self.count * 977 % TABLE * self.size
        return (block[first:] + block * (n // len(block) + 1))[:n]

    def put(self, data):
        """Appends a record of the weight file; where its bytes begin, and where the record does."""
        record, start = self.at, self.at + 64
        self.records += 1
        head = struct.pack("<IIQQ", 0xDEADBEEF, BLOB_TYPE[self.dtype], len(data), start)
        self.weights.write(head.ljust(64, b"\0") + data + bytes(-len(data) % 64))
        self.at = start + len(data) + -len(data) % 64
        return record, start

    def external(self, name, shape, start, size):
        entries = [("location", f"weights/{self.name}.bin"), ("offset", str(start)), ("length", str(size))]
        pairs = b"".join(field(13, field(1, k) + field(2, v)) for k, v in entries)
        self.tensors.append(field(1, shape) + field(2, ONNX_TYPE[self.dtype]) + field(8, name) + pairs + field(14, 1))

    def bytes_weight(self, shape, data, onnx_shape=None, onnx_data=None):
        """A constant; for the peer in another order where that is given."""
        name = self.fresh()
        record, start = self.put(data)
        t = self.type_of(shape)
        self.lines.append(f'{t} {name} = const()[name = string("{name}"), val = {t}(BLOBFILE(path = '
                          f'string("@model_path/weights/{self.name}.bin"), offset = uint64({record})))];')
        if onnx_data:
            _, start = self.put(onnx_data)
        self.external(name, onnx_shape or shape, start, len(data))
        return Value(name, shape)

    def weight(self, shape, fan, mean=0.0):
        return self.bytes_weight(shape, self.drawn(math.prod(shape), 1 / math.sqrt(fan), mean))

    def ints(self, values):
        """A constant of the peer alone, which takes as tensors what are arguments here."""
        name = self.fresh()
        self.tensors.append(field(1, [len(values)]) + field(2, 7) + field(8, name)
                            + field(9, struct.pack(f"<{len(values)}q", *values)))
        return name

    def number(self, v):
        name = self.fresh()
        raw = struct.pack("<e" if self.size == 2 else "<f", v)
        self.tensors.append(field(2, ONNX_TYPE[self.dtype]) + field(8, name) + field(9, raw))
        return name

    # ---- ops

    def type_of(self, shape):
        return f"tensor<{self.dtype}, [{', '.join(map(str, shape))}]>"

    def mil(self, op, made, **args):
        name = self.fresh()
        def text(v):
            if isinstance(v, Value):
                return v.name
            if isinstance(v, tuple):
                return "(" + ", ".join(x.name for x in v) + ")"
            return mil_value(v, self.dtype)
        given = ", ".join(f"{k} = {text(v)}" for k, v in args.items())
        self.lines.append(f'{self.type_of(made)} {name} = {op}({given})[name = string("{name}")];')
        return Value(name, made)

    def onnx(self, op, inputs, outputs, **attributes):
        names = [i.name if isinstance(i, Value) else i for i in inputs]
        outs = [o.name if isinstance(o, Value) else o for o in outputs]
        attrs = b"".join(field(5, attribute(k, v)) for k, v in attributes.items())
        self.nodes.append(field(1, names) + field(2, outs) + field(4, op) + attrs)
        return outputs[0]

    def input(self, shape):
        v = Value(f"x{len(self.inputs)}", shape)
        with open(self.path(f".{v.name}.raw"), "wb") as f:
            f.write(self.drawn(math.prod(shape), 1.0))
        self.inputs.append(v)
        return v

    def unary(self, op, other, x):
        return self.onnx(other, [x], [self.mil(op, x.shape, x=x)])

    def relu(self, x):
        return self.unary("relu", "Relu", x)

    def relu6(self, x):
        z = self.mil("clip", x.shape, x=x, alpha=0.0, beta=6.0)
        return self.onnx("Clip", [x, self.number(0.0), self.number(6.0)], [z])

    def silu(self, x):
        gate = self.fresh()
        self.onnx("Sigmoid", [x], [gate])
        return self.onnx("Mul", [x, gate], [self.mil("silu", x.shape, x=x)])

    def gelu(self, x):
        return self.onnx("Gelu", [x], [self.mil("gelu", x.shape, x=x, mode="EXACT")])

    def binary(self, op, other, x, y):
        rank = max(len(x.shape), len(y.shape))
        a, b = ([1] * (rank - len(v.shape)) + v.shape for v in (x, y))
        return self.onnx(other, [x, y], [self.mil(op, [max(p, q) for p, q in zip(a, b)], x=x, y=y)])

    def add(self, x, y):
        return self.binary("add", "Add", x, y)

    def mul(self, x, y):
        return self.binary("mul", "Mul", x, y)

    def times(self, x, number):
        return self.onnx("Mul", [x, self.number(number)], [self.mil("mul", x.shape, x=x, y=float(number))])

    def matmul(self, x, y):
        lead = x.shape[:-2] if len(x.shape) >= len(y.shape) else y.shape[:-2]
        z = self.mil("matmul", lead + [x.shape[-2], y.shape[-1]], x=x, y=y, transpose_x=False, transpose_y=False)
        return self.onnx("MatMul", [x, y], [z])

    def dense(self, x, outputs, bias=True):
        k = x.shape[-1]
        z = self.matmul(x, self.weight([k, outputs], k))
        return self.add(z, self.weight([outputs], 100)) if bias else z

    def conv(self, x, outputs, kernel, stride=1, groups=1):
        n = len(x.shape) - 2
        pad = kernel // 2
        cin = x.shape[1] // groups
        w = self.weight([outputs, cin] + [kernel] * n, cin * kernel ** n / 2)
        b = self.weight([outputs], 100)
        out = [(d + 2 * pad - kernel) // stride + 1 for d in x.shape[2:]]
        z = self.mil("conv", [x.shape[0], outputs] + out, x=x, weight=w, bias=b, strides=[stride] * n, pad_type="custom",
                     pad=[pad] * (2 * n), dilations=[1] * n, groups=groups)
        return self.onnx("Conv", [x, w, b], [z], kernel_shape=[kernel] * n, strides=[stride] * n, pads=[pad] * (2 * n),
                         group=groups)

    def conv_transpose(self, x, outputs):
        """Of 2 x 2 with steps of 2."""
        w = self.weight([x.shape[1], outputs, 2, 2], x.shape[1])
        z = self.mil("conv_transpose", [x.shape[0], outputs, 2 * x.shape[2], 2 * x.shape[3]], x=x, weight=w,
                     strides=[2, 2], pad_type="valid", dilations=[1, 1], groups=1)
        return self.onnx("ConvTranspose", [x, w], [z], kernel_shape=[2, 2], strides=[2, 2])

    def max_pool(self, x, kernel, stride, pad):
        out = [(d + 2 * pad - kernel) // stride + 1 for d in x.shape[2:]]
        z = self.mil("max_pool", x.shape[:2] + out, x=x, kernel_sizes=[kernel] * 2, strides=[stride] * 2, pad_type="custom",
                     pad=[pad] * 4, ceil_mode=False)
        return self.onnx("MaxPool", [x], [z], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def mean(self, x, axes):
        shape = [1 if i in axes else d for i, d in enumerate(x.shape)]
        z = self.mil("reduce_mean", shape, x=x, axes=axes, keep_dims=True)
        return self.onnx("ReduceMean", [x, self.ints(axes)], [z], keepdims=1)

    def reshape(self, x, shape):
        return self.onnx("Reshape", [x, self.ints(shape)], [self.mil("reshape", shape, x=x, shape=list(shape))])

    def transpose(self, x, perm):
        return self.onnx("Transpose", [x], [self.mil("transpose", [x.shape[i] for i in perm], x=x, perm=perm)], perm=perm)

    def concat(self, values, axis):
        shape = list(values[0].shape)
        shape[axis] = sum(v.shape[axis] for v in values)
        z = self.mil("concat", shape, values=tuple(values), axis=axis, interleave=False)
        return self.onnx("Concat", values, [z], axis=axis)

    def part(self, x, axis, first, size):
        begin, shape = [0] * len(x.shape), list(x.shape)
        begin[axis], shape[axis] = first, size
        z = self.mil("slice_by_size", shape, x=x, begin=begin, size=list(shape))
        return self.onnx("Slice", [x, self.ints([first]), self.ints([first + size]), self.ints([axis])], [z])

    def softmax(self, x):
        return self.onnx("Softmax", [x], [self.mil("softmax", x.shape, x=x, axis=-1)], axis=-1)

    def layer_norm(self, x):
        n = x.shape[-1]
        g, b = self.weight([n], 100, 1.0), self.weight([n], 100)
        z = self.mil("layer_norm", x.shape, x=x, axes=[-1], gamma=g, beta=b, epsilon=1e-5)
        return self.onnx("LayerNormalization", [x, g, b], [z], axis=-1, epsilon=1e-5)

    def rms_norm(self, x):
        shape = x.shape[:-1] + [1]
        square = self.onnx("Pow", [x, self.number(2.0)], [self.mil("mul", x.shape, x=x, y=x)])
        mean = self.mean(square, [len(x.shape) - 1])
        added = self.onnx("Add", [mean, self.number(1e-5)], [self.mil("add", shape, x=mean, y=1e-5)])
        root = self.onnx("Sqrt", [added], [self.mil("sqrt", shape, x=added)])
        return self.mul(self.binary("real_div", "Div", x, root), self.weight([x.shape[-1]], 100, 1.0))

    def gates(self, order, rows, columns, fan):
        """Weights of a recurrent layer, [gates, rows, columns]: as they are drawn, and in the peer's order."""
        parts = []
        for _ in order:
            self.count += 1
            parts.append(self.drawn(rows * columns, 1 / math.sqrt(fan)))
        return b"".join(parts), b"".join(parts[i] for i in order)

    def recurrent(self, x, hidden, kind):
        """x: [steps, 1, inputs], from states of 0; kind: lstm or gru."""
        steps, _, inputs = x.shape
        # ours are i, f, o, g, the peer's i, o, f, g; ours r, o, z, the peer's z, r, o
        order = {"lstm": [0, 2, 1, 3], "gru": [2, 0, 1]}[kind]
        rows = len(order) * hidden
        ih, ih2 = self.gates(order, hidden, inputs, inputs)
        hh, hh2 = self.gates(order, hidden, hidden, hidden)
        b, b2 = self.gates(order, hidden, 1, 100)
        wi = self.bytes_weight([rows, inputs], ih, [1, rows, inputs], ih2)
        wh = self.bytes_weight([rows, hidden], hh, [1, rows, hidden], hh2)
        none = bytes(len(b))
        bias = self.bytes_weight([rows], b, [1, 2 * rows], b2 + none)
        self.tensors[-1] = b""
        _, start = self.put(b2 + none)
        self.external(bias.name, [1, 2 * rows], start, 2 * len(b))
        zero = self.bytes_weight([1, hidden], bytes(hidden * self.size))
        out = Value(self.fresh(), [steps, 1, hidden])
        h, c, raw = self.fresh(), self.fresh(), self.fresh()
        state = self.type_of([1, hidden])
        cell = {"lstm": f', {state} {c}', "gru": ""}[kind]
        more = {"lstm": f'initial_c = {zero.name}, cell_activation = string("tanh"), ', "gru": ""}[kind]
        self.lines.append(
            f'{self.type_of(out.shape)} {out.name}, {state} {h}{cell} = {kind}(x = {x.name}, initial_h = {zero.name}, '
            f'{more}weight_ih = {wi.name}, weight_hh = {wh.name}, bias = {bias.name}, '
            'direction = string("forward"), output_sequence = bool(true), recurrent_activation = string("sigmoid"), '
            f'activation = string("tanh"))[name = string("{kind}")];')
        self.onnx(kind.upper(), [x, wi, wh, bias], [raw], hidden_size=hidden)
        return self.onnx("Squeeze", [raw, self.ints([1])], [out])

    # ---- the end

    def write(self, results):
        args = ", ".join(f"{self.type_of(v.shape)} {v.name}" for v in self.inputs)
        body = "".join(f"        {line}\n" for line in self.lines)
        with open(self.path(".mil"), "w") as f:
            f.write(f'program(1.3)\n{{\n    func main<ios18>({args}) {{\n{body}    }} -> ({", ".join(v.name for v in results)});\n}}\n')
        graph = field(1, self.nodes) + field(2, self.name) + field(5, [t for t in self.tensors if t])
        graph += field(11, [value_info(v.name, self.dtype, v.shape) for v in self.inputs])
        graph += field(12, [value_info(v.name, self.dtype, v.shape) for v in results])
        with open(self.path(".onnx"), "wb") as f:
            f.write(field(1, 9) + field(8, field(2, 20)) + field(7, graph))
        self.weights.seek(0)
        self.weights.write(struct.pack("<II", self.records, 2))
        self.weights.close()
        told = {"dtype": self.dtype, "inputs": [[v.name, v.shape] for v in self.inputs], "results": [v.name for v in results]}
        with open(self.path(".json"), "w") as f:
            json.dump(told, f)


# ---- the nets -----------------------------------------------------------------------------------


def mlp(net, batch):
    x = net.input([batch, 784])
    for width in (512, 512):
        x = net.relu(net.dense(x, width))
    return [net.dense(x, 10)]


def resnet18(net):
    x = net.relu(net.conv(net.input([1, 3, 224, 224]), 64, 7, 2))
    x = net.max_pool(x, 3, 2, 1)
    for width, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        h = net.conv(net.relu(net.conv(x, width, 3, stride)), width, 3)
        x = net.relu(net.add(h, net.conv(x, width, 1, stride) if stride == 2 else x))
    return [net.dense(net.reshape(net.mean(x, [2, 3]), [1, 512]), 1000)]


def mobilenetv2(net):
    x = net.relu6(net.conv(net.input([1, 3, 224, 224]), 32, 3, 2))
    for wider, width, times, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                        (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(times):
            by, inner = (stride if i == 0 else 1), x.shape[1] * wider
            h = net.relu6(net.conv(x, inner, 1)) if wider > 1 else x
            h = net.conv(net.relu6(net.conv(h, inner, 3, by, groups=inner)), width, 1)
            x = net.add(x, h) if by == 1 and x.shape[1] == width else h
    x = net.relu6(net.conv(x, 1280, 1))
    return [net.dense(net.reshape(net.mean(x, [2, 3]), [1, 1280]), 1000)]


def unet(net):
    def twice(x, width):
        return net.relu(net.conv(net.relu(net.conv(x, width, 3)), width, 3))
    x, kept = net.input([1, 3, 256, 256]), []
    for width in (32, 64, 128, 256):
        x = twice(x, width)
        kept.append(x)
        x = net.max_pool(x, 2, 2, 0)
    x = twice(x, 512)
    for width in (256, 128, 64, 32):
        x = twice(net.concat([kept.pop(), net.conv_transpose(x, width)], 1), width)
    return [net.conv(x, 2, 1)]


def split_heads(net, x, heads):
    n, width = x.shape[-2:]
    return net.transpose(net.reshape(x, [1, n, heads, width // heads]), [0, 2, 1, 3])


def attention(net, q, k, v, mask=None):
    scores = net.times(net.matmul(q, net.transpose(k, [0, 1, 3, 2])), 1 / math.sqrt(q.shape[-1]))
    h = net.matmul(net.softmax(net.add(scores, mask) if mask else scores), v)
    return net.reshape(net.transpose(h, [0, 2, 1, 3]), [1, h.shape[2], h.shape[1] * h.shape[3]])


def whisper(net):
    """The encoder of Whisper-tiny: 30 seconds of sound, 1500 places."""
    x = net.gelu(net.conv(net.input([1, 80, 3000]), 384, 3))
    x = net.transpose(net.gelu(net.conv(x, 384, 3, 2)), [0, 2, 1])
    x = net.add(x, net.weight([1, 1500, 384], 100))
    for _ in range(4):
        h = net.layer_norm(x)
        q, k, v = (split_heads(net, net.dense(h, 384), 6) for _ in range(3))
        x = net.add(x, net.dense(attention(net, q, k, v), 384))
        x = net.add(x, net.dense(net.gelu(net.dense(net.layer_norm(x), 1536)), 384))
    return [net.layer_norm(x)]


def turned(net, x, cos, sin):
    """Positions as angles: halves of each head are turned."""
    half = x.shape[-1] // 2
    a, b = net.part(x, 3, 0, half), net.part(x, 3, half, half)
    minus = net.binary("sub", "Sub", net.mul(a, cos), net.mul(b, sin))
    return net.concat([minus, net.add(net.mul(a, sin), net.mul(b, cos))], 3)


def causal(net, n):
    pack = "<%de" if net.size == 2 else "<%df"
    rows = [0.0 if j <= i else -30000.0 for i in range(n) for j in range(n)]
    return net.bytes_weight([1, 1, n, n], struct.pack(pack % len(rows), *rows))


def stories(net, width, hidden, layers, heads, vocabulary, n=256):
    x = net.input([1, n, width])
    cos, sin = (net.weight([1, 1, n, width // heads // 2], 4) for _ in range(2))
    mask = causal(net, n)
    for _ in range(layers):
        h = net.rms_norm(x)
        q, k, v = (split_heads(net, net.dense(h, width, False), heads) for _ in range(3))
        q, k = turned(net, q, cos, sin), turned(net, k, cos, sin)
        x = net.add(x, net.dense(attention(net, q, k, v, mask), width, False))
        h = net.rms_norm(x)
        gate = net.mul(net.silu(net.dense(h, hidden, False)), net.dense(h, hidden, False))
        x = net.add(x, net.dense(gate, width, False))
    return [net.dense(net.part(net.rms_norm(x), 1, n - 1, 1), vocabulary, False)]


def decode(net, width=768, hidden=2048, layers=12, heads=12, past=255, vocabulary=32000):
    """A token of the 110 M model beside 255 before it."""
    x = net.input([1, 1, width])
    cos, sin = (net.weight([1, 1, 1, width // heads // 2], 4) for _ in range(2))
    for _ in range(layers):
        h = net.rms_norm(x)
        q, k, v = (split_heads(net, net.dense(h, width, False), heads) for _ in range(3))
        q, k = turned(net, q, cos, sin), turned(net, k, cos, sin)
        before = [net.weight([1, heads, past, width // heads], 1) for _ in range(2)]
        k, v = (net.concat([b, t], 2) for b, t in zip(before, (k, v)))
        x = net.add(x, net.dense(attention(net, q, k, v), width, False))
        h = net.rms_norm(x)
        gate = net.mul(net.silu(net.dense(h, hidden, False)), net.dense(h, hidden, False))
        x = net.add(x, net.dense(gate, width, False))
    return [net.dense(net.rms_norm(x), vocabulary, False)]


def recurrent(net, kind):
    return [net.recurrent(net.recurrent(net.input([100, 1, 256]), 256, kind), 256, kind)]


def vad(net):
    """The shape of a net that finds voices: narrow convolutions, one step of an lstm, a number."""
    x = net.input([1, 129, 4])
    for width, stride in ((128, 1), (64, 2), (64, 2), (128, 1)):
        x = net.relu(net.conv(x, width, 3, stride))
    x = net.recurrent(net.reshape(x, [1, 1, 128]), 128, "lstm")
    return [net.unary("sigmoid", "Sigmoid", net.dense(net.relu(x), 1))]


def gemm(net):
    """Products of a training step: both sides come with the run, and either is turned."""
    x, w, d = net.input([1024, 768]), net.input([768, 2048]), net.input([1024, 2048])
    return [net.matmul(x, w), net.matmul(net.transpose(x, [1, 0]), d), net.matmul(d, net.transpose(w, [1, 0]))]


NETS = {
    "mlp1": lambda net: mlp(net, 1),
    "mlp64": lambda net: mlp(net, 64),
    "resnet18": resnet18,
    "mobilenetv2": mobilenetv2,
    "unet": unet,
    "whisper": whisper,
    "stories15m": lambda net: stories(net, 288, 768, 6, 6, 32000),
    "stories110m": lambda net: stories(net, 768, 2048, 12, 12, 32000),
    "decode110m": decode,
    "lstm": lambda net: recurrent(net, "lstm"),
    "gru": lambda net: recurrent(net, "gru"),
    "vad": vad,
    "gemm": gemm,
}


def main(args):
    if args == ["--list"]:
        print("\n".join(NETS))
        return 0
    if len(args) < 2 or any(a.split(":")[0] not in NETS for a in args[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    for name in args[1:]:
        kind, _, dtype = name.partition(":")
        net = Net(args[0], name.replace(":", "-"), dtype or "fp32")
        net.write(NETS[kind](net))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

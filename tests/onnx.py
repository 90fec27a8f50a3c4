#!/usr/bin/env python3
"""onnx.py -- .onnx files: ONNX's own tests of its operators (Debian's libonnx-testdata), nets of the bench, and what must
be refused.

usage: onnx.py BUILD [CASE..]      ends with `onnx: N passed, N failed`; CASE: these of ONNX's tests alone
tests/onnx.known has the cases of operators that are read which cannot pass, each with its reason; one that passes
all the same is a failure."""
import json
import logging
import math
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

from counted import build_given

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(build_given(__doc__))
os.environ.setdefault("ANEC_LIBRARY", os.path.join(BUILD, "libanec.so"))
sys.path.insert(0, os.path.join(TOP, "python"))
import anec  # noqa: E402
import onnx_wire as wire  # noqa: E402
from beside import peer_here  # noqa: E402
from nets import attribute, field  # noqa: E402

DATA = "/usr/share/libonnx-testdata"
# Tolerance of ONNX's own runner.
RTOL, ATOL = 1e-3, 1e-7


def rows():
    with open(os.path.join(TOP, "ir/onnx/onnx_nodes.def")) as f:
        return set(re.findall(r"^(?:NODE|MOVE)\((\w+),", f.read(), re.M))


def narrowed(a):
    """As the program takes it: there are no wider integers and floats."""
    if a.dtype in (np.int64, np.uint32, np.uint64):
        return a.astype(np.int32)
    with np.errstate(over="ignore"):
        return a.astype(np.float32) if a.dtype == np.float64 else a


def data_of(folder):
    names = sorted(os.listdir(folder), key=lambda n: int(re.findall(r"\d+", n)[0]))
    pick = lambda kind: [wire.tensor_file(os.path.join(folder, n)) for n in names if n.startswith(kind)]
    return pick("input_"), pick("output_")


def compare(got, want):
    want = narrowed(want)
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if want.dtype.kind == "f":
        if np.allclose(got.astype(np.float64), want.astype(np.float64), RTOL, max(ATOL, 1e-6), equal_nan=True):
            return None
        return f"max off {np.nanmax(np.abs(got.astype(np.float64) - want))}"
    return None if np.array_equal(got, want) else "other integers"


def results(file, inputs):
    kernel = anec.load(file, "ref", quiet=True).kernel()
    return list(kernel(**{name: narrowed(a) for name, a in zip(kernel.inputs, inputs)}).values())


def run(path):
    """None: as it must be; else what is wrong. What the tests give as inputs, and exporters write as constants
    (axes, shapes, weights), are constants where they have to be."""
    file = os.path.join(path, "model.onnx")
    inputs, wanted = data_of(os.path.join(path, "test_data_set_0"))
    try:
        got = results(file, inputs)
    except anec.WrongError as e:
        with open(file, "rb") as f:
            model = f.read()
        names = wire.inputs(model)
        if not re.search("before it runs|must be a constant", str(e)) or len(names) != len(inputs):
            raise
        first = 0 if len(names) == 1 else 1
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "model.onnx")
            with open(file, "wb") as f:
                f.write(wire.with_constants(model, dict(list(zip(names, inputs))[first:])))
            got = results(file, inputs[:first])
    if len(got) < len(wanted):
        return f"{len(got)} results, not {len(wanted)}"
    return next((why for why in map(compare, got, wanted) if why), None)


SAID = []  # every error, for messages.py


class Count:
    def __init__(self):
        self.passed = self.failed = 0

    def good(self, ok, what):
        self.passed += bool(ok)
        self.failed += not ok
        if not ok:
            print(f"onnx: {what}")

    def refused(self, what, model, pattern, files=()):
        """A model, as bytes, that must be an error whose text matches."""
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "m.onnx")
            for name, data in ((file, model), *((os.path.join(folder, n), d) for n, d in files)):
                with open(name, "wb") as f:
                    f.write(data)
            try:
                anec.load(file, "ref", quiet=True)
                self.good(False, f"{what}: is read")
            except anec.Error as e:
                SAID.append(str(e))
                self.good(re.search(pattern, str(e)), f"{what}: {e}")


def known():
    with open(os.path.join(TOP, "tests/onnx.known")) as f:
        return dict(line.split(": ", 1) for line in f.read().splitlines() if line and not line.startswith("#"))


def published(count, wanted):
    """ONNX's own tests, of operators that are rows of the table."""
    covered, excused = rows(), known()
    seen = set()
    for path, _, files in sorted(os.walk(DATA)):
        name = os.path.basename(path)
        if "model.onnx" not in files or (wanted and name not in wanted):
            continue
        if not wire.operators(os.path.join(path, "model.onnx")) <= covered:
            continue
        seen.add(name)
        try:
            why = run(path)
        except (anec.Error, KeyError, TypeError, ValueError) as e:
            why = f"{type(e).__name__}: {e}"
            SAID.append(str(e))
        if name in excused:
            count.good(why, f"{name} passes: take it off tests/onnx.known")
        else:
            count.good(not why, f"{name}: {why}")
    if not wanted:
        print(f"onnx: of {len(covered)} operators, {len(seen)} of ONNX's own tests: {len(seen - set(excused))} run, "
              f"{len(seen & set(excused))} cannot pass (tests/onnx.known)")
    for name in set(excused) - seen if not wanted else ():
        count.good(False, f"tests/onnx.known: there is no case {name}")


# ---- models of our own ---------------------------------------------------------------------------------

FLOAT, INT64, STRING, DOUBLE = 1, 7, 8, 11


def port(name, kind, shape):
    dims = b"".join(field(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def node(op, inputs, outputs, attributes=b"", domain=""):
    return field(1, inputs) + field(2, outputs) + field(3, "the node") + field(4, op) + attributes + field(7, domain)


def model(nodes, inputs, outputs, constants=(), opset=17):
    graph = (field(1, list(nodes)) + field(2, "g") + b"".join(field(5, t) for t in constants) + field(11, list(inputs))
             + field(12, list(outputs)))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset))


X, Y = port("x", FLOAT, [2, 3]), port("y", FLOAT, [2, 3])


def add_of(constant):
    return model([node("Add", ["x", "c"], ["y"])], [X], [Y], [constant])


def external(location, offset=0, length=None):
    entry = lambda key, value: field(13, field(1, key) + field(2, str(value)))
    size = entry("length", length) if length is not None else b""
    return (field(1, [3]) + field(2, FLOAT) + field(8, "c") + entry("location", location) + entry("offset", offset) + size
            + field(14, 1))


def hostile(count):
    c = wire.put_tensor("c", np.arange(3, dtype=np.float32))
    good = add_of(c)
    for n in range(len(good)):
        # what is left may be a model by chance only where the graph, which stands first, is whole
        count.refused(f"cut at byte {n}", good[:n], ".") if n < len(good) - 8 else None
    crashed = 0
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "m.onnx")
        for n in range(len(good)):
            with open(file, "wb") as f:
                f.write(good[:n] + bytes([good[n] ^ 0x55]) + good[n + 1:])
            try:
                anec.load(file, "ref", quiet=True)
            except anec.BugError:
                crashed += 1
            except anec.Error:
                pass
    count.good(not crashed, f"{crashed} models with a byte changed are a bug of ours")
    count.refused("no model", b"hello", "damaged|no graph")
    count.refused("an unknown operator", model([node("Frob", ["x"], ["y"])], [X], [Y]), "'the node' .Frob.: there is no such")
    count.refused("another domain", model([node("Relu", ["x"], ["y"], domain="com.x")], [X], [Y]), "domain com.x")
    count.refused("nothing gives it", model([node("Relu", ["z"], ["y"])], [X], [Y]), "nothing before it gives 'z'")
    count.refused("no such result", model([node("Relu", ["x"], ["z"])], [X], [Y]), "no node gives the result 'y'")
    count.refused("no results", model([node("Relu", ["x"], ["y"])], [X], []), "no results")
    count.refused("too many inputs", model([node("Relu", ["x", "x"], ["y"])], [X], [Y]), "it has 2 inputs, and takes 1 to 1")
    count.refused("an input left out", model([node("Conv", ["", "x"], ["y"])], [X], [Y]), "its input 0 is left out")
    count.refused("text", model([node("Identity", ["x"], ["y"])], [port("x", STRING, [2])], [Y]), "of type string")
    count.refused("no dimensions", model([node("Relu", ["x"], ["y"])], [field(1, "x")], [Y]), "no tensor of known dimensions")
    count.refused("shapes that do not go", add_of(wire.put_tensor("c", np.zeros(4, np.float32))), "do not broadcast")
    count.refused("a large integer", model([node("Add", ["x", "c"], ["y"])], [port("x", INT64, [1])], [Y],
                                           [wire.put_tensor("c", np.array([1 << 40]))]), "int32 cannot hold")
    count.refused("more than it holds", add_of(field(1, [4]) + field(2, FLOAT) + field(8, "c") + field(9, b"1234")),
                  "not as many bytes")
    count.refused("larger than memory", add_of(field(1, [1 << 40, 1 << 40]) + field(2, FLOAT) + field(8, "c")),
                  "larger than memory|not as many")
    count.refused("sparse", field(7, field(15, b"")), "sparse")
    data = np.arange(3, dtype=np.float32).tobytes()
    count.refused("data outside the folder", add_of(external("../w")), r"\.\./w")
    count.refused("data by a whole path", add_of(external("/etc/passwd")), "/etc/passwd")
    count.refused("no such file of data", add_of(external("gone")), "gone")
    count.refused("data beyond its end", add_of(external("w", 8)), "not as many bytes", [("w", data)])
    count.refused("data from beyond its end", add_of(external("w", 80, 12)), "beyond the end", [("w", data)])


I = lambda *v: np.array(v, np.int64)  # noqa: E731
F = lambda *v: np.array(v, np.float32)  # noqa: E731
INTS = {"int": (INT64, [1]), "int2": (INT64, [2, 2])}
NODIM = ["n", 2, 2, 2]  # a size that is not known
# An operator, its inputs (a shape, "int": numbers that come when it runs, or a constant), its attributes, what is said.
REFUSED = [
    ("Softmax", [NODIM], {"axis": 0}, "its dimensions are not known", 12),
    ("Hardmax", [["n"]], {}, "its dimensions are not known"),
    ("Softmax", [[2, 2]], {"axis": 5}, "there is no axis 5 in 2 dimensions"),
    ("Concat", [[1]] * 257, {"axis": 0}, "more than 256 inputs"),
    ("Concat", [[1], None, [1]], {"axis": 0}, "its input 1 is left out"),
    ("ScatterND", [[2], I([0]), [1]], {"reduction": "frob"}, "its reduction is frob"),
    ("OneHot", ["int", "int", F(0, 1)], {}, "its depth is not known before it runs"),
    ("Einsum", [[2], [2]], {"equation": "...i,i"}, "its equation is"),
    ("Conv", [[1, 1, 4], [1, 1, 2]], {"strides": [1, 1]}, "strides has 2 numbers for 1 axes"),
    ("Conv", [[1, 1, 4], [1, 1, 2]], {"strides": [0]}, "strides has 0"),
    ("Conv", [[4, 4], [1, 1, 2]], {}, "its input has no axis of space"),
    ("Conv", [[1, 1, 4], [1, 1, 2, 2]], {}, "its weight has another rank"),
    ("Conv", [[1, 1, 4], [1, 1, 2]], {"auto_pad": "frob"}, "its auto_pad is frob"),
    ("Conv", [[1, 1, 4], [1, 1, 2]], {"pads": [1]}, "pads has 1 numbers for 1 axes"),
    ("Conv", [[1, 1, 4], [1, 1, 2]], {"pads": [-1, 0]}, "a pad is negative"),
    ("ConvTranspose", [[1, 1, "n"], [1, 1, 2]], {"auto_pad": "SAME_UPPER"}, "its dimensions are not known"),
    ("ConvTranspose", [[1, 1, 4], [1, 1, 2]], {"output_padding": [0, 0]}, "output_padding is too long"),
    ("MaxPool", [[1, 1, 4]], {}, "it has no kernel_shape"),
    ("GlobalMaxPool", [[1, 1]], {}, "its input has no axis of space"),
    ("Cast", [[1]], {"to": 8}, "MIL has no type string"),
    ("BatchNormalization", [[2], F(1), F(1), F(1), F(1)], {}, "its input has no channels"),
    ("InstanceNormalization", [[2, 1], F(1), F(1)], {}, "its input has no axis of space"),
    ("GroupNormalization", [NODIM, F(1), F(1)], {"num_groups": 2}, "its dimensions are not known"),
    ("GroupNormalization", [[1, 3, 2], F(1), F(1)], {"num_groups": 2}, "its channels do not make 2 groups"),
    ("LpNormalization", [[2]], {"p": 3}, "its p is 3"),
    ("LRN", [[1, 2, 2, 2]], {"size": 0}, "its size is 0"),
    ("DequantizeLinear", [[2, 2], np.ones((2, 2), np.float32)], {}, "scales of blocks are not read"),
    ("RNN", [[2, 2], [1, 2, 2], [1, 2, 2]], {}, "its inputs are not of three dimensions"),
    ("RNN", [[2, 2], [1, 2, 2], [1, 2, 2]], {"layout": 1}, "its input is not of three dimensions"),
    ("RNN", [[1, 1, 2], [1, 2, 2], [1, 2, 2]], {"hidden_size": 3}, "its weights are not those of hidden_size"),
    ("RNN", [[1, 1, 2], [1, 3, 2], [1, 2, 2]], {"hidden_size": 2}, "its weights are not those of 1 gates and 1 directions"),
    ("RNN", [[1, 1, 2], [1, 2, 2], [1, 2, 2]], {"clip": 1.0}, "its clip is not read"),
    ("RNN", [[1, 1, 2], [1, 2, 2], [1, 2, 2]], {"activations": [1]}, "its activations are not read"),
    ("RNN", [[1, "n", 2], [1, 2, 2], [1, 2, 2]], {}, "its batch is not known before it runs"),
    ("RNN", [[2, 1, 2], [1, 2, 2], [1, 2, 2], None, I(1)], {}, "sequences of several lengths"),
    ("ReduceSum", [[2], "int"], {}, "its axes are not known before it runs"),
    ("ArgMax", [["n"]], {"select_last_index": 1}, "its dimensions are not known"),
    ("CumSum", [[2], "int"], {}, "its axis is not known before it runs"),
    ("TopK", [[2], "int"], {}, "its k is not known before it runs"),
    ("Resize", [[1, 1, 2, 2], None, F(1, 1)], {}, "it has 2 scales or sizes for 4 axes"),
    ("Resize", [[1, 1, 2, 2], None, None, "int"], {}, "its sizes are not known before it runs"),
    ("Resize", [[1, 1, 2, 2], None, None, I(1, 1, 2, 2)], {"keep_aspect_ratio_policy": "not_larger"}, "keep_aspect_ratio"),
    ("Resize", [[1, 1, 2, 2]], {}, "neither its scales nor its sizes are known"),
    ("Resize", [[1, 1, 2, 2], None, F(1, 1, -1, 1)], {}, "a scale is -1"),
    ("Resize", [NODIM, None, F(1, 1, 1, 1)], {}, "its dimensions are not known"),
    ("Resize", [[1, 1, 2, 2], None, F(1, 1, 2, 2)], {"antialias": 1}, "resizing with antialias"),
    ("Resize", [[1, 1, 2, 2], None, F(1, 1, 0.1, 1)], {}, "a side becomes 0"),
    ("Resize", [[1, 1, 2, 2], None, F(1, 1, 2, 2)], {"mode": "frob"}, "its mode is frob"),
    ("Squeeze", [[1], "int"], {}, "its axes must be known before it runs"),
    ("Constant", [], {}, "it has no value, or one that is no tensor"),
    ("Trilu", [[2]], {}, "its input is no matrix"),
    ("Trilu", [[20000, 2]], {}, "its matrix is too large"),
    ("EyeLike", [[2, 2]], {"dtype": 8}, "MIL has no such type"),
    ("Reshape", [[2]], {}, "it has no shape"),
    ("Reshape", [[1], I(*[1] * 17)], {}, "its shape has more than 16 dimensions"),
    ("Reshape", [[1], I(1, 0)], {}, "its shape keeps a dimension that is not there"),
    ("Flatten", [[1]], {"axis": 3}, "there is no such axis"),
    ("Unsqueeze", [[1]], {}, "it has no axes"),
    ("Unsqueeze", [[1], I(*range(16))], {}, "it gives more than 16 dimensions"),
    ("DepthToSpace", [[1, 4, 1, 1]], {"blocksize": 0}, "its blocksize is 0"),
    ("Split", [[2], I(3)], {}, "its parts are larger than its input"),
    ("Split", [[2], I(1)], {}, "its parts are smaller than its input"),
    ("Slice", [[2], I(0), I(1, 1)], {}, "its starts, ends, axes and steps are not as many"),
    ("Slice", [[2], I(0), I(1), I(0), I(0)], {}, "a step is 0"),
    ("Pad", [[2], I(1, 1)], {"mode": "wrap"}, "its mode is wrap"),
    ("Gemm", ["int2", "int2", "int2"], {"beta": 1e20}, "an attribute is 1e\\+20, which int32 cannot hold"),
    ("Pad", [[2], I(1)], {}, "it has 1 pads for 1 axes"),
]


def refusals(count):
    for op, inputs, attributes, pattern, *opset in REFUSED:
        ports, constants, names = [], [], []
        for i, x in enumerate(inputs):
            names.append("" if x is None else f"x{i}")
            if isinstance(x, np.ndarray):
                constants.append(wire.put_tensor(names[-1], x))
            elif x is not None:
                ports.append(port(names[-1], *(INTS[x] if isinstance(x, str) else (FLOAT, x))))
        words = b"".join(field(5, attribute(k, v)) for k, v in attributes.items())
        one = model([node(op, names, ["y"], words)], ports, [Y], constants, *(opset or [18]))
        count.refused(f"{op} {attributes}", one, pattern)
    text = field(1, [1]) + field(2, STRING) + field(8, "c")
    count.refused("a constant text", add_of(text), "tensor 'c' is of type string")


def warnings_of(file, data):
    with open(file, "wb") as f:
        f.write(data)
    said, handler = [], logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    anec.log.addHandler(handler)
    anec.load(file, "ref")
    anec.log.removeHandler(handler)
    return said


def kept(count):
    """What is read as it is: names, data beside the model, dimensions by name."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "m.onnx")

        def load(data):
            with open(file, "wb") as f:
                f.write(data)
            return anec.load(file, "ref", quiet=True)
        with open(os.path.join(folder, "w"), "wb") as f:
            f.write(b"head" + np.arange(3, dtype=np.float32).tobytes())
        y = load(add_of(external("w", 4, 12))).predict({"x": np.ones((2, 3), np.float32)})["y"]
        count.good(y.tolist() == [[1, 2, 3]] * 2, f"data beside the model: {y}")
        # "to the end" of a slice, as exporters write it: handed on, and nothing computed with it
        end = lambda *more: model(  # noqa: E731
            [node("Constant", [], ["k"], field(5, field(1, "value_int") + field(3, (1 << 63) - 1) + field(20, 2))),
             node("Unsqueeze", ["k", "a"], ["e"]), *more], [port("x", FLOAT, [5])], [port("y", FLOAT, ["n"])],
            [wire.put_tensor("a", I(0)), wire.put_tensor("s", I(2))])
        y = load(end(node("Slice", ["x", "s", "e"], ["y"]))).predict({"x": np.arange(5, dtype=np.float32)})["y"]
        count.good(y.tolist() == [2, 3, 4], f"a slice to the end: {y}")
        count.refused("an end that is computed with", end(node("Sub", ["e", "s"], ["y"])), "int32 cannot hold")
        count.refused("an end that is a result", end(node("Identity", ["e"], ["y"])), "the result 'y' has an integer")
        power = load(model([node("Pow", ["x", "p"], ["y"])], [port("x", INT64, [2])], [port("y", INT64, [2])],
                           [wire.put_tensor("p", I(2))]))
        y = power.predict({"x": np.array([4097, -3], np.int32)})["y"]
        count.good(y.tolist() == [4097 ** 2, 9], f"powers of integers: {y}")
        wide = model([node("Add", ["x", "c"], ["y"])], [port("x", DOUBLE, [1])], [port("y", DOUBLE, [1])],
                     [wire.put_tensor("c", np.array([0.1]))])
        for data, want in ((wide, 1), (add_of(wire.put_tensor("c", np.zeros(3, np.float32))), 0)):
            said = warnings_of(file, data)
            SAID.extend(said)
            count.good(sum("is double" in s for s in said) == want, f"a warning of doubles: {said}")
        half = load(model([node("Mul", ["in put", "in put"], ["1/out:0"])], [port("in put", FLOAT, ["batch", 2])],
                          [port("1/out:0", FLOAT, ["batch", 2])]))
        (given,), (name,) = half.kernel().inputs, half.kernel().results
        for n in (1, 5):
            got = half.predict({given: np.full((n, 2), 3, np.float32)})[name]
            count.good(got.shape == (n, 2) and (got == 9).all(), f"a dimension by name: {got}")
        named = model([node("Relu", ["x"], ["y"])], [port("x", FLOAT, ["batch", 2])], [port("y", FLOAT, ["batch", 2])])
        load(named)
        fixed = anec.load(file, "ref", quiet=True, set={"batch": 3}).kernel()
        count.good(fixed.inputs["x"].shape == fixed.results["y"].shape == (3, 2), f"--set: {fixed.inputs}")
        for value, pattern in (("n=3", "there are: batch"), ("batch=0", "NAME=NUMBER"), ("batch", "NAME=NUMBER"),
                               ("batch=3x", "NAME=NUMBER")):
            try:
                anec.load(file, "ref", quiet=True, set=[value])
                count.good(False, f"--set {value} is taken")
            except anec.Error as e:
                SAID.append(str(e))
                count.good(pattern in str(e), f"--set {value}: {e}")
        two = model([node("Relu", ["x"], ["y"]), node("Abs", ["m"], ["z"])],
                    [port("x", FLOAT, ["batch", 2]), port("m", FLOAT, [3, "batch"])],
                    [port("y", FLOAT, ["batch", 2]), port("z", FLOAT, [3, "batch"])])
        load(two)
        for more in ({}, {"buckets": "4,8"}, {"buckets": "m.1=8"}):
            shared = anec.load(file, "ref", quiet=True, **more)
            given = {"x": np.ones((3, 2), np.float32), "m": -np.ones((3, 3), np.float32)}
            got = shared.predict(given)
            count.good(got["y"].shape == (3, 2) and got["z"].shape == (3, 3) and (got["z"] == 1).all(), f"one name: {got}")
            try:
                shared.predict({**given, "m": np.ones((3, 5), np.float32)})
                count.good(False, "two sizes of one name are taken")
            except anec.Error as e:
                count.good("they have one name, batch" in str(e), f"two sizes of one name: {e}")
        same = load(model([], [X], [port("x", FLOAT, [2, 3])]))
        count.good(list(same.predict({"x": np.ones((2, 3), np.float32)}).values())[0].shape == (2, 3), "an input returned")


def nets(count):
    """The nets of the bench, which are written as MIL and as ONNX over the same weights."""
    names = ["mlp1", "lstm", "vad", "whisper", "mobilenetv2"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(TOP, "tests/bench/nets.py"), folder, *names], check=True)
        for name in names:
            ours, theirs = (anec.load(os.path.join(folder, name + end), "cpu", quiet=True).kernel()
                            for end in (".mil", ".onnx"))
            rng = np.random.default_rng(7)
            x = {n: rng.standard_normal(p.shape).astype(np.float32) for n, p in ours.inputs.items()}
            a = list(ours(**x).values())
            b = list(theirs(**dict(zip(theirs.inputs, x.values()))).values())
            off = max(float(np.abs(p - q).max() / np.abs(p).max()) for p, q in zip(a, b))
            count.good(off < 1e-5, f"{name}: {off} between .mil and .onnx")
            for target in ("m1", "m4"):
                out = os.path.join(folder, f"{name}-{target}.mil")
                anec.compile(os.path.join(folder, name + ".onnx"), out, target, quiet=True)
                wrong = [f for f in anec.check(out, target) if f.severity == "error"]
                count.good(not wrong, f"{name} for {target}: {wrong[:1]}")


def opset_forms():
    """What changed its form or came between opsets 13 and 21: what it is, the operator, its first and last opset in that form,
    attributes, constants behind the input, its results, and what they are of x [2, 4, 6]."""
    lim = np.arange(24, dtype=np.float32).reshape(4, 6)
    ints = lambda *v: np.array(v, np.int64)
    floats = lambda *v: np.array(v, np.float32)
    normal = lambda x, axes: (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    grouped = lambda x: normal(x.reshape(2, 2, -1), (2,)).reshape(x.shape)
    soft = lambda x, axis: np.exp(x) / np.exp(x).sum(axis, keepdims=True)
    gelu = lambda x: np.vectorize(lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2))))(x)
    reduces = {
        "ReduceL1": lambda x: np.abs(x).sum(1), "ReduceL2": lambda x: np.sqrt((x * x).sum(1)), "ReduceLogSum": lambda x: np.log(x.sum(1)),
        "ReduceLogSumExp": lambda x: np.log(np.exp(x).sum(1)), "ReduceMax": lambda x: x.max(1), "ReduceMean": lambda x: x.mean(1),
        "ReduceMin": lambda x: x.min(1), "ReduceProd": lambda x: x.prod(1), "ReduceSumSquare": lambda x: (x * x).sum(1)}
    for op, want in reduces.items():
        yield "axes as an attribute", op, 13, 17, {"axes": [1], "keepdims": 0}, [], 1, want
        yield "axes as an input", op, 18, 21, {"keepdims": 0}, [ints(1)], 1, want
    yield "axes as an input", "ReduceSum", 13, 21, {"keepdims": 0}, [ints(1)], 1, lambda x: x.sum(1)
    yield "no axes, which are none", "ReduceSum", 13, 21, {"noop_with_empty_axes": 1}, [], 1, lambda x: x
    yield "no axes, which are none", "ReduceMean", 18, 21, {"noop_with_empty_axes": 1}, [], 1, lambda x: x
    yield "one axis", "Softmax", 13, 21, {}, [], 1, lambda x: soft(x, 2)
    yield "one axis", "LogSoftmax", 13, 21, {"axis": 1}, [], 1, lambda x: np.log(soft(x, 1))
    yield "axes as an input", "Unsqueeze", 13, 21, {}, [ints(1, -1)], 1, lambda x: x[:, None, ..., None]
    yield "sizes as an input", "Split", 13, 21, {"axis": 2}, [ints(1, 5)], 2, lambda x: (x[..., :1], x[..., 1:])
    yield "a count", "Split", 18, 21, {"axis": 2, "num_outputs": 2}, [], 2, lambda x: (x[..., :3], x[..., 3:])
    yield "a count that does not divide", "Split", 18, 21, {"axis": 2, "num_outputs": 4}, [], 4, \
        lambda x: np.array_split(x, [2, 4, 6], 2)
    yield "pads as an input", "Pad", 13, 21, {}, [ints(0, 1, 0, 0, 0, 2), np.float32(5).reshape(())], 1, \
        lambda x: np.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values=5)
    yield "pads of some axes", "Pad", 18, 21, {}, [ints(1, 2), np.float32(5).reshape(()), ints(-1)], 1, \
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 2)), constant_values=5)
    yield "numbers of groups", "GroupNormalization", 18, 20, {"num_groups": 2}, [floats(2, 3), floats(1, -1)], 1, \
        lambda x: grouped(x) * floats(2, 2, 3, 3)[:, None] + floats(1, 1, -1, -1)[:, None]
    yield "numbers of channels", "GroupNormalization", 21, 21, {"num_groups": 2}, [floats(2, 3, 4, 5), floats(1, -1, 0, 2)], 1, \
        lambda x: grouped(x) * floats(2, 3, 4, 5)[:, None] + floats(1, -1, 0, 2)[:, None]
    yield "it came in 17", "LayerNormalization", 17, 21, {}, [floats(*range(6)), floats(*range(6))], 1, \
        lambda x: normal(x, (2,)) * np.arange(6) + np.arange(6)
    yield "it came in 20", "Gelu", 20, 21, {}, [], 1, gelu
    yield "it came in 20", "Gelu", 20, 21, {"approximate": "tanh"}, [], 1, \
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))
    yield "it came in 18", "Mish", 18, 21, {}, [], 1, lambda x: x * np.tanh(np.log1p(np.exp(x)))
    yield "it came in 14", "HardSwish", 14, 21, {}, [], 1, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)
    yield "it came in 14", "Trilu", 14, 21, {"upper": 0}, [], 1, np.tril
    yield "a part of the shape", "Shape", 15, 21, {"start": 1, "end": -1}, [], 1, lambda x: np.array([4])
    yield "a 0 that stays", "Reshape", 14, 21, {"allowzero": 0}, [ints(0, -1)], 1, lambda x: x.reshape(2, -1)
    yield "ends as inputs", "Clip", 13, 21, {}, [np.float32(0.8).reshape(()), np.float32(1.2).reshape(())], 1, lambda x: x.clip(0.8, 1.2)
    yield "it tells whether it is saturated", "Cast", 19, 21, {"to": 1, "saturate": 1}, [], 1, lambda x: x
    yield "sums", "ScatterElements", 16, 21, {"axis": 2, "reduction": "add"}, [np.zeros((2, 4, 1), np.int64), np.ones((2, 4, 1), np.float32)], 1, \
        lambda x: np.concatenate([x[..., :1] + 1, x[..., 1:]], 2)
    yield "the greatest", "ScatterElements", 18, 21, {"axis": 2, "reduction": "max"}, \
        [np.zeros((2, 4, 1), np.int64), np.ones((2, 4, 1), np.float32)], 1, lambda x: np.concatenate([x[..., :1].clip(1), x[..., 1:]], 2)
    yield "sums", "ScatterND", 16, 21, {"reduction": "add"}, [ints(1).reshape(1, 1), lim[None]], 1, lambda x: np.stack([x[0], x[1] + lim])
    yield "a scale", "QuantizeLinear", 13, 21, {}, [np.float32(0.1).reshape(()), np.uint8(3).reshape(())], 1, \
        lambda x: (np.round(x / np.float32(0.1)) + 3).astype(np.uint8)


def opsets(count):
    """Each form in each opset that has it; libonnx-testdata has none beyond 17."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 1.5, (2, 4, 6)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "m.onnx")
        for what, op, first, last, attributes, constants, n, want in opset_forms():
            names = [f"c{i}" for i in range(len(constants))]
            words = b"".join(field(5, attribute(k, v)) for k, v in attributes.items())
            wanted = want(x) if n > 1 else [want(x)]
            for opset in range(first, last + 1):
                ports = [port(f"y{i}", FLOAT, w.shape) for i, w in enumerate(wanted)]
                with open(file, "wb") as f:
                    f.write(model([node(op, ["x", *names], [f"y{i}" for i in range(n)], words)], [port("x", FLOAT, x.shape)],
                                  ports, [wire.put_tensor(c, a) for c, a in zip(names, constants)], opset))
                try:
                    got = results(file, [x])
                    why = next((w for w in map(compare, got, wanted) if w), None) or (len(got) != n and f"{len(got)} results")
                except anec.Error as e:
                    why = str(e)
                count.good(not why, f"{op}, {what}, in opset {opset}: {why}")


def beside(count):
    """The same nets as onnxruntime computes them, where node finds the package that tests/bench/beside.py names."""
    missing = peer_here()
    if missing:
        print(f"onnx: {missing}: skipped the nets beside it")
        return
    bench = os.path.join(TOP, "tests/bench")
    names = ["mlp1", "mlp64", "lstm", "gru", "vad", "gemm", "whisper", "mobilenetv2", "resnet18", "unet"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(bench, "nets.py"), folder, *names], check=True)
        for name in names:
            net = os.path.join(folder, name)
            subprocess.run(["node", os.path.join(bench, "peer.js"), net, "1", "0"], check=True, stdout=subprocess.DEVNULL)
            with open(net + ".json") as f:
                told = json.load(f)
            read = lambda path: np.fromfile(path, np.float32)
            for backend in ("cpu", "ref") if name in ("mlp1", "lstm", "vad") else ("cpu",):
                kernel = anec.load(net + ".onnx", backend, quiet=True).kernel()
                got = list(kernel(**{given: read(f"{net}.{port[0]}.raw").reshape(port[1])
                                     for given, port in zip(kernel.inputs, told["inputs"])}).values())
                want = [read(f"{net}.peer.{i}.raw") for i in range(len(told["results"]))]
                off = max(float(np.abs(p.ravel() - q).max() / np.abs(q).max()) for p, q in zip(got, want))
                count.good(len(got) == len(want) and off < 2e-5, f"{name} on {backend}: {off} beside onnxruntime")


def listed(count):
    """The page names the operators that are read, and no others."""
    with open(os.path.join(TOP, "docs/onnx.md")) as f:
        text = f.read()
    named = set(re.findall(r"`(\w+)`", text[text.index("## Operators"):].split("\n## ")[0]))
    count.good(named == rows(), f"docs/onnx.md: {sorted(named ^ rows())}")


def main():
    count, wanted = Count(), sys.argv[2:]
    if os.path.isdir(DATA):
        published(count, wanted)
    else:
        print("onnx: no libonnx-testdata here: skipped ONNX's own tests")
    if not wanted:
        for part in (hostile, refusals, kept, opsets, nets, beside, listed):
            part(count)
    with open(os.path.join(BUILD, "unit", "onnx.log"), "w") as f:
        f.writelines(f"error: {line}\n" for said in SAID for line in said.splitlines())
    print(f"onnx: {count.passed} passed, {count.failed} failed")
    return count.failed > 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""opset.py -- programs taken to every opset and every chip. Ends with `opset: N passed, N failed`.

usage: opset.py BUILD [part of a case's path]

Each case of ../shared/conformance and ../shared/packages (a folder with case.json, a model, inputs and
expected results) is written for ios15 to ios18 and ios26: what comes out computes what the case expects, or one
error names the opset and the fix. For each chip it is written, or refused with exit 1. A crash,
which is how a pass that leaves a wrong program ends, is a failure everywhere.
Every EVERY-th case is taken, which is 40; EVERY=1 takes all."""
import ast
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from counted import build_given

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.path.join(HERE, "..", "..", "shared")
OPSETS = ["ios15", "ios16", "ios17", "ios18", "ios26"]
CODES = {"f2": "e", "f4": "f", "b1": "?", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I"}
DTYPES = {"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "fp16": "f2", "fp32": "f4",
          "bool": "b1"}


def load(path):
    with open(path, "rb") as f:
        data = f.read()
    start = 10 if data[6] == 1 else 12
    size = struct.unpack_from("<H" if data[6] == 1 else "<I", data, 8)[0]
    head = ast.literal_eval(data[start:start + size].decode("latin1"))
    kind = head["descr"].lstrip("<|=>")
    if kind not in CODES or head["fortran_order"]:
        return kind, head["shape"], None
    n = math.prod(head["shape"])
    return kind, head["shape"], struct.unpack_from("<%d%s" % (n, CODES[kind]), data, start + size)


def store(path, kind, shape, values):
    head = ("{'descr': '<%s', 'fortran_order': False, 'shape': %s, }" % (kind, tuple(shape))).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        f.write(struct.pack("<%d%s" % (len(values), CODES[kind]), *values))


def run(command):
    try:
        p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=120)
    except subprocess.TimeoutExpired:
        return 124, "it took longer than two minutes"
    return p.returncode, p.stdout.decode(errors="replace")


def inputs(spec, case, text, folder):
    """Arguments of anerun; an input that has another type in the text is converted."""
    heads = " ".join(re.findall(r"\bfunc\s+\w+\s*<[^>]*>\s*\((.*?)\)\s*(?:\[|\{)", text, re.S))
    declared = dict((name, t) for t, name in re.findall(r"tensor<(\w+),\s*\[[^\]]*\]>\s+(\w+)", heads))
    runs, each = spec.get("iterations", 1), spec.get("per_iteration_inputs") or []
    args = ["--iterations", str(runs)] if "iterations" in spec else []
    if spec.get("function"):
        args += ["-f", spec["function"]]
    for one in spec["inputs"]:
        for k in range(runs) if one["name"] in each else [None]:
            path = os.path.join(case, "input_%s%s.npy" % ("" if k is None else "it%d_" % k, one["name"]))
            want = DTYPES.get(declared.get(one["name"]))
            if want and want != DTYPES.get(one["dtype"]):
                kind, shape, values = load(path)
                path = os.path.join(folder, "%s_%s" % (want, os.path.basename(path)))
                store(path, want, shape, values)
            args += ["-i", "%s%s=%s" % (one["name"], "" if k is None else "@%d" % k, path)]
    return args


def near(got, want, rtol, atol):
    if math.isnan(want) or math.isnan(got):
        return math.isnan(want) and math.isnan(got)
    if math.isinf(want) or math.isinf(got):
        return want == got
    return abs(got - want) <= atol + rtol * abs(want)


def differs(spec, case, folder):
    runs = spec.get("iterations", 1)
    for k in range(runs):
        for i, one in enumerate(spec["outputs"]):
            many = "it%d_" % k if "iterations" in spec else ""
            want = os.path.join(case, "expected_%s%d_%s.npy" % (many, i, one["name"]))
            got = os.path.join(folder, ("it%d_" % k if runs > 1 else "") + one["name"] + ".npy")
            if not os.path.exists(want):
                want = os.path.join(case, "expected_%d_%s.npy" % (i, one["name"]))
            if not os.path.exists(got):
                return "there is no result %s" % one["name"]
            (gk, gs, gv), (wk, ws, wv) = load(got), load(want)
            if gv is None or wv is None:
                continue
            if tuple(gs) != tuple(ws):
                return "%s: %s and %s" % (one["name"], gs, ws)
            rtol, atol = (spec.get("rtol", 1e-3), spec.get("atol", 1e-4)) if wk[0] == "f" else (0, 0)
            for j, (a, b) in enumerate(zip(gv, wv)):
                if not near(float(a), float(b), rtol, atol):
                    return "%s: number %d is %g, expected %g" % (one["name"], j, a, b)
    return None


def for_opset(build, case, model, spec, opset, folder):
    out = os.path.join(folder, opset + ".mil")
    status, said = run([build + "/anec", "-q", "--opset", opset, "-o", out, model])
    if status == 1 and "--opset" in said:
        return None
    if status:
        return "exit %d: %s" % (status, said[:300])
    with open(out, errors="replace") as f:
        text = f.read()
    results = os.path.join(folder, opset)
    status, said = run([build + "/anerun", "-q", "--backend", "ref", "-O", results]
                       + inputs(spec, case, text, folder) + [out])
    return "running it: exit %d: %s" % (status, said[:300]) if status else differs(spec, case, results)


def engines(build):
    """The chips that have an engine of their own."""
    listed = json.loads(subprocess.check_output([build + "/anec", "--list-targets", "--json"]))
    return [t["target"] for t in listed if t["chip"] and "engine" in t]


def one_case(build, case, chips):
    with open(os.path.join(case, "case.json")) as f:
        spec = json.load(f)
    model = next(p for p in (os.path.join(case, n) for n in ("model.mil", "model.mlpackage")) if os.path.exists(p))
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        status, said = run([build + "/anerun", "-q", "--backend", "ref", "-O", os.path.join(folder, "own")]
                           + inputs(spec, case, "", folder) + [model])
        if status or differs(spec, case, os.path.join(folder, "own")):
            return lines  # of other suites
        for opset in OPSETS:
            try:
                why = for_opset(build, case, model, spec, opset, folder)
            except (OSError, ValueError, KeyError, struct.error) as e:
                why = repr(e)
            lines.append("FAILED %s for %s: %s" % (case, opset, why) if why else "passed")
        for chip in chips:
            status, said = run([build + "/anec", "-q", "--target", chip, "-o", os.path.join(folder, "c.mil"), model])
            lines.append("passed" if status in (0, 1) else "FAILED %s for %s: exit %d: %s" % (case, chip, status, said[:300]))
    return lines


def main():
    build, part = build_given(__doc__), sys.argv[2] if len(sys.argv) > 2 else ""
    cases, chips = [], engines(build)
    for root in ("conformance", "packages/cases"):
        for folder, _, files in os.walk(os.path.join(SHARED, root)):
            if "case.json" in files and part in folder:
                cases.append(folder)
    if not cases:
        print("opset: skipped, there is no ../shared/conformance")
    every = 1 if part else int(os.environ.get("EVERY", "40"))
    with ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        lines = [x for r in pool.map(lambda c: one_case(build, c, chips), sorted(cases)[::every]) for x in r]
    for line in lines:
        if line != "passed":
            print(line.replace("\n", " "))
    failed = sum(x != "passed" for x in lines)
    print("opset: %d passed, %d failed" % (len(lines) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""coreai.py -- programs of `anec --emit coreai-py`, made by tests/coreai, a stand-in for Apple's package, which
checks operands strictly and computes in double. Ends with `coreai: N passed, N failed`.

usage: coreai.py BUILD [part of a case's path]

Each case of ../shared/conformance and each model of examples/ and tests/models becomes such a program, whose numbers
are those of `anerun --backend ref`, or is refused by errors that name each op that has no equivalent. Every
EVERY-th case is taken, which is 8; EVERY=1 takes all, and the example of 110 million weights."""
import glob
import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from counted import Checks, build_given

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SHARED = os.path.join(ROOT, "..", "shared")
sys.path.insert(0, os.path.join(HERE, "coreai"))
sys.dont_write_bytecode = True
import coreai  # noqa: E402
from coreai._compiler.dialects import coreai as dialect  # noqa: E402

REFUSED = ("has no equivalent in Core AI", "what Core AI's Python is given are", "its form in Core AI's Python has it",
           "what Core AI makes of them is not public")


def run(command):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return p.returncode, p.stdout.decode(errors="replace")


def emitted(build, model, path):
    """None, "refused", or what is wrong."""
    status, said = run([build + "/anec", "-q", model, "--emit", "coreai-py", "-o", path])
    if not status:
        return None
    errors = [line for line in said.splitlines() if " error: " in line]
    known = all(any(word in line for word in REFUSED) for line in errors)
    return "refused" if status == 1 and errors and known else "exit %d: %s" % (status, said[:500])


def made(path, given):
    """The results of each graph, in order, and the ops of the package that were called."""
    coreai.INPUTS.clear()
    coreai.INPUTS.update(given)
    dialect.RECORD.clear()
    dialect.HALF.clear()
    with np.errstate(all="ignore"):
        program = runpy.run_path(path)["build"]()
    return program.module.graphs, list(dialect.RECORD)


def steps(path):
    """Lines of a graph that compute: the reference rounds once in each."""
    with open(path) as f:
        return max(1, sum(line.startswith("        ") and " = " in line for line in f))


def differs(v, want, rounded):
    """The reference rounds each result to the type that it has: half a unit of the last place for each of `rounded`
    ops, and as much again where the stand-in's own order of adding differs; near 0, of the largest number."""
    own = v.type.element_type.numpy  # anerun widens fp16 where the source's author may not know of it
    if v.type.shape != list(want.shape) or (own != want.dtype and own.kind + want.dtype.kind != "ff"):
        return "%s, not %s%s" % (v.type, want.dtype, want.shape)
    if not v.type.element_type.is_float:
        return None if np.array_equal(v.array, want) else "other whole numbers"
    info = np.finfo(np.float16 if dialect.HALF else np.float32)
    with np.errstate(all="ignore"):
        got, want = v.array.astype(own).astype(np.float64), want.astype(np.float64)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    finite = np.abs(want[np.isfinite(want)])
    top = finite.max() if finite.size else 0
    bound = info.eps * rounded * (np.abs(want) + (top if rounded > 1 else 0)) + float(info.tiny)
    with np.errstate(all="ignore"):
        bad = ~same & ~(np.abs(got - want) <= bound)
    return "%g, not %g" % (got[bad][0], want[bad][0]) if bad.any() else None


def compare(build, model, given, folder, path, function):
    graphs, record = made(path, given)
    args = ["-f", function] if function else []
    for name, value in given.items():
        np.save(os.path.join(folder, "in_%s.npy" % re.sub(r"\W", "_", name)), value)
        args += ["-i", "%s=%s" % (name, os.path.join(folder, "in_%s.npy" % re.sub(r"\W", "_", name)))]
    results = os.path.join(folder, "results")
    status, said = run([build + "/anerun", "-q", "--backend", "ref", "-O", results] + args + [model])
    if status:
        return None, record  # of other suites
    graph = next(g for g in graphs if not function or g.name == function)
    for name, value in graph.outputs.items():
        file = next((f for f in os.listdir(results) if re.sub(r"\W", "_", f[:-4]) == re.sub(r"\W", "_", name)), None)
        if not file:
            continue  # anerun keeps a cache, which is an input and a result, to itself
        why = differs(value, np.load(os.path.join(results, file)), steps(path))
        if why:
            return "%s: %s" % (name, why), record
    return None, record


def typed(path):
    """Random inputs for the graphs of a program."""
    with open(path) as f:
        text = f.read()
    given, random = {}, np.random.default_rng(1)
    for types, names in re.findall(r"input_types=\[(.*)\], result_types=\[\], input_names=\[(.*)\]\)", text):
        types = re.findall(r"get\(\[([\d, ]*)\], (F16|F32|Integer)Type\.get", types)
        for (shape, kind), name in zip(types, re.findall(r'"([^"]*)"', names)):
            shape = [int(n) for n in shape.split(",") if n.strip()]
            given[name] = (random.integers(0, 2, shape).astype(np.int32) if kind == "Integer" else
                           (random.random(shape) * 0.5).astype({"F16": np.float16, "F32": np.float32}[kind]))
    return given


def one(task):
    build, model, case = task
    spec = {}
    if case:
        with open(os.path.join(case, "case.json")) as f:
            spec = json.load(f)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "built.py")
        try:
            why = emitted(build, model, path)
            if why:
                return model, why, []
            if spec.get("iterations", 1) > 1 or any("dtype" not in i for i in spec.get("inputs", [])):
                return model, "refused", []
            given = {i["name"]: np.load(os.path.join(case, "input_%s.npy" % i["name"])) for i in spec["inputs"]} \
                if case else typed(path)
            why, record = compare(build, model, given, folder, path, spec.get("function"))
            return model, why, record
        except Exception:  # pylint: disable=broad-except
            return model, traceback.format_exc()[-500:], []


def tasks(build, part):
    every = int(os.environ.get("EVERY", "8")) if not part else 1
    cases = sorted(glob.glob(os.path.join(SHARED, "conformance", "**", "case.json"), recursive=True))
    for i, case in enumerate(c for c in cases if not part or part in c):
        folder = os.path.dirname(case)
        model = [os.path.join(folder, n) for n in ("model.mil", "model.mlpackage")]
        if i % every == 0:
            yield build, next(m for m in model if os.path.exists(m)), folder
    for model in sorted(glob.glob(os.path.join(ROOT, "examples", "*.anedsl"))
                        + glob.glob(os.path.join(ROOT, "tests", "models", "*.anedsl"))):
        large = "stories110m" in model and os.environ.get("EVERY") != "1"
        if (not part or part in model) and not large and not model.endswith("_part.anedsl"):
            yield build, model, None


def documented():
    """Operations of the tables that docs/coreai.md does not name: those that are read, and those without a word."""
    with open(os.path.join(ROOT, "ir", "coreai", "core_ops.def")) as f:
        names = re.findall(r"^(?:SAME|PAIR|CORE)\((\w+)", f.read(), re.M)
    for table in sorted(glob.glob(os.path.join(ROOT, "ir", "ops", "*.def"))):
        with open(table) as f:
            for row in re.split(r"^OP\(", f.read(), flags=re.M)[1:]:
                names += re.findall(r"^\w+", row) if "COREAI(WITHOUT(" in row else []
    with open(os.path.join(ROOT, "docs", "coreai.md")) as f:
        page = f.read()
    return [name for name in names if "`%s`" % name not in page]


def main():
    build = os.path.abspath(build_given(__doc__))
    check = Checks("coreai")
    refused, called = 0, Counter()
    with ProcessPoolExecutor() as pool:
        for model, why, record in pool.map(one, tasks(build, sys.argv[2] if len(sys.argv) > 2 else ""), chunksize=4):
            refused += why == "refused"
            called.update(set(record))
            check(os.path.relpath(model, ROOT), why in (None, "refused"), why)
    missing = documented()
    check("docs/coreai.md names each operation", not missing, missing)
    print("coreai: %d were refused, and %d functions of the package called" % (refused, len(called)))
    print("coreai: %d passed, %d failed" % (check.passed, check.failed))
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())

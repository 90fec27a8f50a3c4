#!/usr/bin/python3
"""packages.py -- gradients of programs in packages, held against differences of the programs themselves.

usage: packages.py CASES      folders FAMILY/NAME with model.mlpackage and inputs; anec and anerun are found by PATH

Every package is differentiated by its inputs of floats and run. Where it computes in fp32 and rounds to no integers, what comes out is held
against the difference of results along a direction of the inputs. What has no gradient is told, with its reason,
and has to be one of those below. Ends with `packages: N passed, N failed, N without a gradient, N held against differences`."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy

REASONS = ("while_loop has no gradient", "lstm has no gradient", "gru has no gradient", "rnn has no gradient",
           "reverse_sequence has no gradient", "no result of .* is a float", "dimensions of .* are not known",
           "no input or weight of .* is a float")


def call(*args):
    return subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(model, inputs, out, function=None):
    """Results by name, as float64; None: it failed, and said what is printed."""
    for old in out.glob("*.npy"):
        old.unlink()
    args = []
    for name, value in inputs.items():
        numpy.save(out / f"in.{name}", value)
        args += ["-i", f"{name}={out / f'in.{name}.npy'}"]
    done = call("anerun", model, "-q", "-b", "ref", "-O", out, *(["-f", function] if function else []), *args)
    if done.returncode:
        return done.stderr
    return {f.stem: numpy.load(f) for f in out.glob("*.npy") if not f.name.startswith("in.")}


def slope(model, inputs, floats, direction, seeds, out):
    """The difference of the results, each times its seed, along the direction; and how far two of them are apart."""
    found = []
    for h in (1e-2, 2.5e-3):
        ends = []
        for sign in (1, -1):
            moved = {n: (v + numpy.float32(sign * h) * direction[n] if n in floats else v) for n, v in inputs.items()}
            results = run(model, moved, out)
            if isinstance(results, str):
                return results
            ends.append(sum(float((results[n].astype(float) * s).sum()) for n, s in seeds.items()))
        found.append((ends[0] - ends[1]) / (2 * h))
    return found


def differences(case, folder, rng):
    """None: it runs; "held": and agrees; else what is wrong."""
    want = json.loads((case / "case.json").read_text())
    model, out = case / "model.mlpackage", folder / "out"
    out.mkdir(exist_ok=True)
    if "iterations" in want or "function" in want:
        return "skip: it is of several runs, or of another function"
    inputs = {i["name"]: numpy.load(case / f"input_{i['name']}.npy") for i in want["inputs"]}
    floats = [n for n, v in inputs.items() if v.dtype.kind == "f"]
    if not floats:
        return "skip: it has no input of floats"
    for made in folder.glob("b.mil"):
        made.unlink()
    backwards = ("anec", "-q", f"--grad={','.join(floats)}", model, "-o", folder / "b.mil")
    done = call(*backwards)
    through = done.returncode and "quantize has no gradient" in done.stderr  # as if it rounded nothing, where that is asked for
    if through:
        done = call(*backwards, "--straight-through")
    if done.returncode:
        if any(re.search(r, done.stderr) for r in REASONS) and done.returncode == 1:
            return "none: " + done.stderr.strip().splitlines()[0]
        return done.stderr
    first = run(model, inputs, out)
    if isinstance(first, str):
        return "skip: " + first
    results = {n: v for n, v in first.items() if v.dtype.kind == "f"}
    head = "".join(re.findall(r"func \w+<\w+>\(.*", (folder / "b.mil").read_text()))
    seeds = {n: rng.standard_normal(v.shape).astype(v.dtype) for n, v in results.items() if v.ndim}
    taken = {n for n in seeds if re.search(r" d_%s[,)]" % re.escape(n), head)}
    got = run(folder / "b.mil", {**inputs, **{f"d_{n}": seeds[n] for n in taken}}, out)
    if isinstance(got, str):
        return got
    bad = [n for n in floats if not numpy.isfinite(got[f"d_{n}"].astype(float)).all() or got[f"d_{n}"].shape !=
           inputs[n].shape]
    if bad:
        return f"d_{bad[0]} is not finite, or {got[f'd_{bad[0]}'].shape}"
    if through or want["precision"] != "fp32" or any(v.dtype != numpy.float32 for v in results.values()):
        return None
    weights = {n: seeds.get(n, numpy.ones((), numpy.float32)).astype(float) for n in results}
    direction = {n: rng.standard_normal(inputs[n].shape).astype(numpy.float32) for n in floats}
    is_ = sum(float((got[f"d_{n}"].astype(float) * direction[n]).sum()) for n in floats)
    found = slope(model, inputs, floats, direction, weights, out)
    if isinstance(found, str):
        return found
    size = sum(float(numpy.abs(got[f"d_{n}"].astype(float) * direction[n]).sum()) for n in floats)
    noise = 3e-7 * sum(float(numpy.abs(results[n].astype(float) * w).sum()) for n, w in weights.items()) / 2.5e-3
    apart = abs(found[0] - found[1])
    if min(abs(f - is_) for f in found) <= 5e-3 * size + noise + 2 * apart:
        return "held"
    return f"the gradient along a direction is {is_:g}, differences are {found[0]:g} and {found[1]:g}"


def main():
    passed = failed = none = held = 0
    with tempfile.TemporaryDirectory() as name:
        for i, file in enumerate(sorted(pathlib.Path(sys.argv[1]).glob("*/*/case.json"))):
            wrong = differences(file.parent, pathlib.Path(name), numpy.random.default_rng(i))
            if wrong is None or wrong == "held":
                passed += 1
                held += wrong is not None
            elif wrong.startswith(("none: ", "skip: ")):
                none += 1
            else:
                failed += 1
                print("FAILED", file.parent.relative_to(sys.argv[1]), wrong.strip()[:300])
    print(f"packages: {passed} passed, {failed} failed, {none} without a gradient, {held} held against differences")
    sys.exit(bool(failed) or not held)


main()

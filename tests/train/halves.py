#!/usr/bin/env python3
"""halves.py -- gradients that a device computes in fp16, one and the mean of some, beside those in fp32.

usage: halves.py TOP BACKEND N      anetrain is found by PATH

Of tiny_train after 300 steps, at weights that stay: what rounds them moves on from step to step (train/halves.c), so the mean over N
steps is nearer to the gradient in fp32 than one of them is, at most 4/5 as far. Were they rounded alike at each step, it would be as
far."""
import array
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

RULE = """param gather_states = 1
fn gather(w, g, s, h) = [w + 0.0 * g, s[0] + h[4] * g]
"""


def train(folder, *args):
    subprocess.run(["anetrain", "-q", *args], check=True, cwd=folder)


def gathered(path, steps):
    """The sum that the rule has kept, of each step."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    sums = array.array("f")
    for name, what in json.loads(data[8:8 + size]).items():
        if name.startswith("opt.0."):
            first, end = what["data_offsets"]
            sums.frombytes(data[8 + size + first:8 + size + end])
    return [v / steps for v in sums]


def main():
    top, backend, n = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3])
    tiny = [str(top / "examples/tiny_train.anedsl"), "--data", "built-in:tiny"]
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(temp)
        (folder / "rule.anedsl").write_text(RULE)
        train(folder, *tiny, "--optimizer", "sgd", "--lr", "1", "--steps", "300", "-b", "cpu", "-o", "base", "--export",
              "w.safetensors")

        def mean(where, steps):
            out = f"{where.replace(':', '-')}-{steps}"
            train(folder, *tiny, "--init", "w.safetensors", "--optimizer", "rule.anedsl:gather", "--clip", "0", "--steps",
                  str(steps), "-b", where, "-o", out)
            return gathered(folder / out / f"step-{steps:08}.safetensors", steps)

        right = mean("cpu", 1)

        def off(got):
            return math.dist(got, right) / math.hypot(*right)

        one, some = off(mean(backend, 1)), off(mean(backend, n))
    print(f"{backend}: a gradient is {one:.2g} off, the mean of {n} {some:.2g}")
    sys.exit(not some <= 0.8 * one)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""beside.py -- the backend cpu beside onnxruntime, net by net, with the same weights (nets.py).

usage: beside.py BUILD [-t THREADS] [-r ROUNDS] [-s SECONDS] [-p PICTURE] [NET[:fp16]..]     all nets without a name

Results are compared before anything is timed: a net whose numbers differ is an error. Then each side runs
SECONDS at a time, by turns, ROUNDS times; the least of all counts, since what else is at work on a machine
only adds. One thread is judged by processor time, several by the clock. The nets are kept in BUILD/bench/nets.
PICTURE is an SVG of the ratios, for docs/performance.md.

onnxruntime is the package onnxruntime-node of npm, of the version below, where node finds it (NODE_PATH,
or a node_modules above): npm install --ignore-scripts onnxruntime-node@1.30.0. Without it this says so."""
import argparse
import array
import collections
import json
import math
import os
import struct
import subprocess
import sys

VERSION = "1.30.0"
HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = {"fp32": 1e-4, "fp16": 4e-3}  # of the largest number of a result
# What the row of the table is to reach: ours / onnxruntime of one thread, and of two, None: nothing is said.
BARS = {"mlp1": (0.80, 0.95), "mlp64": (0.88, 0.92), "resnet18": (0.75, 0.80), "resnet18:fp16": (0.72, 0.80),
        "mobilenetv2": (0.76, 0.80), "mobilenetv2:fp16": (0.55, 0.80), "unet": (0.58, 0.62), "whisper": (0.75, None),
        "stories15m": (0.72, None), "stories15m:fp16": (0.60, None), "stories110m": (0.82, None),
        "decode110m": (0.90, 0.95), "decode110m:fp16": (0.48, 0.50), "vad": (0.80, None), "lstm": (0.90, None),
        "gru": (None, None), "gemm": (0.82, 0.88)}


def peer_here():
    """Why there is no peer; None: there is one."""
    ask = 'process.stdout.write(require("onnxruntime-node/package.json").version)'
    try:
        found = subprocess.run(["node", "-e", ask], cwd=HERE, capture_output=True, text=True)
    except OSError:
        return "there is no node"
    if found.returncode:
        return f"node finds no onnxruntime-node (npm install --ignore-scripts onnxruntime-node@{VERSION}, NODE_PATH)"
    return None if found.stdout == VERSION else f"onnxruntime-node is {found.stdout}, not {VERSION}"


def numbers_of(path, dtype):
    with open(path, "rb") as f:
        raw = f.read()
    return struct.unpack(f"<{len(raw) // 2}e", raw) if dtype == "fp16" else array.array("f", raw)


def difference(net):
    """The largest difference of any result, as a part of its largest number; and the type."""
    with open(net + ".json") as f:
        told = json.load(f)
    worst = 0.0
    for i in range(len(told["results"])):
        ours, peer = (numbers_of(f"{net}.{side}.{i}.raw", told["dtype"]) for side in ("ours", "peer"))
        largest = max(map(abs, peer), default=0.0)
        apart = max((abs(a - b) for a, b in zip(ours, peer)), default=0.0)
        # a comparison with NaN is false, so it is asked for what is right
        if len(ours) != len(peer) or not math.isfinite(sum(ours)) or not 0 < largest < math.inf:
            return math.inf, told["dtype"]
        worst = max(worst, apart / largest)
    return worst, told["dtype"]


Row = collections.namedtuple("Row", "name ratio bar")


class Side:
    def __init__(self, command):
        self.command, self.least = command, None

    def run(self, net, threads, seconds):
        args = [*self.command, net, str(threads), str(seconds)]
        done = subprocess.run(args, stdout=subprocess.PIPE, text=True, check=True)
        now = [float(v) for v in done.stdout.split()]
        self.least = [min(a, b) for a, b in zip(self.least, now)] if self.least else now


def bench(build, name, options):
    folder = os.path.join(build, "bench", "nets")
    net = os.path.join(folder, name.replace(":", "-"))
    if not os.path.exists(net + ".json"):
        subprocess.run([sys.executable, os.path.join(HERE, "nets.py"), folder, name], check=True)
    sides = Side([os.path.join(build, "steady")]), Side(["node", os.path.join(HERE, "peer.js")])
    for side in sides:
        side.run(net, options.threads, 0)
    apart, dtype = difference(net)
    if not apart <= TOLERANCE[dtype]:
        print(f"{name}: the results differ by {apart:.1e} of the largest number; {TOLERANCE[dtype]} is allowed")
        return None
    for _ in range(options.rounds):
        for side in sides:
            side.run(net, options.threads, options.seconds)
    ours, peer = (side.least for side in sides)
    by = 0 if options.threads == 1 else 1
    bar = BARS.get(name, (None, None))[min(options.threads, 2) - 1]
    print(f"{name:18} {ours[by]:9.3f} {peer[by]:9.3f}  {ours[by] / peer[by]:5.2f}  {bar or '':>5}  {apart:8.1e}"
          f"  {ours[2]:8.1f} {peer[2]:8.1f}  {ours[3]:7.1f} {peer[3]:7.1f}", flush=True)
    return Row(name, ours[by] / peer[by], bar)


def picture_of(rows, what):
    """Bars of the ratios, with a line at 1, where both are as fast, and a mark at what is to be reached."""
    left, step, scale, top = 150, 22, 300, 34
    most = max([1.25, *(r.ratio for r in rows)])
    width, height = left + int(scale * most) + 60, top + step * len(rows) + 26
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           f'<text x="8" y="18">Time beside onnxruntime {VERSION} ({what}): less is faster</text>']
    for i, row in enumerate(rows):
        y, long = top + i * step, scale * row.ratio
        colour = "#2f7d4f" if row.ratio <= 1 else "#b4552d"
        out += [f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{row.name}</text>',
                f'<rect x="{left}" y="{y + 2}" width="{long:.1f}" height="{step - 7}" fill="{colour}"/>',
                f'<text x="{left + max(long, scale) + 6:.1f}" y="{y + 13}">{row.ratio:.2f}</text>']
        if row.bar:
            at = left + scale * row.bar
            out.append(f'<path d="M{at:.1f} {y}v{step - 3}" stroke="#000000" stroke-width="2"/>')
    bottom = top + step * len(rows)
    out += [f'<path d="M{left + scale} {top - 4}V{bottom}" stroke="#888888" stroke-dasharray="4 3"/>',
            f'<text x="{left + scale}" y="{bottom + 14}" text-anchor="middle">1</text>',
            f'<text x="{left}" y="{bottom + 14}">black: to be reached</text>', "</svg>"]
    return "\n".join(out) + "\n"


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    p.add_argument("build")
    p.add_argument("nets", nargs="*")
    p.add_argument("-t", dest="threads", type=int, default=1)
    p.add_argument("-r", dest="rounds", type=int, default=5)
    p.add_argument("-s", dest="seconds", type=float, default=0.5)
    p.add_argument("-p", dest="picture")
    options = p.parse_intermixed_args()
    missing = peer_here()
    if missing:
        print(f"beside onnxruntime: skipped, {missing}")
        return 0
    what = "processor time, one thread" if options.threads == 1 else f"clock, {options.threads} threads"
    load = os.getloadavg()[0]
    print(f"cpu beside onnxruntime {VERSION}: ms of {what}; load {load:.1f}{' (loaded)' if load > 1 else ''}")
    print(f"{'net':18} {'ours':>9} {'peer':>9}  ratio  reach  apart     start ms: ours, peer   MB: ours, peer")
    rows = [bench(options.build, name, options) for name in options.nets or BARS]
    if options.picture:
        with open(options.picture, "w", encoding="utf-8") as f:
            f.write(picture_of([r for r in rows if r], what))
    return 0 if all(rows) else 1


if __name__ == "__main__":
    sys.exit(main())

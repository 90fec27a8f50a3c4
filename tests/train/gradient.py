#!/usr/bin/env python3
"""gradient.py -- how far the gradients of two steps of rate 1 are apart, which began with the same weights.

usage: gradient.py BEGIN A B MOST      checkpoints; exit 1 where |a - b| / |b| is above MOST
"""
import array
import json
import math
import struct
import sys


def weights(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + size])
    found = {}
    for name, what in head.items():
        if name[0] != "_" and not name.startswith("opt."):
            first, end = what["data_offsets"]
            found[name] = array.array("f", data[8 + size + first:8 + size + end])
    return found


def main():
    begin, a, b = (weights(p) for p in sys.argv[1:4])
    apart = whole = 0
    for name, w in begin.items():
        for k, x in enumerate(w):
            apart += (a[name][k] - b[name][k]) ** 2
            whole += (b[name][k] - x) ** 2
    off = math.sqrt(apart / whole)
    print(f"gradients are {off:.2g} apart")
    sys.exit(not off <= float(sys.argv[4]))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""close.py --pairs RTOL ATOL -- whether pairs of folders of .npy files hold the same arrays to within
tolerances, whatever their element types: fp16 and fp32 boundaries are compared as numbers.

A pair is a line of the standard input, `A<tab>B<tab>LABEL`. Prints `agrees LABEL`, or `FAILED LABEL`
and what differs; a pair that stands there twice is compared once."""
import ast
import math
import os
import struct
import sys


def load(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack_from("<H", data, 8)[0]
    head = ast.literal_eval(data[10:10 + size].decode())
    code = {"f2": "e", "f4": "f", "b1": "?", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I",
            "i8": "q"}[head["descr"][1:]]
    body = data[10 + size:]
    return head["shape"], struct.unpack("<%d%s" % (len(body) // struct.calcsize(code), code), body)


def near(a, b, rtol, atol):
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= atol + rtol * abs(a)


def difference(before, after, rtol, atol):
    names = sorted(os.listdir(before))
    if not names or names != sorted(os.listdir(after)):
        return "other files: %s and %s" % (names, sorted(os.listdir(after)))
    for name in names:
        (s, x), (t, y) = load(os.path.join(before, name)), load(os.path.join(after, name))
        if s != t:
            return "%s: %s and %s" % (name, s, t)
        scale = max((abs(v) for v in x if math.isfinite(v)), default=0)
        for i, (a, b) in enumerate(zip(x, y)):
            if not near(a, b, rtol, atol * max(1, scale)):
                return "%s[%d]: %g and %g" % (name, i, a, b)
    return None


def main(rtol, atol):
    seen = {}
    for line in sys.stdin:
        before, after, label = line.rstrip("\n").split("\t")
        if (before, after) not in seen:
            seen[before, after] = difference(before, after, rtol, atol)
        said = seen[before, after]
        print("agrees " + label if said is None else "FAILED %s\n%s" % (label, said))


if sys.argv[1:2] != ["--pairs"] or len(sys.argv) != 4:
    sys.exit(__doc__)
main(float(sys.argv[2]), float(sys.argv[3]))

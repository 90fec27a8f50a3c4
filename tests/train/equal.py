#!/usr/bin/env python3
"""equal.py -- that two programs of a Llama give one loss for a text.

usage: equal.py A.mil B.mil TEXT      their function main takes tokens and the next ones, [8, 16]; anerun is found by PATH"""
import re
import struct
import subprocess
import sys

ROWS, WIDE = 8, 16


def write(path, values):
    head = "{'descr': '<i4', 'fortran_order': False, 'shape': (%d, %d), }" % (ROWS, WIDE)
    head += " " * (-(11 + len(head)) % 64) + "\n"
    data = struct.pack("<%di" % len(values), *values)
    open(path, "wb").write(b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode() + data)


def loss(program):
    out = subprocess.run(["anerun", program, "-b", "cpu", "-f", "main", "-i", "tokens=tokens.npy", "-i", "next=next.npy"],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r"[-\d.]+(e-?\d+)?\s*$", out.strip()).group(0))


text = open(sys.argv[3], "rb").read()[:ROWS * WIDE + 1]
write("tokens.npy", text[:-1])
write("next.npy", text[1:])
a, b = loss(sys.argv[1]), loss(sys.argv[2])
print(a, b)
sys.exit(not (1 < a < 6 and abs(a - b) < 1e-4 * a))

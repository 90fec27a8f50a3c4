#!/usr/bin/env python3
"""picture.py -- reads a PNG of eight bits a channel without a palette, as browsers write them: plan.sh and train/serve.py
look at what a browser drew.

usage: picture.py FILE [RRGGBB..]     prints how many colours it has; exit 1 where it lacks one of these"""
import struct
import sys
import zlib

CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by the kind of picture


def chunks(data):
    """The parts of the file, as (name, bytes)."""
    at = 8
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        yield name, data[at + 8:at + 8 + size]
        at += 12 + size


def paeth(left, up, corner):
    """Which of the three is nearest to their plane."""
    p = left + up - corner
    by = abs(p - left), abs(p - up), abs(p - corner)
    return left if by[0] <= by[1] and by[0] <= by[2] else up if by[1] <= by[2] else corner


def unfiltered(row, mode, above, each):
    """The bytes of a row, which are differences to what stands before and above."""
    row = bytearray(row)
    for x in range(len(row)) if mode else ():
        left, corner = (row[x - each], above[x - each]) if x >= each else (0, 0)
        up = above[x]
        row[x] = row[x] + (0, left, up, (left + up) // 2, paeth(left, up, corner))[mode] & 255
    return row


def colours(data):
    """The colours of a picture, each as its bytes without alpha."""
    parts = list(chunks(data))
    wide, high, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", dict(parts)[b"IHDR"])
    if depth != 8 or kind not in CHANNELS or interlaced:
        raise ValueError(f"a PNG of {depth} bits, kind {kind}, interlaced {interlaced}")
    each = CHANNELS[kind]
    seen, line, stride = set(), bytearray(wide * each), wide * each + 1
    raw = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    for y in range(high):
        line = unfiltered(raw[y * stride + 1:(y + 1) * stride], raw[y * stride], line, each)
        seen.update(bytes(line[x:x + each - (kind > 3)]) for x in range(0, len(line), each))
    return seen


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as f:
        found = colours(f.read())
    print(len(found), "colours")
    sys.exit(not {bytes.fromhex(c) for c in sys.argv[2:]} <= found)

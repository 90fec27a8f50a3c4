#!/usr/bin/env python3
"""shapes.py -- makes pictures of shapes, and the masks that say which pixel is of what.

usage: shapes.py FOLDER [COUNT [SIZE [SEED]]]     200 pictures of 32 x 32, seed 0, without them

FOLDER/img has pictures in colours, FOLDER/mask a grey one of the same name each, whose samples are classes:
0 the ground, 1 a disc, 2 a box, 3 a cross. The ground is dark, and shapes are light, but their colours do not tell
which they are; pixels have noise. The same arguments give the same bytes."""
import pathlib
import random
import struct
import sys
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows, channels):
    """rows: a list of bytes each, 8 bits a sample."""
    head = struct.pack(">IIBBBBB", len(rows[0]) // channels, len(rows), 8, 2 if channels == 3 else 0, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def inside(kind, dx, dy, r):
    if kind == 1:
        return dx * dx + dy * dy <= r * r
    if kind == 2:
        return max(abs(dx), abs(dy)) <= r * 0.85
    return min(abs(dx), abs(dy)) <= r * 0.35 and max(abs(dx), abs(dy)) <= r * 1.1


def picture(rng, size):
    """A picture's rows and its mask's."""
    classes = [[0] * size for _ in range(size)]
    colour = {0: [rng.randrange(100) for _ in range(3)]}
    shades = [[0] * size for _ in range(size)]
    for shape in range(1, rng.randrange(1, 4) + 1):
        kind, r = rng.randrange(1, 4), rng.uniform(size * 0.16, size * 0.3)
        x, y = rng.uniform(r, size - r), rng.uniform(r, size - r)
        colour[shape] = [rng.randrange(130, 256) for _ in range(3)]
        for i in range(size):
            for j in range(size):
                if inside(kind, j + 0.5 - x, i + 0.5 - y, r):
                    classes[i][j], shades[i][j] = kind, shape
    rows = [bytes(min(255, max(0, c + round(rng.gauss(0, 8)))) for s in row for c in colour[s]) for row in shades]
    return rows, [bytes(row) for row in classes]


def main():
    folder = pathlib.Path(sys.argv[1])
    count, size, seed = [int(v) for v in sys.argv[2:5]] + [200, 32, 0][len(sys.argv) - 2:]
    for name in ("img", "mask"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        rows, classes = picture(random.Random(seed * 1000003 + i), size)
        (folder / "img" / f"{i:05}.png").write_bytes(png(rows, 3))
        (folder / "mask" / f"{i:05}.png").write_bytes(png(classes, 1))


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    main()

#!/usr/bin/env python3
"""pictures.py -- folders of PNG files for tests: one that is right, and others that each have one fault.

usage: pictures.py FOLDER      makes FOLDER/good, FOLDER/palette .., and x.npy and t.npy, which are good as arrays"""
import pathlib
import shutil
import struct
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/unet"))
from shapes import chunk, png  # noqa: E402


def raw(side, depth, kind, row, more=b""):
    """A picture of equal rows, of any depth and kind, with chunks before its pixels."""
    head = struct.pack(">IIBBBBB", side, side, depth, kind, 0, 0, 0)
    data = zlib.compress((b"\0" + row) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def npy(path, descr, shape, data):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    head += " " * (-(11 + len(head)) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode() + data)


def main():
    top = pathlib.Path(sys.argv[1])
    good = top / "good"
    for name in ("img", "mask"):
        (good / name).mkdir(parents=True)
    for i in range(3):
        (good / "img" / f"{i}.png").write_bytes(png([bytes([40 * i + j for j in range(12)])] * 4, 3))
        (good / "mask" / f"{i}.png").write_bytes(png([bytes([i, 0, 0, 1])] * 4, 1))
    pixels = [40 * i + 3 * j + c for i in range(3) for c in range(3) for _ in range(4) for j in range(4)]
    npy(top / "x.npy", "<f4", (3, 3, 4, 4), struct.pack("<144f", *pixels))
    npy(top / "t.npy", "<i4", (3, 4, 4), struct.pack("<48i", *[v for i in range(3) for v in [i, 0, 0, 1] * 4]))
    (good / "img" / "notes.txt").write_text("is passed over\n")
    faults = {
        "palette": ("mask/1.png", raw(4, 8, 3, bytes(4), chunk(b"PLTE", bytes(6)))),
        "deep": ("mask/1.png", raw(4, 16, 0, bytes(8))),
        "shallow": ("mask/1.png", raw(4, 1, 0, bytes(1))),
        "glass": ("img/1.png", raw(4, 8, 6, bytes(16))),
        "colours": ("mask/1.png", (good / "img/1.png").read_bytes()),
        "wide": ("img/2.png", png([bytes(15)] * 4, 3)),
        "wide-mask": ("mask/2.png", png([bytes(5)] * 4, 1)),
        "cut": ("img/0.png", (good / "img/0.png").read_bytes()[:50]),
        "no-png": ("img/0.png", b"P6 4 4 255\n"),
        "empty-file": ("img/0.png", b""),
        "more": ("img/3.png", png([bytes(12)] * 4, 3)),
        "other-mask": ("mask/11.png", png([bytes(4)] * 4, 1)),
        "class": ("mask/2.png", png([bytes([0, 1, 7, 0])] * 4, 1)),
        "grey": ("img/1.png", png([bytes([9, 90, 30, 200])] * 4, 1)),
        "with-alpha": ("img/1.png", raw(4, 8, 6, bytes([1, 2, 3, 255] * 4))),
    }
    for name, (file, data) in faults.items():
        shutil.copytree(good, top / name)
        (top / name / file).write_bytes(data)
    for name, gone in (("no-partner", "mask/1.png"), ("no-image", "img/1.png")):
        shutil.copytree(good, top / name)
        (top / name / gone).unlink()
    shutil.copytree(good / "img", top / "no-mask/img")
    shutil.copytree(good, top / "no-pictures")
    for file in (top / "no-pictures/img").glob("*.png"):
        file.unlink()


if __name__ == "__main__":
    main()

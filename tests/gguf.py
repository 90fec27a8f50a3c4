#!/usr/bin/env python3
"""gguf.py -- .gguf files with a tensor of each type are read as the numbers they are, and by a Llama's names.

usage: tests/gguf.py BUILD           the suite
       tests/gguf.py --write FOLDER  writes FOLDER/all.gguf and FOLDER/llama.gguf

The bytes of blocks are drawn; what they mean is computed here from the format's description, number by number and
in exact fractions, by other code than that which is tested."""
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
from fractions import Fraction

from counted import Checks, build_given

SEED = 7


def half(bits):
    return Fraction(struct.unpack("<e", bits)[0])


def nibble(data, i, of=16):
    """Low bits of the bytes are the first half of 2 * of numbers."""
    return data[i] & 15 if i < of else data[i - of] >> 4


def bit(data, i):
    return int.from_bytes(data, "little") >> i & 1


def q4_0(b):
    return [half(b[:2]) * (nibble(b[2:], i) - 8) for i in range(32)]


def q4_1(b):
    return [half(b[:2]) * nibble(b[4:], i) + half(b[2:4]) for i in range(32)]


def q5_0(b):
    return [half(b[:2]) * ((nibble(b[6:], i) + 16 * bit(b[2:6], i)) - 16) for i in range(32)]


def q5_1(b):
    return [half(b[:2]) * (nibble(b[8:], i) + 16 * bit(b[4:8], i)) + half(b[2:4]) for i in range(32)]


def q8_0(b):
    return [half(b[:2]) * x for x in struct.unpack("32b", b[2:])]


def parts(p):
    """8 scales and 8 least numbers of 6 bits in 12 bytes."""
    scale = [x & 63 for x in p[0:4]] + [(p[8 + i] & 15) + 16 * (p[i] >> 6) for i in range(4)]
    least = [x & 63 for x in p[4:8]] + [(p[8 + i] >> 4) + 16 * (p[4 + i] >> 6) for i in range(4)]
    return scale, least


def k_quants(b, low, fifth):
    scale, least = parts(b[4:16])
    out = []
    for pair in range(4):
        for high in range(2):
            for at in range(32):
                byte, part = low[32 * pair + at], 2 * pair + high
                q = (byte >> 4 if high else byte & 15) + (16 * (fifth[at] >> part & 1) if fifth else 0)
                out.append(half(b[:2]) * scale[part] * q - half(b[2:4]) * least[part])
    return out


def q4_k(b):
    return k_quants(b, b[16:], None)


def q5_k(b):
    return k_quants(b, b[48:], b[16:48])


def q2_k(b):
    out = []
    for i in range(256):
        q = b[16 + i // 128 * 32 + i % 32] >> (i % 128 // 32 * 2) & 3
        out.append(half(b[80:82]) * (b[i // 16] & 15) * q - half(b[82:84]) * (b[i // 16] >> 4))
    return out


def q3_k(b):
    scale = []
    for i in range(16):
        low = b[96 + i] & 15 if i < 8 else b[96 + i - 8] >> 4
        scale.append(low + 16 * (b[104 + i % 4] >> (2 * (i // 4)) & 3) - 32)
    out = []
    for i in range(256):
        q = (b[32 + i // 128 * 32 + i % 32] >> (i % 128 // 32 * 2) & 3) - (0 if b[i % 32] >> (i // 32) & 1 else 4)
        out.append(half(b[108:110]) * scale[i // 16] * q)
    return out


def q6_k(b):
    out = []
    for h in range(2):
        low, high = b[64 * h:64 * h + 64], b[128 + 32 * h:160 + 32 * h]
        for quarter in range(4):
            for at in range(32):
                byte = low[at + 32 * (quarter % 2)]
                q = (byte & 15 if quarter < 2 else byte >> 4) + 16 * (high[at] >> (2 * quarter) & 3) - 32
                scale = struct.unpack("b", b[192 + 8 * h + 2 * quarter + at // 16:][:1])[0]
                out.append(half(b[208:210]) * scale * q)
    return out


#         number, elements and bytes of a block, where its half floats stand, its numbers
BLOCKS = {
    "q4_0": (2, 32, 18, [0], q4_0), "q4_1": (3, 32, 20, [0, 2], q4_1), "q5_0": (6, 32, 22, [0], q5_0),
    "q5_1": (7, 32, 24, [0, 2], q5_1), "q8_0": (8, 32, 34, [0], q8_0), "q2_k": (10, 256, 84, [80, 82], q2_k),
    "q3_k": (11, 256, 110, [108], q3_k), "q4_k": (12, 256, 144, [0, 2], q4_k),
    "q5_k": (13, 256, 176, [0, 2], q5_k), "q6_k": (14, 256, 210, [208], q6_k),
}
PLAIN = {"f32": (0, "f", 4), "f16": (1, "e", 2), "i8": (24, "b", 1), "i16": (25, "h", 2), "i32": (26, "i", 4),
         "i64": (27, "q", 8), "f64": (28, "d", 8)}


def npy_read(path):
    data = path.read_bytes()
    n = struct.unpack("<H", data[8:10])[0]
    head = eval(data[10:10 + n])
    code = {"<f4": "f", "<f2": "e"}[head["descr"]]
    return list(head["shape"]), [x[0] for x in struct.iter_unpack("<" + code, data[10 + n:])]


def text(s):
    return struct.pack("<Q", len(s)) + s.encode()


def gguf(path, tensors, align=32, version=3):
    """tensors: name, number of its type, shape as rows of rows, bytes."""
    values = [text("general.architecture") + struct.pack("<I", 8) + text("llama"),
              text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b"),
              text("some.scores") + struct.pack("<IIQ3f", 9, 6, 3, 1, 2, 3),
              text("nested") + struct.pack("<IIQIQ2B", 9, 9, 1, 0, 2, 1, 2),
              text("flag") + struct.pack("<I?", 7, True)]
    if align != 32:
        values.append(text("general.alignment") + struct.pack("<II", 4, align))
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values)) + b"".join(values)
    data = b""
    for name, number, shape, held in tensors:
        data += b"\0" * (-len(data) % align)
        out += text(name) + struct.pack("<I%dQ" % len(shape), len(shape), *reversed(shape))
        out += struct.pack("<IQ", number, len(data))
        data += held
    path.write_bytes(out + b"\0" * (-len(out) % align) + data)


def drawn_block(random, size, halves):
    b = bytearray(random.getrandbits(8) for _ in range(size))
    for at in halves:
        b[at:at + 2] = struct.pack("<e", random.uniform(-0.02, 0.02))
    return bytes(b)


def written(folder):
    """Both files; the shape and the numbers of each tensor of all.gguf, and the shapes of llama.gguf."""
    draw = random.Random(SEED)
    tensors, known = [], {}
    for name, (number, count, size, halves, numbers) in BLOCKS.items():
        blocks = [drawn_block(draw, size, halves) for _ in range(6)]
        tensors.append((name, number, [3, 2 * count], b"".join(blocks)))
        known[name] = [3, 2 * count], [x for b in blocks for x in numbers(b)]
    for name, (number, code, size) in PLAIN.items():
        held = struct.pack("<6" + code, *[draw.randint(-100, 100) for _ in range(6)])
        tensors.append((name, number, [1, 2, 3], held))
        known[name] = [1, 2, 3], struct.unpack("<6" + code, held)
    tensors.append(("bf16", 30, [2], struct.pack("<2H", 0x3F80, 0xC040)))
    known["bf16"] = [2], (1, -3)
    gguf(folder / "all.gguf", tensors, align=64, version=2)

    dim, hidden, vocab = 32, 64, 96
    shapes = {"token_embd": [vocab, dim], "output_norm": [dim]}
    for i in range(2):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes["blk.%d.%s" % (i, name)] = [dim, dim]
        shapes.update({"blk.%d.ffn_gate" % i: [hidden, dim], "blk.%d.ffn_up" % i: [hidden, dim],
                       "blk.%d.ffn_down" % i: [dim, hidden], "blk.%d.attn_norm" % i: [dim],
                       "blk.%d.ffn_norm" % i: [dim]})
    tensors, llama = [], {}
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if len(shape) > 1:
            blocks = [drawn_block(draw, 34, [0]) for _ in range(count // 32)]
            held, llama[name] = b"".join(blocks), [x for b in blocks for x in q8_0(b)]
        else:
            held = struct.pack("<%df" % count, *[draw.uniform(0.5, 1.5) for _ in range(count)])
            llama[name] = struct.unpack("<%df" % count, held)
        tensors.append((name + ".weight", 8 if len(shape) > 1 else 0, shape, held))
    gguf(folder / "llama.gguf", tensors)
    return known, llama


def rounded(code, numbers):
    return [struct.unpack("<" + code, struct.pack("<" + code, float(x)))[0] for x in numbers]


PATHS = {"blk.1.attn_q": "blocks.1.attn.wq", "blk.0.attn_k": "blocks.0.attn.wk", "blk.0.attn_v": "blocks.0.attn.wv",
         "blk.1.attn_output": "blocks.1.attn.wo", "blk.0.ffn_gate": "blocks.0.mlp.w1",
         "blk.0.ffn_up": "blocks.0.mlp.w3", "blk.1.ffn_down": "blocks.1.mlp.w2",
         "blk.0.attn_norm": "blocks.0.rms_att", "blk.1.ffn_norm": "blocks.1.rms_ffn", "token_embd": "embedding",
         "output_norm": "rms_final"}


def suite(build):
    check = Checks("gguf")
    anec = str(pathlib.Path(build).resolve() / "anec")
    example = str(pathlib.Path("examples/stories110m.anedsl").resolve())

    def run(folder, *words):
        return subprocess.run([anec, *words], cwd=folder, capture_output=True, text=True)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        known, llama = written(folder)
        weights = "\n".join("    weight %s: %s%s" % (n, t, s) for t in ("fp32",) for n, (s, _) in known.items())
        for code, dtype in (("f", "fp32"), ("e", "fp16")):
            (folder / "m.anedsl").write_text('weights from "all.gguf"\nmodel main(x: fp32[1]) -> y {\n    y = x\n'
                                             + weights.replace("fp32", dtype) + "\n}\n")
            out = run(folder, "-Wno-unused-weight", "--export-weights", "out", "m.anedsl")
            check("all.gguf as " + dtype, out.returncode == 0 and not out.stderr, out.stderr)
            for tensor, (shape, numbers) in known.items():
                got = npy_read(folder / "out" / (tensor + ".npy"))
                want = rounded(code, rounded("f", numbers))
                check(tensor + " as " + dtype, got == (shape, want), got[0])
        sizes = "layers=2 dim=32 hidden=64 heads=2 kv=2 vocab=96 seq=8".split()
        out = run(folder, "--weights", "llama.gguf", *[w for s in sizes for w in ("--set", s)], "--export-weights", "l",
                  example)
        check("a Llama by its names", out.returncode == 0 and not out.stderr, out.stderr)
        for tensor, path in PATHS.items():
            got = npy_read(folder / "l" / (path + ".npy"))
            check(path, got[1] == rounded("e", llama[tensor]), got[0])
        (folder / "m.anedsl").write_text('model main(x: fp32[1]) -> y {\n    weight w: fp32[3, 64] = '
                                         'load("all.gguf", "q8_0")\n    y = reduce_sum(w[0:1] * x, axes = [1])\n}\n')
        out = run(folder, "--target", "host", "--check", "m.anedsl")
        check("a tensor by load", out.returncode == 0, out.stderr)
        whole = (folder / "llama.gguf").read_bytes()
        for at in range(0, 1600, 7):
            (folder / "cut.gguf").write_bytes(whole[:at])
            out = run(folder, "--weights", "cut.gguf", "--check", example)
            check("cut at %d" % at, out.returncode == 1 and out.stderr.count("error:") == 1, out.stderr)
    check.end()


if sys.argv[1:2] == ["--write"]:
    written(pathlib.Path(build_given(__doc__, sys.argv[2:])))
else:
    suite(build_given(__doc__))

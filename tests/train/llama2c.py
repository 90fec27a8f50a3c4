#!/usr/bin/python3
"""llama2c.py -- checkpoints of llama2.c as models, beside the computation of llama2.c written with numpy.

usage: llama2c.py BUILD [stories15M]      ends with `llama2c: N passed, N failed`

Files of both versions, with a classifier of its own and with fewer heads of keys, with drawn weights. What `anec` writes and what
`anerun` makes of the file itself has to be what numpy gets from the same floats, and what anegen writes the chain of the
largest of them. With stories15M the file has the shape of that model.
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

KINDS = ("g1", "wq", "wk", "wv", "wo", "g2", "w1", "w2", "w3")


def drawn(shape, rng):
    dim, hidden, layers, heads, kv, words, places, shared = shape
    size = dim // heads
    of = {"g1": (dim,), "g2": (dim,), "wq": (dim, dim), "wk": (kv * size, dim), "wv": (kv * size, dim), "wo": (dim, dim),
          "w1": (hidden, dim), "w2": (dim, hidden), "w3": (hidden, dim)}

    def some(name, dims):
        v = rng.standard_normal(dims).astype(np.float32)
        return 1 + v * np.float32(.1) if name[0] == "g" else v * np.float32(1.5 / dims[-1] ** .5)

    w = {name: [some(name, dims) for _ in range(layers)] for name, dims in of.items()}
    w["embedding"], w["g"] = some("embedding", (words, dim)), some("g", (dim,))
    w["classifier"] = w["embedding"] if shared else some("classifier", (words, dim))
    return w


def write(path, shape, w, version):
    dim, hidden, layers, heads, kv, words, places, shared = shape
    with open(path, "wb") as f:
        if version == 0:
            f.write(struct.pack("<7i", dim, hidden, layers, heads, kv, words if shared else -words, places))
            order = ["embedding", *KINDS, "g"]
        else:
            head = struct.pack("<2I7iB", 0x616b3432, 1, dim, hidden, layers, heads, kv, words, places, shared)
            f.write(head.ljust(256, b"\0"))
            order = ["g1", "g2", "g", "embedding", "wq", "wk", "wv", "wo", "w1", "w2", "w3"]
        for name in order:
            for part in w[name] if isinstance(w[name], list) else [w[name]]:
                f.write(part.tobytes())
        if version == 0:
            f.write(bytes(4 * places * (dim // heads)))
        if not shared:
            f.write(w["classifier"].tobytes())


def logits(shape, w, tokens):
    """What llama2.c computes, of all tokens at once and in double precision."""
    dim, hidden, layers, heads, kv, words, places, shared = shape
    n, size = len(tokens), dim // heads
    x = w["embedding"][tokens].astype(float)
    norm = lambda v, g: v / np.sqrt((v * v).mean(-1, keepdims=True) + 1e-5) * g
    angle = np.arange(n)[:, None] * 10000.0 ** -(np.arange(0, size, 2) / size)

    def turn(v):
        a, b, c, s = v[..., 0::2], v[..., 1::2], np.cos(angle)[:, None], np.sin(angle)[:, None]
        return np.stack([a * c - b * s, a * s + b * c], -1).reshape(v.shape)

    mask = np.triu(np.full((n, n), -np.inf), 1)
    for i in range(layers):
        z = norm(x, w["g1"][i])
        q = turn((z @ w["wq"][i].T).reshape(n, heads, size))
        k = turn((z @ w["wk"][i].T).reshape(n, kv, size)).repeat(heads // kv, 1)
        v = (z @ w["wv"][i].T).reshape(n, kv, size).repeat(heads // kv, 1)
        s = np.einsum("qhd,khd->hqk", q, k) / size ** .5 + mask
        s = np.exp(s - s.max(-1, keepdims=True))
        s /= s.sum(-1, keepdims=True)
        x = x + np.einsum("hqk,khd->qhd", s, v).reshape(n, dim) @ w["wo"][i].T
        z = norm(x, w["g2"][i])
        a = z @ w["w1"][i].T
        x = x + (a / (1 + np.exp(-a)) * (z @ w["w3"][i].T)) @ w["w2"][i].T
    return norm(x, w["g"]) @ w["classifier"].T


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    # dim, hidden, layers, heads, heads of keys, words, positions, whether the classifier is the embedding
    shapes = {"small": (32, 48, 2, 4, 4, 256, 24, True), "grouped": (32, 48, 3, 4, 2, 256, 24, False)}
    if sys.argv[2:] == ["stories15M"]:
        shapes = {"stories15M": (288, 768, 6, 6, 6, 32000, 256, True)}
    counts = [0, 0]

    def check(what, ok, *more):
        counts[not ok] += 1
        if not ok:
            print("FAILED", what, *more)

    def tool(name, *args):
        return subprocess.run([build / name, *map(str, args)], capture_output=True, text=True, timeout=500)

    for name, shape in shapes.items():
        w = drawn(shape, np.random.default_rng(5))
        n = min(shape[6], 20)
        tokens = np.array([ord(c) for c in "Once upon a time, in a wood"][:n])
        want = logits(shape, w, tokens)
        with tempfile.TemporaryDirectory() as folder:
            f = pathlib.Path(folder)
            np.save(f / "tokens.npy", tokens[None].astype(np.int32))
            for version in (0, 1):
                path = f / f"v{version}.bin"
                write(path, shape, w, version)
                made = tool("anec", path, "--target", "host", "--set", f"length={n}", "-o", f / "m.mil")
                check(f"{name} v{version} is written", made.returncode == 0 and not made.stderr, made.stderr)
                bytes_ = sum(p.stat().st_size for p in f.glob("weights/*"))
                # the embedding that is the classifier too is written in both forms
                check(f"{name} v{version} is written once", bytes_ < 1.05 * (path.stat().st_size + w["embedding"].nbytes), bytes_)
                for model, backend, more in ((path, "cpu", ["--set", f"length={n}"]), (f / "m.mil", "cpu", []),
                                             (path, "ref", ["--set", f"length={n}"])):
                    if name == "stories15M" and backend == "ref":
                        continue
                    ran = tool("anerun", model, "-b", backend, "-q", "-i", f"tokens={f}/tokens.npy", "-O", f / "out", *more)
                    got = np.load(f / "out/logits.npy")[0, :, 0].T if ran.returncode == 0 else np.zeros_like(want)
                    apart = np.abs(got - want).max() / np.abs(want).max()
                    check(f"{name} v{version} {model.suffix} on {backend}", apart < 2e-5, apart, ran.stderr)
                # greedy: behind each text the largest of the whole computation
                text, chain = "Once upon", list(tokens[:9])
                for _ in range(6):
                    chain.append(int(logits(shape, w, np.array(chain))[-1, :256].argmax()) if shape[5] == 256 else
                                 int(logits(shape, w, np.array(chain))[-1].argmax()))
                if shape[5] == 256:
                    said = subprocess.run([build / "anegen", path, "-q", "-p", text, "-n", "6", "-t", "0", "--block", "4"],
                                          capture_output=True)
                    check(f"{name} v{version} is written by anegen", said.stdout.rstrip(b"\n") == bytes(chain)[9:]
                          or said.stdout.rstrip(b"\n") == bytes(chain), said.stdout, bytes(chain), said.stderr)
    print(f"llama2c: {counts[0]} passed, {counts[1]} failed")
    sys.exit(bool(counts[1]) or not counts[0])


if __name__ == "__main__":
    main()

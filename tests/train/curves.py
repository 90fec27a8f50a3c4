#!/usr/bin/env python3
"""curves.py -- runs of anetrain beside those of an implementation in double precision.

usage: curves.py TOP CURVES BACKEND[,BACKEND..] [NAME..]      anetrain is found by PATH

NAME: tiny_train, digits, llama. CURVES has NAME.csv, with the loss of each step, and the weights that each run begins
with. Bars: on ref and cpu the losses themselves; on a simulated engine, where fp16 computes, what
comes out in the end.
"""
import array
import csv
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile


def npy(path):
    data = path.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    return eval(data[10:10 + size]), data[10 + size:]


def write_npy(path, descr, shape, data):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, tuple(shape))
    head += " " * ((64 - (11 + len(head)) % 64) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data)


def write_weights(path, folder):
    """The files init_*.npy of a folder as one .safetensors."""
    head, data = {}, b""
    for file in sorted(folder.glob("init_*.npy")):
        what, bytes_ = npy(file)
        head[file.stem[5:]] = {"dtype": "F32", "shape": list(what["shape"]),
                               "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def run(folder, *args):
    subprocess.run(["anetrain", "-q", "-o", str(folder / "run"), *args], check=True, cwd=folder)
    return list(csv.DictReader(open(folder / "run" / "log.csv")))


def worst(rows, want, relative=True):
    pairs = [(float(a["loss"]), float(b["loss"])) for a, b in zip(rows, want)]
    return max(abs(a - b) / (abs(b) if relative else 1) for a, b in pairs)


def tiny_train(top, curves, backend, folder):
    want = list(csv.DictReader(open(curves / "tiny_train.csv")))
    write_weights(folder / "init.safetensors", curves / "tiny_train")
    said = subprocess.run(
        ["anetrain", str(top / "examples/tiny_train.anedsl"), "--data", "built-in:tiny", "--init", "init.safetensors",
         "--optimizer", "sgd", "--lr", "1", "--steps", "2000", "-b", backend, "-o", "run"],
        check=True, cwd=folder, stderr=subprocess.PIPE, text=True).stderr
    rows = list(csv.DictReader(open(folder / "run" / "log.csv")))
    last = float(said.split("steps, loss ")[1].split()[0])
    print(f"tiny_train {backend}: first 50 {worst(rows[:50], want):.2g} relative, all {worst(rows, want, False):.2g} "
          f"absolute, last {last:g}")
    if backend.startswith("sim"):
        return last <= 1e-5
    return worst(rows[:50], want) < 1e-4 and worst(rows, want, False) < 2e-4 and last <= 6e-6


def digits(top, curves, backend, folder):
    want = list(csv.DictReader(open(curves / "digits.csv")))
    simulated = backend.startswith("sim")
    write_weights(folder / "init.safetensors", curves / "digits")
    images = npy(top / "examples/digits/test_images.npy")[1]
    labels = npy(top / "examples/digits/test_labels.npy")[1]
    for name, first, end in (("train", 0, 800), ("test", 800, 1000)):
        pixels = array.array("f", [v / 255 for v in images[first * 784:end * 784]])
        write_npy(folder / f"{name}_x.npy", "<f4", (end - first, 784), pixels.tobytes())
        rows = array.array("f", [v == k for v in labels[first:end] for k in range(10)])
        if simulated:
            write_npy(folder / f"{name}_t.npy", "<f4", (end - first, 10), rows.tobytes())
        else:
            write_npy(folder / f"{name}_t.npy", "|u1", (end - first,), labels[first:end])
    model = "digits_engine.anedsl" if simulated else "digits.anedsl"
    rows = run(folder, str(top / "tests/train" / model), "--data", "train_x.npy,train_t.npy", "--eval",
               "test_x.npy,test_t.npy", "--eval-every", "375", "--init", "init.safetensors", "--lr", "2e-3",
               "--schedule", "constant", "--beta2", "0.999", "--decay", "0", "--clip", "0", "--seed", "7",
               "--epochs", "15", "-b", backend)
    accuracy = float(rows[-1]["eval_metric"])
    last = sum(float(r["loss"]) for r in rows[-25:]) / sum(float(r["loss"]) for r in want[-25:])
    print(f"digits {backend}: {worst(rows, want):.2g} relative, accuracy {accuracy:g}, last 25 losses {last:.3f} of the "
          "reference")
    if simulated:
        return abs(accuracy - .87) <= .0201 and last <= 1.3
    return worst(rows, want) < 1e-4 and abs(accuracy - .87) < 1e-6


def llama(top, curves, backend, folder):
    text = pathlib.Path("/usr/share/common-licenses/GPL-3")
    want = list(csv.DictReader(open(curves / "llama.csv")))
    if not text.exists():
        print("llama: skipped, there is no", text)
        return True
    write_weights(folder / "init.safetensors", curves / "llama")
    data = text.read_bytes()
    rank = {c: i for i, c in enumerate(sorted(set(data)))}
    cut = len(data) * 9 // 10
    for name, part in (("train", data[:cut]), ("test", data[cut:cut + 8 * 64 + 1])):
        (folder / f"{name}.bin").write_bytes(array.array("H", [rank[c] for c in part]).tobytes())
    rows = run(folder, str(top / "examples/text/char_llama.anedsl"), "--data", "train.bin", "--eval", "test.bin",
               "--eval-every", "50", "--init", "init.safetensors", "--lr", "3e-3", "--warmup", "20", "--seed", "11",
               "--steps", "300", "-b", backend)
    pairs = [(float(a["eval_loss"]), float(b["heldout_loss"])) for a, b in zip(rows, want) if b["heldout_loss"] != "nan"]
    held, apart = max(abs(a / b - 1) for a, b in pairs), max(abs(a - b) for a, b in pairs)
    last = abs(float(rows[-1]["loss"]) - float(want[299]["loss"]))
    print(f"llama {backend}: {worst(rows, want):.2g} relative, held-out {held:.2g}; held-out {apart:.2g} and last {last:.2g} absolute")
    if backend.startswith("sim"):
        return last < 0.01 and apart < 0.03
    return worst(rows, want) < 2e-4 and held < 2e-4


def main():
    top, curves = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
    ok = True
    for backend in sys.argv[3].split(","):
        for name in sys.argv[4:] or ("tiny_train", "digits", "llama"):
            with tempfile.TemporaryDirectory() as folder:
                held = globals()[name](top, curves, backend, pathlib.Path(folder))
            print(f"{'passed' if held else 'FAILED'} {name} {backend}", flush=True)
            ok &= held
    sys.exit(not ok)


if __name__ == "__main__":
    main()

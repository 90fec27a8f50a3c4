#!/usr/bin/env python3
"""curves.py -- the pictures of docs/training.md: runs its examples, and draws the loss of their log.csv.

usage: curves.py [--to=FOLDER] BUILD [NAME[=LOG.csv]..]     those alone; of a log that is there already nothing is run

Writes docs/curves/NAME.svg, or FOLDER/NAME.svg. The runs take some minutes; of the same processor and build they give the same losses."""
import csv
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[1]
TEXT = "/usr/share/common-licenses/"
W, H, L, R, T, B = 420, 220, 52, 10, 26, 26
COLUMNS = 180

LLAMA = f"anetrain {TOP}/examples/text/char_llama.anedsl"
SHAPES = f"python3 -B {TOP}/examples/unet/shapes.py"
# name: title, and what is run; the last command makes RUN, whose log is drawn
EXAMPLES = {
    "tiny_train": ("tiny_train, SGD, 2,000 steps", [
        f"anetrain {TOP}/examples/tiny_train.anedsl --data built-in:tiny --optimizer sgd --lr 1 --steps 2000 -o RUN"]),
    "digits": ("digits, 800 images, 15 epochs", [
        f"anetrain {TOP}/examples/digits/train.anedsl --data x.npy,t.npy --eval x1.npy,t1.npy --eval-every 25 --lr 2e-3 "
        "--epochs 15 -o RUN"]),
    "char_llama": ("a Llama over the bytes of the GPL", [
        f"{LLAMA} --data gpl.txt --eval rest.txt --set vocabulary=256 --lr 3e-3 --warmup 20 --steps 600 "
        "--eval-every 50 -o RUN"]),
    "stories": ("15 M parameters over the bytes of the GPL", [
        f"anetrain {TOP}/examples/text/stories.anedsl --data gpl.txt --eval rest.txt --lr 1e-3 --warmup 20 --steps 240 "
        "--eval-every 40 -b cpu -o RUN"]),
    "lora": ("5,824 of 121,344 weights on another licence (LoRA)", [
        f"{LLAMA} --data whole-gpl.txt --eval held.txt --set vocabulary=256 --lr 3e-3 --warmup 20 --steps 1000 -o base",
        f"{LLAMA} --data artistic.txt --eval held.txt --set vocabulary=256 --set rank=4 --train blocks.*.lora_* --init "
        "base/step-00001000.safetensors --lr 3e-3 --warmup 20 --steps 150 --eval-every 10 -o RUN"]),
    "unet": ("a ConvNeXt U-Net on shapes", [
        f"{SHAPES} shapes 600", f"{SHAPES} held 100 32 1",
        f"anetrain {TOP}/examples/unet/unet.anedsl --data shapes --eval held --eval-every 50 --batch 16 --set width=8 --lr 5e-3 "
        "--warmup 20 --steps 500 -o RUN"]),
}


def npy(path, descr, shape, data):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    head += " " * (-(11 + len(head)) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode() + data)


def pixels(path):
    data = path.read_bytes()
    return data[10 + struct.unpack("<H", data[8:10])[0]:]


def prepare(folder):
    """What the examples read: digits of the package that the tests have, and two licences."""
    x, t = (pixels(TOP / f"examples/digits/test_{n}.npy") for n in ("images", "labels"))
    for name, a, b in (("", 0, 800), ("1", 800, 1000)):
        npy(folder / f"x{name}.npy", "|u1", (b - a, 28, 28), x[a * 784:b * 784])
        npy(folder / f"t{name}.npy", "|u1", (b - a,), t[a:b])
    for name, first, second, part in (("GPL-3", "gpl.txt", "rest.txt", .9), ("Artistic", "artistic.txt", "held.txt", .8)):
        text = pathlib.Path(TEXT + name).read_bytes()
        (folder / f"whole-{first}").write_bytes(text)
        (folder / first).write_bytes(text[:int(len(text) * part)])
        (folder / second).write_bytes(text[int(len(text) * part):])


def run(name, build):
    with tempfile.TemporaryDirectory() as folder:
        prepare(pathlib.Path(folder))
        for command in EXAMPLES[name][1]:
            subprocess.run([w.replace("RUN", "run") if w == "RUN" else w for w in command.split()], check=True, cwd=folder,
                           env={**os.environ, "PATH": f"{pathlib.Path(build).resolve()}:{os.environ['PATH']}"})
        return list(csv.DictReader(open(f"{folder}/run/log.csv")))


def thinned(points):
    """In each of so many columns the mean of the losses, and how far they reach."""
    last, columns = points[-1][0] + 1, {}
    for step, loss in points:
        columns.setdefault(int(step / last * (COLUMNS - 1)), []).append((step, loss))
    return [(sum(s for s, _ in c) / len(c), sum(v for _, v in c) / len(c), min(v for _, v in c), max(v for _, v in c))
            for _, c in sorted(columns.items())]


def draw(name, rows, to):
    pick = lambda column: [(int(r["step"]), float(r[column])) for r in rows if r[column]]
    train, evals = thinned(pick("loss")), pick("eval_loss")
    values = [v for p in train for v in p[2:]] + [v for _, v in evals]
    log = min(values) > 0 and max(values) / min(values) > 50
    scaled = math.log10 if log else float
    low, high, last = scaled(min(values)), scaled(max(values)), train[-1][0] + 1
    if log:
        low, high = math.floor(low), math.ceil(high)
    x = lambda step: L + (W - L - R) * step / last
    y = lambda loss: H - B - (H - T - B) * (scaled(loss) - low) / (high - low)
    lines = [i + low for i in range(int(high - low) + 1)] if log else [low + (high - low) * i / 4 for i in range(5)]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" width="{W}" height="{H}">',
           "<style>text{font:11px sans-serif;fill:#555}path{stroke:#ddd}polyline{fill:none;stroke:#1f77b4;stroke-width:1.5}"
           "polygon{fill:#1f77b4;opacity:.2}circle{fill:#d62728}</style>",
           f'<rect width="{W}" height="{H}" fill="#fff"/>', f'<text x="{L}" y="16">{EXAMPLES[name][0]}</text>']
    for v in lines:
        loss = 10 ** v if log else v
        out.append(f'<path d="M{L} {y(loss):.1f}H{W - R}"/><text x="{L - 5}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.3g}</text>')
    for i in range(5):
        out.append(f'<text x="{x(last * i / 4):.1f}" y="{H - 9}" text-anchor="{"end" if i == 4 else "middle"}">'
                   f'{round(last * i / 4)}</text>')
    edge = [f"{x(s):.1f},{y(most):.1f}" for s, _, _, most in train] + [f"{x(s):.1f},{y(least):.1f}" for s, _, least, _ in
                                                                       reversed(train)]
    out.append(f'<polygon points="{" ".join(edge)}"/>')
    out.append(f'<polyline points="{" ".join(f"{x(s):.1f},{y(v):.1f}" for s, v, _, _ in train)}"/>')
    out += [f'<circle cx="{x(s):.1f}" cy="{y(v):.1f}" r="2.5"/>' for s, v in evals]
    (to / f"{name}.svg").write_text("\n".join(out) + "\n</svg>\n")
    print(f"{name}: {len(rows)} steps, loss {train[-1][1]:.4g}" + (f", evaluated {evals[-1][1]:.4g}" if evals else ""))


def main(args):
    to = TOP / "docs/curves"
    if args and args[0].startswith("--to="):
        to = pathlib.Path(args.pop(0)[5:])
    if not args or any(a.partition("=")[0] not in EXAMPLES for a in args[1:]):
        sys.exit(__doc__)
    for name in args[1:] or EXAMPLES:
        name, _, log = name.partition("=")
        draw(name, list(csv.DictReader(open(log))) if log else run(name, args[0]), to)


if __name__ == "__main__":
    main(sys.argv[1:])

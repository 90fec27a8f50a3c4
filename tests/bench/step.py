#!/usr/bin/env python3
"""step.py -- a training step of the 15 M geometry, 1,024 tokens, by anetrain on cpu beside torch.

usage: step.py BUILD [-t THREADS] [-n STEPS] [-r ROUNDS] [-s NAME=VALUE]..     NAME: a parameter of the program

Both begin with the same weights and take the same tokens: the program's text says what is computed
(examples/text/stories.anedsl), anetrain writes the weights that it begins with, and torch reads them. AdamW, clipped.
The losses of all steps are compared before anything is said of time. Then each side makes STEPS steps at a time, by
turns, ROUNDS times; the least of all steps counts. Shown are the clock and the processor time of a step: on a machine
with other work only the latter means something.

torch is Debian's python3-torch, for /usr/bin/python3. Without it only our own figures are printed, and a line says so."""
import argparse
import csv
import json
import os
import pathlib
import random
import re
import resource
import shutil
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve()
TOP = HERE.parent.parent.parent
PROGRAM = TOP / "examples/text/stories.anedsl"
PYTHON = "/usr/bin/python3"
BATCH, RATE, BETAS, EPS, DECAY, CLIP = 4, 1e-3, (0.9, 0.95), 1e-8, 0.1, 1.0
APART = 1e-4  # of a loss, relative: sums of another order
REACH = 0.60  # of torch's time


# ---- what both are given ---------------------------------------------------------------------------------------


def parameters(given):
    """The program's parameters, by name."""
    line = re.search(r"^param (.*)$", PROGRAM.read_text(), re.M).group(1)
    out = {name: int(value) for name, value in re.findall(r"(\w+) = (\d+)", line)}
    out["batch"] = BATCH
    out.update((name, int(value)) for name, value in (s.split("=") for s in given))
    return out


def write_tokens(path, rows, columns, values):
    head = "{'descr': '<i4', 'fortran_order': False, 'shape': (%d, %d), }" % (rows, columns)
    head += " " * (-(11 + len(head)) % 64) + "\n"
    data = struct.pack("<%di" % len(values), *values)
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode() + data)


def write_data(folder, p):
    """As many samples as a step takes, so that every step takes all of them."""
    draw = random.Random(1)
    wide, n = p["positions"], p["batch"]
    rows = [[draw.randrange(p["vocabulary"]) for _ in range(wide + 1)] for _ in range(n)]
    write_tokens(folder / "tokens.npy", n, wide, [t for r in rows for t in r[:-1]])
    write_tokens(folder / "next.npy", n, wide, [t for r in rows for t in r[1:]])


# ---- ours ------------------------------------------------------------------------------------------------------


def spent():
    """Processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def train(build, folder, p, threads, steps, *more):
    """The rows of log.csv, and what was spent of processor time."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    before = spent()
    command = [os.path.join(build, "anetrain"), "-q", str(PROGRAM), "--data", "tokens=tokens.npy,next=next.npy", "-b", "cpu"]
    command += [w for name, value in p.items() for w in ("--set", f"{name}={value}")]
    command += ["--lr", str(RATE), "--schedule", "constant", "--beta1", str(BETAS[0]), "--beta2", str(BETAS[1]),
                "--eps", str(EPS), "--decay", str(DECAY), "--clip", str(CLIP), "--threads", str(threads)]
    subprocess.run([*command, "--steps", str(steps), "-o", "run", *more], check=True, cwd=folder)
    with open(folder / "run/log.csv") as f:
        return list(csv.DictReader(f)), spent() - before


def ours(build, folder, p, threads, steps):
    """Losses, and the least clock and processor time of a step in ms. Start and end are what a run of one step has."""
    _, start = train(build, folder, p, threads, 1)
    rows, all_of_it = train(build, folder, p, threads, 1 + steps)
    clock = min(float(r["ms"]) for r in rows[1:])
    return [float(r["loss"]) for r in rows], clock, 1000 * (all_of_it - start) / steps, rows


# ---- torch -----------------------------------------------------------------------------------------------------


def read_weights(torch, path):
    data = path.read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name.startswith(("_", "opt.")) or t["dtype"] != "F32":
            continue
        first, end = t["data_offsets"]
        flat = torch.frombuffer(bytearray(data[8 + n + first:8 + n + end]), dtype=torch.float32)
        out[name] = flat.reshape(t["shape"]).clone().requires_grad_(True)
    return out


def read_tokens(torch, path):
    data = path.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    shape = [int(v) for v in re.search(rb"\((\d+), (\d+)\)", data[10:10 + size]).groups()]
    return torch.frombuffer(bytearray(data[10 + size:]), dtype=torch.int32).reshape(shape).long()


def norm(x, gain):
    return x * (x.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt() * gain


def turned(torch, x, cos, sin):
    """Neighbours as pairs, each turned by its place."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)


def loss_of(torch, w, p, tokens, target):
    f = torch.nn.functional
    n, wide, heads, size = *tokens.shape, p["heads"], p["dim"] // p["heads"]
    angle = torch.arange(wide)[:, None] * 10000.0 ** (-torch.arange(0, size, 2) / size)[None]
    cos, sin = angle.cos(), angle.sin()
    shut = torch.full((wide, wide), float("-inf")).triu(1)
    x = w["embedding"][tokens]
    split = lambda v: v.view(n, wide, heads, size).transpose(1, 2)
    for i in range(p["layers"]):
        of = lambda name: w[f"blocks.{i}.{name}"]
        z = norm(x, of("g1"))
        q, k = (turned(torch, split(f.linear(z, of(name))), cos, sin) for name in ("wq", "wk"))
        mixed = (q @ k.transpose(-1, -2) * size ** -0.5 + shut).softmax(-1) @ split(f.linear(z, of("wv")))
        x = x + f.linear(mixed.transpose(1, 2).reshape(n, wide, -1), of("wo"))
        z = norm(x, of("g2"))
        x = x + f.linear(f.silu(f.linear(z, of("w1"))) * f.linear(z, of("w3")), of("w2"))
    logits = f.linear(norm(x, w["g"]), w["embedding"])
    return f.cross_entropy(logits.flatten(0, 1), target.flatten())


def torch_main(folder, p, threads, steps):
    """What a process of torch prints: JSON of losses, clock and processor time."""
    import torch

    torch.set_num_threads(threads)
    w = read_weights(torch, folder / "first.safetensors")
    tokens, target = (read_tokens(torch, folder / name) for name in ("tokens.npy", "next.npy"))
    flat = [v for v in w.values() if v.dim() < 2]
    groups = [{"params": [v for v in w.values() if v.dim() >= 2], "weight_decay": DECAY}, {"params": flat, "weight_decay": 0.0}]
    rule = torch.optim.AdamW(groups, lr=RATE, betas=BETAS, eps=EPS)
    losses, clock, used = [], [], []
    for _ in range(1 + steps):
        began, spent_then = time.perf_counter(), time.process_time()
        rule.zero_grad()
        loss = loss_of(torch, w, p, tokens, target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(w.values()), CLIP)
        rule.step()
        losses.append(loss.item())
        clock.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (time.process_time() - spent_then))
    print(json.dumps([losses, min(clock[1:]), sum(used[1:]) / steps, torch.__version__]))


def peer(folder, p, threads, steps):
    # set_num_threads says nothing to the library that has torch's products
    libraries = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run([PYTHON, str(HERE), "--torch", str(folder), json.dumps(p), str(threads), str(steps)],
                          stdout=subprocess.PIPE, text=True, check=True, env=os.environ | libraries)
    return json.loads(done.stdout)


def torch_here():
    return subprocess.run([PYTHON, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0


# ---- both ------------------------------------------------------------------------------------------------------


def row(who, clock, used, tokens, share=""):
    print(f"{who:18} {clock:9.0f} {used:9.0f} {1000 * tokens / clock:9.0f} {1000 * tokens / used:9.0f}  {share}", flush=True)


def first_weights(build, folder, p, threads):
    """Those that a run begins with: a rate of 0 leaves them."""
    train(build, folder, p, threads, 1, "--lr", "0")
    (folder / "run/step-00000001.safetensors").rename(folder / "first.safetensors")


def bench(options):
    folder = pathlib.Path(options.build, "bench", "step").resolve()
    build = str(pathlib.Path(options.build).resolve())
    folder.mkdir(parents=True, exist_ok=True)
    p = parameters(options.set)
    write_data(folder, p)
    beside = torch_here()
    tokens = p["batch"] * p["positions"]
    load = os.getloadavg()[0]
    print(f"a step of training, {tokens} tokens, {options.threads} thread{'s' * (options.threads > 1)}, load {load:.1f}: "
          "ms and tokens/s, by the clock and of processor time")
    if not beside:
        print("beside torch: skipped, /usr/bin/python3 has none (apt-get install python3-torch)")
    first_weights(build, folder, p, options.threads)
    best, theirs, version = None, None, ""
    for _ in range(options.rounds):
        losses, *now, rows = ours(build, folder, p, options.threads, options.steps)
        best = [min(a, b) for a, b in zip(best, now)] if best else now
        if not beside:
            continue
        wanted, *now, version = peer(folder, p, options.threads, options.steps)
        apart = max(abs(a / b - 1) for a, b in zip(losses, wanted))
        if not apart <= APART:
            print(f"the losses differ by {apart:.1e}, {APART} is allowed: {losses} and {wanted}")
            return 1
        theirs = [min(a, b) for a, b in zip(theirs, now)] if theirs else now
    phases = {name: sum(float(r[name] or 0) for r in rows[1:]) / options.steps for name in rows[0] if name.startswith("ms_")}
    share = ""
    if theirs:
        ratio = [a / b for a, b in zip(best, theirs)]
        share = f"{ratio[0]:.2f} of torch by the clock, {ratio[1]:.2f} of processor time (reach {REACH}); losses apart {apart:.0e}"
    row("anetrain, cpu", *best, tokens, share)
    if theirs:
        row(f"torch {version}", *theirs, tokens)
    print("of our step, ms: " + ", ".join(f"{name[3:]} {value:.0f}" for name, value in phases.items() if value))
    return 0


def main():
    if sys.argv[1:2] == ["--torch"]:
        torch_main(pathlib.Path(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
        return 0
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("build")
    parser.add_argument("-t", dest="threads", type=int, default=1)
    parser.add_argument("-n", dest="steps", type=int, default=4)
    parser.add_argument("-r", dest="rounds", type=int, default=2)
    parser.add_argument("-s", dest="set", action="append", default=[])
    return bench(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""models.py -- sixteen models of docs/language.md's kind agree with torch: on ref, and as each chip computes.

usage: tests/models.py BUILD [NAME..]          the suite: against tests/models/torch.json, which has torch's results
       /usr/bin/python3 tests/models.py --torch BUILD   with torch (Debian: python3-torch): computes them anew, and writes that file

Weights and inputs are drawn here, by the names that the program gives them (`anec --export-weights` lists these), and
given to both. Programs are fp32, but for two that are `half`: on ref they are computed so, for a chip in fp16."""
import json
import math
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

from counted import Checks, build_given

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE / "models" / "torch.json"
CLOSE = 2e-5    # of the largest number, in fp32
CHIP = 0.01     # .. in fp16, by a simulated engine


# ---- .npy ------------------------------------------------------------------------------------------

def npy_write(path, shape, numbers, code="f"):
    head = "{'descr': '<%s4', 'fortran_order': False, 'shape': (%s), }" % (code, "".join("%d, " % n for n in shape))
    head += " " * (63 - (len(head) + 10) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
                     + struct.pack("<%d%s" % (len(numbers), code), *numbers))


def npy_read(path):
    data = path.read_bytes()
    n = struct.unpack("<H", data[8:10])[0]
    head = eval(data[10:10 + n])
    code = {"<f4": "f", "<f2": "e", "<i4": "i"}[head["descr"]]
    return list(head["shape"]), [x[0] for x in struct.iter_unpack("<" + code, data[10 + n:])]


# ---- what is drawn ---------------------------------------------------------------------------------

def half(v):
    """Numbers that fp16 holds: what is compared is how models compute, not how weights are rounded."""
    return struct.unpack("<e", struct.pack("<e", v))[0]


def weight(model, path, shape):
    draw = random.Random(model + " " + path)
    count = math.prod(shape)
    last = path.split(".")[-1]
    if last in ("g", "g1", "g2", "gain", "running_var"):
        return [half(draw.uniform(0.5, 1.5)) for _ in range(count)]
    if len(shape) == 1:
        return [half(draw.uniform(-0.2, 0.2)) for _ in range(count)]
    reach = (3 / (count / shape[0])) ** 0.5
    if path in ("four", "six"):  # as many values as a palette holds
        few = [half(draw.uniform(-reach, reach)) for _ in range(16 if path == "four" else 64)]
        return [draw.choice(few) for _ in range(count)]
    if path == "thin":
        kept = set(draw.sample(range(count), count // 2))
        return [half(draw.choice((-1, 1)) * draw.uniform(reach / 4, reach)) if i in kept else 0.0 for i in range(count)]
    return [half(draw.uniform(-reach, reach)) for _ in range(count)]


def input_numbers(model, name, shape, below=None):
    draw = random.Random(model + " input " + name)
    count = math.prod(shape)
    return [draw.randrange(below) if below else half(draw.uniform(-1, 1)) for _ in range(count)]


# ---- the models: inputs and results by name, and how torch computes them ---------------------------------

class Torch:
    """Weights by path as tensors of double, and the layers of std."""

    def __init__(self, torch, weights):
        self.torch, self.f, self.w = torch, torch.nn.functional, weights

    def at(self, path, n):
        return self.w["%s.%s" % (path, n) if path else n]

    def has(self, path, n):
        return "%s.%s" % (path, n) in self.w

    def bias(self, path):
        return self.at(path, "b") if self.has(path, "b") else None

    def conv(self, path, x, stride=1, pad=0, groups=1):
        return self.f.conv2d(x, self.at(path, "w"), self.bias(path), stride, pad, 1, groups)

    def conv1d(self, path, x, stride=1, pad=0):
        return self.f.conv1d(x[:, :, 0], self.at(path, "w"), self.bias(path), stride, pad)[:, :, None]

    def mix(self, x, w, b=None):
        return self.f.conv2d(x, w[:, :, None, None], b)

    def linear(self, path, x):
        return self.mix(x, self.at(path, "w"), self.bias(path))

    def bn(self, path, x):
        at = lambda n: self.at(path, n)
        return self.f.batch_norm(x, at("running_mean"), at("running_var"), at("g"), at("b"), eps=1e-5)

    def ln(self, path, x, eps=1e-5):
        y = self.f.layer_norm(x.movedim(1, -1), [x.shape[1]], self.at(path, "g"), self.at(path, "b"), eps)
        return y.movedim(-1, 1)

    def gn(self, path, x, groups):
        return self.f.group_norm(x, groups, self.at(path, "g"), self.at(path, "b"), 1e-5)

    def rms(self, g, x):
        return x * (x.pow(2).mean(1, keepdim=True) + 1e-5) ** -0.5 * g[:, None, None]

    def swiglu(self, path, x):
        gate = self.f.silu(self.mix(x, self.at(path, "w1")))
        return self.mix(gate * self.mix(x, self.at(path, "w3")), self.at(path, "w2"))

    def split(self, x, heads):
        return x.reshape(x.shape[0], heads, x.shape[1] // heads, x.shape[3])

    def attend(self, q, k, v, heads, kv=None, causal=False):
        kv = kv or heads
        q, k, v = self.split(q, heads), self.split(k, kv), self.split(v, kv)
        k, v = k.repeat_interleave(heads // kv, 1), v.repeat_interleave(heads // kv, 1)
        scores = q.transpose(2, 3) @ k * q.shape[2] ** -0.5
        if causal:
            n = scores.shape[-1]
            scores = scores + self.torch.full((n, n), -math.inf, dtype=scores.dtype).triu(1)
        y = v @ scores.softmax(-1).transpose(2, 3)
        return y.reshape(y.shape[0], -1, 1, y.shape[3])

    def mha(self, path, x, heads, memory=None):
        m = x if memory is None else memory
        at = lambda n: self.at(path, n)
        y = self.attend(self.mix(x, at("wq"), at("bq")), self.mix(m, at("wk"), at("bk")), self.mix(m, at("wv"), at("bv")),
                        heads)
        return self.mix(y, at("wo"), at("bo"))

    def rope(self, x, heads):
        x = self.split(x, heads)
        half_size, n = x.shape[2] // 2, x.shape[3]
        f = 10000.0 ** (-self.torch.arange(half_size, dtype=x.dtype) / half_size)
        angle = f[:, None] * self.torch.arange(n, dtype=x.dtype)
        a, b = x[:, :, :half_size], x[:, :, half_size:]
        y = self.torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], 2)
        return y.reshape(y.shape[0], -1, 1, n)

    def llama(self, path, x, heads, kv):
        at = lambda n: self.at(path + ".attn" if path else "attn", n)
        y = self.rms(self.at(path, "g1"), x)
        q, k = self.rope(self.mix(y, at("wq")), heads), self.rope(self.mix(y, at("wk")), kv)
        return x + self.mix(self.attend(q, k, self.mix(y, at("wv")), heads, kv, True), at("wo"))

    def llama_block(self, path, x, heads, kv):
        h = self.llama(path, x, heads, kv)
        return h + self.swiglu((path + "." if path else "") + "mlp", self.rms(self.at(path, "g2"), h))


def resnet(t, image):
    def block(p, x, stride):
        y = t.f.relu(t.bn(p + ".bn1", t.conv(p + ".conv1", x, stride, 1)))
        y = t.bn(p + ".bn2", t.conv(p + ".conv2", y, 1, 1))
        down = t.bn(p + ".downsample.1", t.conv(p + ".downsample.0", x, stride)) if stride > 1 else x
        return t.f.relu(y + down)
    x = t.f.max_pool2d(t.f.relu(t.bn("bn1", t.conv("conv1", image, 2, 3))), 3, 2, 1)
    for p, stride in (("layer1.0", 1), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)):
        x = block(p, x, stride)
    return t.linear("fc", x.mean((2, 3), keepdim=True))


def mobilenet(t, image):
    x = t.f.relu6(t.bn("features.0.1", t.conv("features.0.0", image, 2, 1)))
    for at, stride in ((1, 1), (2, 2), (3, 1), (4, 2)):
        p = "features.%d.conv." % at
        y = t.f.relu6(t.bn(p + "0.1", t.conv(p + "0.0", x)))
        y = t.f.relu6(t.bn(p + "1.1", t.conv(p + "1.0", y, stride, 1, y.shape[1])))
        y = t.bn(p + "3", t.conv(p + "2", y))
        x = x + y if y.shape == x.shape else y
    return t.linear("classifier.1", x.mean((2, 3), keepdim=True))


def unet(t, image):
    twice = lambda p, x: t.f.relu(t.conv(p + ".b", t.f.relu(t.conv(p + ".a", x, 1, 1)), 1, 1))
    up = lambda p, x, before: twice(p + ".join", t.torch.cat([before, t.f.conv_transpose2d(x, t.at(p, "w"), stride=2)], 1))
    a = twice("high", image)
    b = twice("middle", t.f.max_pool2d(a, 2))
    return t.conv("head", up("up1", up("up2", twice("low", t.f.max_pool2d(b, 2)), b), a))


def gpt2(t, ids):
    dense = lambda p, x: t.mix(x, t.at(p, "weight").T, t.at(p, "bias"))
    x = (t.at("", "wte")[ids.long()] + t.at("", "wpe")).T[None, :, None]
    for i in range(2):
        p = "h.%d." % i
        q, k, v = dense(p + "attn.c_attn", t.ln(p + "ln_1", x)).split(32, 1)
        x = x + dense(p + "attn.c_proj", t.attend(q, k, v, 4, causal=True))
        x = x + dense(p + "mlp.c_proj", t.f.gelu(dense(p + "mlp.c_fc", t.ln(p + "ln_2", x)), approximate="tanh"))
    return t.mix(t.ln("ln_f", x), t.at("", "wte"))


def llama_cache(t, x):
    for i in range(2):
        x = t.llama_block("blocks.%d" % i, x, 4, 2)
    return x


def vit(t, image):
    x = t.conv("patch", image, 8).flatten(2)[:, :, None]
    x = t.torch.cat([t.at("", "class_token"), x], 3) + t.at("", "positions")
    for i in range(2):
        p = "blocks.%d." % i
        x = x + t.mha(p + "attn", t.ln(p + "ln1", x, 1e-6), 4)
        x = x + t.linear(p + "down", t.f.gelu(t.linear(p + "up", t.ln(p + "ln2", x, 1e-6))))
    return t.linear("head", t.ln("ln", x, 1e-6)[:, :, :, :1])


def whisper(t, mel):
    x = t.f.gelu(t.conv1d("conv2", t.f.gelu(t.conv1d("conv1", mel, 1, 1)), 2, 1))
    n = t.torch.arange(x.shape[3], dtype=x.dtype)
    f = 10000.0 ** (-t.torch.arange(16, dtype=x.dtype) / 16)
    angle = f[:, None] * n
    x = x + t.torch.stack([angle.sin(), angle.cos()], 1).reshape(1, 32, 1, -1)
    for i in range(2):
        p = "blocks.%d." % i
        x = x + t.mha(p + "attn", t.ln(p + "attn_ln", x), 4)
        x = x + t.linear(p + "down", t.f.gelu(t.linear(p + "up", t.ln(p + "mlp_ln", x))))
    return t.ln("ln_post", x)


def convnext(t, image):
    def block(p, x):
        y = t.ln(p + ".norm", t.conv(p + ".deep", x, 1, 3, x.shape[1]), 1e-6)
        return x + t.conv(p + ".down", t.f.gelu(t.conv(p + ".up", y))) * t.at(p, "gain")[:, None, None]
    x = block("stage1.1", block("stage1.0", t.ln("stem_norm", t.conv("stem", image, 4), 1e-6)))
    x = block("stage2.0", t.conv("down", t.ln("down_norm", x, 1e-6), 2))
    return t.linear("head", t.ln("norm", x.mean((2, 3), keepdim=True), 1e-6))


def moe(t, x):
    h = t.llama("", x, 4, 2)
    y = t.rms(t.at("", "g2"), h)
    p = t.mix(y, t.at("experts", "gate")).softmax(1)
    kept = p * (p >= p.topk(2, 1).values[:, 1:])
    kept = kept / kept.sum(1, keepdim=True)
    return h + sum(t.swiglu("experts.expert.%d" % i, y) * kept[:, i:i + 1] for i in range(4))


def bilstm(t, x):
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    net = t.torch.nn.LSTM(12, 16, bidirectional=True).double()
    for n in names + [n + "_reverse" for n in names]:
        getattr(net, n).data = t.at("", n)
    return net(x)[0].detach() @ t.at("tag", "w").T + t.at("tag", "b")


def diffusion(t, x, time, text):
    silu = t.f.silu
    y = t.conv("res.conv1", silu(t.gn("res.norm1", x, 4)), 1, 1) + t.linear("res.time", silu(time))
    x = x + t.conv("res.conv2", silu(t.gn("res.norm2", y, 4)), 1, 1)
    y = t.gn("attn.norm", x, 4).flatten(2)[:, :, None]
    y = y + t.mha("attn.own", y, 2)
    y = y + t.mha("attn.cross", t.ln("attn.ln", y), 2, text)
    return x + y.reshape(x.shape)


def lora(t, x):
    def adapted(p, x):
        return t.mix(x, t.at(p, "w") + t.at(p, "lora_b") @ t.at(p, "lora_a") * 2.0, t.at(p, "bias"))
    return x + adapted("down", t.f.gelu(adapted("up", x)))


def palettes(t, x):
    h = t.f.relu(t.mix(x, t.at("", "four")))
    return t.mix(t.f.relu(t.mix(h, t.at("", "six"))), t.at("", "thin"))


def training(t, x, target):
    paths = sorted(t.w)
    for p in paths:
        t.w[p].requires_grad_(True)
    y = t.linear("down", t.rms(t.at("norm", "g"), t.f.silu(t.linear("up", x))))
    loss = ((y - target) ** 2).mean()
    grads = t.torch.autograd.grad(loss, [t.w[p] for p in paths])
    out = {"new_" + p.replace(".", "_"): (t.w[p] - 0.125 * g).detach() for p, g in zip(paths, grads)}
    return {"loss": loss.detach(), **out}


def gated(t, x):
    return x + t.swiglu("block.mlp", t.rms(t.at("block", "g"), x))


def several(t, x):
    return gated(t, x) + t.mix(t.mix(x, t.at("", "shared")) * 0.5, t.at("", "shared").T)


def several_encode(t, x):
    at = {k[7:] if k.startswith("encode.") else k: v for k, v in t.w.items() if k.startswith(("encode.", "shared"))}
    return t.mix(gated(Torch(t.torch, at), x), at["shared"])


X = [1, 32, 1, 8]
#          inputs, in torch's order: shape, and below what integers are; torch's function; else
MODELS = {
    "resnet": ({"image": [1, 3, 32, 32]}, resnet, {}),
    "mobilenet": ({"image": [1, 3, 32, 32]}, mobilenet, {}),
    "unet": ({"image": [1, 3, 16, 16]}, unet, {}),
    "gpt2": ({"ids": [8]}, gpt2, {"below": 48, "half": True}),
    "llama_block": ({"x": X}, lambda t, x: t.llama_block("", x, 4, 2),
                    {"path": "../examples/llama_block.anedsl", "half": True,
                     "set": ["dim=32", "heads=4", "kv=2", "hidden=64", "seq=8"]}),
    "llama_cache": ({"x": X}, llama_cache, {"steps": 8}),
    "vit": ({"image": [1, 3, 32, 32]}, vit, {}),
    "whisper": ({"mel": [1, 16, 1, 32]}, whisper, {}),
    "convnext": ({"image": [1, 3, 32, 32]}, convnext, {}),
    "moe": ({"x": X}, moe, {}),
    "bilstm": ({"x": [6, 1, 12]}, bilstm, {}),
    "diffusion": ({"x": [1, 16, 8, 8], "t": [1, 32, 1, 1], "text": [1, 24, 1, 6]}, diffusion, {}),
    "lora": ({"x": X}, lora, {}),
    "palettes": ({"x": [1, 64, 1, 8]}, palettes, {}),
    "training": ({"x": [1, 16, 1, 8], "t": [1, 4, 1, 8]}, training, {}),
    "several": ({"x": [1, 16, 1, 8]}, several, {}),
    "several encode": ({"x": [1, 16, 1, 8]}, several_encode, {}),
}


# ---- running ---------------------------------------------------------------------------------------

class Case:
    """A model with its weights and inputs in a folder."""

    def __init__(self, name, build, folder):
        self.name, self.folder = name, folder
        self.build = pathlib.Path(build).resolve()
        self.inputs, self.torch, self.more = MODELS[name]
        file, *function = name.split()
        self.path = str(HERE / self.more.get("path", "models/%s.anedsl" % file))
        self.sets = [w for s in self.more.get("set", []) for w in ("--set", s)]
        self.function = ["--function", function[0]] if function else []

    def run(self, tool, *words):
        return subprocess.run([str(self.build / tool), "-q", *self.sets, *words, self.path], capture_output=True, text=True)

    def prepare(self):
        out = self.run("anec", "-t", "host", "--export-weights", str(self.folder / "shapes"))
        self.weights = {}
        (self.folder / "w").mkdir()
        for path in sorted((self.folder / "shapes").glob("*.npy")):
            shape, _ = npy_read(path)
            self.weights[path.stem] = shape, weight(self.name.split()[0], path.stem, shape)
            npy_write(self.folder / "w" / path.name, *self.weights[path.stem])
        self.given = {n: (s, input_numbers(self.name, n, s, self.more.get("below"))) for n, s in self.inputs.items()}
        for n, (shape, numbers) in self.given.items():
            npy_write(self.folder / (n + ".npy"), shape, numbers, "i" if self.more.get("below") else "f")
        return out

    def words(self):
        steps = self.more.get("steps")
        if not steps:
            return [w for n in self.given for w in ("-i", "%s=%s" % (n, self.folder / (n + ".npy")))]
        words = ["--iterations", str(steps)]
        shape, numbers = self.given["x"]
        for i in range(steps):  # a position a run
            part = self.folder / ("x%d.npy" % i)
            npy_write(part, shape[:3] + [1], numbers[i::shape[3]])
            words += ["-i", "x@%d=%s" % (i, part), "-i", "at@%d=%d" % (i, i)]
        return words

    def results(self, backend):
        to = self.folder / backend.replace(":", "_")
        out = self.run("anerun", "-b", backend, "--weights", str(self.folder / "w"), *self.function, *self.words(), "-O",
                       str(to))
        if out.returncode:
            return None, out.stderr
        found = {p.stem: npy_read(p)[1] for p in sorted(to.glob("*.npy"))}
        steps = self.more.get("steps")
        if steps:  # of each run a column
            rows = [found["it%d_y" % i] for i in range(steps)]
            found = {"y": [row[k] for k in range(len(rows[0])) for row in rows]}
        return found, ""

    def wanted(self, torch):
        tensors = {p: torch.tensor(v, dtype=torch.float64).reshape(s) for p, (s, v) in self.weights.items()}
        given = [torch.tensor(v, dtype=torch.int64 if self.more.get("below") else torch.float64).reshape(s)
                 for s, v in self.given.values()]
        out = self.torch(Torch(torch, tensors), *given)
        return {n: [float("%.7g" % x) for x in v.flatten().tolist()] for n, v in out.items()} if isinstance(out, dict) \
            else [float("%.7g" % x) for x in out.flatten().tolist()]


def apart(found, wanted):
    """How far results are from torch's, as a part of the largest number; of several the worst."""
    if not isinstance(wanted, dict):
        wanted = {next(iter(found)): wanted}
    if set(found) != set(wanted) or any(len(found[n]) != len(wanted[n]) for n in wanted):
        return math.inf
    worst = 0.0
    for n in wanted:
        most = max(map(abs, wanted[n]))
        far = max(abs(a - b) if a == a else math.inf for a, b in zip(found[n], wanted[n]))
        worst = max(worst, far / most)
    return worst


def chips(build):
    """The simulated engines that anerun lists."""
    text = subprocess.run([str(pathlib.Path(build) / "anec"), "--list-targets"], capture_output=True, text=True).stdout
    return [line.split()[0] for line in text.splitlines() if line.split() and line.split()[0].startswith("m")
            and line.split()[0][1:].isdigit()]


def main():
    write = sys.argv[1:2] == ["--torch"]
    words = sys.argv[2 if write else 1:]
    build, only = build_given(__doc__, words), words[1:]
    check = Checks("models")
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    torch = None
    if write:
        import torch
        torch.manual_seed(0)
    engines = chips(build)
    check("there are engines", len(engines) >= 5, engines)
    check("there are sixteen models and a function more", len(MODELS) == 17, len(MODELS))
    lines = [line for line in (HERE / "../examples/llama_block.anedsl").read_text().splitlines() if line.strip()]
    check("a Llama block is 21 lines or fewer", len(lines) <= 21, len(lines))
    for name in MODELS:
        if only and name.split()[0] not in only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            case = Case(name, build, pathlib.Path(folder))
            out = case.prepare()
            if not check(name + " compiles", out.returncode == 0, out.stderr):
                continue
            if write:
                record[name] = case.wanted(torch)
            for backend in ["ref", "cpu"] + ["sim:" + c for c in engines]:
                found, said = case.results(backend)
                if not check("%s on %s runs" % (name, backend), found, said):
                    continue
                far = apart(found, record[name])
                limit = CHIP if backend.startswith("sim") or case.more.get("half") else CLOSE
                check("%s on %s" % (name, backend), far <= limit, "%.3g of the largest number away from torch" % far)
                if os.environ.get("VERBOSE"):
                    print("%-16s %-8s %.2g" % (name, backend, far))
    if write:
        text = ",\n".join("%s: %s" % (json.dumps(n), json.dumps(v)) for n, v in record.items())
        RECORD.write_text("{\n" + text + "\n}\n")
    check.end()


main()

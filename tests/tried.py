#!/usr/bin/env python3
"""tried.py -- pages by themselves: each command that README and docs/ show, line by line, from an empty folder.

usage: tried.py BUILD [PAGE..]      ends with `tried: N passed, N failed`

A command is an indented line that begins with the name of a tool, or with `$ `; what stands behind several blanks is a remark.
All of a page run one after the other in a folder that has nothing but `build`, `examples`, and what the table below makes of what the
page speaks of as given. Each has to end as the table says, 0 without it. A command that is not run has its reason there, and
one that no page has any more is a failure, as is a page with commands that the table lacks. docs/ci.md is tried by
tests/lint.py, packages by tests/packages.sh, what an editor asks by tests/lsp.py."""
import os
import re
import subprocess
import sys
import tempfile

from counted import Checks, build_given

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = "anec|anerun|anediff|anetrain|anegen|aneprobe"
COMMAND = re.compile(rf"^    (?:\$ )?((?:[A-Z_]+=\S+ )*(?:build/)?(?:{TOOLS}|cat|mpirun|make|pip)(?= ).*)$")
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable

# What several pages take as given. A line `NAME <<` is a file, up to a line with a point alone.
NET = """
net.anedsl <<
import "std"
weights init normal(std = 0.1, seed = 1)
model main(x: fp16[1, 64, 1, 16]) -> y {
    weight w1: [128, 64], w2: [64, 128]
    y = linear(relu(linear(x, w1)), w2)
}
.
"""
ARRAY = "array() { $PYTHON -c 'import numpy, sys; numpy.save(sys.argv[1], numpy.full(eval(sys.argv[2]), 0.5, sys.argv[3]))' \"$@\"; }\n"

# page -> what it takes as given; exits other than 0, by the beginning of a command; commands that are not run, with the reason
PAGES = {
    "README.md": ("cp -r $TOP/tests/models models\n", {"build/anec --check --target m1 m4/two.mil": 1},
                  {"make demo": "make check has its own suite", "make check": "this is a part of it"}),
    "docs/onnx.md": ("$PYTHON $TOP/tests/bench/nets.py . mlp1 && mv mlp1.onnx net.onnx\n", {},
                     {"anec net.onnx --set batch=1": "the net has no such dimension: below"}),
    "docs/compression.md": (NET + "anec -q -t host net.anedsl -o model.mlpackage\n", {},
                            {"anec --compress 'embed*": "it ends with ..", "anec --compress rules.txt": "it ends with .."}),
    "docs/containers.md": (NET + ARRAY + "anec -q -t host net.anedsl -o net.mlmodelc && array x.npy 1,64,1,16 float16\n", {},
                           {"anec --part vision": "tests/golden has a pipeline, which no tool writes"}),
    "docs/coreai.md": (NET + ARRAY + "cp $TOP/tests/golden/coreai/layers.mlir net.mlir; cp $TOP/tests/golden/coreai/layers-x.npy x.npy\n"
                       "anec -q -t host net.anedsl -o net.mlpackage\n"
                       "mkdir net.aimodel; cp $TOP/tests/fuzz/mlirb/llvm-16 net.aimodel/main.mlirb\n"
                       "echo '{\"producer\":\"coreai-core 1.0.0b2\",\"assetVersion\":\"2.0\",\"creationDate\":1}' >net.aimodel/metadata.json\n"
                       "sha256sum net.aimodel/main.mlirb | cut -c1-64 | $PYTHON -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(input()))' "
                       ">net.aimodel/main.hash\n",
                       {"anec lint net.mlir": 1}, {}),
    "docs/probe.md": (NET + "cp net.anedsl m.anedsl; cp $TOP/tests/golden/probe/five.mil model.mil\n"
                      "aneprobe -q --backend sim:m1 --only width-slice -o my.profile\n"
                      "export ANEC_ANE_LIB=$BUILD/libanesim.so ANESIM_CHIP=m1\n", {"aneprobe --backend sim:m1 --bisect": 1},
                      {"aneprobe --bisect model.mil -o": "it waits between compilations; tests/golden/probe has --pause 0",
                       "aneprobe -o my.profile": "minutes; tests/golden/probe has the rules", 
                       "aneprobe --limits": "as above"}),
    "docs/runtime.md": (ARRAY + """
model.anedsl <<
import "std"
model main(x: fp16[1, 8, 1, n = 100 in 1..256]) -> y {
    y = softmax(x * 2.0, axis = 3)
}
.
batch.anedsl <<
import "std"
model main(x: fp16[b = 2 in 1..4, 8, 1, n = 100 in 1..128]) -> y {
    y = softmax(x * 2.0, axis = 3)
}
.
sum.anedsl <<
model main(a: fp16[4], b: fp16[4]) -> y = a + b
.
array a.npy 4 float16; array b.npy 4 float16; array x.npy 1,8,1,100 float16
anec -q -t host sum.anedsl -o model.mil
""", {}, {"anerun --weights checkpoints/base": "its checkpoint is any; tests/golden/weights has some",
          "anec --export-weights numpy": "its weights are those of another model; tests/golden/weights has some",
          "anerun --backend coreml": "a Mac's; on the stand-in tests/unit/test_plan.c runs it"}),
    "docs/simulator.md": (NET + "anec -q -t m1 net.anedsl -o model.mil\n", {}, {}),
    "docs/standin.md": (NET + "anec -q -t m1 net.anedsl -o model.mil; export ANEC_CACHE_DIR=$PWD/cache\n", {"ANEC_ANE_LIB=build/libanesim.so ANESIM_FAULT": 3}, {}),
    "docs/targets.md": (NET + "anec -q -t host net.anedsl -o model.mil\n", {},
                        {"anec -Wno-RULE": "RULE stands for any"}),
    "docs/training.md": ("", {}, {
        "anetrain digits.anedsl": "make demo trains it", "anetrain examples/text/char_llama": "tests/train.sh runs it",
        "anetrain char_llama.anedsl --data gpl": "tests/train.sh runs it", "anetrain char_llama.anedsl --data artistic": "tests/train.sh runs it",
        "anegen run": "it writes with the run before it; tests/train.sh",
        "mpirun": "tests/train.sh runs processes", "anetrain examples/text/stories.anedsl": "minutes; tests/train.sh has it smaller"}),
    "docs/understanding.md": (NET + "anec -q -t host net.anedsl -o model.mlpackage; anec -q -t host net.anedsl -o model.mil\n"
                              "cp model.mil old.mil; sed 's/relu(x/tanh(x/' old.mil >new.mil\n",
                              {"anediff old.mil": 1}, {"anec --emit dot": "dot may not be there: below"}),
    "docs/language.md": ("", {}, {"anerun --weights model.gguf": "any model of that form; tests/gguf.py"}),
}
# what the pages' own commands leave open
MORE = {
    "docs/onnx.md": ["anec -q net.onnx --emit dot"],
    "docs/understanding.md": ["anec --emit dot model.mil", "test -s plan.html && test -s trace.json && test -d cpu-dump"],
    "docs/standin.md": ["test $(wc -l <clock) = 1"],
    "README.md": ["test -s out/y.npy", "test -d run", "anec lint -q -t m1 models || test $? = 1"],
}


def commands(text):
    """The commands of a page; a line that ends with \\ goes on."""
    text = re.sub(r"\\\n\s*", "", text)
    for line in text.splitlines():
        m = COMMAND.match(line)
        if m:
            yield re.sub(r"\s{2,}(?:#.*|\S.*)$", "", m.group(1)).strip()


def files_of(script):
    """The files that a script has in it, and the script without them."""
    files = dict(re.findall(r"^(\S+) <<\n(.*?)^\.$", script, re.M | re.S))
    return files, re.sub(r"^\S+ <<\n.*?^\.\n", "", script, flags=re.M | re.S)


class Pages:
    def __init__(self, build):
        self.build, self.check, self.rows = os.path.abspath(build), Checks("tried"), set()

    def shell(self, line, env):
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=env, timeout=300)

    def page(self, name):
        with open(os.path.join(TOP, name), encoding="utf-8") as f:
            text = f.read()
        lines = list(commands(text))
        if name not in PAGES:
            self.check(f"{name} has commands: a row in the table", not lines, lines[:1])
            return
        setup, exits, skipped = PAGES[name]
        for start in [*exits, *skipped]:
            self.check(f"{name} has no `{start}` any more", any(c.startswith(start) for c in lines))
        files, script = files_of(setup)
        for block in re.findall(r"A model, `(\S+)`:\s+```anedsl\n(.*?)```", text, re.S):
            files[block[0]] = block[1]
        with tempfile.TemporaryDirectory(prefix="tried.") as folder:
            os.chdir(folder)
            os.symlink(self.build, "build")
            os.symlink(os.path.join(TOP, "examples"), "examples")
            for path, body in files.items():
                with open(path, "w", encoding="utf-8") as f:
                    f.write(body)
            env = {**os.environ, "PATH": f"{self.build}:{os.environ['PATH']}", "TOP": TOP, "BUILD": self.build,
                   "PYTHON": PYTHON, "ANEC_CACHE_DIR": os.path.join(folder, "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
            exports = "\n".join(line for line in script.splitlines() if "export " in line)
            r = self.shell("set -e\n" + script, env)
            self.check(f"{name}: what it takes as given", r.returncode == 0, r.stderr)
            for line in [*lines, *MORE.get(name, [])]:
                if any(line.startswith(s) for s in skipped):
                    continue
                want = next((code for s, code in exits.items() if line.startswith(s)), 0)
                r = self.shell(re.sub(r".*(export )", r"\1", exports) + "\n" + line, env)
                self.check(f"{name}: {line}", r.returncode == want, f"exit {r.returncode}: {r.stderr or r.stdout}")
            os.chdir(TOP)

    def python(self):
        """python/README.md, in a folder that has the examples that it speaks of."""
        with open(os.path.join(TOP, "python/README.md"), encoding="utf-8") as f:
            blocks = re.findall(r"```python\n(.*?)```", f.read(), re.S)
        self.check("python/README.md has a program", len(blocks) == 1)
        with tempfile.TemporaryDirectory(prefix="tried.") as folder:
            os.symlink(os.path.join(TOP, "examples"), os.path.join(folder, "examples"))
            r = subprocess.run([PYTHON, "-c", "\n".join(blocks)], cwd=folder, capture_output=True, text=True, timeout=300,
                               env={**os.environ, "PYTHONPATH": os.path.join(TOP, "python"), "PYTHONDONTWRITEBYTECODE": "1",
                                    "ANEC_LIBRARY": os.path.join(self.build, "libanec.so")})
            self.check("python/README.md's program", r.returncode == 0 and r.stdout.strip() and os.path.exists(folder + "/mlp.mil"),
                       r.stderr or r.stdout)


def main():
    pages = Pages(build_given(__doc__))
    tried_elsewhere = {"docs/ci.md", "docs/hacking.md", "docs/first-run-on-a-mac.md"}
    every = ["README.md", *(f"docs/{f}" for f in sorted(os.listdir(os.path.join(TOP, "docs"))) if f.endswith(".md"))]
    for name in sys.argv[2:] or [f for f in every if f not in tried_elsewhere]:
        pages.page(name)
    if not sys.argv[2:]:
        pages.python()
    pages.check.end()


main()

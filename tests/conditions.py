#!/usr/bin/env python3
"""conditions.py -- which conditions of the sources no test makes true, or false; `make conditions` builds for it.

usage: conditions.py BUILD [--list] [SUITE..]

BUILD has been made by clang with -fcoverage-mapping and -fprofile-instr-generate=BUILD/profiles/%4m.profraw, so that
whatever runs of it adds to these counts. SUITES (those of check.py; units and golden without any) run, and the list
goes to BUILD/conditions.txt, a condition a line:
    FILE:LINE:COLUMN: never true|never false|never met: TEXT
Per folder it prints how many conditions there are and how many of them decided nothing. --list runs nothing and
tells what was counted before. What a loop asks is a condition as well, a `case` is none. One that decides in some test is not yet tested: tests/mutate tells whether anybody notices."""
import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BRANCH = re.compile(r"Branch \((\d+):(\d+)\): \[True: ([^,]+), False: ([^\]]+)\]")
HEAD = re.compile(r"(\S+):$")


def tool(name):
    """llvm's, of the version that clang has where there are several."""
    said = subprocess.run(["clang", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"version (\d+)", said)
    for found in (name + "-" + version.group(1) if version else name, name):
        if shutil.which(found):
            return found
    sys.exit(f"conditions: {name} is missing")


def programs(build):
    """What has all of the sources in it but the tests."""
    found = glob.glob(build + "/ane*") + glob.glob(build + "/lib*.so")
    return sorted(p for p in found if os.path.isfile(p) and not p.endswith((".a", ".1")))


def merged(build):
    """All that ran, in one profile."""
    raw = glob.glob(build + "/profiles/*.profraw")
    if not raw:
        sys.exit(f"conditions: nothing of {build} has run")
    to = build + "/conditions.profdata"
    subprocess.run([tool("llvm-profdata"), "merge", "-o", to, *raw], check=True)
    return to


def text_of(lines, row, column):
    """The condition that begins there, to its end, on one line."""
    text, depth = lines[row - 1][column - 1:] + " " + " ".join(lines[row:row + 6]), 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth < 0 or (depth == 0 and (c in ";?:," or text[i:i + 2] in ("&&", "||"))):
            return " ".join(text[:i].split())
    return " ".join(lines[row - 1][column - 1:].split())


class Condition:
    def __init__(self, path, row, column, true, false, text):
        self.path, self.row, self.column, self.text = path, row, column, text
        self.what = {(True, True): "", (False, True): "never true", (True, False): "never false",
                     (False, False): "never met"}[true, false]

    def __str__(self):
        return f"{self.path}:{self.row}:{self.column}: {self.what}: {self.text}"


def conditions(build, profile):
    """All of the sources. What the compiler knows the answer of is none, nor is a `case`."""
    first, *more = programs(build)
    command = [tool("llvm-cov"), "show", "--show-branches=count", "-instr-profile", profile, first]
    command += [w for p in more for w in ("-object", p)]
    said = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True, errors="replace")
    path, lines = None, []
    for line in said.stdout:
        if head := HEAD.match(line):
            path = os.path.relpath(os.path.join(ROOT, head.group(1)), ROOT)
            path = path if path.endswith(".c") and not path.startswith(("..", "build", "tests")) else None
            if path:
                with open(os.path.join(ROOT, path)) as f:
                    lines = f.read().split("\n")
        found = path and BRANCH.search(line)
        if not found:
            continue
        row, column = int(found.group(1)), int(found.group(2))
        text = text_of(lines, row, column)
        if not re.match(r"(case|default)\b", text):
            yield Condition(path, row, column, found.group(3) != "0", found.group(4) != "0", text)
    if said.wait():
        sys.exit("conditions: llvm-cov failed")


def told(build):
    """Writes the list, and prints the table."""
    every = sorted(conditions(build, merged(build)), key=lambda c: (c.path, c.row, c.column))
    to = build + "/conditions.txt"
    with open(to + ".new", "w") as f:
        f.writelines(f"{c}\n" for c in every if c.what)
    os.replace(to + ".new", to)
    count = collections.Counter()
    for c in every:
        for folder in (os.path.dirname(c.path), "all"):
            count[folder, c.what] += 1
    print(f"{'folder':<24}{'conditions':>12}{'never true':>12}{'never false':>12}{'never met':>12}")
    for folder in sorted({f for f, _ in count} - {"all"}) + ["all"]:
        never = [count[folder, w] for w in ("never true", "never false", "never met")]
        print(f"{folder:<24}{sum(never) + count[folder, '']:>12}" + "".join(f"{n:>12}" for n in never))
    print(f"conditions: the list is {to}")


def main():
    a = argparse.ArgumentParser(add_help=False)
    a.add_argument("build")
    a.add_argument("suites", nargs="*")
    a.add_argument("--list", action="store_true")
    o = a.parse_args()
    build = os.path.abspath(o.build)
    if not o.list:
        shutil.rmtree(build + "/profiles", ignore_errors=True)
        env = dict(os.environ, GOLDEN_SLOW="600")
        subprocess.run([HERE + "/check.py", o.build, *(o.suites or ["units", "golden"])], env=env)
    told(build)


if __name__ == "__main__":
    main()

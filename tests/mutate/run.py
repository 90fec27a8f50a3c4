#!/usr/bin/env python3
"""run.py -- changes the sources in many places, one at a time, and looks whether the suites notice.

usage: tests/mutate/run.py [--seed S] [--count N] [--jobs N] [--only PATH] [--work DIR] [--log FILE]

The tree is copied to DIR and built there once, with all mutants in it (schemata.py); the environment
chooses one. Each test runs first without any and notes which it reaches; a mutant then meets those that
reach it, likely killers first, until one fails or takes ten times its time. `chosen.txt` are mutants by
hand, which run besides; `equivalent.txt` those that nobody can tell from the program, with the reason:
they count for nothing. Survivors are printed as a change of lines. Exit 1: 3 % or more survived."""
import argparse
import collections
import functools
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import threading

import schemata
from suites import Suites

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHARE = {  # of a hundred, about as there are lines and as much as a fault there costs
    "base": 10, "ir": 10, "ir/ops": 15, "ir/mil": 12, "ir/passes": 17, "ir/targets": 6,
    "frontend": 11, "backends": 8, "api": 5, "tools": 3, "train": 3,
}
LIMIT = 0.03
SPARE = 1.3  # so many more are written than are wanted: some do not compile


def rows(name):
    """The rows of a table in this folder: fields between tabs, # begins a comment."""
    with open(os.path.join(HERE, name)) as f:
        return [l.rstrip("\n").split("\t") for l in f if l.strip() and not l.startswith("#")]


# ---- the sources ------------------------------------------------------------------------------------------

def paths_of(folder):
    names = subprocess.run(["git", "ls-files", "--", folder], cwd=ROOT, capture_output=True, text=True).stdout.split()
    below = folder == "backends"
    return [n for n in names if n.endswith(".c") and (below or os.path.dirname(n) == folder)]


@functools.lru_cache(None)
def read(path):
    """As it is when the run begins."""
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def by_hand(table=None):
    """chosen.txt: an expression that stands once in its file, and what stands there instead."""
    for path, was, instead in table or rows("chosen.txt"):
        text = read(path)
        if text.count(was) != 1:
            sys.exit(f"mutate: chosen.txt: {path} has {text.count(was)} times: {was}")
        at = text.index(was)
        yield schemata.Mutant(path, "by hand", at, at + len(was), instead)


def equivalents(table=None):
    """equivalent.txt: the file, the lines and what they become, each of which is one of its mutants."""
    found = set()
    for path, was, now, _ in table or rows("equivalent.txt"):
        text = read(path)
        if all(schemata.lines_of(text, m) != (was, now) for m in schemata.File(path, text).found):
            sys.exit(f"mutate: equivalent.txt: {path} has no such mutant of: {was}")
        found.add((path, was, now))
    return found


def planned(seed, count, only):
    """For each folder its mutants in the order of the seed, and how many of them are wanted."""
    total = sum(SHARE.values())
    for folder, share in SHARE.items():
        files = [schemata.File(p, read(p)) for p in paths_of(folder) if p.startswith(only)]
        want = (count * share + total - 1) // total
        some = []
        for m in schemata.in_order(files, f"{seed} {folder}"):
            if len(some) >= want * SPARE + 4:
                break
            some.append(m)
        if some:
            yield want, some


# ---- the copy that is built -----------------------------------------------------------------------------------

class Copy:
    FLAGS = "-O1 -g0 -w"

    def __init__(self, work):
        self.dir = work

    def make(self, *goals, **more):
        flags = f"CFLAGS={self.FLAGS} -include {self.dir}/base/mutant.h"
        return subprocess.run(["make", "-s", "-j2", "BUILD=build", flags, *goals], cwd=self.dir, capture_output=True,
                              text=True, **more)

    def prepare(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            to = os.path.join(self.dir, name)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            if os.path.exists(os.path.join(ROOT, name)):
                shutil.copy2(os.path.join(ROOT, name), to, follow_symlinks=False)
        shutil.copy(os.path.join(HERE, "mutant.c"), os.path.join(self.dir, "base/mutant.c"))
        shutil.copy(os.path.join(HERE, "mutant.h"), os.path.join(self.dir, "base/mutant.h"))
        shared, link = os.path.join(ROOT, "..", "shared"), os.path.join(self.dir, "..", "shared")
        if os.path.isdir(shared) and not os.path.exists(link):
            os.symlink(os.path.realpath(shared), link)
        said = self.make("build/gen/ir/mil/grammar.h", "build/gen/frontend/grammar.h",
                         "build/gen/ir/ops/params.h", "build/gen/ir/ops/builders.h")
        if said.returncode:
            sys.exit("mutate: the copy does not build:\n" + said.stderr[-2000:])
        said = self.make("-n", "-B", "V=1", "objects").stdout
        self.compile = dict((m.group(1), l) for l in said.splitlines() for m in [re.search(r" -c (\S+\.c) -o", l)] if m)

    def write(self, path, mutants):
        with open(os.path.join(self.dir, path), "w") as f:
            f.write(schemata.mutated(read(path), mutants))

    def kept(self, path, mutants):
        """Those that the preprocessor leaves in for this machine."""
        line = re.sub(r" -MMD -MP| -o \S+", "", self.compile[path]).replace(" -c ", " -E ")
        said = subprocess.run(["sh", "-c", line], cwd=self.dir, capture_output=True, text=True).stdout
        there = set(map(int, re.findall(r"\bmutant(?:_if)?\((\d+)", said)))
        return [m for m in mutants if m.number in there]

    def errors(self, path):
        """The lines that the compiler complains of."""
        line = re.sub(r" -MMD -MP| -o \S+", "", self.compile[path]) + " -fsyntax-only"
        said = subprocess.run(["sh", "-c", line], cwd=self.dir, capture_output=True, text=True)
        found = re.findall(rf"^{re.escape(path)}:(\d+):\d+: (?:fatal )?error", said.stderr, re.M)
        if said.returncode and not found:
            return [0]
        return sorted(set(map(int, found)))

    def compiled(self, path, mutants):
        """Writes the file with those of the mutants that compile, and returns these."""
        text = read(path)
        while True:
            self.write(path, mutants)
            wrong = self.errors(path)
            if not wrong or not mutants:
                return self.kept(path, mutants)
            at = lambda m: range(schemata.line_number(text, m.start), schemata.line_number(text, m.end) + 1)
            left = [m for m in mutants if not any(w in at(m) for w in wrong)]
            mutants = left if len(left) < len(mutants) else []


def ready(copy, o):
    """The mutants that are built, numbered."""
    plan = list(planned(o.seed, o.count, o.only))
    hand = [] if o.only else list(by_hand())
    of = collections.defaultdict(list)
    number = 0
    for m in hand + [m for _, some in plan for m in some]:
        number += 1
        m.number = number
        of[m.path].append(m)
    alive = set()
    for path, mutants in of.items():
        placed = []
        for m in schemata.flat(schemata.nest(mutants)):
            placed.append(m)
        alive |= {m.number for m in copy.compiled(path, placed)}
    chosen = [m for m in hand if m.number in alive]
    if len(chosen) < len(hand):
        sys.exit("mutate: a mutant of chosen.txt does not compile")
    for want, some in plan:
        chosen += [m for m in some if m.number in alive][:want]
    return chosen


# ---- running ----------------------------------------------------------------------------------------------------

class Result:
    def __init__(self):
        self.lock = threading.Lock()
        self.killed = self.same = 0
        self.survivors = []
        self.by = collections.Counter()


def said_of(m):
    text = read(m.path)
    was, now = schemata.lines_of(text, m)
    return f"{m.path}:{schemata.line_number(text, m.start)}", was, now


def work(todo, suites, result, equivalent, log, budget):
    while True:
        try:
            m = todo.get_nowait()
        except queue.Empty:
            return
        killer = suites.killer(m, budget)
        place, was, now = said_of(m)
        with result.lock:
            if killer:
                result.killed += 1
                result.by[killer.split()[0]] += 1
                print(f"killed\t{killer}\t{m.kind}\t{place}\t{was}\t{now}", file=log, flush=True)
            elif (m.path, was, now) in equivalent:
                result.same += 1
                print(f"equivalent\t\t{m.kind}\t{place}\t{was}\t{now}", file=log, flush=True)
            else:
                result.survivors.append(m)
                reached = ", which no test reaches" if not suites.reaching(m) else ", with tests left" if m.left else ""
                print(f"survived\t{place}: {m.kind}{reached}\n- {was}\n+ {now}", flush=True)
                print(f"survived\t\t{m.kind}\t{place}\t{was}\t{now}", file=log, flush=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--seed", default="1")
    a.add_argument("--count", type=int, default=160)
    a.add_argument("--jobs", type=int, default=2)
    a.add_argument("--only", default="", help="a folder or a file")
    a.add_argument("--work", default="/tmp/anec-mutate/tree")
    a.add_argument("--log", default="/dev/null")
    a.add_argument("--budget", type=float, default=60, help="seconds of tests for a mutant; what is left then survives")
    a.add_argument("--all", action="store_true", help="the slow suites, too")
    a.add_argument("--without", default="", help="tests whose names this expression matches are left out")
    o = a.parse_args()
    equivalent = equivalents()
    copy = Copy(os.path.abspath(o.work))
    copy.prepare()
    mutants = ready(copy, o)
    print(f"mutate: {len(mutants)} mutants of seed {o.seed}; building", flush=True)
    suites = Suites(copy.dir, o.jobs, o.all, o.without)
    said = copy.make("all", *suites.goals())
    if said.returncode:
        sys.exit("mutate: the copy does not build:\n" + said.stderr[-3000:])
    suites.baseline([m.number for m in mutants])
    todo = queue.Queue()
    random.Random(o.seed).shuffle(mutants)
    for m in mutants:
        todo.put(m)
    result = Result()
    with open(o.log, "a") as log:
        threads = [threading.Thread(target=work, args=(todo, suites, result, equivalent, log, o.budget)) for _ in range(o.jobs)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    n = result.killed + len(result.survivors)
    share = len(result.survivors) / n if n else 1
    print("mutate: killed by " + ", ".join(f"{k} {v}" for k, v in result.by.most_common(12)))
    print(f"mutate: {result.killed} killed, {len(result.survivors)} survived ({100 * share:.1f} %), "
          f"{result.same} listed as equivalent")
    sys.exit(share >= LIMIT)


if __name__ == "__main__":
    main()

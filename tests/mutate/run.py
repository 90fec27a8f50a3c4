#!/usr/bin/env python3
"""run.py -- changes the sources in many places, one at a time, and looks whether the suites notice.

usage: tests/mutate/run.py [--seed S] [--count N] [--jobs N] [--only PATH] [--work DIR] [--log FILE]

The tree is copied to DIR and built there, with all mutants that the sources offer in it (schemata.py); the
environment chooses one. Each test runs first without any and notes which it reaches; a mutant then meets those
that reach it, likely killers first, until one fails or takes ten times its time. What is left meets them again
in a build with the sanitizers, and with --late other suites of `make check`, whole. The copy, what compiles and what is reached are kept for the next run.
`chosen.txt` are mutants by hand, which run besides; `equivalent.txt` those that nobody can tell from the
program, with the reason: they count for nothing. Survivors are printed as a change of lines. Exit 1: 3 % or
more survived."""
import argparse
import collections
import concurrent.futures
import functools
import hashlib
import itertools
import json
import os
import random
import re
import subprocess
import sys
import threading
import zlib

import schemata
from suites import LATE, Suites, whole

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHARE = {  # of a hundred, about as there are lines and as much as a fault there costs
    "base": 10, "ir": 10, "ir/ops": 15, "ir/mil": 12, "ir/passes": 17, "ir/targets": 6,
    "frontend": 11, "backends": 6, "standin": 1, "probe": 1, "lib": 5, "tools": 3, "train": 3, "ir/onnx": 5,
}
LIMIT = 0.03
ROOM = 1 << 17  # as in mutant.c


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
        if re.match(r"\w\w", text[at - 1:at + 1]):
            sys.exit(f"mutate: chosen.txt: in {path} a name goes on before: {was}")
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


def every(only=""):
    """All mutants of all sources, numbered: each file has a range, so that a change of one leaves most others'."""
    hand, number, found = list(by_hand()), 1, {}
    for folder in SHARE:
        for path in paths_of(folder):
            of = schemata.File(path, read(path)).found + [m for m in hand if m.path == path]
            for i, m in enumerate(of):
                m.number = number + i
            number += -(-len(of) // 64) * 64
            found[path] = of
    if number > ROOM:
        sys.exit(f"mutate: {number} mutants are more than there is room for")
    return found


def planned(seed, count, found, alive):
    """The mutants of a seed: those by hand, and of each folder its share."""
    total = sum(SHARE.values())
    for path, of in found.items():
        yield from (m for m in of if m.kind == "by hand" and m.number in alive)
    for folder, share in SHARE.items():
        paths = [p for p in paths_of(folder) if p in found]
        pool = [[m for m in found[p] if m.kind != "by hand"] for p in paths]
        want = (count * share + total - 1) // total
        some = (m for m in schemata.in_order(pool, f"{seed} {folder}") if m.number in alive)
        yield from itertools.islice(some, want)


# ---- the copy that is built -----------------------------------------------------------------------------------

def digest(*texts):
    h = hashlib.sha256()
    for t in texts:
        h.update(t if isinstance(t, bytes) else t.encode())
        h.update(b"\0")
    return h.hexdigest()


def bytes_of(path):
    with open(path, "rb") as f:
        return f.read()


def written_to(path, text):
    """The file is touched only if it changes, so that make compiles what did."""
    if os.path.lexists(path) and not os.path.islink(path) and bytes_of(path) == text:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.remove(path)
    with open(path, "wb") as f:
        f.write(text)


class Copy:
    FLAGS = "-O1 -g0 -w"

    def __init__(self, work, jobs, *variables):
        self.dir, self.jobs, self.variables = work, jobs, variables
        self.known = os.path.join(os.path.dirname(work), "compiles.json")

    def make(self, *goals, **more):
        flags = f"CFLAGS={self.FLAGS} -include {self.dir}/base/mutant.h"
        return subprocess.run(["make", "-s", f"-j{self.jobs}", "BUILD=build", flags, *self.variables, *goals], cwd=self.dir, capture_output=True,
                              text=True, **more)

    def bring(self, mutated):
        """The files of the tree as they are now, but for those that mutants are written into."""
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout
        names = [n for n in names.split("\0") if n and os.path.lexists(os.path.join(ROOT, n))]
        for name in names:
            at, to = os.path.join(ROOT, name), os.path.join(self.dir, name)
            if os.path.islink(at):
                if not os.path.lexists(to):
                    os.makedirs(os.path.dirname(to), exist_ok=True)
                    os.symlink(os.readlink(at), to)
            elif name not in mutated:
                written_to(to, bytes_of(at))
                os.chmod(to, os.stat(at).st_mode)
        kept = set(names) | {"base/mutant.c", "base/mutant.h"}
        for folder, folders, files in os.walk(self.dir):
            folders[:] = [f for f in folders if os.path.join(folder, f) != self.dir + "/build"]
            for f in files:
                if os.path.relpath(os.path.join(folder, f), self.dir) not in kept:
                    os.remove(os.path.join(folder, f))

    def prepare(self, found):
        self.bring(set(found))
        for name in ("base/mutant.c", "base/mutant.h"):
            written_to(os.path.join(self.dir, name), bytes_of(os.path.join(HERE, os.path.basename(name))))
        for path in found:
            if not os.path.exists(os.path.join(self.dir, path)):
                self.write(path, [])
        shared, link = os.path.join(ROOT, "..", "shared"), os.path.join(self.dir, "..", "shared")
        if os.path.isdir(shared) and not os.path.exists(link):
            os.symlink(os.path.realpath(shared), link)
        said = self.make("headers")
        if said.returncode:
            sys.exit("mutate: the copy does not build:\n" + said.stderr[-2000:])
        said = self.make("-n", "-B", "V=1", "objects").stdout
        self.compile = dict((m.group(1), l) for l in said.splitlines() for m in [re.search(r" -c (\S+\.c) -o", l)] if m)

    def write(self, path, mutants):
        text, spans = schemata.mutated(read(path), mutants)
        written_to(os.path.join(self.dir, path), text.encode())
        return text, spans

    def kept(self, path, mutants):
        """Those that the preprocessor leaves in for this machine."""
        if not re.search(r"^[ \t]*#[ \t]*if", read(path), re.M):
            return mutants
        line = re.sub(r" -MMD -MP| -o \S+", "", self.compile[path]).replace(" -c ", " -E ")
        said = subprocess.run(["sh", "-c", line], cwd=self.dir, capture_output=True, text=True).stdout
        there = set(map(int, re.findall(r"\bmutant(?:_if)?\((\d+)", said)))
        return [m for m in mutants if m.number in there]

    def wrong(self, path, text, spans):
        """The mutants that the compiler complains of; all, if it does without saying where."""
        line = self.compile[path]
        os.makedirs(os.path.dirname(os.path.join(self.dir, line.split(" -o ")[1].split()[0])), exist_ok=True)
        said = subprocess.run(["sh", "-c", line], cwd=self.dir, capture_output=True, text=True,
                              env=dict(os.environ, LC_ALL="C"))
        if "fatal error" in said.stderr:
            sys.exit("mutate: the copy does not compile:\n" + said.stderr[-2000:])
        starts, bad = [0] + [m.end() for m in re.finditer("\n", text)], set()
        for row, column in re.findall(rf"^{re.escape(path)}:(\d+):(\d+): error", said.stderr, re.M):
            at = starts[int(row) - 1] + int(column) - 1
            around = min((s for s in spans if s[0] <= at < s[1]), key=lambda s: s[1] - s[0], default=None)
            bad.add(around[2] if around else 0)
        if said.returncode and not bad - {0}:
            return {n for _, _, n in spans}
        return bad

    def compiled(self, path, mutants):
        """Writes the file with those of the mutants that compile, and returns these."""
        while True:
            bad = self.wrong(path, *self.write(path, mutants))
            if not bad or not mutants:
                return self.kept(path, mutants)
            mutants = [m for m in mutants if m.number not in bad]

    def fill(self, found):
        """Writes all files with what compiles, and returns the numbers. What was found out is kept for the next run."""
        try:
            known = json.load(open(self.known))
        except (OSError, ValueError):
            known = {}
        headers = [os.path.join(d, f) for d, _, files in os.walk(self.dir) for f in files if f.endswith((".h", ".def"))]
        headers = digest(*(bytes_of(h) for h in sorted(headers) if not h.startswith(self.dir + "/tests/")))
        alive, now = set(), {}
        for path, of in found.items():
            placed = list(schemata.flat(schemata.nest(of)))
            key = digest(path, schemata.mutated(read(path), placed)[0], headers)
            if key not in known:
                known[key] = sorted(m.number for m in self.compiled(path, placed))
            good = set(known[key])
            now[key] = known[key]
            with open(self.known, "w") as f:
                json.dump({**known, **now}, f)
            self.write(path, [m for m in placed if m.number in good])
            alive |= good
        with open(self.known, "w") as f:
            json.dump(now, f)
        return alive


# ---- running ----------------------------------------------------------------------------------------------------

def said_of(m):
    text = read(m.path)
    was, now = schemata.lines_of(text, m)
    return f"{m.path}:{schemata.line_number(text, m.start)}", was, now


def places_of(found):
    """Of each file the first number, and what each of its mutants is."""
    what = lambda m: zlib.crc32("\t".join([m.kind, *said_of(m)[1:]]).encode())
    return {path: (of[0].number, [what(m) for m in of]) for path, of in found.items() if of}


def left_of(mutants, suites, o, by, stage, late=False):
    """Those that no test kills; what kills the others is counted in `by` and written to the log."""
    lock, left = threading.Lock(), []

    def met(m):
        short = m.left  # of time, in a stage before
        killer = suites.killer(m, o.budget, late)
        m.left |= late and short
        with lock, open(o.log, "a") as log:
            print("\t".join(["killed" if killer else "left", stage, killer or "", m.kind, *said_of(m)]), file=log)
            if killer:
                by[f"{stage} {killer.split()[0]}"] += 1
            else:
                m.reached |= bool(suites.reaching(m))
                left.append(m)

    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        list(pool.map(met, mutants))
    return left


def sanitized(o, found, left, suites):
    """The tests in a copy that the sanitizers see, as `make san` does, whose mutants are those that are left."""
    numbers = {m.number for m in left}
    copy = Copy(os.path.join(os.path.dirname(os.path.abspath(o.work)), "san/tree"), o.jobs, "SAN=1")
    copy.prepare(found)
    for path in found:
        copy.write(path, [m for m in found[path] if m.number in numbers])
    built = Suites(copy.dir, o.jobs, o.without)  # without what is late
    made(copy, built)
    built.like(suites)
    return built


def made(copy, suites):
    said = copy.make("all", *suites.goals())
    if said.returncode:
        sys.exit("mutate: the copy does not build:\n" + said.stderr[-3000:])


def unreached(found, alive, suites):
    """By file, what no test reaches: the lines, and what of each."""
    reached = suites.reached()
    for path, of in found.items():
        left = [m for m in of if m.number in alive and m.number not in reached]
        count = sum(m.number in alive for m in of)
        print(f"# {path}: {len(left)} of {count}")
        for line, ms in itertools.groupby(left, lambda m: schemata.line_number(read(path), m.start)):
            print(f"{path}:{line}: {' '.join(sorted(m.kind for m in ms))}\t{read(path).splitlines()[line - 1].strip()}")


def options():
    a = argparse.ArgumentParser()
    a.add_argument("--seed", default="1")
    a.add_argument("--count", type=int, default=160)
    a.add_argument("--jobs", type=int, default=1)
    a.add_argument("--only", default="", help="a folder or a file")
    a.add_argument("--work", default="/tmp/anec-mutate/tree")
    a.add_argument("--log", default="/dev/null")
    a.add_argument("--budget", type=float, default=60, help="seconds of tests for a mutant; what is left then survives")
    a.add_argument("--late", action="store_true", help="what is left meets suites whole: " + ", ".join(LATE))
    a.add_argument("--plain", action="store_true", help="without the build that the sanitizers see, which takes long to make")
    a.add_argument("--without", default="", help="tests whose names this expression matches are left out")
    a.add_argument("--stale", action="store_true", help="what each test reached before will do, though sources changed")
    a.add_argument("--unreached", action="store_true", help="no mutant runs: what no test reaches, of all places")
    return a.parse_args()


def built(o):
    """The copy, its mutants by file, the numbers of those that are in it, and the tests, with what they reach."""
    found = every()
    copy = Copy(os.path.abspath(o.work), o.jobs)
    copy.prepare(found)
    alive = copy.fill(found)
    print(f"mutate: {len(alive)} mutants are in the copy; building", flush=True)
    if [m for of in found.values() for m in of if m.kind == "by hand" and m.number not in alive]:
        sys.exit("mutate: a mutant of chosen.txt does not compile")
    suites = Suites(copy.dir, o.jobs, o.without, whole() if o.late else ())
    made(copy, suites)
    suites.baseline(places_of(found), o.stale)
    return found, alive, suites


def main():
    o = options()
    equivalent = equivalents()
    found, alive, suites = built(o)
    if o.unreached:
        return unreached(found, alive, suites)
    mutants = [m for m in planned(o.seed, o.count, found, alive) if m.path.startswith(o.only)]
    if not mutants:
        sys.exit(f"mutate: there is none in {o.only}")
    suites.about(mutants, {path: [m.number for m in of] for path, of in found.items()})
    random.Random(o.seed).shuffle(mutants)
    print(f"mutate: {len(mutants)} mutants of seed {o.seed}", flush=True)
    by = collections.Counter()
    left = left_of(mutants, suites, o, by, "plain")
    same = [m for m in left if (m.path, *said_of(m)[1:]) in equivalent]
    left = [m for m in left if m not in same]
    if not o.plain:
        print(f"mutate: {len(left)} are left to the sanitizers", flush=True)
        left = left_of(left, sanitized(o, found, left, suites), o, by, "san")
    if suites.late:
        print(f"mutate: {len(left)} are left to {', '.join(name for name, _ in suites.late)}", flush=True)
        left = left_of(left, suites, o, by, "late", True)
    for m in left:
        place, was, now = said_of(m)
        reached = "" if m.reached else ", which no test reaches"
        print(f"survived\t{place}: {m.kind}{reached}{', with tests left' if m.left else ''}\n- {was}\n+ {now}", flush=True)
    n = len(mutants) - len(same)
    share = len(left) / n if n else 1
    print("mutate: killed by " + ", ".join(f"{k} {v}" for k, v in by.most_common(12)))
    print(f"mutate: {n - len(left)} killed, {len(left)} survived ({100 * share:.1f} %), {len(same)} listed as equivalent")
    sys.exit(share >= LIMIT)


if __name__ == "__main__":
    main()

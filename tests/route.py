#!/usr/bin/env python3
"""route.py -- breaks the route to a device sentence by sentence, and looks whether the test of each fails.

route.txt has what is known of the engine's framework, a sentence a row, with the place where the code or the
stand-in acts on it, what is put there instead, and the test that has to notice. The tree is copied to
BUILD/route and built there; each test first runs on what is not broken.
usage: tests/route.py BUILD [WORD..]    rows that have one of the words; ends with `route: N noticed, M not`"""
import filecmp
import os
import shutil
import subprocess
import sys

from counted import build_given

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


def rows():
    head = ""
    with open(os.path.join(HERE, "route.txt")) as f:
        for line in f:
            if line.startswith("## "):
                head = line[3:].strip()
            elif line.strip() and not line.startswith("#"):
                what, path, was, instead, test = line.rstrip("\n").split("\t")
                yield head, what, path, was.replace("\\n", "\n"), instead.replace("\\n", "\n"), test


def copied(tree):
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        to, source = os.path.join(tree, name), os.path.join(ROOT, name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if not os.path.islink(source) and not (os.path.exists(to) and filecmp.cmp(source, to, False)):
            shutil.copyfile(source, to)
            shutil.copymode(source, to)


def built(tree, test):
    goals = ["all"] + ([] if test.startswith("golden ") else ["build/unit/" + test])
    done = subprocess.run(["make", "-s", "-j2", "CFLAGS=-O0 -w", *goals], cwd=tree, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-800:])
    return done.returncode == 0


def passes(tree, test):
    command = ["tests/golden.sh", "build", test.split()[1]] if test.startswith("golden ") else ["build/unit/" + test]
    try:
        own = os.path.join(tree, "temporary")  # other runs of a test look in the same places
        os.makedirs(own, exist_ok=True)
        return not subprocess.run(command, cwd=tree, capture_output=True, timeout=300,
                                  env={**os.environ, "TMPDIR": own}).returncode
    except subprocess.TimeoutExpired:
        return False


def main():
    build, words = build_given(__doc__), sys.argv[2:]
    tree = os.path.abspath(os.path.join(build, "route"))
    some = [r for r in rows() if not words or any(w in " ".join(r) for w in words)]
    copied(tree)
    whole = {test for *_, test in some}
    for test in sorted(whole):
        if not built(tree, test) or not passes(tree, test):
            sys.exit(f"route: {test} fails before anything is broken")
    noticed = missed = 0
    for head, what, path, was, instead, test in some:
        place = os.path.join(tree, path)
        with open(place) as f:
            text = f.read()
        if text.count(was) != 1:
            sys.exit(f"route: {path} has {text.count(was)} times: {was}")
        with open(place, "w") as f:
            f.write(text.replace(was, instead))
        ok = built(tree, test) and not passes(tree, test)
        with open(place, "w") as f:
            f.write(text)
        noticed, missed = noticed + ok, missed + (not ok)
        if not ok:
            print(f"route: {head}: {what}: {test} does not notice {path}: {instead or 'nothing'} for {was}", flush=True)
    print(f"route: {noticed} noticed, {missed} not")
    sys.exit(missed > 0)


main()

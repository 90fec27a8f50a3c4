#!/usr/bin/env python3
"""selftest.py -- whether `make mutate` tells what it says: on a small tree with one test, mutants that the
test must see are killed and one that nobody can see survives; each row of chosen.txt and equivalent.txt
has its place in the sources, and one that has none is an error.

usage: tests/mutate/selftest.py"""
import os
import re
import subprocess
import sys
import tempfile

import run
import schemata
from suites import Suites

SOURCE = """#include "small.h"
int small_least(int a, int b)
{
    int least = b;
    if (a < b && a != 77) least = a;
    small_calls++;
    return least;
}
int small_unused(int a) { return a + 1; }
int small_last(const int *at, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) sum |= at[i];
    return sum & 2;
}
int small_bits(Bits b) { return b.few - b.more; }
int small_back(int n, int k)
{
    int at = -1, seen = 0;
    for (int i = 0; i != n; i++)
        if (seen++ == n - 1 - k) at = i;
    return at;
}
"""
HEADER = """extern int small_calls;
typedef struct { unsigned few : 3, more : 3; } Bits;
int small_least(int, int);
int small_unused(int);
int small_last(const int *, int);
int small_bits(Bits);
int small_back(int, int);
"""
TEST = """#include "../../small.h"
#include <stdlib.h>
int small_calls;
static int last(void)
{
    int *at = malloc(sizeof(int)), sum;
    *at = 2;
    sum = small_last(at, 1);
    free(at);
    return sum;
}
int main(void)
{
    return !(small_least(1, 2) == 1 && small_least(2, 1) == 1 && small_least(3, 3) == 3
             && small_least(77, 78) == 78 && small_calls == 4 && last() == 2
             && small_bits((Bits){ 1, 3 }) == -2 && small_back(5, 1) == 3);
}
struct CMUnitTest { int (*run)(void); };
/* cmocka_unit_test(main) */
"""
LATE = """#include "small.h"
int small_calls, small_unused(int a);
int main(void) { return small_unused(1) != 2 || small_least(1, 2) != 1; }
"""

# kind, what stands where the mutant is, whether the test sees it
EXPECTED = [
    ("compare", "a <= b", False),  # of two that are equal either is the least
    ("compare", "a >= b", True),
    ("compare", "a == 77", True),
    ("number", "78", True),
    ("drop", "a < b", True),
    ("drop", "a != 77", True),
    ("connective", "a < b || a != 77", True),
    ("negate", "!(a < b && a != 77)", True),
    ("statement", "", True),
    ("arithmetic", "a - 1", False),  # which nothing calls
    ("arithmetic", "b.few + b.more", True),  # of bit fields
    ("compare", "seen++ != n - 1 - k", True),  # whose left side ends in a sign
    ("arithmetic", "n - 1 + k", True),
    ("compare", "i <= n", None),  # one beyond the end, which a sanitizer sees
]

passed = wrong = 0


def check(right, what):
    global passed, wrong
    if right:
        passed += 1
    else:
        wrong += 1
        print("FAILED " + what)


def killed(tree):
    """The mutants of the small tree, each with what its test says, and what it says to the sanitizers."""
    text = {"small.c": SOURCE, "small.h": HEADER, "tests/unit/test_small.c": TEST, "late.c": LATE}
    found = schemata.File("small.c", SOURCE).found
    found = list(schemata.flat(schemata.nest(found)))
    for n, m in enumerate(found):
        m.number = n + 1
    text["small.c"], spans = schemata.mutated(SOURCE, found)
    check({n for _, _, n in spans} == {m.number for m in found}, "each has its place in what is written")
    check(text["small.c"].count("\n") == SOURCE.count("\n"), "lines stay where they are")
    for name, what in text.items():
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        with open(os.path.join(tree, name), "w") as f:
            f.write(what)
    os.makedirs(tree + "/build/unit")
    def build(*flags):
        subprocess.run(["gcc", "-w", *flags, "-include", run.HERE + "/mutant.h", "-o", "build/unit/test_small", "small.c",
                        "tests/unit/test_small.c", run.HERE + "/mutant.c"], cwd=tree, check=True)

    build()
    with open(tree + "/late.sh", "w") as f:
        f.write("#!/bin/sh\nexec build/late\n")
    os.chmod(tree + "/late.sh", 0o755)
    subprocess.run(["gcc", "-w", "-include", run.HERE + "/mutant.h", "-o", "build/late", "small.c", "late.c", run.HERE + "/mutant.c"],
                   cwd=tree, check=True)
    suites = Suites(tree, 1, late=[("late", "./late.sh")])
    suites.baseline()
    plain = [(m, suites.killer(m, 60)) for m in found]
    late = {m.instead: suites.killer(m, 0, True) for m, killer in plain if not killer}
    check(late["a - 1"] == "suite late" and late["a <= b"] is None, f"what is left meets what is late: {late}")
    suites.like(suites)
    check(not any(suites.killer(m, 60) for m, killer in plain if not killer), "a second time they are not killed either")
    build("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    again = Suites(tree, 1)
    again.like(suites)
    return [(m, killer, killer or again.killer(m, 60)) for m, killer in plain]


def small():
    with tempfile.TemporaryDirectory(prefix="mutate.") as folder:
        os.chmod(folder, 0o755)
        tree = folder + "/tree"
        os.mkdir(tree)
        met = killed(tree)
    for kind, instead, seen in EXPECTED:
        of = [(bool(k), bool(s)) for m, k, s in met if (m.kind, m.instead) == (kind, instead)]
        right = (False, True) if seen is None else (seen, seen)
        check(of and all(k == right for k in of), f"{kind}: `{instead}` is killed: {right}, with the sanitizers also: {of}")


FORMS = [  # a condition, and whether `<` and `<=` are one there, by its form
    ("x = a < b ? a : b;", True), ("x = (a < b ? b : a);", True), ("if (a < b) a = b;", True),
    ("x = a < 0 ? -a : 0;", True), ("x = a < b ? b - a : 0;", True), ("x = f(a < 0 ? 0 : a);", True),
    ("x = a < 40 ? (int)a : 40;", True), ("x = a < F(b) ? a : F(b);", True), ("x = (a < F(b) ? a : F(b));", True),
    ("x = n - (size_t)a < b ? n - a : b;", True), ("x = a < f(b) ? (int)f(b) : a;", True),
    ("x = a < b ? a : c;", False), ("if (a < b) c = b;", False), ("if (a < b) return b;", False), ("x = a < 1 ? -a : 0;", False),
]


def forms():
    for text, same in FORMS:
        found = [m.instead for m in schemata.File("x.c", f"void f(int a)\n{{\n    {text}\n}}\n").found if m.kind == "compare"]
        check(any(">=" in m for m in found) and same != any("<=" in m for m in found), f"{text}: {found}")


def refuses(table, row, *more):
    """A row that has no place ends the run with an error that names it."""
    try:
        list(table([row]))
    except SystemExit as e:
        check(row[1] in str(e), f"the error names the row: {e}")
    else:
        check(False, f"{table.__name__} takes a row without a place: {row}")


def headers():
    """Single sources are compiled beside what `make headers` writes: all that they include and nobody wrote."""
    names = subprocess.run(["git", "ls-files"], cwd=run.ROOT, capture_output=True, text=True).stdout.split()
    there = {os.path.basename(n) for n in names}
    said = subprocess.run(["make", "-n", "-B", "V=1", "BUILD=none", "headers"], cwd=run.ROOT, capture_output=True, text=True).stdout
    for path in (p for folder in run.SHARE for p in run.paths_of(folder)):
        for name in re.findall(r'(?m)^#include "(?:[^"]*/)?([^"/]+)"', run.read(path)):
            if name not in there:
                check(re.search(rf"none/\S*/{re.escape(name)}\b", said), f"make headers writes {name}, which {path} includes")


def main():
    small()
    forms()
    headers()
    for table in run.by_hand, run.equivalents:
        try:
            check(len(list(table())) > 0, table.__name__ + " has no row")
        except SystemExit as e:
            check(False, str(e))
    refuses(run.by_hand, ["base/arena.c", "no such expression", "true"])
    refuses(run.by_hand, ["ir/passes/algebra.c", "widens(x->type->dtype, inner->out[0]->type->dtype)", "true"])
    refuses(run.equivalents, ["base/arena.c", "no such line;", "another;", "a reason"])
    print(f"mutate: {passed} passed, {wrong} failed")
    sys.exit(wrong != 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""selftest.py -- whether `make mutate` tells what it says: on a small tree with one test, mutants that the
test must see are killed and one that nobody can see survives; each row of chosen.txt and equivalent.txt
has its place in the sources, and one that has none is an error.

usage: tests/mutate/selftest.py"""
import os
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
"""
HEADER = "extern int small_calls;\nint small_least(int, int);\nint small_unused(int);\n"
TEST = """#include "../../small.h"
int small_calls;
int main(void)
{
    return !(small_least(1, 2) == 1 && small_least(2, 1) == 1 && small_least(3, 3) == 3
             && small_least(77, 78) == 78 && small_calls == 4);
}
struct CMUnitTest { int (*run)(void); };
/* cmocka_unit_test(main) */
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
    """The mutants of the small tree, each with whether its test fails."""
    text = {"small.c": SOURCE, "small.h": HEADER, "tests/unit/test_small.c": TEST}
    found = schemata.File("small.c", SOURCE).found
    found = list(schemata.flat(schemata.nest(found)))
    for n, m in enumerate(found):
        m.number = n + 1
    text["small.c"] = schemata.mutated(SOURCE, found)
    check(text["small.c"].count("\n") == SOURCE.count("\n"), "lines stay where they are")
    for name, what in text.items():
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        with open(os.path.join(tree, name), "w") as f:
            f.write(what)
    os.makedirs(tree + "/build/unit")
    subprocess.run(["gcc", "-w", "-include", run.HERE + "/mutant.h", "-o", "build/unit/test_small", "small.c",
                    "tests/unit/test_small.c", run.HERE + "/mutant.c"], cwd=tree, check=True)
    suites = Suites(tree, 1, False)
    suites.baseline([m.number for m in found])
    return [(m, suites.killer(m, 60)) for m in found]


def small():
    with tempfile.TemporaryDirectory(prefix="mutate.") as folder:
        os.chmod(folder, 0o755)
        tree = folder + "/tree"
        os.mkdir(tree)
        met = killed(tree)
    for kind, instead, seen in EXPECTED:
        of = [k for m, k in met if (m.kind, m.instead) == (kind, instead)]
        check(of and all(bool(k) == seen for k in of), f"{kind}: `{instead}` is {'killed' if seen else 'not noticed'}: {of}")


def refuses(table, row, *more):
    """A row that has no place ends the run with an error that names it."""
    try:
        list(table([row]))
    except SystemExit as e:
        check(row[1] in str(e), f"the error names the row: {e}")
    else:
        check(False, f"{table.__name__} takes a row without a place: {row}")


def main():
    small()
    for table in run.by_hand, run.equivalents:
        try:
            check(len(list(table())) > 0, table.__name__ + " has no row")
        except SystemExit as e:
            check(False, str(e))
    refuses(run.by_hand, ["base/arena.c", "no such expression", "true"])
    refuses(run.equivalents, ["base/arena.c", "no such line;", "another;", "a reason"])
    print(f"mutate: {passed} passed, {wrong} failed")
    sys.exit(wrong != 0)


if __name__ == "__main__":
    main()

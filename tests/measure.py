#!/usr/bin/env python3
"""measure.py -- how well the sources can be read, in figures that docs/hacking.md shows.

usage: tests/measure.py [-v]        -v names what is counted
       tests/measure.py --check     ends with `names: N passed, N failed`: no two files may give one name to
                                    different things

Only what the project ships is counted: no tests, no examples. No other figure fails anything: it tells a
reviewer what a change did."""
import collections
import os
import re
import subprocess
import sys

COMMENT = re.compile(r"/\*.*?\*/", re.S)
# A definition begins a line, and its parameters end where a block begins.
FUNCTION = re.compile(r"^(?:static |inline |const |struct |_Noreturn )*[A-Za-z_]\w*(?: const)?[ *]+(\w+)"
                      r"\([^;{]*\)\s*\{", re.M)
TYPE = re.compile(r"^\} (\w+);", re.M)
SMALL = 60  # lines


def sources():
    names = subprocess.run(["git", "ls-files", "*.c", "*.h"], capture_output=True, text=True, check=True).stdout.split()
    return {n: open(n).read() for n in names if not n.startswith(("tests/", "examples/"))}


def shared(pattern, texts, wanted=lambda name: True):
    """The names that more than one file defines."""
    where = collections.defaultdict(set)
    for path, text in texts.items():
        for name in pattern.findall(text):
            if wanted(name):
                where[name].add(path)
    return {name: paths for name, paths in where.items() if len(paths) > 1}


def uses(pattern, texts):
    return [f"{path}: {m}" for path, text in texts.items() for m in re.findall(pattern, text)]


def one_word(bare):
    return shared(FUNCTION, bare, lambda n: n != "main" and "_" not in n)


def check(bare):
    """Files are counted; what has a namesake in another file is printed."""
    twice = one_word(bare) | shared(TYPE, bare)
    for name, paths in sorted(twice.items()):
        print(f"{name}: {', '.join(sorted(paths))}: begin it with the file's subject")
    wrong = set().union(*twice.values())
    print(f"names: {len(bare) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if twice else 0


def main():
    texts = sources()
    bare = {path: COMMENT.sub("", text) for path, text in texts.items()}
    if "--check" in sys.argv[1:]:
        return check(bare)
    lines = [line.strip() for text in bare.values() for line in text.split("\n") if line.strip()]
    figures = [
        ("files", len(texts), None),
        (f"files under {SMALL} lines", None, [p for p, t in texts.items() if t.count("\n") < SMALL]),
        ("characters a code line", round(sum(map(len, lines)) / len(lines), 1), None),
        ("one-word function names in more than one file", None, sorted(one_word(bare))),
        ("type names in more than one file", None, sorted(shared(TYPE, bare))),
        ("reads of an op by a parameter's name: op_value(op, \"..\") and the like", None,
         uses(r"\bop_\w+\([^;\"]{0,60}, \"\w+\"\)", bare)),
        ("calls that ask by name: call_*(c, \"..\")", None, uses(r"\bcall_\w+\(c, \"\w+\"", bare)),
        ("statements built by name: build_*(.., \"..\")", None, uses(r"\b(?:build|make)\w*\([^;\"]{0,40}\"\w+\"", bare)),
    ]
    for title, number, what in figures:
        print(f"{number if what is None else len(what):8}  {title}")
        if "-v" in sys.argv[1:] and what:
            print("\n".join(f"            {w}" for w in what))
    return 0


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())

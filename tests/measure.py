#!/usr/bin/env python3
"""measure.py -- how well the sources can be read, in figures that docs/hacking.md shows.

usage: tests/measure.py [-v]        -v names what is counted
       tests/measure.py --check     ends with `names: N passed, N failed`: no two files may have one name, or
                                    give one to different things, no header declares what another room
                                    implements, C names no op or parameter by a string, no kernel
                                    compares strings, and no file has more than 500 lines

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
PROTOTYPE = re.compile(r"^(?!return|else|typedef|static|#)(?:extern |const |struct |enum |_Noreturn )*[A-Za-z_]\w*(?: const)?"
                       r"[ *]+(\w+)\([^;{}]*\)[^;{}]*;", re.M)
TYPE = re.compile(r"^(?:typedef (?:enum|struct|union)[^;{}]*\{[^{}]*)?\} (\w+);|^(?:struct|union|enum) (\w+) \{", re.M)
SMALL, LARGE = 60, 500  # lines
# The manual of the library, in the one file that who uses it includes, copies and reads.
LONGER = {"include/anec.h"}
# What runs while a program does.
KERNELS = re.compile(r"ir/ops/(?!ops|call)\w+\.c|backends/(?:cpu|plan|ref)/\w+\.c|backends/sim/sim_op\.c|backends/vector/(?!isa\.)\w+\.[ch]")


def sources():
    names = subprocess.run(["git", "ls-files", "*.c", "*.h"], capture_output=True, text=True, check=True).stdout.split()
    return {n: open(n).read() for n in names if not n.startswith(("tests/", "examples/"))}


def shared(pattern, texts, wanted=lambda name: True):
    """The names that more than one file defines."""
    where = collections.defaultdict(set)
    for path, text in texts.items():
        for name in ("".join(m) if isinstance(m, tuple) else m for m in pattern.findall(text)):
            if wanted(name):
                where[name].add(path)
    return {name: paths for name, paths in where.items() if len(paths) > 1}


def uses(pattern, texts):
    return [f"{path}: {m}" for path, text in texts.items() for m in re.findall(pattern, text)]


def named(bare):
    """Calls of what looks a name up with a literal among their own arguments, not inside another call's; and names of
    ops, families and parameters that are compared with one."""
    functions = r"op_find|op_new|op_param|op_named_arg|op_arg_new|op_value|op_find_arg|call_\w+"
    asked = r'(?:(?:op|arg|param)_name\([^;"()]*\)|[^;"()]*(?:info->name|ops\[[^;"]*\]\.(?:name|family)|->family))'
    return (uses(rf'\b(?:{functions})\((?:[^;"()]|\([^;"()]*\))*"\w+"', bare)
            + uses(rf'\bstrn?c(?:ase)?mp\({asked}, "[^"]*"', bare))


def strings_compared(bare):
    return uses(r"\bstrcmp\([^;]*", {path: text for path, text in bare.items() if KERNELS.match(path)})


def large(texts):
    return [path for path, text in texts.items() if text.count("\n") > LARGE and path not in LONGER]


def one_word(bare):
    return shared(FUNCTION, bare, lambda n: n != "main" and "_" not in n)


def files_of_one_name():
    """Sources of the product by their name without folders, where there are several."""
    listed = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.re", "*.y", "*.def"], capture_output=True, text=True,
                            check=True).stdout.split()
    where = collections.defaultdict(set)
    for path in listed:
        if not path.startswith(("tests/", "examples/")):
            where[os.path.basename(path)].add(path)
    return {name: paths for name, paths in where.items() if len(paths) > 1}


def declared_elsewhere(bare):
    """Functions that a header declares and sources of other folders alone define; the public header is for all."""
    defined = collections.defaultdict(set)
    for path, text in bare.items():
        for name in FUNCTION.findall(text):
            defined[name].add(os.path.dirname(path))
    return [f"{path}: {name}" for path, text in bare.items()
            if path.endswith(".h") and not path.startswith("include/")
            for name in PROTOTYPE.findall(text)
            if defined[name] and os.path.dirname(path) not in defined[name]]


def check(texts, bare):
    """Files are counted; what has a namesake in another file is printed."""
    twice = one_word(bare) | shared(TYPE, bare)
    for name, paths in sorted(twice.items()):
        print(f"{name}: {', '.join(sorted(paths))}: begin it with the file's subject")
    wrong = set().union(*twice.values())
    for name, paths in sorted(files_of_one_name().items()):
        print(f"{', '.join(sorted(paths))}: two files of one name: say in it what each is about")
        wrong |= paths
    strangers = declared_elsewhere(bare)
    for use in strangers:
        print(f"{use} is implemented in another room: declare it there")
    for use in named(bare):
        print(f"{use}: the text boundary alone names ops and parameters by strings")
    for use in strings_compared(bare):
        print(f"{use}: a kernel asks call_chosen (ir/ops/choices.def)")
    for path in large(texts):
        print(f"{path} has more than {LARGE} lines: a file holds one subject")
    wrong |= set(large(texts))
    wrong |= {use.split(":")[0] for use in strangers + named(bare) + strings_compared(bare)}
    print(f"names: {len(bare) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


def main():
    texts = sources()
    bare = {path: COMMENT.sub("", text) for path, text in texts.items()}
    if "--check" in sys.argv[1:]:
        return check(texts, bare)
    lines = [line.strip() for text in bare.values() for line in text.split("\n") if line.strip()]
    figures = [
        ("files", len(texts), None),
        (f"files under {SMALL} lines", None, [p for p, t in texts.items() if t.count("\n") < SMALL]),
        (f"files above {LARGE} lines, but {', '.join(LONGER)}", None, large(texts)),
        ("characters a code line", round(sum(map(len, lines)) / len(lines), 1), None),
        ("one-word function names in more than one file", None, sorted(one_word(bare))),
        ("type names in more than one file", None, sorted(shared(TYPE, bare))),
        ("files of one name", None, sorted(files_of_one_name())),
        ("functions that a header of another room declares", None, declared_elsewhere(bare)),
        ("ops and parameters that C names by a string: op_find(\"..\"), call_set(c, \"..\") ..", None, named(bare)),
        ("strcmp in kernels", None,
         strings_compared(bare)),
    ]
    for title, number, what in figures:
        print(f"{number if what is None else len(what):8}  {title}")
        if "-v" in sys.argv[1:] and what:
            print("\n".join(f"            {w}" for w in what))
    return 0


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())

#!/usr/bin/env python3
"""grammar.py -- the TextMate grammar of the language, made of the tables that the compiler has: its words, its
own functions, the library and the operations. tests/pages.sh holds the file against it.

usage: editors/grammar.py BUILD > editors/vscode/syntaxes/anedsl.tmLanguage.json"""
import json
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def text(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


def words():
    return re.findall(r'\b(?:KEY)?WORD\(\w+, "(\w+)"\)', text("frontend/tokens.def"))


def library():
    return re.findall(r"^(?:fn|layer) ([A-Za-z]\w*)", text("frontend/std.anedsl"), re.M)


def builtins():
    return re.findall(r'^    \{ "(\w+)", \d+, \d', text("frontend/lower_builtin.c"), re.M)


def dtypes():
    return re.findall(r'"((?:fp|u?int)\d+|bool)"', text("ir/dtypes.def"))


def any_of(names):
    return r"\b(?:" + "|".join(sorted(set(names), key=lambda n: (-len(n), n))) + r")\b"


def grammar(build):
    ops = [l.split()[0] for l in subprocess.run([os.path.join(build, "anec"), "--list-ops"], capture_output=True, text=True,
                                                check=True).stdout.splitlines()]
    constants = {"true", "false", "none"}
    operators = {"and", "or", "not", "in"}
    declares = {"fn", "layer", "model", "weight", "weights", "param", "state", "import"}
    control = set(words()) - constants - operators - declares
    return {
        "name": "anedsl",
        "scopeName": "source.anedsl",
        "patterns": [
            {"name": "comment.line.number-sign.anedsl", "match": "#.*$"},
            {"name": "string.quoted.double.anedsl", "begin": "\"", "end": "\"|$",
             "patterns": [{"name": "constant.character.escape.anedsl", "match": r"\\."}]},
            {"match": r"\b(fn|layer|model)\s+([A-Za-z_]\w*)",
             "captures": {"1": {"name": "keyword.declaration.anedsl"}, "2": {"name": "entity.name.function.anedsl"}}},
            {"name": "constant.numeric.anedsl", "match": r"\b(?:0x[0-9a-fA-F]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\b"},
            {"name": "storage.type.anedsl", "match": any_of(dtypes())},
            {"name": "constant.language.anedsl", "match": any_of(constants)},
            {"name": "keyword.operator.word.anedsl", "match": any_of(operators)},
            {"name": "keyword.declaration.anedsl", "match": any_of(declares & set(words()))},
            {"name": "keyword.control.anedsl", "match": any_of(control)},
            {"match": r"\b(mil)\.(\w+)", "captures": {"1": {"name": "support.class.anedsl"},
                                                      "2": {"name": "support.function.op.anedsl"}}},
            {"name": "support.function.library.anedsl", "match": any_of(library() + builtins()) + r"(?=\s*\()"},
            {"name": "support.function.op.anedsl", "match": any_of(ops) + r"(?=\s*\()"},
            {"name": "keyword.operator.anedsl", "match": r"->|\.\.\.?|\*\*|//|[=!<>]=|[-+*/]=|[-+*/%@<>=]"},
        ],
    }


if __name__ == "__main__":
    print(json.dumps(grammar(sys.argv[1]), indent=2))

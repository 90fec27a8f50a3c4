#!/usr/bin/env python3
"""messages.py -- every message that the sources can give should be given by some test.

usage: messages.py [BUILD [LIMIT]]   LIMIT: so many may still lack one (0); --list names them

Each format string of a call that reports (functions declared with PRINTF that take a Diag or a Call,
and macros that wrap them) becomes a pattern; some golden .err or .out file, or the log of a unit
test, must match it. What cannot be provoked stands in tests/messages.allow, each with its reason:
    FORMAT STRING <tab> reason
"""
import pathlib
import re
import sys

from counted import build_given

FOLDERS = ["base", "ir", "frontend", "backends", "standin", "probe", "lib", "train", "tools"]
REPORTERS = {"diag_error", "diag_fail", "diag_warn", "call_error", "usage_error"}
STRING = r'"(?:[^"\\]|\\.)*"'
CONVERSION = r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|t)?[a-zA-Z%]"


def without_comments(text):
    return re.sub(STRING + r"|'(?:[^'\\]|\\.)+'|/\*.*?\*/|//[^\n]*",
                  lambda m: re.sub(r"[^\n]", " ", m.group()) if m.group()[0] == "/" else m.group(),
                  text, flags=re.S)


def sources():
    for folder in FOLDERS:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix in (".c", ".h", ".re", ".y"):
                yield path, without_comments(path.read_text(errors="replace"))


def wrappers(texts):
    """Macros and static functions of a format whose body reports."""
    names = set(REPORTERS)
    for _, text in texts:
        for m in re.finditer(r"#\s*define\s+(\w+)\([^)]*\.\.\.\)((?:.*\\\n)*.*)", text):
            if re.search(r"\b(?:%s)\s*\(" % "|".join(names), m.group(2)):
                names.add(m.group(1))
        for m in re.finditer(r"PRINTF\(\d+, \d+\)\s*(?:static\s+)?\w+[\s*]+(\w+)\(|(\w+)\([^;{]*\)\s*PRINTF\(", text):
            name = m.group(1) or m.group(2)
            if not re.match(r"(buf|arena|bug|diag_note|text)", name):
                names.add(name)
    return names


def formats(path, text, names):
    """The literals of a call's format argument, which may choose between several with ?: ."""
    for m in re.finditer(r"\b(?:%s)\s*\(" % "|".join(sorted(names)), text):
        depth, at, args, start = 1, m.end(), [], m.end()
        while depth and at < len(text):
            s = re.compile(STRING + r"|'(?:[^'\\]|\\.)'").match(text, at)
            if s:
                at = s.end()
                continue
            if text[at] in "([{":
                depth += 1
            elif text[at] in ")]}":
                depth -= 1
            if (text[at] == "," and depth == 1) or depth == 0:
                args.append(text[start:at])
                start = at + 1
            at += 1
        for arg in args:
            if re.match(r"\s*" + STRING, arg) or re.search(r"\?\s*" + STRING, arg):
                line = text.count("\n", 0, m.start()) + 1
                for choice in re.split(r"[?:](?=\s*" + STRING + ")", re.sub(r"\bPRI\w+", '"d"', arg)):
                    parts = re.findall(STRING, choice)
                    if parts:
                        yield "%s:%d" % (path, line), "".join(p[1:-1] for p in parts)
                break


def plain(fmt):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m.group(1), m.group(1)), fmt)


def pattern(fmt):
    out, at = "", 0
    fmt = plain(fmt)
    for m in re.finditer(CONVERSION, fmt):
        out += re.escape(fmt[at:m.start()])
        kind = m.group()[-1]
        out += "%" if kind == "%" else r"-?\d+" if kind in "diu" else ".*"
        at = m.end()
    return re.compile(out + re.escape(fmt[at:]))


def longest_literal(fmt):
    return max(re.split(CONVERSION + r"|\n", plain(fmt)), key=lambda part: len(part or ""))


def messages(build):
    """What tests gave, without places: `error: `, `warning: ` or `usage` and what follows."""
    lines = set()
    given = (("tests/golden", (".err", ".out")), ("tests", ("first-m5.txt",)), (build / "unit", (".log",)))
    for top, ends in given:
        for path in pathlib.Path(top).rglob("*"):
            if path.name.endswith(ends):
                for line in path.read_text(errors="replace").splitlines():
                    lines.update(re.findall(r"(?:error|warning): (.*)", line)[:1] or [line[:300]])
    return sorted(lines)


def main():
    args = [a for a in sys.argv[1:] if a != "--list"]
    build, limit = pathlib.Path(build_given(__doc__, args or ["build"])), int(args[1]) if len(args) > 1 else 0
    show = "--list" in sys.argv
    texts = list(sources())
    said = messages(build)
    allowed = {}
    allow = pathlib.Path("tests/messages.allow")
    for line in allow.read_text().splitlines() if allow.exists() else []:
        if line and not line.startswith("#"):
            allowed[line.split("\t")[0]] = False
    passed, missing = 0, []
    names = wrappers(texts)
    for place, fmt in (f for path, text in texts for f in formats(path, text, names)):
        want, literal = pattern(fmt.split("\\n")[0]), longest_literal(fmt.split("\\n")[0])
        if any(literal in line and want.search(line) for line in said):
            passed += 1
        elif fmt in allowed:
            allowed[fmt] = True
            passed += 1
        else:
            missing.append((place, fmt))
    if show or len(missing) > limit:
        for place, fmt in missing:
            print("%s: no test gives: %s" % (place, fmt))
    for fmt in (f for f, used in allowed.items() if not used):
        print("tests/messages.allow: not needed: %s" % fmt)
        missing.append(("", fmt))
    if missing:
        print("messages: %d of %d have no test yet (limit %d)" % (len(missing), len(missing) + passed, limit))
    bad = len(missing) if len(missing) > limit else 0
    print("messages: %d passed, %d failed" % (passed, bad))
    return 1 if bad or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""ops.py -- a program as what it computes: its inputs and results, and its operations in alphabetical order, each
with the types of its operands and results and with its constants. Names of inner values, the order of operations
and how constants are shared are no promise of the compiler, so they are not printed.

usage: ops.py MODEL..     a program that anec reads; needs anec on the path"""
import collections
import json
import subprocess
import sys

SHOWN = 16  # elements of a constant; of a longer one its type alone


def type_of(v):
    if "dtype" not in v:
        return v.get("type", "?")
    return v["dtype"] + (str(v["shape"]) if v["shape"] else "")


def literal(v):
    """A constant: its elements where they are few."""
    data = v.get("data", v.get("elements"))
    few = data if not isinstance(data, list) or len(data) <= SHOWN else None
    return type_of(v) + (f" {json.dumps(few)}" if few is not None else " const")


def operand(a, known):
    if isinstance(a, dict):
        return literal(a)
    return known.get(a, "?")


def line(op, known):
    arguments = []
    for name, values in sorted(op.get("arguments", {}).items()):
        values = values if isinstance(values, list) else [values]
        arguments.append(f"{name}: " + ", ".join(operand(v, known) for v in values))
    for name, value in sorted(op.get("attributes", {}).items()):
        if name != "name":
            arguments.append(f"{name}: {literal(value)}")
    return f"{op['op']}({'; '.join(arguments)}) -> {', '.join(type_of(r) for r in op['results'])}"


def block(ops, known, indent):
    """The lines of the operations, those of nested blocks behind their own; constants stand where they are used."""
    found = []
    for op in ops:
        for r in op["results"]:
            known[r["name"]] = literal(op["value"]) if op["op"] == "const" and "value" in op else type_of(r)
        if op["op"] == "const":
            continue
        text = [indent + line(op, known)]
        for inner in op.get("blocks", []):
            for p in inner.get("parameters", []):
                known[p["name"]] = type_of(p)
            text += block(inner["ops"], known, indent + "    ")
            text.append(indent + "    -> " + ", ".join(known.get(r, "?") for r in inner["results"]))
        found.append("\n".join(text))
    counted = collections.Counter(found)
    return [f"{t}" if n == 1 else f"{t}   {n} times" for t, n in sorted(counted.items())]


def port(v, known):
    name = v["name"] if isinstance(v, dict) else v
    return f"{name}: {type_of(v) if isinstance(v, dict) else known.get(v, '?')}"


for path in sys.argv[1:]:
    run = subprocess.run(["anec", "-q", "--emit", "json", path], capture_output=True, text=True)
    sys.stderr.write(run.stderr)
    if run.returncode:
        sys.exit(run.returncode)
    program = json.loads(run.stdout)
    print(f"program({program['version']})")
    for f in program["functions"]:
        known = {p["name"]: type_of(p) for p in f["parameters"]}
        lines = block(f["ops"], known, "    ")
        print(f"{f['name']}<{f['opset']}>({', '.join(port(p, known) for p in f['parameters'])})"
              f" -> ({', '.join(port(r, known) for r in f['results'])})")
        print("\n".join(lines))

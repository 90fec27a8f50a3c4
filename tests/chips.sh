#!/bin/sh
# chips.sh -- the chips that have an engine of their own, as the table of targets has them, for tests that
# go through all of them.
# usage: chips.sh BUILD      prints their names, oldest first
. "$(dirname "$0")/usage.sh"
"$1/anec" --list-targets --json |
    python3 -c 'import json, sys; print(*[t["target"] for t in json.load(sys.stdin) if t["chip"] and "engine" in t])'

#!/bin/sh
# legal.sh -- programs become legal for a chip, and compute the same. Ends with `legal: N passed, N failed`.
# usage: legal.sh BUILD [case..]
#
# tests/legal/NAME.mil begins with `// CHIP RULE`: as it stands it breaks the rule for the chip, what
# anec --target CHIP makes of it does not, and both agree on the reference backend.
# Every example, and every program of ../shared/embedded, becomes for each chip a text without an error
# under --check that agrees with the original, except for the lines of tests/legal.known.
set -u
build=$1
shift
here=$(dirname "$0")
temp=$(mktemp -d "${TMPDIR:-/tmp}/legal.XXXXXX")
trap 'rm -rf "$temp"' EXIT
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { echo "FAILED $1"; sed -n 1,6p "$temp/said"; failed=$((failed + 1)); }

# Of stories110m, which is too much for the reference meaning, two layers stand for all.
small='--set layers=2 --set vocab=512 --set seq=32'
sets() { case $1 in */stories110m.anedsl) echo "$small" ;; esac; }

# Both models on the same random inputs; -q since missing weights are meant to be.
results() { # shellcheck disable=SC2046
    "$build/anerun" -q $(sets "$1") --backend ref --random 7 --missing-weights random -O "$2" "$1" >"$temp/said" 2>&1
}
agree() { # agree BEFORE AFTER
    rm -rf "$temp/after"
    [ -d "$temp/before" ] || results "$1" "$temp/before" || return 1
    results "$2" "$temp/after" || return 1
    python3 "$here/close.py" "$temp/before" "$temp/after" 2e-2 4e-3 >"$temp/said" 2>&1
}

one_case() { # one_case FILE
    read -r _ chip rule <"$1"
    rm -rf "$temp/before"
    if "$build/anec" --check --target "$chip" "$1" >"$temp/said" 2>&1; grep -q "\[$chip: $rule[],]" "$temp/said"; then
        if "$build/anec" --target "$chip" -o "$temp/legal.mil" "$1" >"$temp/said" 2>&1 &&
            "$build/anec" --check --target "$chip" "$temp/legal.mil" >"$temp/said" 2>&1 &&
            ! grep "\[$chip: $rule[],]" "$temp/said" && agree "$1" "$temp/legal.mil"; then good; else bad "$1"; fi
    else
        bad "$1: does not break $rule"
    fi
}

# A known one must fail, by its rule: `CHIPS FILE RULE-OR-WORDS`.
known() { # known NAME CHIP
    [ -f "$here/legal.known" ] && awk -v n="$1" -v c="$2" '$1 !~ /^#/ && $2 == n && ($1 == "all" || index($1, c)) {
        $1 = $2 = ""; sub(/^ +/, ""); print; exit }' "$here/legal.known"
}

for_chip() { # for_chip FILE NAME CHIP
    why=$(known "$2" "$3")
    if "$build/anec" $(sets "$1") --target "$3" --missing-weights random -o "$temp/legal.mil" "$1" >"$temp/said" 2>&1 &&
        "$build/anec" --check --target "$3" "$temp/legal.mil" >"$temp/said" 2>&1; then
        if [ -n "$why" ]; then bad "$2 for $3: is legal, though listed for $why"
        elif cmp -s "$temp/legal.mil" "$temp/agreed.mil"; then good # the text of another chip
        elif agree "$1" "$temp/legal.mil"; then good; mv "$temp/legal.mil" "$temp/agreed.mil"
        else bad "$2 for $3"; fi
    elif [ -n "$why" ] && grep -qF "$why" "$temp/said"; then good
    else bad "$2 for $3"; fi
}

# What is written for m4, rewritten for m1 and back, computes the same.
round_trip() { # round_trip FILE NAME
    [ -z "$(known "$2" m1)$(known "$2" m4)" ] || return
    at=$1
    for chip in m4 m1 m4; do
        "$build/anec" -q $(sets "$at") --target $chip --missing-weights random -o "$temp/$chip.mil" "$at" >"$temp/said" 2>&1 || at=
        [ -n "$at" ] || break
        at=$temp/$chip.mil
    done
    if [ -n "$at" ] && agree "$1" "$at"; then good; else bad "$2 for m4, m1 and m4"; fi
}

if [ $# -gt 0 ]; then
    for name; do one_case "$here/legal/$name.mil"; done
else
    for f in "$here"/legal/*.mil; do one_case "$f"; done
    for f in "$here"/../examples/*.anedsl ../shared/embedded/*.mil; do
        [ -f "$f" ] || continue
        rm -rf "$temp/before" "$temp/agreed.mil"
        for chip in m1 m2 m3 m4 m5; do for_chip "$f" "${f##*/}" "$chip"; done
        round_trip "$f" "${f##*/}"
    done
    [ -d ../shared/embedded ] || echo "legal: skipped, there is no ../shared/embedded"
fi
echo "legal: $passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/sh
# legal.sh -- programs become legal for a chip, and compute the same. Ends with `legal: N passed, N failed`.
# usage: legal.sh BUILD [case..]
#
# tests/legal/NAME.mil begins with `// CHIP RULE`: as it stands it breaks the rule for the chip, what
# anec --target CHIP makes of it does not, and both agree on the reference backend.
# Every example, and every program of ../shared/embedded, becomes for each chip a text without an error
# under --check that agrees with the original, except for the lines of tests/legal.known.
#
# JOBS (2) programs are at work at once. Of each the original runs once, and of the texts for the
# chips those that differ; one process compares all results at the end.
set -u
here=$(dirname "$0")

# ---- one of them, in its own folder $temp: lines of `passed`, `failed` and `pairs` -----------------

good() { echo good >>"$temp/passed"; }
bad() { { echo "FAILED $1"; sed -n 1,6p "$temp/said"; } >>"$temp/failed"; }

# stories110m whole, on a short text: all layers and weights.
small='--set seq=8'
sets() { case $1 in */stories110m.anedsl) echo "$small" ;; esac; }

# Two runs, where there are states that the second finds as the first left them.
runs() { ! grep -qE 'state<|"anec-states"|CachedAttention' "$1" || echo "--iterations 2"; }

# Both models on the same random inputs; -q since missing weights are meant to be. What a state has become
# beside the results (`main INPUT RESULT;` in buildInfo) the original has no file of.
results() { # shellcheck disable=SC2046
    "$build/anerun" -q $(sets "$1") $(runs "$1") --backend ref --random 7 --missing-weights random -O "$2" "$1" >"$temp/said" 2>&1 || return
    for made in $(sed -n 's/.*"anec-states",[^"]*"\([^"]*\)".*/\1/p' "$1" | tr ';' '\n' | awk 'NF == 3 { print $3 }'); do
        rm "$2"/it[01]_"$made.npy" || return
    done
}

# Whether the results are near is seen at the end. A text that ran already has the results it had.
agree() { # agree BEFORE AFTER LABEL
    [ -d "$temp/before" ] || results "$1" "$temp/before" || { bad "$3: the original"; return; }
    for ran in "$temp"/*.ran; do
        if cmp -s "$ran" "$2"; then printf '%s\t%s\t%s\n' "$temp/before" "${ran%.ran}" "$3" >>"$temp/pairs"; return; fi
    done
    n=$((n + 1))
    if results "$2" "$temp/after$n"; then cp "$2" "$temp/after$n.ran"; else bad "$3"; return; fi
    printf '%s\t%s\t%s\n' "$temp/before" "$temp/after$n" "$3" >>"$temp/pairs"
}

one_case() { # one_case FILE
    read -r _ chip rule <"$1"
    "$build/anec" --check -Wcontradicted --target "$chip" "$1" >"$temp/said" 2>&1
    if ! grep -q "\[$chip: ${rule}[],]" "$temp/said"; then bad "$1: does not break $rule"
    elif "$build/anec" --target "$chip" -o "$temp/legal.mil" "$1" >"$temp/said" 2>&1 &&
        "$build/anec" --check --target "$chip" "$temp/legal.mil" >"$temp/said" 2>&1 &&
        ! grep "\[$chip: ${rule}[],]" "$temp/said"; then agree "$1" "$temp/legal.mil" "$1"
    else bad "$1"; fi
}

# A known one must fail, by its rule: `CHIPS FILE RULE-OR-WORDS`.
known() { # known NAME CHIP
    [ -f "$here/legal.known" ] && awk -v n="$1" -v c="$2" '$1 !~ /^#/ && $2 == n && ($1 == "all" || index($1, c)) {
        $1 = $2 = ""; sub(/^ +/, ""); print; exit }' "$here/legal.known"
}

for_chip() { # for_chip FILE NAME CHIP
    why=$(known "$2" "$3")
    # shellcheck disable=SC2046
    if "$build/anec" $(sets "$1") --target "$3" --missing-weights random -o "$temp/$3.mil" "$1" >"$temp/said" 2>&1 &&
        "$build/anec" --check --target "$3" "$temp/$3.mil" >"$temp/said" 2>&1; then
        if [ -n "$why" ]; then bad "$2 for $3: is legal, though listed for $why"
        else agree "$1" "$temp/$3.mil" "$2 for $3"; fi
    elif [ -n "$why" ] && grep -qF "$why" "$temp/said"; then good
    else bad "$2 for $3"; fi
}

# What is written for m4, rewritten for m1 and back, computes the same.
round_trip() { # round_trip FILE NAME
    [ -z "$(known "$2" m1)$(known "$2" m4)" ] || return
    if "$build/anec" -q --target m1 --missing-weights random -o "$temp/there.mil" "$temp/m4.mil" >"$temp/said" 2>&1 &&
        "$build/anec" -q --target m4 --missing-weights random -o "$temp/back.mil" "$temp/there.mil" >"$temp/said" 2>&1; then
        agree "$1" "$temp/back.mil" "$2 for m4, m1 and m4"
    else bad "$2 for m4, m1 and m4"; fi
}

if [ "${1:-}" = --one ]; then
    build=$2 temp=$3/${4##*/} n=0
    mkdir "$temp" || exit 1
    case $4 in
    "$here"/legal/*) one_case "$4" ;;
    *)
        for chip in $("$here/chips.sh" "$build"); do for_chip "$4" "${4##*/}" "$chip"; done
        round_trip "$4" "${4##*/}"
        ;;
    esac
    : >"$temp/ended"
    exit 0
fi

# ---- all of them ------------------------------------------------------------------------------------

. "$(dirname "$0")/usage.sh"
build=$1
shift
all=$(mktemp -d "${TMPDIR:-/tmp}/legal.XXXXXX")
trap 'rm -rf "$all"' EXIT

work() { # what takes longest first
    for name; do echo "$here/legal/$name.mil"; done
    [ $# -eq 0 ] || return
    for f in "$here"/../examples/*.anedsl ../shared/embedded/*.mil "$here"/legal/*.mil; do
        [ ! -f "$f" ] || echo "$f"
    done
}

work "$@" >"$all/work"
tr '\n' '\0' <"$all/work" | xargs -0 -P "${JOBS:-2}" -n 1 "$0" --one "$build" "$all"
cat "$all"/*/failed 2>/dev/null
while read -r f; do
    [ -f "$all/${f##*/}/ended" ] || echo "FAILED $f: did not come to its end"
done <"$all/work" | tee "$all/unended"
cat "$all"/*/pairs 2>/dev/null | python3 "$here/close.py" --pairs 2e-2 4e-3 >"$all/compared" || echo "FAILED close.py" >>"$all/compared"
grep -v '^agrees' "$all/compared"
[ -d ../shared/embedded ] || echo "legal: skipped, there is no ../shared/embedded"
passed=$(cat "$all/compared" "$all"/*/passed 2>/dev/null | grep -cE '^(agrees|good)')
failed=$(cat "$all/compared" "$all/unended" "$all"/*/failed 2>/dev/null | grep -c '^FAILED')
echo "legal: $passed passed, $failed failed"
[ "$failed" = 0 ]

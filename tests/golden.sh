#!/bin/sh
# golden.sh -- runs the cases below tests/golden and compares what they print with what is expected.
#
# usage: golden.sh [--write] [BUILD [NAME..]]     NAME: only cases whose path contains it
#
# A case is an input whose first line is its command in a comment, and whose second line may be its
# exit code when that is not 0:
#     // anec %s --target m1
#     // exit: 1
# %s is the case's file name, %t an empty folder of its own; the command runs in the case's folder
# with the tools of BUILD found first, pipes and && as in sh. An input that has no comments stands
# beside NAME.cmd, which holds the same two lines with # (and more lines of sh where one is too
# little). Expected: stdout in CASE.out, stderr in CASE.err; absent means empty. --write rewrites
# these two; exit codes are written by hand. A case has 60 seconds; GOLDEN_SLOW has other seconds, for
# builds that are slow and large, whose memory tells nothing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
write=
jobs=${JOBS:-2}
[ "${1:-}" = --write ] && { write=1; shift; }

# ---- one case -------------------------------------------------------------------------------------

quote() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

one() { # one CASE RESULT-FILE: prints what differs; the result is "passed" or "failed"
    case=$1 result=$2
    name=${case##*/} dir=${case%/*} base=${case%.cmd}
    temp=$(mktemp -d "${TMPDIR:-/tmp}/golden.XXXXXX")
    mkdir "$temp/t"
    exit=$(sed -nE '2s,^(//|#) *exit: *([0-9]*).*,\2,p' "$case")
    if [ "$case" = "$base" ]; then
        command=$(sed -nE '1s,^(//|#) *,,p' "$case")
    else
        command=$(sed '1s|^# *||; 2{/^#/d;}' "$case")
    fi
    command=$(printf '%s\n' "$command" | sed "s|%s|$(quote "$name" | sed 's/[&|\\]/\\&/g')|g; s|%t|$temp/t|g")
    # No case sees or fills the cache of who runs it; $ANESIM is the stand-in for Apple's libraries. Numbers of the
    # backend cpu are those of its plain kernels, which every machine has.
    (cd "$dir" && unset ANEC_ANE_LIB ANESIM_CHIP ANESIM_FAULT && ANESIM=$tools/libanesim.so && export ANESIM &&
        export ANEC_CPU=scalar &&
        mkdir "$temp/cache" && ANEC_CACHE_DIR=$temp/cache PATH="$tools:$PATH" ${timeout:+$timeout ${GOLDEN_SLOW:-60}} sh -c "$command" \
        >"$temp/out" 2>"$temp/err" </dev/null)
    status=$?
    for kind in out err; do
        sed "s|$temp/t|%t|g; s|$temp/cache|CACHE|g" "$temp/$kind" >"$temp/$kind.got"
    done
    ok=passed
    if [ "$status" != "${exit:-0}" ]; then
        echo "FAILED $case: exit $status, expected ${exit:-0}"
        [ "$status" -lt 128 ] || sed 's/^/    /' "$temp/err" | tail -40
        ok=failed
    fi
    for kind in out err; do
        want=$base.$kind
        if [ -n "$write" ]; then
            [ "$ok" = passed ] || continue # what does not end as it should is not what is expected
            if [ ! -s "$temp/$kind.got" ]; then rm -f "$want"
            elif ! cmp -s "$temp/$kind.got" "$want"; then cp "$temp/$kind.got" "$want"; echo "wrote $want"
            fi
            continue
        fi
        [ -e "$want" ] || want=/dev/null
        cmp -s "$want" "$temp/$kind.got" && continue
        echo "FAILED $case: std$kind differs (- expected, + printed)"
        diff -u "$want" "$temp/$kind.got" | sed '1,2d' | head -60
        ok=failed
    done
    echo $ok >"$result"
    rm -rf "$temp"
}

if [ "${1:-}" = --one ]; then
    write=$2 tools=$3 timeout=$4 results=$5
    # What a case prints comes out in one piece, so that two at once do not mix.
    text=$(one "$6" "$results/$(printf %s "$6" | tr '/' '+')")
    [ -z "$text" ] || printf '%s\n' "$text"
    exit 0
fi

# ---- all of them ----------------------------------------------------------------------------------

. "$(dirname "$0")/usage.sh"
tools=$(cd "${1:-build}" && pwd) || exit 1
[ $# -gt 0 ] && shift
timeout=$(command -v timeout || true)
results=$(mktemp -d "${TMPDIR:-/tmp}/golden.XXXXXX")
trap 'rm -rf "$results"' EXIT
cd "$here/.." || exit 1

cases() {
    find tests/golden -type f ! -name '*.out' ! -name '*.err' | LC_ALL=C sort | while IFS= read -r f; do
        case $f in
        *.cmd) ;;
        *) head -n 1 "$f" | LC_ALL=C grep -aqE '^(//|#) *[a-z]*.*%s' || continue ;;
        esac
        for want; do case $f in *"$want"*) echo "$f"; break ;; esac; done
        [ $# -gt 0 ] || echo "$f"
    done
}

cases "$@" | tr '\n' '\0' |
    xargs -0 -P "$jobs" -n 1 "$here/golden.sh" --one "$write" "$tools" "$timeout" "$results"
passed=$(cat "$results"/* 2>/dev/null | grep -c passed)
failed=$(cat "$results"/* 2>/dev/null | grep -c failed)
# What is expected of a case that is gone.
[ $# -gt 0 ] || find tests/golden -type f \( -name '*.out' -o -name '*.err' \) >"$results.orphans"
[ $# -gt 0 ] || while IFS= read -r f; do
    [ -e "${f%.*}" ] || [ -e "${f%.*}.cmd" ] || { echo "FAILED $f belongs to no case"; failed=$((failed + 1)); }
done <"$results.orphans"
rm -f "$results.orphans"
echo "golden: $passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/sh
# first.sh -- a whole first run (aneprobe --first-run) on the stand-in for each chip: no trial may differ from
# what is assumed or what the table says of that chip, and what is seen on m5 is what tests/first-m5.txt says.
# Ends with `first: N passed, N failed`.
# usage: first.sh BUILD      JOBS chips at once
set -u
. "$(dirname "$0")/usage.sh"
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { echo "first: $*"; failed=$((failed + 1)); }
temp=$(mktemp -d "${TMPDIR:-/tmp}/first.XXXXXX")
trap 'rm -rf "$temp"' EXIT
unset ANESIM_FAULT
export ANEC_ANE_LIB="$build/libanesim.so" ANESIM_VAULT="$temp/vault"

chips=$("$here/chips.sh" "$build")
# shellcheck disable=SC2016,SC2086
printf '%s\n' $chips | xargs -P "${JOBS:-2}" -I % sh -c '
    ANESIM_CHIP=% "$1/aneprobe" --first-run --limit-seconds 300 -o "$2/%.json" >"$2/%" 2>&1
    echo "exit $?" >>"$2/%"' sh "$build" "$temp"
for chip in $chips; do
    if grep -q '^exit 0$' "$temp/$chip"; then good; else bad "$chip: $(tail -n 2 "$temp/$chip")"; fi
    if grep '^differs' "$temp/$chip" >"$temp/other"; then
        bad "$chip:"
        cat "$temp/other"
    else
        good
    fi
done
if grep -v -e '^exit ' -e '^the report is ' "$temp/m5" | sed -e 's,(folder)/.*,(folder),' -e 's/ *$//' | diff "$here/first-m5.txt" - >"$temp/diff"; then
    good
else
    bad "m5 is not as tests/first-m5.txt says:"
    cat "$temp/diff"
fi

# ---- stopped -----------------------------------------------------------------------------------------
# By its user, or with an engine that hangs: there is a report of what was seen, nothing else is left, and
# the engine does as before.
takes_int='import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' # which a shell's & ignores
stopped() { # stopped NAME SIGNAL SAYS: of a compilation that takes long; without a signal, too long
    mkdir "$temp/work"
    set -- "$1" "$2" "$3" "$temp/$1.json"
    limit=50
    [ -n "$2" ] || limit=4
    TMPDIR="$temp/work" ANESIM_FAULT=slow:60000 python3 -c "$takes_int" "$build/aneprobe" --first-run --only classes,compile,files \
        --limit-seconds "$limit" -o "$4" >"$temp/$1" 2>&1 &
    pid=$!
    if [ -n "$2" ]; then
        n=0 # until the compilation is under way
        until [ -n "$(find "$temp/work" -name model.mil)" ] || [ $n = 300 ]; do n=$((n + 1)) && sleep 0.1; done
        kill -s "$2" $pid
    fi
    wait $pid
    [ $? = 3 ] || bad "$1: not exit 3: $(cat "$temp/$1")"
    if grep -q "\"stopped\":.*$3" "$4" && grep -q "^error: stopped.*$3" "$temp/$1"; then good; else bad "$1: $(cat "$temp/$1" "$4")"; fi
    if rmdir "$temp/work" 2>"$temp/left"; then good; else bad "$1 leaves $(find "$temp/work")"; rm -rf "$temp/work"; fi
    if "$build/aneprobe" --first-run --only compile,result | grep -c '^holds' | grep -q 2; then good; else bad "after $1 the engine does not as before"; fi
}
stopped interrupted INT 'it was interrupted during compile'
stopped ended TERM 'it was interrupted during compile'
stopped hangs '' 'compile did not come back'

echo "first: $passed passed, $failed failed"
[ "$failed" = 0 ]

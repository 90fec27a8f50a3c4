#!/bin/sh
# units.sh -- runs every unit-test program of a build folder, two at a time; prints what failed, then the sum.
# usage: units.sh [BUILD]      each program's whole output stays in BUILD/unit/NAME.log
. "$(dirname "$0")/usage.sh"
build=${1:-build}
passed=0 failed=0
for program in "$build"/unit/test_*; do
    [ -x "$program" ] && [ -f "$program" ] && printf '%s\0' "$program"
done | xargs -0 -n 1 -P "${JOBS:-2}" sh -c '"$0" >"$0.log" 2>&1; echo $? >"$0.status"'
for program in "$build"/unit/test_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    log=$program.log
    status=$(cat "$program.status" 2>/dev/null || echo none)
    rm -f "$program.status"
    p=$(grep -c '^\[       OK \]' "$log")
    f=$(grep -c '^\[  FAILED  \] [A-Za-z_0-9]*$' "$log")
    f=$((f / 2)) # once at its place, once in the list at the end
    [ "$status" = 0 ] || [ "$f" -gt 0 ] || f=1 # it ended without a summary
    [ "$f" = 0 ] || { echo "FAILED $program (status $status)"; grep -v -e '^\[ RUN' -e '^\[       OK' "$log"; }
    passed=$((passed + p)) failed=$((failed + f))
done
echo "units: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

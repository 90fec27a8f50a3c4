#!/bin/sh
# gradients.sh -- torch's gradients in double precision, llama2.c's formulas, and packages of coremltools' converter, of the place
# where the project is developed.
# usage: gradients.sh BUILD      ends with `training: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
build=$1 cases=../shared/training
if [ ! -f "$cases/check.py" ] || ! /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
    echo "training: skipped, there is no $cases, or no numpy for /usr/bin/python3"
    echo "training: 0 passed, 0 failed"
    exit 0
fi
temp=$(mktemp -d "${TMPDIR:-/tmp}/gradients.XXXXXX")
trap 'rm -rf "$temp"' EXIT
passed=0 failed=0
for backend in ref cpu; do
    /usr/bin/python3 "$cases/check.py" --bin "$build" --backend $backend >"$temp/log"
    grep '^FAIL' "$temp/log" >"$temp/wrong"
    cut -c 1-300 "$temp/wrong"
    passed=$((passed + $(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$temp/log")))
    failed=$((failed + $(grep -c . "$temp/wrong")))
done
# Checkpoints of llama2.c as models, beside its formulas in numpy.
/usr/bin/python3 -B tests/train/llama2c.py "$build" >"$temp/log" 2>&1
grep -v '^llama2c: ' "$temp/log"
sum=$(sed -n 's/^llama2c: \([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$temp/log")
passed=$((passed + ${sum% *})) failed=$((failed + ${sum#* }))
[ -n "$sum" ] || failed=$((failed + 1))
# Programs that coremltools' converter wrote, in their packages.
if [ -d ../shared/packages/cases ]; then
    PATH=$(cd "$build" && pwd):$PATH /usr/bin/python3 tests/train/packages.py ../shared/packages/cases >"$temp/log" 2>&1
    cat "$temp/log"
    sum=$(sed -n 's/^packages: \([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$temp/log")
    passed=$((passed + ${sum% *})) failed=$((failed + ${sum#* }))
    [ -n "$sum" ] || failed=$((failed + 1))
else
    echo "training: packages skipped, there is no ../shared/packages"
fi
echo "training: $passed passed, $failed failed"
[ "$failed" = 0 ]

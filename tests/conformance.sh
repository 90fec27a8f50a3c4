#!/bin/sh
# conformance.sh -- cases that belong to the place where the project is developed, beside it and not part of
# it, by the reference and by the kernels of this processor. Four of local_response_norm are left out: two of
# Apple's own tests contradict each other about the axis of a tensor of rank 3
# (../shared/facts/mil-semantics.md).
# usage: conformance.sh BUILD      JOBS (2) cases at once; ends with `conformance: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
build=$1
cases=../shared/conformance runner=../shared/tools/conform.py
unsure=$cases/op-cases-unverified
if [ ! -d "$cases" ] || [ ! -x "$build/anerun" ]; then
    echo "conformance: skipped, there is no $cases"
    echo "conformance: 0 passed, 0 failed"
    exit 0
fi
temp=$(mktemp -d "${TMPDIR:-/tmp}/conformance.XXXXXX")
trap 'rm -rf "$temp"' EXIT
cases=$(ls -d "$cases"/*/ "$unsure"/*/ "$unsure"/local_response_norm/*/ |
    grep -v -e 'unverified/$' -e 'unverified/local_response_norm/$' -e 'Norm__smoke_00/$')
passed=0 failed=0
for backend in ref cpu; do
    # shellcheck disable=SC2086
    python3 "$runner" --anerun "$build/anerun" --backend $backend --jobs "${JOBS:-2}" --list-failures "$temp/failed" \
        $cases >"$temp/log"
    awk -F '\t' -v b=$backend '{ n = split($2, part, "/"); print b ": " part[n - 1] "/" part[n] "\t" $3 }' \
        "$temp/failed" | cut -c 1-300
    passed=$((passed + $(sed -nE 's,^([0-9]+)/[0-9]+$,\1,p' "$temp/log")))
    failed=$((failed + $(grep -c . "$temp/failed")))
done
echo "conformance: $passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/sh
# check.sh -- what `make check` runs, each suite's last line being `NAME: N passed, N failed`; their
# sum is the last line. Fails when anything failed, or nothing ran.
# usage: check.sh BUILD      built, with its unit tests
set -u
build=$1
make=${MAKE:-make}
passed=0 failed=0
log=$(mktemp "${TMPDIR:-/tmp}/check.XXXXXX")
trap 'rm -f "$log"' EXIT

suite() { # suite NAME COMMAND..: a suite that ends without its line has failed
    name=$1
    shift
    "$@" >"$log" 2>&1
    status=$?
    cat "$log"
    set -- $(sed -nE "s/^$name: ([0-9]+) passed, ([0-9]+) failed\$/\1 \2/p" "$log" | tail -n 1)
    [ $# = 2 ] || { echo "$name: 0 passed, 1 failed (status $status, without a count)"; set -- 0 1; }
    [ "$status" = 0 ] || [ "$2" -gt 0 ] || { echo "$name: status $status"; set -- "$1" 1; }
    passed=$((passed + $1)) failed=$((failed + $2))
}

# The other compiler's warnings, which do not depend on optimising.
clang_builds() {
    command -v clang >/dev/null || { echo "clang: skipped, it is not here" && echo "clang: 0 passed, 0 failed"; return; }
    if $make -s objects CC=clang WERROR=1 BUILD="$build-clang" CFLAGS=-O0; then
        echo "clang: 1 passed, 0 failed"
    else
        echo "clang: 0 passed, 1 failed"
    fi
}

# The library used by several threads, as the thread sanitizer sees it.
tsan() {
    if $make -s tsan >"$log.tsan" 2>&1; then echo "tsan: 1 passed, 0 failed"
    else cat "$log.tsan"; echo "tsan: 0 passed, 1 failed"
    fi
    rm -f "$log.tsan"
}

# Cases that belong to the place where the project is developed, beside it and not part of it. Four of
# local_response_norm are left out: two of Apple's own tests contradict each other about the axis of a tensor
# of rank 3 (../shared/facts/mil-semantics.md). By the reference, and by the kernels of this processor.
conformance() {
    cases=../shared/conformance runner=../shared/tools/conform.py
    unsure=$cases/op-cases-unverified
    if [ ! -d "$cases" ] || [ ! -x "$build/anerun" ]; then
        echo "conformance: skipped, there is no $cases"
        echo "conformance: 0 passed, 0 failed"
        return
    fi
    cases=$(ls -d "$cases"/*/ "$unsure"/*/ "$unsure"/local_response_norm/*/ |
        grep -v -e 'unverified/$' -e 'unverified/local_response_norm/$' -e 'Norm__smoke_00/$')
    right=0 wrong=0
    for backend in ref cpu; do
        python3 "$runner" --anerun "$build/anerun" --backend $backend --list-failures "$log.failed" $cases >"$log.cases"
        awk -F '\t' -v b=$backend '{ n = split($2, part, "/"); print b ": " part[n - 1] "/" part[n] "\t" $3 }' \
            "$log.failed" | cut -c 1-300
        right=$((right + $(sed -nE 's,^([0-9]+)/[0-9]+$,\1,p' "$log.cases")))
        wrong=$((wrong + $(grep -c . "$log.failed")))
    done
    echo "conformance: $right passed, $wrong failed"
    rm -f "$log.failed" "$log.cases"
}

# torch's gradients in double precision, of the same place. Of the cases one is refused, and rightly: Core ML
# takes a prelu whose numbers differ for inputs of rank 4 alone.
training() {
    cases=../shared/training
    if [ ! -f "$cases/check.py" ] || ! /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
        echo "training: skipped, there is no $cases, or no numpy for /usr/bin/python3"
        echo "training: 0 passed, 0 failed"
        return
    fi
    right=0 wrong=0
    for backend in ref cpu; do
        /usr/bin/python3 "$cases/check.py" --bin "$build" --backend $backend >"$log.gradients"
        grep '^FAIL' "$log.gradients" | grep -v '^FAIL act_prelu -- .*where x is of rank 4 alone' >"$log.wrong"
        cut -c 1-300 "$log.wrong"
        right=$((right + $(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$log.gradients")))
        wrong=$((wrong + $(grep -c . "$log.wrong")))
    done
    echo "training: $right passed, $wrong failed"
    rm -f "$log.gradients" "$log.wrong"
}

suite clang clang_builds
suite format tests/format.sh
suite layers tests/layers.sh
suite order tests/order.py
suite names tests/measure.py --check
suite params tests/params.sh "$build"
suite units tests/units.sh "$build"
[ ! -d tests/golden ] || [ ! -x "$build/anec" ] || suite golden tests/golden.sh "$build"
suite tsan tsan
suite messages tests/messages.py "$build"
suite fuzz tests/fuzz/run.sh "$build"
[ ! -x "$build/anec" ] || suite docs tests/docs.sh "$build"
[ ! -x "$build/anec" ] || suite pages tests/pages.sh "$build"
suite memory tests/memory.sh "$build"
suite api tests/api.sh "$build"
suite faults tests/faults.py "$build"
suite writers tests/writers.sh "$build"
suite first tests/first.sh "$build"
suite vad tests/vad.sh "$build"
suite legal tests/legal.sh "$build"
[ ! -x "$build/m9/anec" ] || suite chips tests/chips/run.sh "$build"
suite constants tests/constants.py "$build" ../shared/packages/cases
suite growth tests/growth.sh "$build"
suite macos tests/macos.sh "$build"
suite conformance conformance
suite training training
suite train tests/train.sh "$build"
suite opset tests/opset.py "$build"
suite mutate tests/mutate/selftest.py
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

#!/bin/sh
# memory.sh -- each command again and again, the n-th request for memory failing in the n-th run, for all n:
# that one alone, and all from it on. tests/memory/nomem.c says what every run must do.
# usage: memory.sh BUILD      ends with `memory: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
[ -f "$1/nomem.so" ] || { echo "memory: skipped, there is no $1/nomem.so"; echo "memory: 0 passed, 0 failed"; exit 0; }
build=$(cd "$1" && pwd)
passed=0 failed=0
top=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)")
trap 'rm -rf "$top"' EXIT
cp tests/memory/*.mil tests/memory/*.anedsl "$top"
cd "$top" || exit 1

step() { # NAME COMMAND..: what it writes goes to o
    name=$1
    shift
    for on in "" 1; do
        mkdir -p o
        if env ${on:+NOMEM_ON=1} NOMEM_DIR=o NOMEM_NAME="$name" LD_PRELOAD="$build/nomem.so" "$@" >log; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            cat log
        fi
        [ -z "${V:-}" ] || tail -n 1 log
    done
}

"$build/anec" -q net.anedsl --target m1 -o net/net.mil || exit 1
"$build/anec" -q net/net.mil -o pack.mlpackage || exit 1
"$build/anec" -q large.anedsl -o large.mil || exit 1
"$build/anec" -q deep.anedsl --target m1 -o deep.mil || exit 1
"$build/anerun" -q -b ref --random 1 -O in net/net.mil || exit 1

step compile        "$build/anec" net.anedsl --target m4 -o o/net.mil
step text           "$build/anec" small.mil
step retarget       "$build/anec" net/net.mil --target m3 -o o/net.mil
step mlpackage      "$build/anec" net/net.mil -o o/net.mlpackage
step mlmodelc       "$build/anec" pack.mlpackage -o o/net.mlmodelc
step check          "$build/anec" --check --target m1 net/net.mil
step json           "$build/anec" --emit json small.mil -o o/net.json
step compress       "$build/anec" net.anedsl -t m4 --compress "rank > 1 & size > 1 = sparse(0.5, lut4, group = 2, scaled)" \
    --compress-report=o/report.json -o o/net.mil
step stats          "$build/anec" --stats --json net/net.mil
step several        "$build/anec" -t m1,m4,26.3 small.mil -o 'o/{target}.mil'
step lint           "$build/anec" lint -t m1,m4 --compiled --sarif -o o/lint.sarif small.mil
step lint-folder    "$build/anec" lint -v -t m4 net
step completion     "$build/anec" --completion zsh
step run            "$build/anerun" -b ref --random 1 -O o net/net.mil
step simulated      "$build/anerun" -b sim:m1 --random 1 -O o net/net.mil
step describe       "$build/anerun" -b cpu --describe --json pack.mlpackage
step trace          "$build/anerun" -b ref --random 1 --dump o --trace o/trace.json small.mil
step states         "$build/anerun" -b ref --random 1 --states --iterations 2 -O o state.mil
step buckets        "$build/anerun" -b cpu --random 1 --buckets 2,8 -O o buckets.anedsl
step compare        "$build/anerun" -b cpu --random 1 --compare sim:m3 net/net.mil

# The stand-in is another process's memory; what is cached is made before, or each run begins without.
export ANEC_ANE_LIB="$build/libanesim.so" ANESIM_CHIP=m1 ANESIM_VAULT="$top/vault" TMPDIR="$top/o"
mkdir -p o
for model in net/net.mil deep.mil; do
    ANEC_CACHE_DIR=$top/kept "$build/anerun" -q -b ane --random 1 -O in $model || exit 1
done
ANEC_CACHE_DIR=$top/o/cache
export ANEC_CACHE_DIR
step engine         "$build/anerun" -b ane --random 1 -O o net/net.mil
step engine-states  "$build/anerun" -b ane --random 1 --states --iterations 2 -O o state.mil
step coreml         "$build/anerun" -b coreml --random 1 -O o net/net.mil
step coreml-states  "$build/anerun" -b coreml --random 1 --states --iterations 2 -O o state.mil
step coreml-plan    "$build/anerun" -b coreml --plan net/net.mil
ANEC_CACHE_DIR=$top/kept
step engine-hit     "$build/anerun" -b ane --random 1 -O o net/net.mil
export ANESIM_FAULT=purge
step engine-again   "$build/anerun" -b ane --random 1 -O o net/net.mil
ANESIM_FAULT=eval-fails
step engine-falls   "$build/anerun" -q -b auto --random 1 -O o net/net.mil
unset ANESIM_FAULT
step engine-row     "$build/anerun" -b ane --random 1 -O o deep.mil
step classify       "$build/anerun" -b ane --random 1 -O o classify.mil
step coreml-class   "$build/anerun" -b coreml --random 1 -O o classify.mil
unset ANEC_ANE_LIB ANESIM_CHIP TMPDIR
ANEC_CACHE_DIR=$top/o/cache
step keep           "$build/anerun" -b cpu --random 1 -O o large.mil
ANEC_CACHE_DIR=$top/kept
"$build/anerun" -q -b cpu --random 1 -O in large.mil || exit 1
step kept           "$build/anerun" -b cpu --random 1 -O o large.mil
unset ANEC_CACHE_DIR

step diff           "$build/anediff" net/net.mil pack.mlpackage

echo "memory: $passed passed, $failed failed"
[ "$failed" = 0 ]

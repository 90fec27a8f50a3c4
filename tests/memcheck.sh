#!/bin/sh
# memcheck.sh -- twenty commands under valgrind's memcheck: no use of what nothing was written to, no
# byte of it in a file, no access out of bounds. For builds without a sanitizer.
# usage: memcheck.sh BUILD      ends with `memcheck: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
tools=$(cd "${1:-build}" && pwd) || exit 1
top=$(cd "$(dirname "$0")/.." && pwd)
temp=$(mktemp -d "${TMPDIR:-/tmp}/memcheck.XXXXXX")
trap 'rm -rf "$temp"' EXIT
passed=0 failed=0
unset ANEC_ANE_LIB ANESIM_CHIP ANESIM_FAULT
command -v valgrind >/dev/null || { echo "memcheck: skipped, there is no valgrind"; echo "memcheck: 0 passed, 0 failed"; exit 0; }

check() { # check EXIT COMMAND..
    want=$1 tool=$2
    shift 2
    (cd "$temp" && ANEC_CACHE_DIR=$temp/cache valgrind -q --error-exitcode=99 --log-file="$temp/log" "$tools/$tool" "$@" \
        >/dev/null 2>"$temp/err" </dev/null)
    got=$?
    if [ "$got" = "$want" ]; then passed=$((passed + 1)); return; fi
    echo "FAILED memcheck (exit $got): $tool $*"
    cat "$temp/log" "$temp/err" | head -30
    failed=$((failed + 1))
}

u=$top/tests/memory/subbyte.mil f=$top/tests/memory/flexible.mil mlp=$top/examples/mlp.anedsl
adam=$top/examples/adam.anedsl golden=$top/tests/golden
check 0 anec -o u.mil "$u"
check 0 anec -o u.mlpackage "$u"
check 0 anec -o u.mlmodelc "$u"
for form in 'int4(block = 4, affine)' 'lut3(group = 2, scaled, int8)' 'lut4(vector = 2)' 'sparse(0.5, int8)'; do
    check 0 anec -t m4 --compress "size > 1 & rank > 1 = $form" --compress-report -o c.mlpackage "$mlp"
done
check 0 anec -o back.mil u.mlpackage
check 0 anec -o f.mlpackage "$f"
check 0 anec -o f.mil f.mlpackage
check 0 anec --target m1 -o m1.mil "$mlp"
check 0 anec --target m4 -o m4.mlpackage "$mlp"
check 0 anec --opset ios17 -o old.mil f.mil
check 0 anec --check --target m1 --json m1.mil
check 0 anec --stats --json "$adam"
check 0 anec --emit dot u.mil
check 0 anec --dump-after all "$top/examples/matmul_train.anedsl"
check 1 anec --check "$golden/mil/recovery-three-errors.mil"
check 1 anec "$golden/lang/index-unknown.anedsl"
check 0 anerun --describe --json f.mlpackage
check 0 anerun --backend ref --random 1 -O out u.mil
check 0 anerun --backend cpu --random 1 --iterations 2 --states -O out "$adam"
check 0 anerun --backend sim:m1 --random 1 -O out m1.mil
check 0 anediff back.mil u.mil
echo "memcheck: $passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/sh
# macos.sh -- builds tools and library for both processors of a Mac and looks at what came out
# (tests/macho.py); then runs the same code, built for Linux on arm64, under qemu: unit tests of numbers
# and kernels, golden cases.
# Ends with `macos: N passed, N failed`. Where the compiler cannot be fetched a line says so.
# usage: macos.sh BUILD
set -u
. "$(dirname "$0")/usage.sh"
build=$1
make=${MAKE:-make}
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { echo "macos: $*"; failed=$((failed + 1)); }
finish() { echo "macos: $passed passed, $failed failed"; exit $((failed > 0)); }

.ci/deps macos && .ci/cross
case $? in
0) ;;
3) echo "macos: skipped, the compiler cannot be fetched"; finish ;;
*) bad "what it needs is not here"; finish ;;
esac

# A warning of this third compiler counts too.
$make -s WERROR=1 BUILD="$build" macos "$build/linux-arm64" || { bad "it does not build"; finish; }

count() { # count LINE: the sum that another suite ended with
    set -- $(echo "$1" | sed -nE 's/^[a-z]+: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p')
    [ $# = 2 ] && [ "$1" -gt 0 ] || { bad "a suite did not run"; return; }
    passed=$((passed + $1)) failed=$((failed + $2))
}
python3 tests/macho.py "$build" >"$build/macho.log" 2>&1
grep -v '^macho: [0-9]* passed' "$build/macho.log"
count "$(tail -n 1 "$build/macho.log")"

# ---- arm64 under qemu -------------------------------------------------------------------------------

here=$(cd "$build/linux-arm64" && pwd)
qemu="qemu-aarch64 -L /usr/aarch64-linux-gnu"
mkdir -p "$here/qemu"
for source in tools/ane*.c; do
    tool=$(basename "$source" .c)
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$qemu" "$here/$tool" >"$here/qemu/$tool"
    chmod +x "$here/qemu/$tool"
done
for test in "$here"/unit/test_*; do
    case $test in *.log) continue ;; esac
    if $qemu "$test" >"$test.log" 2>&1; then good; else bad "$test under qemu:"; cat "$test.log"; fi
done
GOLDEN_SLOW=600 tests/golden.sh "$here/qemu" golden/run/ >"$here/golden.log"
grep -v '^golden: ' "$here/golden.log"
count "$(tail -n 1 "$here/golden.log")"
finish

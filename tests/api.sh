#!/bin/sh
# api.sh -- installs into an empty folder and builds the examples of the library against what came there:
# pkg-config, the header alone, the shared library and the archive. Ends with `api: N passed, N failed`.
# usage: api.sh BUILD
set -u
. "$(dirname "$0")/usage.sh"
build=$(cd "$1" && pwd)
make=${MAKE:-make}
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { echo "api: $*"; failed=$((failed + 1)); }
check() { # check WHAT COMMAND..
    what=$1
    shift
    if "$@" >"$temp/log" 2>&1; then good; else bad "$what:"; cat "$temp/log"; fi
}
said() { if grep -qE "$2" "$1"; then good; else bad "no /$2/ in:"; cat "$1"; fi; } # said FILE PATTERN

temp=$(mktemp -d "${TMPDIR:-/tmp}/api.XXXXXX")
trap 'rm -rf "$temp"' EXIT
$make -s BUILD="$1" PREFIX="$temp/usr" install >"$temp/log" 2>&1 || { bad "make install:"; cat "$temp/log"; }
export PKG_CONFIG_PATH="$temp/usr/lib/pkgconfig" LD_LIBRARY_PATH="$temp/usr/lib" DYLD_LIBRARY_PATH="$temp/usr/lib"
export ANEC_CACHE_DIR="$temp/cache"
unset ANESIM_FAULT ANEC_ANE_LIB
for script in bash-completion/completions/anec zsh/site-functions/_anerun fish/vendor_completions.d/anetrain.fish; do
    said "$temp/usr/share/$script" 'Written by'
done
cc="cc -std=c11 -Wall -Wextra -Wpedantic -Werror"
# shellcheck disable=SC2046,SC2086
check "the C example, shared" $cc examples/api/train.c $(pkg-config --cflags --libs anec) -o "$temp/train"
# shellcheck disable=SC2046,SC2086
check "the C example, static" $cc examples/api/train.c $(pkg-config --cflags anec) "$temp/usr/lib/libanec.a" \
    $(pkg-config --libs-only-l --static anec | sed "s/-lanec//") -o "$temp/train-static"
# shellcheck disable=SC2046,SC2086
check "the example with options" $cc examples/api/compare.c $(pkg-config --cflags --libs anec) -o "$temp/compare"
case $(uname -s) in Linux)
    # What the header declares and what is exported are the same names.
    grep -oE '\banec_[a-z_]+\(' include/anec.h | tr -d '(' | sort -u >"$temp/declared"
    nm -D --defined-only "$temp/usr/lib/libanec.so" | awk '$2 == "T" { print $3 }' | sort -u >"$temp/exported"
    check "the header's names are those that libanec.so exports" diff "$temp/declared" "$temp/exported"
    names=$(nm -D --defined-only "$temp/usr/lib/libanec.so" | awk '$2 != "A" && $3 !~ /^anec_/ { print $3 }')
    [ -z "$names" ] && good || bad "libanec.so also exports: $names"
    names=$(nm -g --defined-only "$temp/usr/lib/libanec.a" | awk 'NF == 3 && $3 !~ /^anec_/ { print $3 }')
    [ -z "$names" ] && good || bad "libanec.a also shows: $names" ;;
esac

for program in train train-static; do
    "$temp/$program" examples/api/step.mil 200 >"$temp/out" 2>&1
    said "$temp/out" '^backend=cpu '
    said "$temp/out" '^step 199  loss 0.0000'
done
export ANEC_ANE_LIB="$temp/usr/lib/libanesim.so"
for chip in m1 m4; do
    ANESIM_CHIP=$chip "$temp/train" examples/api/step.mil 200 >"$temp/out" 2>&1
    said "$temp/out" "^backend=ane io=$([ $chip = m1 ] && echo fp16 || echo fp32) "
    said "$temp/out" '^step 199  loss 0.000'
done
python3 examples/api/run.py "$temp/usr/lib/libanec.so" examples/api/step.mil >"$temp/out" 2>&1
said "$temp/out" '^backend=ane '
said "$temp/out" '^loss fp32 \[1, 1, 1, 1\] 0.06250'
said "$temp/out" '^w_next fp32 \[1, 1, 1, 1\] 0.51[0-9]*'
unset ANEC_ANE_LIB
"$temp/compare" examples/mlp.anedsl m1 hidden=128 >"$temp/out" 2>&1
said "$temp/out" '^backend=ref io=fp16 '
said "$temp/out" '^backend=sim:m1 io=fp16 '
said "$temp/out" '^y: max abs [0-9.e-]+  max rel [0-9.e-]+  ok'
"$temp/compare" examples/mlp.anedsl m1 hidden=x >"$temp/out" 2>&1
said "$temp/out" 'error: .*x'
sed -n '/^program/,$p' tests/golden/run/flexible.mil >"$temp/flexible.mil"
python3 examples/api/run.py "$temp/usr/lib/libanec.so" "$temp/flexible.mil" >"$temp/out" 2>&1
said "$temp/out" '^[a-z]* fp32 \[1, 4\] '

# anerun, linked with what libanec.so exports, is the same program.
check "anerun on libanec.so alone" $make -s BUILD="$1" "$1/anerun-shared"
"$build/anerun-shared" --random 1 tests/golden/run/flexible.mil >"$temp/shared" 2>&1
"$build/anerun" --random 1 tests/golden/run/flexible.mil >"$temp/out" 2>&1
check "the same output" cmp "$temp/out" "$temp/shared"
said "$temp/out" 'fp32'
"$temp/usr/bin/anerun" --random 1 examples/mlp.anedsl >"$temp/out" 2>&1
said "$temp/out" '^y: fp16 '
"$temp/train" no.mil >"$temp/out" 2>&1
said "$temp/out" 'train: no.mil: '
echo "api: $passed passed, $failed failed"
[ "$failed" = 0 ]

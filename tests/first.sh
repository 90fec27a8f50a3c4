#!/bin/sh
# first.sh -- a whole first run (aneprobe --first-run) on the stand-in for each chip: no trial may differ from
# what is assumed or what the table says of that chip, and what is seen on m5 is what tests/first-m5.txt says.
# Ends with `first: N passed, N failed`.
# Of the rules that no simulation shows, since nobody has said what goes wrong, one is claimed of every chip.
# usage: first.sh BUILD      JOBS chips at once
set -u
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { echo "first: $*"; failed=$((failed + 1)); }
unseen='^differs  *transposed-products '
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
    if grep '^differs' "$temp/$chip" | grep -v "$unseen" >"$temp/other"; then
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
echo "first: $passed passed, $failed failed"
[ "$failed" = 0 ]

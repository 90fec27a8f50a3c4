#!/bin/sh
# struck.sh -- what can be made to go wrong on the stand-in is one list, in the sources, on its page, and in what
# tests have met with: none without the others.
#
# faults.def is the list. The stand-in's sources ask for each of its rows by name, and for no other. The page has
# each, as pages.sh compares. And each has struck in a test: the stand-in leaves a file in ANESIM_STRUCK for it, which
# the suites before this one had set to BUILD/struck (check.py). Where that folder is not, the last is not known.
# usage: struck.sh BUILD      ends with `struck: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
build=$1 passed=0 failed=0
sources=standin
temp=$(mktemp -d "${TMPDIR:-/tmp}/struck.XXXXXX")
trap 'rm -rf "$temp"' EXIT

same() { # same WHAT ONLY-LISTED ONLY-THERE: the list against $temp/there
    if diff "$temp/list" "$temp/there" >"$temp/diff"; then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    sed -n -e "s/^< \(.*\)/struck: $1: \1 $2/p" -e "s/^> \(.*\)/struck: $1: \1 $3/p" "$temp/diff"
}

sed -n 's/^FAULT("\([^"]*\)".*/\1/p' $sources/faults.def | sort >"$temp/list"
sort -u "$temp/list" | diff "$temp/list" - >/dev/null || { echo "struck: a row stands twice" && failed=$((failed + 1)); }
cat $sources/*.c | grep -oE '\<fault(_names)?\("[^"]*"' | sed 's/.*"\(.*\)"/\1/' | sort -u >"$temp/there"
same sources 'is a row that nothing asks for' 'is asked for, and no row'
sed -n 's/^| `\([^`]*\)` |.*/\1/p' docs/standin.md | sort >"$temp/there"
same docs/standin.md 'is not on the page' 'is on the page, and no row'
if [ -d "$build/struck" ]; then
    (cd "$build/struck" && ls) | sort >"$temp/there"
    same tests 'strikes in no test' 'has struck, and is no row'
else
    echo "struck: skipped what tests met with, there is no $build/struck"
fi
echo "struck: $passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/sh
# signature.sh -- for each case of tests/legal and two chips a line: which passes changed how much, and the
# statements that come out, those that follow each other with their number.
# usage: signature.sh TEMPORARY
cd ../../legal || exit 1
for file in *.mil; do
    for chip in m1 m4; do
        printf '%s %s' "${file%.mil}" $chip
        anec -q --target $chip --dump-after all -o "$1/y.mil" "$file" >"$1/passes" 2>&1 || printf ' (%s)' $?
        sed -nE 's,^// after ([a-z0-9-]+): ([0-9]+) .*, \1 \2,p' "$1/passes" | tr -d '\n'
        echo
        sed -nE 's/^[^=]* = ([a-z0-9_]+)(<[a-z0-9]+>)?\(.*/\1/p' "$1/y.mil" | grep -v '^const$' | uniq -c |
            awk '{ if ($1 > 1) printf " %d", $1; printf " %s", $2 } END { print "" }' | fold -s -w 110 | sed 's/^/   /; s/ *$//'
        rm -f "$1/y.mil"
    done
done

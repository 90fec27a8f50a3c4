#!/bin/sh
# demo.sh -- compiles the digit classifier for every chip, shows what differs, and runs each on 1,000 digits.
# usage: demo.sh BUILD      stdout: one line a chip; what differs goes to stderr
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
out=$build/demo
chips=$("$here/../../tests/chips.sh" "$build")
models=

for chip in $chips; do
    mkdir -p "$out/$chip"
    "$build/anec" -q "$here/digits.anedsl" --target "$chip" -o "$out/$chip/digits.mil"
    models="$models $chip=$out/$chip/digits.mil"
done

{
    previous=
    for chip in $chips; do
        if [ -z "$previous" ]; then
            echo "$chip: $(wc -l < "$out/$chip/digits.mil" | tr -d ' ') lines of MIL in $out/$chip/digits.mil"
        elif cmp -s "$out/$previous/digits.mil" "$out/$chip/digits.mil"; then
            echo "$chip: the same text as $previous"
        else
            echo "$chip: where it differs from $previous, of the lines that say more than a spelling:"
            # Scalars are spelt differently throughout; what remains is what the chip needs.
            for c in "$previous" "$chip"; do
                sed -E 's/tensor<([a-z0-9]+), \[\]>/\1/g' "$out/$c/digits.mil" > "$out/$c/digits.plain"
            done
            diff "$out/$previous/digits.plain" "$out/$chip/digits.plain" | grep '^[<>]' | cut -c1-150 || true
        fi
        previous=$chip
    done
} >&2

# shellcheck disable=SC2086
"$build/digits-demo" "$here" $models

#!/bin/sh
# run.sh -- what `make bench` prints: each figure beside a named peer, taken in the same run.
# usage: run.sh BUILD
set -eu
build=$1
work=$build/bench
mkdir -p "$work/m1" "$work/m4" "$work/text"
pair="$build/pair"

echo "compile of a 110 M parameter model with its weights, against cp of the weights"
"$build/anec" -q examples/stories110m.anedsl --target m1 -o "$work/m1/stories110m.mil"
blob=$work/m1/weights/weight.bin
for chip in m1 m4; do
    "$pair" 5 "stories110m for $chip" \
        "exec $build/anec -q examples/stories110m.anedsl --target $chip -o $work/$chip/stories110m.mil" \
        "cp" "exec cp $blob $work/copy.bin"
done
rm -f "$work/copy.bin"

echo "MIL text read and printed, against cat of the text"
"$build/anec" -q examples/stories110m.anedsl --target m4 -o "$work/text/one.mil"
"$pair" 5 "$(wc -c < "$work/text/one.mil") bytes of MIL" \
    "exec $build/anec -q $work/text/one.mil -o $work/text/two.mil" \
    "cat" "exec cat $work/text/one.mil > /dev/null"

#!/bin/sh
# against.sh -- this build beside an older one, in turn in one run: what docs/hacking.md shows of speed.
# usage: against.sh BUILD OLD-BUILD      from the top folder; OLD-BUILD has anec and anerun of another commit
set -eu
. "$(dirname "$0")/../usage.sh"
build=$1 old=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/against.XXXXXX")
trap 'rm -rf "$work"' EXIT
make -s "$build/pair" BUILD="$build"
mkdir "$work/new" "$work/old"

echo "compile of stories110m for m1"
for b in "$build new" "$old old"; do
    set -- $b
    "$1/anec" -q examples/stories110m.anedsl --target m1 -o "$work/$2/stories.mil"
done
"$build/pair" 5 new "exec $build/anec -q examples/stories110m.anedsl --target m1 -o $work/new/stories.mil" \
    old "exec $old/anec -q examples/stories110m.anedsl --target m1 -o $work/old/stories.mil"

echo "MIL text read and printed"
"$build/anec" -q examples/stories110m.anedsl --set layers=45 --set dim=24 --set hidden=8 --set heads=2 \
    --set kv=2 --set vocab=8 --set seq=4 -o "$work/text.mil"
"$build/pair" 9 new "exec $build/anec -q $work/text.mil -o $work/new/text.mil" \
    old "exec $old/anec -q $work/text.mil -o $work/old/text.mil"

cases=../shared/conformance runner=../shared/tools/conform.py
if [ -d "$cases" ]; then
    echo "conformance on ref, a process a case"
    "$build/pair" 1 new "python3 $runner --anerun $build/anerun --backend ref $cases > /dev/null || true" \
        old "python3 $runner --anerun $old/anerun --backend ref $cases > /dev/null || true"
fi

# A chunk of speech is a run: the loading and 200 of them.
for model in ../shared/wild-models/*silero-vad*/model.mil; do
    [ -e "$model" ] || continue
    echo "200 chunks of $model on ref"
    "$build/pair" 3 new "exec $build/anerun -q -b ref --random 1 --bench 200 $model > /dev/null" \
        old "exec $old/anerun -q -b ref --random 1 --bench 200 $model > /dev/null"
done

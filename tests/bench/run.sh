#!/bin/sh
# run.sh -- what `make bench` prints: each figure beside a named peer, taken in the same run.
# usage: run.sh BUILD
set -eu
. "$(dirname "$0")/../usage.sh"
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
"$build/anec" -q examples/stories110m.anedsl --set layers=45 --set dim=24 --set hidden=8 --set heads=2 \
    --set kv=2 --set vocab=8 --set seq=4 -o "$work/text/one.mil"
ops=$(grep -c ' = ' "$work/text/one.mil")
# The row of pair, with the text's bytes a second of its first command.
rate() { awk -v bytes="$1" '{ for (i = 2; i <= NF; i++) if ($i == "s") break; printf "%s   %.0f MB/s\n", $0, bytes / $(i - 1) / 1e6 }'; }
size() { wc -c < "$1" | tr -d ' '; }
"$pair" 9 "$(size "$work/text/one.mil") bytes, $ops ops" \
    "exec $build/anec -q $work/text/one.mil -o $work/text/two.mil" \
    "cat" "exec cat $work/text/one.mil > /dev/null" | rate "$(size "$work/text/one.mil")"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cat "$work/text/one.mil"; echo; done |
    awk 'NR == 1 || /^program/ { n++ } n == 1 && !/^}$/ { print; next } /^    func/ { sub(/main/, "f" n) } \
         n > 1 && !/^program|^\[buildInfo|^\{$|^}/ { print } END { print "}" }' > "$work/text/many.mil"
"$pair" 5 "$(size "$work/text/many.mil") bytes, 20 functions" \
    "exec $build/anec -q $work/text/many.mil --emit ir > /dev/null" \
    "cat" "exec cat $work/text/many.mil > /dev/null" | rate "$(size "$work/text/many.mil")"

echo "a million ops read and verified, against the words of the text counted"
awk 'BEGIN {
    t = "tensor<fp16, [1, 64, 1, 64]>"; n = 1000000
    printf "program(1.3)\n{\n    func main<ios18>(%s x0, %s c) {\n", t, t
    for (i = 1; i <= n; i++) printf "        %s x%d = add(x = x%d, y = c)[name = string(\"x%d\")];\n", t, i, i - 1, i
    printf "    } -> (x%d);\n}\n", n
}' > "$work/text/million.mil"
"$pair" 3 "$(size "$work/text/million.mil") bytes" "exec $build/anec -q --check $work/text/million.mil" \
    "wc -w" "exec wc -w < $work/text/million.mil > /dev/null" | rate "$(size "$work/text/million.mil")"
rm -f "$work/text/million.mil"

echo "ten lists of 200,000 numbers, against one that a loop walks: 0.5 is twenty times as fast an element"
table() {
    printf 'row = [1, 2.5, 3, 4]\nrows = [[1, 2], [3, 4], [5, 6], [7, 8]]\nmodel main(x: fp16[4]) -> y {\n    y = x\n'
    if [ "$1" = walked ]; then printf '    for i in 0..200000 { if %s { v = %s } }\n}\n' "$3" "$2"; return; fi
    for i in 1 2 3 4 5 6 7 8 9 10; do printf '    t%d = [%s for i in 0..200000 if %s]\n' "$i" "$2" "$3"; done
    printf '}\n'
}
while IFS='|' read -r what expression filter; do
    table columns "$expression" "$filter" > "$work/columns.anedsl"
    table walked "$expression" "$filter" > "$work/walked.anedsl"
    "$pair" 5 "$what" "exec $build/anec -q -t host $work/columns.anedsl -o $work/table.mil" \
        "walked" "exec $build/anec -q -t host $work/walked.anedsl -o $work/table.mil"
done << 'ROWS'
angles|cos(i / 100.0) * sin(i / 7.0)|true
abs, min, max|max(abs(i - 1000), 2.5) - min(i, 7)|true
a filter|i * 0.5|i % 2 == 0 and i > 5
a choice and elements|row[i % 4] if i // 3 > 2 else -i|true
functions in a filter|i|abs(i - 5) > 3 or min(i, 9) == row[1]
powers of two|2.0 ** -i|true
sums of lists|sum(rows[i % 4])|true
lists of lists|[i, 2 * i]|true
ROWS

echo "two kernels of one model in two threads, against one in one: 1.0 where two cores are free"
"$pair" 5 "two threads" "exec $build/side examples/llama_block.anedsl 200 2" \
    "one" "exec $build/side examples/llama_block.anedsl 200 1"

echo "growth: twice and four times as many of what a program has, against as many"
tests/growth.sh --bench "$build"

echo "examples by the backend cpu, 50 runs and their loading, against ref"
for model in mlp convnet llama_block; do
    "$pair" 3 "$model" "exec $build/anerun -q -b cpu --threads 1 --random 1 --bench 50 examples/$model.anedsl > /dev/null" \
        "ref" "exec $build/anerun -q -b ref --random 1 --bench 50 examples/$model.anedsl > /dev/null"
done

echo "products and convolutions in fp32, one thread, beside oneDNN, and their share of what a core can do"
OMP_NUM_THREADS=1 "$build/onednn_peer" 2> "$work/onednn.log" || { cat "$work/onednn.log" >&2; exit 1; }
echo "the same with two threads, by the clock: it means something where two cores are free"
OMP_NUM_THREADS=2 "$build/onednn_peer" 2 2> "$work/onednn.log" || { cat "$work/onednn.log" >&2; exit 1; }

echo "families of kernels in both types of floats, and their share of what a core can do"
"$build/families" 2> "$work/families.log" || { cat "$work/families.log" >&2; exit 1; }

python3 tests/bench/beside.py "$build"
python3 tests/bench/step.py "$build"

cases=../shared/conformance runner=../shared/tools/conform.py
if [ -d "$cases" ]; then
    echo "the conformance set, a process a case, against as many processes that do nothing"
    count=$(python3 "$runner" --anerun "$build/anerun" --backend ref "$cases" | sed -nE 's,^[0-9]+/([0-9]+)$,\1,p')
    "$pair" 1 "$count cases" "python3 $runner --anerun $build/anerun --backend ref $cases > /dev/null || true" \
        "anerun" "i=0; while [ \$i -lt $count ]; do $build/anerun --version > /dev/null; i=\$((i + 1)); done"
else
    echo "the conformance set: skipped, there is no $cases"
fi

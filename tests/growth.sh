#!/bin/sh
# growth.sh -- what a program has many of may cost time and memory in proportion, and no more: inputs,
# results, functions, undefined names, ops, terms of a sum, turns of a loop, blocks of a transformer.
# usage: growth.sh BUILD            a suite of `make check`: 32,000 of them against 4,000, and memory
#        growth.sh --bench BUILD    a part of `make bench`: 8,000 and 16,000 against 4,000
# (of sines and blocks an eighth of that)
set -eu
bench=
[ "${1:-}" != --bench ] || { bench=1; shift; }
. "$(dirname "$0")/usage.sh"
build=$1
work=$build/growth
passed=0 failed=0
mkdir -p "$work"

# text KIND N: a program with N of what KIND says, in MIL or in the language.
text() {
    awk -v kind="$1" -v n="$2" '
    function put(i, op, x, y) {
        printf "        %s s%d = %s(x = %s%s)[name = string(\"s%d\")];\n", t, i, op, x, y == "" ? "" : ", y = " y, i
    }
    function list(prefix, head,   i) {
        for (i = 0; i < n; i++) printf "%s%s%s%d", i ? ", " : "", head, prefix, i
    }
    BEGIN {
        t = kind == "integers" ? "tensor<int32, [1, 4]>" : "tensor<fp16, [1, 4]>"
        if (kind == "blocks") {
            print "import \"std\"\nweights init normal(std = 0.02, seed = 1)\nlayer Block {"
            print "    weight g1, g2: [32] = 1\n    layer attn: Attention(32, 4, 2), mlp: SwiGLU(32, 96)"
            print "    fn (x) {\n        h = x + attn(rms_norm(x, g1))\n        return h + mlp(rms_norm(h, g2))\n    }\n}"
            print "model main(x: fp16[1, 32, 1, 16]) -> y {"
            printf "    layer blocks: Block[%d]\n    y = blocks(x)\n}\n", n
            exit
        }
        if (kind == "sum" || kind == "loop") {
            print "model main(x: fp16[1, 4]) -> y {"
            if (kind == "loop") printf "    y = x\n    for i in 0..%d { y = relu(y) }\n}\n", n
            else { printf "    y = x"; for (i = 1; i < n; i++) printf " + x"; print "\n}" }
            exit
        }
        print "program(1.3)\n{"
        if (kind == "functions") {
            for (f = 0; f < n; f++) {
                printf "    func f%d<ios18>(%s x) {\n", f, t
                put(0, "relu", "x", ""); print "    } -> (s0);"
            }
            print "}"
            exit
        }
        printf "    func main<ios18>("
        if (kind == "inputs") list("x", t " "); else printf "%s x", t
        print ") {"
        for (i = 0; i < n; i++)
            if (kind == "inputs") put(i, "add", i ? "s" i - 1 : "x0", "x" i)
            else if (kind == "constants")
                printf "        int32 s%d = const()[name = string(\"s%d\"), val = int32(%d)];\n", i, i, i % 7
            else if (kind == "names") put(i, "add", "x", "u" i)
            else if (kind == "sines" || kind == "tangents")
                put(i, kind == "sines" ? "sin" : "tan", i ? "s" i - 1 : "x", "")
            else put(i, "add", i ? "s" i - 1 : "x", "x")
        printf "    } -> ("
        if (kind == "results") list("s", ""); else if (kind == "constants") printf "x"; else printf "s%d", n - 1
        print ");\n}"
    }'
}

# command KIND FILE: what is done with it
command() {
    case $1 in
    integers) echo "$build/anec -q $2 --target m1 -o $work/out.mil 2> /dev/null; test \$? = 1" ;; # past so many an error
    names) echo "$build/anec -q --emit ir $2 > /dev/null 2>&1; test \$? = 1" ;;
    inputs | results) echo "$build/anerun -q --backend ref --random 1 $2 > /dev/null" ;;
    *) echo "$build/anec -q $2 --target m1 -o $work/out.mil" ;;
    esac
}

# compare KIND MANY FEW RUNS: the row of pair
compare() {
    case $1 in sum | loop | blocks) end=anedsl ;; *) end=mil ;; esac
    text "$1" "$2" > "$work/many.$end"
    text "$1" "$3" > "$work/few.$end"
    "$build/pair" "$4" "$1: $2" "$(command "$1" "$work/many.$end")" "$3" "$(command "$1" "$work/few.$end")"
}

for kind in inputs results functions names ops integers sines sum loop blocks; do
    case $kind in sines | integers | blocks) few=500 ;; *) few=4000 ;; esac # 24 ops become of a sine
    if [ "$bench" ]; then
        for times in 2 4; do compare "$kind" $((few * times)) $few 3; done
        continue
    fi
    # Eight times as many: 64 times as long is what a square would be, 8 what is wanted.
    row=$(compare "$kind" $((few * 8)) $few 1)
    ratio=${row##*ratio }
    if [ "${ratio%.*}" -lt 20 ]; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "$row: this does not grow in proportion"
    fi
done

# 4,000 blocks, of which 3 s are wanted: 49 million numbers drawn, 324,000 ops
if [ "$bench" ]; then
    text blocks 4000 > "$work/many.anedsl"
    for chip in $("$(dirname "$0")/chips.sh" "$build"); do
        "$build/pair" 3 "4000 blocks for $chip" "exec $build/anec -q $work/many.anedsl -t $chip -o $work/out.mil" \
            "for host" "exec $build/anec -q $work/many.anedsl -t host -o $work/out.mil"
    done
fi

# Tables of 8,192 positions, of which a second is wanted: a causal mask, rotary and sinusoidal ones
if [ "$bench" ]; then
    printf 'import "std"\nn = 8192\nmodel main(x: fp16[1, 64, 1, n], z: fp16[n, n]) -> y, m, s {\n    y = rope(x, 2, limit = n)\n    m = z + causal_mask(n, n)\n    s = x + sinusoidal(64, n)\n}\n' > "$work/many.anedsl"
    "$build/pair" 3 "tables of 8192 positions" "exec $build/anec -q $work/many.anedsl -t host -o $work/out.mil" \
        "nothing" "exec $build/anec --version > /dev/null"
fi

# peak COMMAND: the largest resident set, in bytes
peak() { "$build/pair" 1 one "exec $1" none true | awk '{ for (i = 2; i <= NF; i++) if ($i == "MB") printf "%d", $(i - 1) * 1048576 }'; }

# most WHAT BYTES EACH LIMIT: the bytes may be LIMIT tenths of EACH and no more
most() {
    if [ "$bench" ]; then echo "$1: $2 bytes, $(($2 * 10 / $3)) tenths of $3"
    elif [ "$2" -le $(($3 * $4 / 10)) ]; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "$1: $2 bytes, which is more than $4 tenths of $3"
    fi
}

# Memory: of texts that are read and verified, as tenths of their bytes; and of what sines become,
# as tenths of 1,000 bytes each.
for kind in ops constants; do
    text $kind 1000000 > "$work/many.mil"
    most "$kind: memory" "$(peak "$build/anec -q --check $work/many.mil")" \
        "$(wc -c < "$work/many.mil" | tr -d ' ')" 25
done
for kind in sines tangents; do
    text $kind 12000 > "$work/many.mil"
    # Into a file of its own each run: what stood in an old one is mapped to be compared.
    most "$kind: memory" "$(peak "$build/anec -q --target m1 -o $work/out.\$\$.mil $work/many.mil")" 12000000 80
done
# Of a block, some 80 ops and the drawn weights of its own, 100,000 bytes: twice that may be.
text blocks 1000 > "$work/many.anedsl"
most "blocks: memory" "$(peak "$build/anec -q --target m1 -o $work/out.\$\$.mil $work/many.anedsl")" 100000000 20
# Weights that are computed when the program is written (a sum with a product, transposed): of 32
# as much memory as of 4, and a fifth.
merged() {
    printf 'import "std"\nweights init normal(std = 0.02, seed = 1)\nlayer Merged {\n    weight w: [1024, 1024], a: [8, 1024], b: [1024, 8]\n    fn (x) = linear(x, transpose(w + b @ a * 2.0, perm = [1, 0]))\n}\nmodel main(x: fp16[1, 1024, 1, 4]) -> y {\n    layer l: Merged[%d]\n    y = l(x)\n}\n' "$1" > "$work/many.anedsl"
    peak "$build/anec -q --target m1 -o $work/out.\$\$.mil $work/many.anedsl"
}
few=$(merged 4)
most "computed weights: memory" "$(merged 32)" "$few" 12
rm -f "$work/many.mil" "$work"/out.*mil "$work/many.anedsl"

[ "$bench" ] || { echo "growth: $passed passed, $failed failed"; [ "$failed" = 0 ]; }

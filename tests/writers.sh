#!/bin/sh
# writers.sh -- equal runs write equal bytes: every writer runs three times, with memory that malloc gives
# filled with other bytes each time (and, where the system does so, at other addresses), and what it wrote
# is compared, file by file. Memory of an Arena is zero by its contract, which test_text.c holds.
# usage: writers.sh BUILD [NAME]      ends with `writers: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
tools=$(cd "${1:-build}" && pwd) || exit 1
only=${2:-}
top=$(cd "$(dirname "$0")/.." && pwd)
temp=$(mktemp -d "${TMPDIR:-/tmp}/writers.XXXXXX")
trap 'rm -rf "$temp"' EXIT
passed=0 failed=0
PATH=$tools:$PATH
unset ANEC_ANE_LIB ANESIM_CHIP ANESIM_FAULT

writer() { # writer NAME COMMAND..: the command runs in an empty folder, and what it prints is in there too
    name=$1
    shift
    case $name in *"$only"*) ;; *) return ;; esac
    for fill in 85 170 255; do
        mkdir "$temp/$fill"
        (cd "$temp/$fill" && ANEC_CACHE_DIR=$temp/cache MALLOC_PERTURB_=$fill "$@" >stdout 2>stderr </dev/null) ||
            echo "status $?" >>"$temp/$fill/stderr"
        rm -rf "$temp/cache"
    done
    if [ -s "$temp/85/stdout" ] || [ "$(ls "$temp/85" | wc -l)" -gt 2 ] &&
        diff -r "$temp/85" "$temp/170" >"$temp/said" && diff -r "$temp/85" "$temp/255" >"$temp/said"; then
        passed=$((passed + 1))
    else
        echo "FAILED writer $name"
        cat "$temp"/said "$temp/85/stderr" 2>/dev/null | head -8
        failed=$((failed + 1))
    fi
    rm -rf "$temp/85" "$temp/170" "$temp/255" "$temp/said"
}

for form in 'int4(block = 4)' 'lut4(group = 4, scaled)' 'lut2(vector = 4)' 'sparse(0.5, lut6)'; do
    writer "compress $form" anec -t m4 --compress "size > 1 & rank > 1 = $form" --compress-report=r.json -o c.mlpackage \
        "$top/examples/mlp.anedsl"
done

for in in tests/memory/subbyte.mil tests/memory/flexible.mil examples/mlp.anedsl examples/adam.anedsl examples/convnet.anedsl; do
    file=$top/$in name=$(basename "$in")
    for form in mil mlmodelc mlpackage; do
        writer "$name $form" anec -o "model.$form" "$file"
        case $name in *.anedsl) writer "$name m4 $form" anec --target m4 -o "model.$form" "$file" ;; esac
    done
    writer "$name dot" anec --emit dot "$file"
    writer "$name json" anec --emit json "$file"
    writer "$name stats" anec --stats --json "$file"
    writer "$name check" anec --check "$file" --target m1 --json
    writer "$name describe" anerun --describe --json "$file"
    case $name in
    *.anedsl) for what in tokens ast ir; do writer "$name $what" anec --emit $what "$file"; done ;;
    esac
done
mlp=$top/examples/mlp.anedsl
writer "text" anec --target m1 "$top/examples/tiny_train.anedsl" -o x.mil
writer "mlp passes" anec --dump-after all "$top/examples/matmul_train.anedsl"
writer "results of ref" anerun --backend ref --random 1 -O out "$mlp"
writer "results of cpu" anerun --backend cpu --random 1 -O out "$mlp"
writer "results of sim" anerun --backend sim:m1 --random 1 -O out "$mlp"
writer "weights" anec --export-weights out "$mlp"
writer "states" anerun --backend ref --random 1 --iterations 2 --states -O out "$top/examples/adam.anedsl"
writer "dump" anerun --backend ref --random 1 --dump out "$mlp"
writer "profile" aneprobe --backend sim:m1 --only kernel-width,sin -o profile
writer "lists" anec --list-ops --list-targets --list-passes
writer "rules" anec --list-rules --json
writer "man" anerun --man
echo "writers: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

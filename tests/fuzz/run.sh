#!/bin/sh
# run.sh -- runs the fuzz targets of a build folder.
# usage: run.sh BUILD            replays the kept inputs; ends with `fuzz: N passed, N failed`
#        run.sh BUILD SECONDS    fuzzes each so long, from the kept inputs, the golden cases and examples
set -u
. "$(dirname "$0")/../usage.sh"
build=$1 seconds=${2:-}
passed=0 failed=0
for target in tests/fuzz/fuzz_*.c; do
    name=${target##*/fuzz_}
    name=${name%.c}
    if [ -n "$seconds" ]; then
        more=
        case $name in mil | dsl) more="tests/golden examples" ;; pipeline) more=tests/legal ;; esac
        mkdir -p "$build/corpus/$name"
        echo "fuzz: $name for $seconds s"
        # shellcheck disable=SC2086
        "$build/fuzz/$name" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -max_len=8192 \
            -artifact_prefix="$build/fuzz/$name-" -verbosity=0 -print_final_stats=1 \
            "$build/corpus/$name" "tests/fuzz/$name" $more >"$build/fuzz/$name.log" 2>&1
        if [ $? = 0 ]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            tail -n 40 "$build/fuzz/$name.log"
        fi
        grep number_of_executed_units "$build/fuzz/$name.log"
        continue
    fi
    for input in "tests/fuzz/$name"/*; do
        if "$build/fuzz/$name" "$input" >/dev/null 2>"$build/fuzz/log"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED $build/fuzz/$name $input"
            tail -n 20 "$build/fuzz/log"
        fi
    done
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" = 0 ]

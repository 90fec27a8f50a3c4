#!/bin/sh
# docs.sh -- compiles every example of the documentation; see docs/language.md, "How to read this".
#
# usage: docs.sh [BUILD [FILE..]]      default: README.md docs/*.md
#
# A fenced block of `anedsl` is a program that must compile without a warning. Words after it
# change that:
#     statements        the body of a model with an input x: fp16[2, 3] and a result y
#     error "TEXT"      it must fail with exit code 1, saying TEXT
#     warning "TEXT"    it must compile with a warning, saying TEXT
#     generic           it is compiled as without --target; others, which are about the language, for host
#     file NAME         it is kept as NAME for the blocks behind it, which import it
# A clause (a paragraph that begins with its number in bold, **2.1**) without a block fails.
set -u
. "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.." || exit 1
build=$(cd "${1:-build}" && pwd) || exit 1
anec=$build/anec
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- README.md docs/*.md
temp=$(mktemp -d "${TMPDIR:-/tmp}/docs.XXXXXX")
trap 'rm -rf "$temp"' EXIT
passed=0 failed=0

# One file for each block, `LINE.anedsl`, and a line `LINE CLAUSE WORDS..` for each in the list.
extract() {
    awk -v dir="$temp" '
        function end_clause() { if (clause != "" && !blocks) print clause_line, clause, "MISSING" }
        /^\*\*[0-9]+\.[0-9]+\*\*/ {
            end_clause()
            clause = $1; gsub(/\*/, "", clause); clause_line = FNR; blocks = 0
        }
        /^```/ && inside { inside = 0; close(out); next }
        /^```anedsl/ {
            inside = 1; blocks++
            out = dir "/" FNR ".anedsl"
            words = substr($0, 4)
            body = words ~ /^anedsl statements/
            printf "" > out
            if (body) print "model main(x: fp16[2, 3]) -> y {\n    y = relu(x)" > out
            print FNR, (clause == "" ? "-" : clause), words
            next
        }
        /^```/ { inside = 2; out = "/dev/null" }
        inside == 1 { print > out }
        END { end_clause() }' "$1" >"$temp/list"
}

check_block() { # check_block FILE LINE CLAUSE WORDS..
    doc=$1 line=$2 clause=$3
    shift 3
    words=$*
    target=host
    program=$temp/$line.anedsl
    case $words in
    MISSING) echo "FAILED $doc:$line: clause $clause has no example"; return 1 ;;
    *" file "*) mv "$program" "$temp/${words##* file }"; return 0 ;;
    *statements*) echo '}' >>"$program" ;;
    esac
    case $words in *generic*) target=generic ;; esac
    "$anec" --target $target --check "$program" >"$temp/out" 2>&1
    status=$?
    want=$(printf '%s\n' "$words" | sed -nE 's/.* error "(.*)"$/\1/p')
    warns=$(printf '%s\n' "$words" | sed -nE 's/.* warning "(.*)"$/\1/p')
    if [ -n "$warns" ]; then
        [ $status = 0 ] && grep -qF -- "$warns" "$temp/out" && return 0
        echo "FAILED $doc:$line: clause $clause: expected a warning saying: $warns"
    elif [ -z "$want" ]; then
        [ $status = 0 ] && [ ! -s "$temp/out" ] && return 0
        echo "FAILED $doc:$line: clause $clause does not compile (exit $status)"
    else
        [ $status = 1 ] && grep -qF -- "$want" "$temp/out" && return 0
        echo "FAILED $doc:$line: clause $clause: expected an error saying: $want"
    fi
    sed 's/^/    /' "$temp/out"
    return 1
}

for doc; do
    rm -f "$temp"/*.anedsl
    extract "$doc"
    while read -r line clause words; do
        if check_block "$doc" "$line" "$clause" "$words"; then passed=$((passed + 1))
        else failed=$((failed + 1)); fi
    done <"$temp/list"
done
echo "docs: $passed passed, $failed failed"
[ "$failed" = 0 ]

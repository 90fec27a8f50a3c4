#!/bin/sh
# signature.sh -- for each case of tests/legal and two chips a line: which passes changed how much, and the
# statements that come out, those that follow each other with their number.
# usage: signature.sh TEMPORARY
cd ../../legal || exit 1
for file in *.mil; do
    for chip in m1 m4; do
        echo "// case ${file%.mil} $chip"
        anec -q --target $chip --dump-after all -o "$1/y.mil" "$file" 2>&1
        echo "// exit $?"
    done
done | awk '
function put(word) {
    if (length(line) + length(word) > 110) { print line; line = "   " }
    line = line " " word
}
function flush_run() {
    if (run) put(run > 1 ? run " " last : last)
    run = 0
}
/^\/\/ case / { head = $3 " " $4; n = 0; next }
/^\/\/ after / { sub(":", "", $3); head = head " " $3 " " $4; n = 0; next }
/^\/\/ exit / {
    print head ($3 == 0 ? "" : " (" $3 ")")
    line = "   "
    for (i = 1; i <= n; i++) {
        if (ops[i] != last) flush_run()
        last = ops[i]
        run++
    }
    flush_run()
    last = ""
    print line
}
/^[^=]*= [a-z0-9_]+(<[a-z0-9]+>)?\(/ {
    op = $0
    sub(/^[^=]*= /, "", op)
    sub(/[<(].*/, "", op)
    if (op != "const") ops[++n] = op
}'

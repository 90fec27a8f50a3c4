#!/bin/sh
# pages.sh -- pages of docs/ that the tools write from their tables are what the tables say.
# usage: pages.sh BUILD            compares; ends with `pages: N passed, N failed`
#        pages.sh --write BUILD    writes them
set -u
write=
[ "${1:-}" != --write ] || { write=1; shift; }
. "$(dirname "$0")/usage.sh"
build=$1 passed=0 failed=0
text=$(mktemp "${TMPDIR:-/tmp}/pages.XXXXXX")
trap 'rm -f "$text"' EXIT

page() { # page FILE COMMAND..
    file=$1
    shift
    if ! "$@" >"$text"; then
        echo "pages: $* failed"
        failed=$((failed + 1))
    elif [ -n "$write" ]; then
        cp "$text" "$file"
    elif cmp -s "$text" "$file"; then
        passed=$((passed + 1))
    else
        diff -u "$file" "$text" | head -n 20
        echo "pages: $file is not what the tables say; make docs writes it"
        failed=$((failed + 1))
    fi
}

page docs/ops.md "$build/ops-doc"
page docs/targets.md "$build/anec" --doc-targets
page editors/vscode/syntaxes/anedsl.tmLanguage.json python3 editors/grammar.py "$build"
first_run() { # the page but for the list, and the list
    sed '/^| trial |/,$d' docs/first-run-on-a-mac.md && "$build/aneprobe" --doc-first
}
page docs/first-run-on-a-mac.md first_run
form_list() { # the page but for the list, and the list
    sed '/^    forms$/,$d' docs/compression.md && "$build/anec" --compress list | sed 's/^/    /'
}
page docs/compression.md form_list
faults=standin/faults.def
fault_list() { # the page but for the list, and the list
    sed '/^| fault |/,$d' docs/standin.md && printf '| fault | what happens |\n|---|---|\n' &&
        sed -n 's/^FAULT("\([^"]*\)", *"\(.*\)")$/| `\1` | \2 |/p' $faults
}
page docs/standin.md fault_list
echo "pages: $passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/sh
# format.sh -- every C file is laid out as .clang-format says. Other versions of clang-format lay some
# lines out otherwise, so only the one named here judges.
# usage: format.sh      from the top folder; clang-format -i FILE mends what it finds
set -u
version=14
found=
for tool in clang-format-$version clang-format; do
    "$tool" --version 2>/dev/null | grep -q "version $version\." && { found=$tool; break; }
done
if [ -z "$found" ]; then
    echo "format: skipped, clang-format $version is not here"
    echo "format: 0 passed, 0 failed"
    exit 0
fi
files=$(git ls-files '*.[ch]' 2>/dev/null || find . -name build -prune -o -name '*.[ch]' -print)
all=$(printf '%s\n' "$files" | grep -c .)
wrong=$(printf '%s\n' "$files" | xargs -n 32 -P "${JOBS:-2}" "$found" --dry-run -Werror 2>&1 \
    | sed -n 's/^\([^: ]*\):.*error:.*/\1/p' | LC_ALL=C sort -u)
failed=$(printf '%s' "$wrong" | grep -c .)
[ -z "$wrong" ] || printf "%s: not laid out as .clang-format says: $found -i mends it\n" $wrong
echo "format: $((all - failed)) passed, $failed failed"
[ "$failed" = 0 ] && [ "$all" != 0 ]

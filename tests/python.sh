#!/bin/sh
# python.sh -- the Python package: installed by pip from the checkout, used from an empty folder.
# usage: python.sh BUILD            ends with `python: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
top=$(cd "$(dirname "$0")/.." && pwd)
case $1 in /*) build=$1 ;; *) build=$top/$1 ;; esac
python=/usr/bin/python3 # Debian's, which has numpy and pytest
[ -x "$python" ] || python=python3
folder=$(mktemp -d "${TMPDIR:-/tmp}/python.XXXXXX")
trap 'rm -rf "$folder"' EXIT

# pip makes files in the folder that it installs from.
cp -r "$top/python" "$folder/package" && cp "$top/Makefile" "$folder" && mkdir "$folder/empty" "$folder/site" || exit 1
if ! ANEC_LIBRARY=$build/libanec.so "$python" -m pip install -q --no-deps --no-index --disable-pip-version-check \
    --target "$folder/site" "$folder/package" >"$folder/log" 2>&1; then
    tail -n 20 "$folder/log"
    echo "python: 0 passed, 1 failed"
    exit 1
fi
cd "$folder/empty" || exit 1
PYTHONPATH=$folder/site ANETRAIN=$build/anetrain ANEC_CACHE_DIR=$folder/cache PYTHONDONTWRITEBYTECODE=1 \
    "$python" -m pytest -q -p no:cacheprovider "$top/python/tests" >"$folder/log" 2>&1
status=$?
[ "$status" = 0 ] || tail -n 60 "$folder/log"
passed=$(sed -n 's/.*[^0-9]\([0-9][0-9]*\) passed.*/\1/p; s/^\([0-9][0-9]*\) passed.*/\1/p' "$folder/log" | tail -n 1)
failed=$(sed -n 's/.*[^0-9]\([0-9][0-9]*\) failed.*/\1/p; s/^\([0-9][0-9]*\) failed.*/\1/p' "$folder/log" | tail -n 1)
[ "$status" = 0 ] || [ "${failed:-0}" != 0 ] || failed=1
echo "python: ${passed:-0} passed, ${failed:-0} failed"
[ "${failed:-0}" = 0 ]

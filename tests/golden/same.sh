# same.sh -- what a case about a rewritten program looks at: its operations, types and constants (ops.py), and whether
# it computes what the program did before, on the reference, for drawn inputs; its results where nothing is known of
# those of before.
# usage: sh same.sh BEFORE AFTER [anerun options]
before=$1 after=$2
shift 2
here=$(dirname "$0")
python3 "$here/ops.py" "$after" || exit
out=$(mktemp -d "${TMPDIR:-/tmp}/same.XXXXXX")
trap 'rm -rf "$out"' EXIT
anerun -q --backend ref --random 1 "$@" "$before" -O "$out/a" >"$out/said" 2>&1 || { cat "$out/said"; exit; }
anerun -q --backend ref --random 1 "$@" "$after" -O "$out/b" >"$out/said" 2>&1 || { cat "$out/said"; exit; }
if anediff --rtol 2e-2 --atol 2e-2 "$out/a" "$out/b" >"$out/said" 2>&1; then echo "the same results"
else sed "s|$out/||g" "$out/said"; fi

# usage.sh -- sourced first by the scripts that take BUILD, when their own options are shifted away: an option in
# its place, or nothing where it must be given, is answered by the script's usage and exit code 2.
usage=$(sed -n 's/^# usage: /usage: /p' "$0")
case ${1:-}:$usage in
-* | :*'.sh BUILD'*) echo "$usage" >&2; exit 2 ;;
esac

# all.sh < LIST -- each program of a list, as every view shows it, and some opsets and chips have it:
# sums of what is printed, so that nothing of it changes without a word. `anec VIEW FILE` shows what a sum is of.
views='--stats|--stats --json|--emit dot|--emit json|--opset ios15|--opset ios17|--opset ios18|--target m1|--target m5'
while read -r f; do
    sums= rest=$views
    while [ "$rest" ]; do
        sums="$sums $(anec -q ${rest%%|*} "$f" 2>&1 </dev/null | cksum | cut -d' ' -f1)"
        case $rest in *'|'*) rest=${rest#*|} ;; *) rest= ;; esac
    done
    echo "${f#../}$sums"
done

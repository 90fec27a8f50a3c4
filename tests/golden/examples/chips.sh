# chips.sh -- what the cases here run: an example compiled for every chip, the text of each that differs
# from the chip before, and its results on drawn inputs.
# usage: sh chips.sh EXAMPLE OUT [anec options]
example=$1 out=$2
shift 2
previous=
for chip in generic m1 m2 m3 m4 m5; do
    mkdir -p "$out/$chip"
    anec -q "../../../examples/$example.anedsl" --target $chip "$@" -o "$out/$chip/model.mil" || exit
    if [ -n "$previous" ] && cmp -s "$out/$previous/model.mil" "$out/$chip/model.mil" &&
        { [ ! -e "$out/$chip/weights" ] || cmp -s "$out/$previous/weights/weight.bin" "$out/$chip/weights/weight.bin"; }
    then
        echo "$chip: the same as $previous"
    else
        echo "$chip:"
        cat "$out/$chip/model.mil"
        echo
    fi
    previous=$chip
done
for chip in m1 m4; do
    echo "$chip on random inputs:"
    anerun -q --backend ref "$out/$chip/model.mil" --random 1 || exit
done

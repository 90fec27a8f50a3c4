# chips.sh -- what the cases here run: an example compiled for every chip. Of each that differs from the chip
# before: what it takes and gives, its operations by kind, what it weighs, and its results on drawn inputs. Names
# of inner values and the order of statements are no promise of the compiler, so they are not looked at; -t prints
# the text as well, for the one small example that shows how both dialects are written.
# usage: sh chips.sh [-t] EXAMPLE OUT [anec options]
text=
[ "$1" = -t ] && { text=yes; shift; }
example=$1 out=$2
shift 2
previous=
for chip in generic m1 m2 m3 m4 m5; do
    mkdir -p "$out/$chip"
    model=$out/$chip/model.mil
    anec -q "../../../examples/$example.anedsl" --target $chip "$@" -o "$model" || exit
    if [ -n "$previous" ] && cmp -s "$out/$previous/model.mil" "$model" &&
        { [ ! -e "$out/$chip/weights" ] || cmp -s "$out/$previous/weights/weight.bin" "$out/$chip/weights/weight.bin"; }
    then
        echo "$chip: the same as $previous"
    else
        echo "$chip:"
        [ -z "$text" ] || { cat "$model" && echo; }
        anerun --describe "$model" && anec --stats "$model" &&
            anerun -q --backend ref "$model" --random 1 || exit
    fi
    previous=$chip
done

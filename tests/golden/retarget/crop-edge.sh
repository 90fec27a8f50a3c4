# crop_resize from one opset to another: of boxes that are known to stay inside nothing is said; of others it is said
# that numbers may differ where they reach outside, and beside it stands whether they do.
temp=$1
crop() { # crop FROM TO 'roi | boxes' 'SHAPE OF THE BOXES' 'RESULT' 'BOXES, or nothing' 'MORE ARGUMENTS'
    known=given
    [ -z "$6" ] || known="tensor<fp32, $4>($6)"
    cat >"$temp/m.mil" <<END
program(1.3)
{
    func main<$1>(tensor<fp32, [1, 1, 4, 4]> x, tensor<fp32, $4> given) {
        tensor<fp32, $5> y = crop_resize(x = x, $3 = $known, target_height = int32(2), target_width = int32(2)$7)[name = string("y")];
        tensor<fp32, $4> z = identity(x = given)[name = string("z")];
    } -> (y, z);
}
END
    anec --opset "$2" -o "$temp/o.mil" "$temp/m.mil" 2>"$temp/said" || { cat "$temp/said"; return; }
    for side in m o; do
        anerun -q -b ref --random 1 -O "$temp/$side" "$temp/$side.mil" >/dev/null || return
    done
    said='nothing is said' same=differs
    grep -q 'opset-edge' "$temp/said" && said='it is said'
    cmp -s "$temp/m/y.npy" "$temp/o/y.npy" && same=equal
    echo "$1 to $2, ${6:-boxes that are given}$7: $said, $same"
}
roi() { crop "$1" "$2" roi '[1, 1, 4, 1, 1]' '[1, 1, 1, 2, 2]' "$3" "$4"; }
box() { crop "$1" "$2" boxes '[1, 4]' '[1, 1, 2, 2]' "$3" "$4"; }

ends=', sampling_mode = string("ALIGN_CORNERS")'
whole='[[[[[0]], [[0]], [[3]], [[3]]]]]'
for to in 16 17 18 26; do roi ios15 ios$to "$whole" "$ends"; done
roi ios15 ios16 '[[[[[0]], [[0]], [[3]], [[3.5]]]]]' "$ends"
roi ios15 ios16 '[[[[[-0.5]], [[0]], [[3]], [[3]]]]]' "$ends"
roi ios15 ios16 '[[[[[3]], [[3]], [[0]], [[0]]]]]' "$ends"
roi ios15 ios16 '[[[[[0]], [[0]], [[1]], [[1]]]]]' "$ends, normalized_coordinates = bool(true)"
roi ios15 ios16 '[[[[[0]], [[0]], [[1]], [[1.1]]]]]' "$ends, normalized_coordinates = bool(true)"
roi ios15 ios16 '[[[[[0]], [[0]], [[6]], [[6]]]]]' "$ends, spatial_scale = fp32(0.5)"
roi ios15 ios16 '' "$ends"
roi ios16 ios15 "$whole" "$ends"
roi ios16 ios15 '' "$ends"
roi ios16 ios17 '' "$ends"
box ios17 ios15 '[[0, 0, 3, 3]]' "$ends"
box ios17 ios15 '[[0, 0, 3, 4]]' "$ends"
box ios18 ios15 '' "$ends"
box ios18 ios16 '[[0, 0, 3, 4]]' "$ends"
roi ios15 ios16 "" ""
sed 's|.*/m.mil|m.mil|' "$temp/said"

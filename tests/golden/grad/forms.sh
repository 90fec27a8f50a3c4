# forms.sh DIR -- each line of forms.list, the input's shape and an expression of x and of places that are known when
# it runs, at = [0, 1, 1]: the gradient of the sum of its squares by x.
while IFS='|' read -r shape y; do
    cat > "$1/g.anedsl" <<P
model main(x: fp32[$shape], p: fp32[3]) -> dx {
    at = mil.cast(x = p * 0.0 + [0.0, 1.0, 1.0], dtype = "int32")
    y = $y
    dx = grad(mil.reduce_sum(x = y * y, keep_dims = false), x)
}
P
    echo "$y"
    anerun -q -b ref --random 5 "$1/g.anedsl" 2>&1
done < forms.list

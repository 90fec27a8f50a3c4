# compressed.sh DIR -- weights that stay compressed: products with them are what the reference makes of decoded ones, one
# row and many, either way round; and the most memory of a run is less than the decoded weights alone have.
cd "$1"
decoded=$((2 * 2 * 2304 * 2304))
model() {
    cat << M
import "std"
weight a: [2304, 2304] = normal(std = 0.02)
weight b: [2304, 2304] = normal(std = 0.02)
model main(x: fp16[$1, 2304]) -> y {
    y = matmul(linear(x, a), b)
}
M
}
most() { # most MODEL: bytes
    python3 -c 'import os, subprocess, sys
p = subprocess.Popen(["anerun", "-q", "-b", "cpu", "--threads", "1", "--random", "1", "-O", "got", sys.argv[1]])
print(os.wait4(p.pid, 0)[2].ru_maxrss * 1024)' "$1"
}
# What a sanitizer's build needs for itself tells nothing of the weights.
less_than_decoded() { most=$(most m.mil); [ -n "${GOLDEN_SLOW:-}" ] || [ "$most" -lt $decoded ]; }
check() { # check ROWS FORM
    model "$1" > m.anedsl
    anec -q --compress "$2" -o m.mil m.anedsl
    anerun -b cpu --plan m.mil | grep -q 'compressed weights' || echo "$1 rows, $2: they are decoded"
    less_than_decoded || echo "$1 rows, $2: it takes $most bytes"
    anerun -q -b ref --random 1 -O ref m.mil
    anediff --rtol 4e-3 --atol 4e-3 ref got || echo "$1 rows, $2"
}
model 1 > m.anedsl
anec -q --compress none -o dense.mil m.anedsl
[ "$(most dense.mil)" -gt $decoded ] || echo "this tells nothing"
anerun -q -b ref --random 1 -O ref dense.mil
anediff --rtol 4e-3 --atol 4e-3 ref got || echo "dense"
check 1 int8
check 1 'lut4(group = 32)'
check 1 'sparse(0.6)'
check 20 'int4(block = 32)'
echo done

# bin() { python3 - "$@" <<'EOF'
import struct, sys
name, *shape = sys.argv[1:]
dim, hidden, layers, heads, kv, words, places = map(int, shape)
n = abs(words) * dim * (1 + (words < 0)) + dim + layers * (2 * dim + 2 * dim * dim + 2 * dim * dim // heads * kv + 3 * dim * hidden) + places * dim // heads
open(name, 'wb').write(struct.pack('<7i', *map(int, shape)) + b''.join(struct.pack('<f', (i * 37 % 101 - 50) / 100) for i in range(n)))
EOF
}
try() { echo "$ $*" >&2; "$@" 2>&1 | sed -E 's/^(logits: fp32 \[[0-9, ]*\]).*/\1/' >&2; }
cd %t
bin small.bin 8 12 2 2 1 16 6
bin own.bin 8 12 1 2 2 -16 6
for f in small own; do
    for b in ref cpu; do try anerun $f.bin -b $b --random 1; done
    try anec $f.bin --target host -o $f.mil
    try anerun $f.mil -b cpu --random 1
    try anediff --target host --ignore names $f.bin $f.mil
done
try anerun small.bin -b sim:m1 --random 1 --set length=2
try anec small.bin -o small.mil
try anec small.bin --target host --set length=0 -o small.mil
try anec small.bin --target host --set dims=8 -o small.mil
try anec small.bin --weights own.bin -o small.mil
try anec gone.bin -o small.mil
head -c 100 small.bin >cut.bin
try anec cut.bin -o small.mil
printf 'ak43' >wrong.bin; tail -c +5 small.bin >>wrong.bin
try anec wrong.bin -o small.mil
try anegen small.bin -p abc -n 3 -t 0
try anegen small.bin --vocab gone.bin -p a
try anetrain small.bin --data x.npy
cat >named.anedsl <<'EOF'
weights from "small.bin"
layer Block { weight wq: fp32[8, 8] }
model main(x: fp32[1, 8]) -> y {
    weight embedding: fp32[16, 8]
    layer blocks: Block[2]
    y = matmul(matmul(x, blocks[1].wq), embedding, transpose_y = true)
}
EOF
try anerun named.anedsl -b ref --random 1 -Wno-unread-tensor -Wno-shared-tensor

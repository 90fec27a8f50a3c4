# run() { echo "$ $*" >&2; anetrain -b sim:m1 --log-every 99 --save-every 4 "$@" 2>&1 | sed -E '/^step|^done|^stopped|^anetrain:/d' >&2; }
cp float.anedsl rules.anedsl %t
cat >%t/far.anedsl <<'EOF'
import "std"
layer Block {
    weight v: fp32[4, 4] = normal(std = 0.5)
    fn (x) = x + tanh(linear(x, v))
}
model main(x: fp32[2, 4]) -> loss {
    layer blocks: Block[2]
    weight w: fp32[20000, 4] = normal(std = 0.1)
    for b in blocks { x = b(x) }
    loss = mean(linear(x, w) ** 2.0)
}
EOF
printf 'param wrong_states = 0\nfn wrong(w, g, s, h) = [reduce_sum(w, axes = [0])]\n' >%t/wrong.anedsl
cd %t
all="--data built-in:tiny --optimizer-on engine"
for o in sgd momentum adam lion rules.anedsl:heavy; do
    run float.anedsl $all --optimizer $o --lr 1e-2 --steps 8 -o $o
    cut -d, -f3,5,6 $o/log.csv | sed -n '2p;9p' >&2
done
run --resume adam/step-00000004.safetensors -o again
cmp adam/step-00000008.safetensors again/step-00000008.safetensors && echo "resumed as if it had not stopped" >&2
python3 - adam/step-00000008.safetensors >&2 <<'EOF'
import json, struct, sys
data = open(sys.argv[1], 'rb').read()
size = struct.unpack('<Q', data[:8])[0]
head = json.loads(data[8:8 + size])
for name in ('w', 'opt.0.w', 'opt.1.w'):
    at = head[name]['data_offsets'][0] + 8 + size
    v = struct.unpack('<9f', data[at:at + 36])
    lift = 1 if name == 'w' else 1024
    half = all(struct.unpack('<e', struct.pack('<e', x * lift))[0] == x * lift for x in v)
    print(name, 'times', lift, 'is fp16:', half)
print(json.loads(head['__metadata__']['settings'])['eps'])
EOF
run float.anedsl $all --lr 1e-3 --warmup 30 --min-lr 1e-5 --eps 1e-3 --steps 2 -o low
run far.anedsl $all --steps 1 -o far
run float.anedsl $all --optimizer wrong.anedsl:wrong --steps 1 -o wrong
run float.anedsl $all -b cpu
run float.anedsl $all --optimizer-on chip
run float.anedsl $all -Wno-half-update --steps 1 -o quiet
run float.anedsl $all -Werror=half-update --steps 1 -o error

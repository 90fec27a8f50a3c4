# cd %t
# Names of torch are read for w, b and g where there is no tensor of these names; others are not, and a counter of batches is no news.
python3 - <<'END'
import json, struct
def write(file, names):
    head, at = {}, 0
    for name, shape in names:
        size = 4
        for d in shape: size *= d
        head[name] = { 'dtype': 'F32', 'shape': shape, 'data_offsets': [at, at + size] }
        at += size
    text = json.dumps(head).encode()
    open(file, 'wb').write(struct.pack('<Q', len(text)) + text + b'\0\0\x80?' * (at // 4))
norm = [('bn.' + n, [2]) for n in ('weight', 'bias', 'running_mean', 'running_var')]
write('torch.safetensors', [('fc.weight', [2, 2])] + norm + [('bn.num_batches_tracked', [])])
write('own.safetensors', [('fc.weight', [2, 2]), ('fc.w', [2, 2])] + norm)
write('none.safetensors', [('fc.weights', [2, 2])] + norm)
END
for f in torch own none; do
    echo $f
    cat >$f.anedsl <<END
import "std"
weights from "$f.safetensors"
model main(x: fp16[1, 2, 1, 2]) -> y {
    layer fc: Linear(2, 2), bn: BatchNorm(2)
    y = bn(fc(x))
}
END
    anec --target host -o $f.mil $f.anedsl 2>&1 && anerun $f.mil -b ref --random 1 2>&1
done
true

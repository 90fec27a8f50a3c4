# cd %t
# What a weight that finds no tensor is told: a prefix, names near its own, tensors of its shape; and what nobody reads.
python3 - <<'END'
import json, struct
def write(file, names, shape=[1]):
    head = { name: { 'dtype': 'F16', 'shape': shape, 'data_offsets': [2 * i, 2 * i + 2] } for i, name in enumerate(names) }
    text = json.dumps(head).encode()
    open(file, 'wb').write(struct.pack('<Q', len(text)) + text + bytes(2 * len(names)))
write('prefix.safetensors', ['model.body.a', 'model.body.scale'])
write('torch.safetensors', ['net.body.weight', 'net.body.a'])
write('long.safetensors', ['a', 'w'])
write('near.safetensors', ['body.aa', 'body.ab', 'body.ac', 'body.ad', 'bn.num_batches_tracked', 'body.w'])
write('shape.safetensors', ['encoder.kernel_' + str(i) for i in range(14)])
write('none.safetensors', ['x', 'y'], [1, 1])
END
program() {
    echo "weights from \"$1.safetensors\"$2"
    echo 'layer Body { weight a, w: [1]'
    echo 'fn (x) = x * a + w }'
    echo 'model main(x: fp16[1]) -> y { layer body: Body'
    echo 'y = body(x) }'
}
for f in prefix torch near shape none; do echo $f:; program $f >p.anedsl; anec --target host -o p.mil p.anedsl 2>&1; done
echo as:; program long ' as "{path}"' >p.anedsl; anec --target host -o p.mil p.anedsl 2>&1
echo right:; program torch ' as "net.{path}"' >p.anedsl; anec --target host -o p.mil p.anedsl 2>&1
echo many:; { echo 'weights from "none.safetensors"'; echo 'layer L { weight a: [1]'; echo 'fn (x) = x + a }'; echo 'model main(x: fp16[1]) -> y { layer l: L[30]'; echo 'y = l(x) }'; } >p.anedsl
anec --target host -o p.mil p.anedsl 2>&1 | tail -n 5; true

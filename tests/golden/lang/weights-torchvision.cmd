# mkdir %t/m && cp parts/resnet18.anedsl parts/mobilenet_v2.anedsl %t/m && cd %t/m && sed -i 's,"../,",' *.anedsl
# Checkpoints with the names and shapes that torchvision's models have, an eighth as wide: each tensor is read, none is missing.
python3 - <<'END'
import json, random, struct
random.seed(1)
by, tensors = 8, {}
def conv(name, outputs, inputs, size): tensors[name + '.weight'] = [outputs, inputs, size, size]
def norm(name, n):
    for part in ('weight', 'bias', 'running_mean', 'running_var'): tensors[name + '.' + part] = [n]
    tensors[name + '.num_batches_tracked'] = []
def write(file):
    head, body = {}, b''
    for name, shape in tensors.items():
        n = 1
        for d in shape: n *= d
        fan = n / shape[0] if shape else 1
        values = [random.uniform(.5, 1.5) if len(shape) < 2 else random.uniform(-1, 1) * (3 / fan) ** .5 for _ in range(n)]
        head[name] = { 'dtype': 'F32', 'shape': shape, 'data_offsets': [len(body), len(body) + 4 * n] }
        body += struct.pack('<%df' % n, *values)
    text = json.dumps(head).encode()
    open(file, 'wb').write(struct.pack('<Q', len(text)) + text + body)
    print(file, len(tensors))
    tensors.clear()

conv('conv1', 64 // by, 3, 7); norm('bn1', 64 // by)
inputs = 64 // by
for layer, width in enumerate([64, 128, 256, 512]):
    width //= by
    for block in range(2):
        at = 'layer%d.%d' % (layer + 1, block)
        conv(at + '.conv1', width, inputs, 3); norm(at + '.bn1', width)
        conv(at + '.conv2', width, width, 3); norm(at + '.bn2', width)
        if inputs != width: conv(at + '.downsample.0', width, inputs, 1); norm(at + '.downsample.1', width)
        inputs = width
tensors['fc.weight'] = [1000, inputs]; tensors['fc.bias'] = [1000]
write('resnet18.safetensors')

def norm_act(name, outputs, inputs, size): conv(name + '.0', outputs, inputs, size); norm(name + '.1', outputs)
norm_act('features.0', 32 // by, 3, 3)
inputs, at = 32 // by, 1
for expand, width, n in [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)]:
    for _ in range(n):
        path, wide, k = 'features.%d.conv' % at, inputs * expand, 0
        if expand > 1: norm_act(path + '.0', wide, inputs, 1); k = 1
        norm_act(path + '.%d' % k, wide, 1, 3)
        conv(path + '.%d' % (k + 1), width // by, wide, 1); norm(path + '.%d' % (k + 2), width // by)
        inputs, at = width // by, at + 1
norm_act('features.%d' % at, 1280 // by, inputs, 1)
tensors['classifier.1.weight'] = [1000, 1280 // by]; tensors['classifier.1.bias'] = [1000]
write('mobilenet_v2.safetensors')
END
for f in resnet18 mobilenet_v2; do
    mkdir $f && cd $f && anec --set by=8 --set size=64 --target host -o $f.mil ../$f.anedsl &&
    for chip in m1 m5; do
        mkdir $chip && anec --set by=8 --set size=64 -Wno-contradicted --target $chip -o $chip/x.mil ../$f.anedsl &&
        anerun -q --random 1 -O a -b ref $f.mil && anerun -q --random 1 -O b -b ref $chip/x.mil &&
        anediff --rtol 0.02 --atol 0.02 a b && echo $f is the same for $chip
    done
    cd ..
done

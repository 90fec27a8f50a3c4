# cd %t && cat >run.py <<'END'
# Each model on as many positions as its bucket has less of: the exact program's results, or the reason why not.
import os, struct, subprocess, sys
def read(path):
    data = open(path, 'rb').read()
    n = struct.unpack('<H', data[8:10])[0]
    head = eval(data[10:10 + n])
    code = {'<f4': 'f', '<f2': 'e', '<i4': 'i'}[head['descr']]
    return head['shape'], [x[0] for x in struct.iter_unpack('<' + code, data[10 + n:])]
def run(*words):
    out = subprocess.run(['anerun', '-q', '--random', '1', *words], capture_output=True, text=True)
    return out.returncode, out.stderr.split('\n')[0]
for line in open('models.txt'):
    what, inputs, body = [part.strip() for part in line.split(';')]
    names = [r for r in ('y', 'z') if r + ' =' in body]
    body = '\n'.join('    ' + part.strip() for part in body.split('|'))
    open('m.anedsl', 'w').write('import "std"\nweights init normal(std = 0.3)\nmodel main(' + inputs + ') -> ' + ', '.join(names) + ' {\n' + body + '\n}\n')
    status, said = run('-b', 'ref', '-O', 'exact', 'm.anedsl')
    if status:
        print(what, '-> the exact program:', said)
        continue
    for backend, bucket, near in (('ref', '8', 1e-6), ('ref', '3', 0), ('cpu', '4,16', 1e-5), ('sim:m1', '1,8', 0.02)):
        status, said = run('-b', backend, '--buckets', bucket, '-O', 'padded', 'm.anedsl')
        if status:
            print(what, '->', said.split(' gives: ')[-1] if ' gives: ' in said else said)
            break
        for name in names:
            (a, x), (b, y) = read('exact/' + name + '.npy'), read('padded/' + name + '.npy')
            far = max(abs(p - q) for p, q in zip(x, y)) / max(1, max(map(abs, x)))
            if a != b or not far <= near:
                print(what, 'on', backend, name, a, b, far)
    else:
        print(what, '-> equal')
END
cat >models.txt <<'END'
place by place; x: fp16[1, 4, 1, n = 3 in 1..64], z0: fp16[n]; y = gelu(x * 2.0 + z0) / (x * x + 1.0) | z = exp(x)
other axes; x: fp16[1, 4, 1, n = 3 in 1..64]; y = layer_norm(softmax(x, axis = 1)) | z = reduce_sum(x, axes = [1])
a softmax along it; x: fp16[1, 4, 1, n = 3 in 1..64]; y = softmax(x - 5.0, axis = -1) | z = softmax(x * 0.0 - 3.0, axis = 3)
sums along it; x: fp16[2, n = 3 in 1..64]; y = reduce_sum(exp(x), axes = [1]) | z = reduce_mean(exp(x), axes = [1], keep_dims = true)
sums of all; x: fp16[2, n = 3 in 1..64]; y = reduce_mean(x + 1.0, axes = [0, 1]) | z = reduce_sum(x + 1.0, axes = [0, 1])
the largest and the least; x: fp16[2, n = 3 in 1..64]; y = reduce_max(x - 2.0, axes = [1]) | z = reduce_min(x + 2.0, axes = [-1], keep_dims = true)
what is no number where it is padded; x: fp16[2, n = 3 in 1..64]; y = reduce_sum(1.0 / x, axes = [1]) | z = reduce_max(log(abs(x)), axes = [1])
products that contract it; x: fp16[4, n = 3 in 1..64], z0: fp16[n, 5]; y = (x + 1.0) @ (z0 + 2.0) | z = x @ transpose(x, perm = [1, 0])
a product along a batch; x: fp16[n = 3 in 1..64, 4, 2], z0: fp16[n, 2, 3]; y = x @ z0 | z = x @ fill([2, 3], 0.5)
a table of weights; x: fp16[n = 3 in 1..64, 4]; weight w: [5, 4] | y = mil.linear(x, w) | z = transpose(x, perm = [1, 0])
a convolution along it; x: fp16[1, 4, 1, n = 3 in 1..64]; layer a: Conv1d(4, 6, 3, pad = 1, bias = true), b: Conv1d(6, 2, 5, pad = 4, dilation = 2) | y = b(relu(a(x + 1.0)) + 1.0)
rows of a table by numbers; ids: int32[n = 3 in 1..64]; weight t: [7, 4] | y = embedding(ids, t) + 1.0 | z = reduce_sum(embedding(ids, t), axes = [0])
other shapes; x: fp16[1, 6, 1, n = 3 in 1..64]; y = reshape(x, [2, 3, x.shape[3]]) | z = expand_dims(squeeze(x, axes = [0, 2]), axes = [1])
other axes cut and joined; x: fp16[1, 6, 1, n = 3 in 1..64]; a, b = split(x, num_splits = 2, axis = 1) | y = concat(b, a, x[:, 0:2], axis = 1) | z = x[0, 1:3]
sums from the beginning on; x: fp16[2, n = 3 in 1..64]; y = cumsum(x, axis = 1)
attention; x: fp16[1, 16, 1, n = 3 in 1..64]; layer a: Attention(16, 4, 2), b: MultiHeadAttention(16, 2), c: Attention(16, 2, interleaved = true) | y = b(a(x)) + c(x)
to a memory; x: fp16[1, 8, 1, 5], m: fp16[1, 8, 1, n = 3 in 1..64]; layer a: MultiHeadAttention(8, 2) | y = a(x, m)
nothing flexible; x: fp16[4]; y = x + 1.0
a fixed one beside it; x: fp16[4], z0: fp16[n = 3 in 1..64, 4]; y = x + z0
a slice of it; x: fp16[2, n = 3 in 1..64]; y = x[:, -1]
its beginning; x: fp16[2, n = 3 in 2..64]; y = x[:, 0:2]
joined along it; x: fp16[2, n = 3 in 1..64]; y = concat(x, x, axis = 1)
joined with what was not padded; x: fp16[2, n = 3 in 1..64], z0: fp16[1, 3]; y = concat(x, z0, axis = 0)
turned round; x: fp16[2, n = 3 in 1..64]; y = reverse(x, axes = [1])
a norm over it; x: fp16[2, n = 3 in 1..64]; y = mil.layer_norm(x, axes = [1])
sums from the end on; x: fp16[2, n = 3 in 1..64]; y = cumsum(x, axis = 1, reverse = true)
joined with another axis; x: fp16[2, n = 3 in 1..64]; y = reshape(x, [x.shape[1] * 2])
its size; x: fp16[2, n = 3 in 1..64]; y = x * n
its size as a number; x: fp16[2, n = 3 in 1..64]; y = x + 1.0 | z = n + 0
half its size; x: fp16[2, n = 4 in 2..64]; y = fill([n // 2], 1.0)
taken out of it; x: fp16[n = 3 in 1..64, 2], ids: int32[2]; y = gather(x, ids, axis = 0)
pooled; x: fp16[1, 2, 4, n = 4 in 2..64]; y = max_pool2d(x, 2)
a stride; x: fp16[1, 4, 1, n = 4 in 2..64]; layer a: Conv1d(4, 4, 3, stride = 2, pad = 1) | y = a(x)
integers along it; x: int32[2, n = 3 in 1..64]; y = reduce_sum(x, axes = [1])
a choice; x: fp16[n = 3 in 1..64]; y = cond(true, relu, sigmoid, x)
one side of a product; x: fp16[4, n = 3 in 3..3], z0: fp16[3..64, 5]; y = x @ z0
two dimensions; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = x + 1.0 | z = exp(x) * softmax(x, axis = 0)
sums along both; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = reduce_sum(exp(x), axes = [0, 1]) | z = reduce_max(x - 2.0, axes = [0], keep_dims = true)
means of both; x: fp32[b = 3 in 1..8, n = 3 in 1..64, 4]; y = reduce_mean(x + 1.0, axes = [0, 1]) | z = reduce_mean(x + 1.0, axes = [1]) + reduce_mean(x, axes = [1])
softmax of one and of the other; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = softmax(softmax(x, axis = 0) + 1.0, axis = 1)
height and width; x: fp16[1, 3, h = 3 in 1..16, w = 2 in 1..16]; layer a: Conv2d(3, 4, 3, pad = 1, bias = true), b: Conv2d(4, 2, 5, pad = 2) | y = b(relu(a(x + 1.0)) + 1.0)
batch and length; x: fp16[b = 2 in 1..8, 16, 1, n = 3 in 1..64]; layer a: Conv1d(16, 6, 3, pad = 1) | y = a(softmax(x, axis = 3) + 1.0) | z = layer_norm(x)
products of a batch; x: fp16[b = 2 in 1..8, n = 3 in 1..64, 4], z0: fp16[b, 4, m = 1 in 1..16]; y = x @ z0 | z = (x @ transpose(x, perm = [0, 2, 1])) @ x
two that a product makes one; x: fp16[k = 2 in 1..8, 3..16], z0: fp16[3..16, m = 1 in 1..8]; y = (x + 1.0) @ (z0 + 1.0)
two that a sum makes one; x: fp16[n = 3 in 1..8, n]; y = x + transpose(x, perm = [1, 0])
two joined on a third axis; x: fp16[2..8, 3..9, 2], z0: fp16[2..8, 3..9, 1]; y = concat(x, z0, axis = 2)
queries and a memory; x: fp16[1, 8, 1, k = 2 in 1..9], m: fp16[1, 8, 1, n = 3 in 1..64]; layer a: MultiHeadAttention(8, 2) | y = a(x, m)
heads of a batch; x: fp16[b = 2 in 1..8, 8, 1, n = 3 in 1..64]; q = reshape(x, [b, 2, 4, n]) | p = softmax(transpose(q, perm = [0, 1, 3, 2]) @ q, axis = 3) | y = x + reshape(q @ p, [b, 8, 1, n])
rows by numbers; ids: int32[b = 2 in 1..4, n = 3 in 1..64]; weight t: [7, 4] | y = embedding(ids, t) + 1.0 | z = reduce_sum(embedding(ids, t), axes = [1])
shapes of both; x: fp16[b = 2 in 1..8, n = 3 in 1..64, 8]; y = reshape(x, [b, n, 2, 4]) | z = transpose(x, perm = [1, 2, 0])
filled for both; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = x * fill([b, n], 2.0) | z = fill([n, b], 1.0)
inputs that never meet; x: fp16[2..8], z0: fp16[3..64]; y = x + 1.0 | z = softmax(z0, axis = 0)
each of the other; x: fp16[b = 2 in 1..8, 1], z0: fp16[1, n = 3 in 1..8]; y = x + z0 | z = reduce_sum(x * z0 + 1.0, axes = [0])
one name, and they never meet; x: fp16[n = 3 in 1..64], z0: fp32[2, n]; y = softmax(x - 5.0, axis = 0) | z = reduce_mean(exp(z0), axes = [1])
one name in three, and another one; x: fp16[b = 2 in 1..8, n = 3 in 1..64], z0: fp16[n], z1: int32[b, n]; weight t: [7, 4] | y = reduce_mean(x + 1.0, axes = [1], keep_dims = true) * softmax(x, axis = 1) | z = reduce_sum(embedding(z1, t), axes = [1])
a mask that goes with its ids; ids: int32[1, n = 3 in 1..64], m: fp16[1, n]; weight t: [7, 4] | e = embedding(ids, t) | y = softmax(e @ transpose(e, perm = [0, 2, 1]) + (m - 1.0) * 100.0, axis = 2) @ e | z = reduce_sum(m * 2.0, axes = [1]) / (reduce_sum(m, axes = [1]) + 1.0)
one name, one of them turned round; x: fp16[n = 3 in 1..64], z0: fp16[2, n]; y = x + 1.0 | z = reverse(z0, axes = [1])
joined along one; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = concat(x, x, axis = 0)
joined along the other; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = concat(x, x, axis = 1)
turned round in one; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = reverse(x, axes = [0])
both in one; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = reshape(x, [-1])
changed in order; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = reshape(x, [n, b])
what is left of them; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = reshape(x, [-1, b])
one over the other; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = reshape(x, [-1, n])
a size of both; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = fill([n + b], 1.0)
one more than a size; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = fill([n + 1], 1.0)
all but the last of one; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = x[:, 0:n - 1]
as many of one as of the other; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = x[:, 0:b]
as long by chance; x: fp16[8, n = 3 in 1..64], z0: fp16[m = 8 in 1..64]; y = reshape(x, [m, n])
as many of a table as it has; x: fp16[n = 3 in 1..3]; weight w: [3, 2] | y = w[0:x.shape[0]] + 1.0
a norm over one; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = mil.layer_norm(x, axes = [0])
from the end of one; x: fp16[b = 2 in 1..8, n = 3 in 1..64]; y = cumsum(x, axis = 0, reverse = true)
pooled on one; x: fp16[1, 2, h = 4 in 2..8, w = 4 in 2..64]; y = max_pool2d(x, 2)
a stride on one; x: fp16[1, 4, h = 4 in 2..8, w = 4 in 2..8]; layer a: Conv2d(4, 4, 3, stride = [1, 2], pad = 1) | y = a(x)
one as channels; x: fp16[1, c = 4 in 2..8, 1, w = 4 in 2..8]; weight w0: [4, 4, 1, 1] | y = mil.conv(x = x, weight = w0)
END
python3 run.py
printf 'model main(x: fp16[n = 5 in 2..24], z: fp16[n]) -> y = x + z\nmodel fixed(x: fp16[3]) -> y = x * 2.0\nmodel kept(x: fp16[?]) -> y {\n    state s: fp16[1]\n    write(s, read(s) + 1.0)\n    y = x * read(s)\n}\nmodel open(x: fp16[?]) -> y = x + 1.0\n' >m.anedsl
say() { echo "== $*"; anerun -q --random 1 "$@" 2>&1; }
printf 'model main(x: fp16[n = 5 in 2..24]) -> y = x * 2.0\n' >p.anedsl; say --buckets powers p.anedsl
say --buckets 2,4 m.anedsl
for b in 4,2 0 4, x 4,4 ''; do say --buckets "$b" m.anedsl; done
say --buckets 4 --target m1 m.anedsl
say --buckets 8 --function fixed m.anedsl
say --buckets 8 --function kept m.anedsl
printf 'model main(x: fp16[?]) -> y = x\n' >o.anedsl; say --buckets powers o.anedsl
anerun -q --random 1 -O o m.anedsl; printf 'model main(x: fp16[5]) -> y = x[0:3]\n' >c.anedsl; anerun -q -i x=o/y.npy -O o3 c.anedsl
say --buckets 8 -i x=o/y.npy -i z=o3/y.npy m.anedsl
printf 'model main(x: fp16[b = 2 in 1..8, n = 3 in 2..24], z: fp16[n]) -> y = x + z\nmodel many(x: fp16[1..9, 1..9, 1..9, 1..9, 1..9]) -> y = x\n' >t.anedsl
for b in 'x.0=1,2,4;x.1=4,8' powers '4,8;x.0=powers' 'z.0=16;4' 'x.0=2' 'x.2=2;4' 'w.0=2;4' 'x.1=4;z.0=8;x.0=2' 'x.0=1;4'; do say --buckets "$b" t.anedsl; done
printf 'model main(x: fp16[n = 5 in 2..24], z: fp16[n]) -> y, w {\n    y = x + 1.0\n    w = z * 2.0\n}\n' >one.anedsl
printf 'model main(x: fp16[5 in 2..24], z: fp16[5 in 1..64]) -> y, w {\n    y = x + 1.0\n    w = z * 2.0\n}\n' >two.anedsl
say one.anedsl; say --buckets 'x.0=4,8' one.anedsl; say --buckets 'z.0=4,8' one.anedsl; say --buckets 'x.0=8;z.0=16' one.anedsl
anec -q -t host one.anedsl -o one.mlpackage; anec -q -t host one.anedsl -o one.mil
for m in one.anedsl one.mlpackage one.mil; do for b in '' '--buckets 8' '--buckets x.0=8'; do say $b -i x=o/y.npy -i z=o3/y.npy $m; done; done
say -i x=o/y.npy -i z=o3/y.npy two.anedsl; say --buckets 8 -i x=o/y.npy -i z=o3/y.npy two.anedsl
say --buckets 'x.0+z.0=4,8' two.anedsl; say --buckets 'x.0+z.0=powers' two.anedsl; say --buckets 'z.0+x.0=4,8' -i x=o/y.npy -i z=o3/y.npy two.anedsl
for b in 'x.0=8' 'x.0+y.0=8' 'w.0+x.0=8' 'x.0+z.1=8' 'x.0+z.0=2'; do say --buckets "$b" two.anedsl; done
for b in 'x.0+=4' '+z.0=4' 'x.0+z.0' 'x.0+4,8' 'x.0+x.0=4' '+' 'x.0+z.0=4;z.0=8'; do say --buckets "$b" two.anedsl; done
for b in 'x.=4' '.0=4' 'x.0=' 'x.0x=4' 'x.16=4' 'x.0=4;x.0=8' '4;8' 'x.0=4;' 'x.0=powers2'; do say --buckets "$b" t.anedsl; done
say --function many --buckets 1,2,4,16 t.anedsl
say --function many --buckets 1,2,4,8,16 t.anedsl
python3 -c 'print("model main(" + ", ".join("x%d: fp16[1..64]" % i for i in range(65)) + ") -> y = x0")' >w.anedsl; say --buckets 1,2 w.anedsl | cut -c1-200
anec -q -t host m.anedsl -o m.mlpackage && say --buckets 8 -b sim:m5 --function main m.mlpackage
anerun -q -b ref -i x=o/y.npy -i z=o/y.npy --iterations 2 --buckets 8 m.anedsl

# cd %t && printf 'weight shared: fp32[3, 7] = normal(std = 0.5, seed = 3)\nlayer L {\n    weight a: fp32[2, 5] = uniform(-0.25, 0.75, seed = 7), b: [33] = normal(mean = 1.5)\n    fn (x) = x\n}\nmodel main(x: fp16[1]) -> y {\n    layer l: L[2]\n    y = l(x)\n}\n' >m.anedsl
# What the page says of drawn weights, its Python taken from it, is what they are.
anec -q -Wno-unused-weight --export-weights out m.anedsl
sed -n '/^```python/,/^```$/{/^```/d;p}' "$OLDPWD/../../../docs/runtime.md" >page.py
cat >>page.py <<'END'
import struct
def read(name):
    data = open('out/' + name + '.npy', 'rb').read()
    n = struct.unpack('<H', data[8:10])[0]
    code = 'e' if b'<f2' in data[:10 + n] else 'f'
    return code, [x[0] for x in struct.iter_unpack('<' + code, data[10 + n:])]
def same(name, number):
    code, have = read(name)
    want = [struct.unpack(code, struct.pack(code, number(i)))[0] for i in range(len(have))]
    print(name, len(have), 'equal' if have == want else [have[:4], want[:4]])
same('shared', lambda i: normal('shared', i, std=0.5, seed=3))
for k in '01':
    same('l.' + k + '.a', lambda i: uniform('l.' + k + '.a', i, -0.25, 0.75, 7))
    same('l.' + k + '.b', lambda i: normal('l.' + k + '.b', i, mean=1.5))
END
python3 page.py

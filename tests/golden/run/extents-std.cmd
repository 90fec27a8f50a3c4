# cd %t && printf 'import "std"\nweights init normal(std = 0.1)\nmodel main(x: fp32[1, 32, 1, n = 3 in 1..64]) -> y {\n    layer attn: Attention(32, 4, 2), turned: Attention(32, 4, interleaved = true), all: MultiHeadAttention(32, 4, causal = true)\n    layer mlp: SwiGLU(32, 48), norm: LayerNorm(32)\n    x = x + attn(rms_norm(x))\n    x = x + turned(norm(x)) + all(x)\n    y = x + mlp(x)\n}\n' >m.anedsl
# The library's layers compute for each number of positions what the program of that number computes; what cannot be is said.
cat >npy.py <<'END'
import struct, sys
def write(path, n):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 32, 1, %d), }" % n
    head += ' ' * (63 - (len(head) + 10) % 64) + '\n'
    numbers = [((i * 7919) % 2001 - 1000) / 1000 for i in range(32 * n)]
    open(path, 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() + struct.pack('<%df' % len(numbers), *numbers))
def read(path):
    data = open(path, 'rb').read()
    return [x[0] for x in struct.iter_unpack('<f', data[10 + struct.unpack('<H', data[8:10])[0]:])]
if sys.argv[1] == 'write':
    write(sys.argv[2], int(sys.argv[3]))
else:
    a, b = read(sys.argv[2]), read(sys.argv[3])
    print(len(a), 'close' if len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b)) < 1e-5 else 'apart')
END
for n in 1 2 9 64; do
    python3 npy.py write x.npy $n
    anerun -q -b ref -i x=x.npy --set n=$n -O fixed m.anedsl
    for b in ref cpu; do anerun -q -b $b -i x=x.npy -O open m.anedsl; python3 npy.py compare fixed/y.npy open/y.npy; done
done
anec -q -t host m.anedsl -o m.mlpackage && anerun -q -b cpu -i x=x.npy -O open m.mlpackage && python3 npy.py compare fixed/y.npy open/y.npy
printf 'import "std"\nmodel main(x: fp16[1, 8, 1, ?], at: fp16[1]) -> y = rope(x, 1, start = at)\n' >run.anedsl
anec --check run.anedsl 2>&1 | head -1

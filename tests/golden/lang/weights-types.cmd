# cd %t
# Floats that safetensors has and MIL or numpy has not: bf16 and all floats of eight bits, each exactly, and .npy that hold them as integers.
python3 - <<'END'
import json, struct
def write(file, tensors):
    head, data = {}, b''
    for name, (dtype, shape, body) in tensors.items():
        head[name] = { 'dtype': dtype, 'shape': shape, 'data_offsets': [len(data), len(data) + len(body)] }
        data += body
    text = json.dumps(head).encode()
    open(file, 'wb').write(struct.pack('<Q', len(text)) + text + data)
def npy(file, descr, n, body):
    head = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + str(n) + ",), }"
    open(file, 'wb').write(b'\x93NUMPY\1\0' + struct.pack('<H', 118) + head.ljust(117).encode() + b'\n' + body)
every = bytes(range(256))
bf16 = struct.pack('<4H', 0x3f80, 0xc049, 0x7f7f, 0x0001)
write('w.safetensors', { 'e4m3': ('F8_E4M3', [256], every), 'e5m2': ('F8_E5M2', [256], every), 'e8m0': ('F8_E8M0', [256], every), 'bf16': ('BF16', [4], bf16) })
npy('bf16.npy', '<u2', 4, bf16)
npy('e4m3.npy', '|u1', 256, every)
npy('e5m2.npy', '|i1', 256, every)
npy('fp32.npy', '<f4', 4, struct.pack('<4f', 1, 2, 3, 4))
open('show.py', 'w').write('''
import math, struct, sys
def body(file): return open(file, 'rb').read()[128:]
def value(v, mant, bias, nan, inf):
    exp, m = v >> mant & ((1 << 7 - mant) - 1), v & ((1 << mant) - 1)
    if v & 127 == nan or inf and v & 127 > inf: return math.nan
    x = math.inf if v & 127 == inf else m * 2.0 ** (1 - bias - mant) if not exp else (1 + m / (1 << mant)) * 2.0 ** (exp - bias)
    return math.copysign(x, -1 if v & 128 else 1)
want = { 'e4m3': [value(v, 3, 7, 127, None) for v in range(256)], 'e5m2': [value(v, 2, 15, None, 124) for v in range(256)],
         'e8m0': [2.0 ** (v - 127) for v in range(255)] + [math.nan] }
for name, of in (('e4m3', 'e4m3'), ('e5m2', 'e5m2'), ('e8m0', 'e8m0'), ('n4', 'e4m3'), ('n5', 'e5m2'), ('half4', 'e4m3'), ('half5', 'e5m2')):
    got = struct.unpack('<256' + ('e' if name[0] == 'h' else 'f'), body('out/' + name + '.npy'))
    same = sum(struct.pack('<d', a) == struct.pack('<d', b) or a != a and b != b for a, b in zip(got, want[of]))
    print(name, same, got[1], got[8], got[126], got[200])
print([struct.unpack('<4f', body('out/' + n + '.npy')) for n in ('bf16', 'nb')])
''')
END
cat >p.anedsl <<'END'
model main(x: fp32[1]) -> y {
    weight e4m3: fp32[256] = load("w.safetensors", "{path}"), e5m2: fp32[256] = load("w.safetensors", "{path}", dtype = "fp8_e5m2")
    weight e8m0: fp32[256] = load("w.safetensors", "{path}"), bf16: fp32[4] = load("w.safetensors", "{path}")
    weight half4: fp16[256] = load("w.safetensors", "e4m3"), half5: fp16[256] = load("w.safetensors", "e5m2")
    weight nb: fp32[4] = load("bf16.npy", dtype = "bf16"), n4: fp32[256] = load("e4m3.npy", dtype = "fp8_e4m3")
    weight n5: fp32[256] = load("e5m2.npy", dtype = "fp8_e5m2")
    y = x
}
END
anec -q --export-weights out p.anedsl; python3 show.py
printf 'model main(x: fp16[1, 4]) -> y {\n    weight w: fp16[4] = load("bf16.npy", dtype = "bf16")\n    y = x * w\n}\n' >q.anedsl; anerun q.anedsl -b ref -i x=:1 2>&1 | head -n 1
for w in 'w: int8[256] = load("w.safetensors", "e4m3")' 'w: [4] = load("fp32.npy", dtype = "bf16")' 'w: [4] = load("bf16.npy", dtype = "fp8_e4m3")' 'w: [4] = load("bf16.npy", dtype = "bfp16")' \
    'w: [4] = load("bf16.npy", dtype = "zero")' 'w: [4] = load("w.safetensors", "bf16", dtype = "fp16")' 'w: [4] = load("bf16.npy", dtype = 16)' 'w: [4] = load("bf16.npy", type = "bf16")' 'w: [256] = load("e4m3.npy", dtype = "bool")' 'w: [4] = load(dtype = "bf16")'; do
    { echo 'model main(x: fp16[1]) -> y {'; echo "    weight $w"; echo '    y = x'; echo '}'; } >e.anedsl; anec e.anedsl 2>&1
done
true

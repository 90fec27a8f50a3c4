# cp ../../../examples/llama_decode.anedsl %t && cd %t
# What the blocks give position by position, keeping keys and values, is what they give of all at once.
sed 's/CachedAttention(dim, heads, length, kv)/Attention(dim, heads, kv)/; s/g1), at)/g1))/; s/(x, at)/(x)/; s/, at: fp16\[1\]//' llama_decode.anedsl >full.anedsl
printf 'model main(x: fp16[1, 64, 1, 6]) -> x_out = x * 1.0\n' >given.anedsl
anerun -q -b ref --random 3 -O . given.anedsl && anerun -q -b ref --set new=6 -i x=x_out.npy -O full full.anedsl
cat >columns.py <<'END'
import struct, sys
def read(name):
    data = open(name, 'rb').read()
    at = 10 + struct.unpack('<H', data[8:10])[0]
    kind, size = ('f', 4) if b"'<f4'" in data[:at] else ('e', 2)
    return struct.unpack('<%d' % ((len(data) - at) // size) + kind, data[at:])
def write(name, values, columns):
    head = "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 64, 1, %d), }" % columns
    head += ' ' * (-(len(head) + 11) % 64) + '\n'
    open(name, 'wb').write(b'\x93NUMPY\1\0' + struct.pack('<H', len(head)) + head.encode() + struct.pack('<%de' % len(values), *values))
if sys.argv[1] == 'cut':
    x = read('x_out.npy')
    for t in range(6): write('x%d.npy' % t, x[t::6], 1)
    write('x02.npy', [v for i, v in enumerate(x) if i % 6 < 3], 3)
    write('x35.npy', [v for i, v in enumerate(x) if i % 6 >= 3], 3)
else:
    width = int(sys.argv[3])
    full, worst = read('full/y.npy'), 0.0
    for k in range(6 // width):
        got = read(sys.argv[2] + '/it%d_y.npy' % k)
        for i, v in enumerate(got):
            worst = max(worst, abs(v - full[i // width * 6 + k * width + i % width]))
    print(sys.argv[2], 'of', width, 'is near' if worst < 0.02 and max(map(abs, full)) > 1 else 'differs by %g' % worst)
END
python3 columns.py cut
for b in ref cpu sim:m1 sim:m3 sim:m5; do
    anerun -q -b $b --iterations 6 -i x@0=x0.npy -i x@1=x1.npy -i x@2=x2.npy -i x@3=x3.npy -i x@4=x4.npy -i x@5=x5.npy \
        -i at@0=0 -i at@1=1 -i at@2=2 -i at@3=3 -i at@4=4 -i at@5=5 -O one-$b llama_decode.anedsl && python3 columns.py compare one-$b 1
done
anerun -q -b ref --set new=3 --iterations 2 -i x@0=x02.npy -i x@1=x35.npy -i at@0=0 -i at@1=3 -O three llama_decode.anedsl && python3 columns.py compare three 3
for chip in m1 m5; do anec -q --target $chip -Wno-contradicted -Wno-io-type -o $chip.mil llama_decode.anedsl && echo $chip; done 2>&1 | grep -v note:

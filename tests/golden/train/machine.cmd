# mask() { sed -E 's/(on|is) [a-z0-9_]+ Linux [^ ,:]+/\1 M/g; s/[0-9.]+ms/Tms/; s/(compile|train) [0-9.]+ s/\1 T s/g' >&2; }
export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1
anetrain -q ../../../examples/tiny_train.anedsl --data built-in:tiny --optimizer sgd --lr 1 --steps 1 -o %t/run
anetrain --resume %t/run --steps 2 2>&1 | mask
setarch i686 anetrain --resume %t/run --steps 3 2>&1 | mask
# other rules of chips, in a checkpoint whose sums are right
python3 - %t/run/step-00000003.safetensors <<'EOF'
import re, struct, sys
table = []
for i in range(256):
    for _ in range(8): i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)
    table.append(i)
def crc32c(data):
    crc = 0xffffffff
    for c in data: crc = table[(crc ^ c) & 255] ^ crc >> 8
    return crc ^ 0xffffffff
data = open(sys.argv[1], 'rb').read()
size = struct.unpack('<Q', data[:8])[0]
head = re.sub(rb'"rules":"[^"]*"', lambda m: b'"rules":"' + b'0' * (len(m[0]) - 10) + b'"', data[:8 + size])
head = re.sub(rb'"header":"[0-9a-f]{8}"', b'"header":"00000000"', head)
head = head.replace(b'"header":"00000000"', b'"header":"%08x"' % crc32c(head), 1)
open(sys.argv[1], 'wb').write(head + data[8 + size:])
EOF
setarch i686 anetrain --resume %t/run --steps 4 2>&1 | mask

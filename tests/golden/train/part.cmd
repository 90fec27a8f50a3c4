# try() { echo "$ $*" >&2; anetrain --data x.npy,t.npy --decay-all --decay 0.5 --lr 0.1 --schedule constant -b ref "$@" 2>&1 | sed -E 's/[0-9.]+ms/Tms/; s/(compile|train) [0-9.]+ s/\1 T s/g' >&2; }
look() { python3 - "$@" <<'EOF'
import json, struct, sys
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    for name, t in sorted(head.items()):
        if name[0] != "_" and name != "format":
            a, b = (8 + n + o for o in t["data_offsets"])
            values = struct.unpack("<%df" % ((b - a) // 4), data[a:b])
            print(name, "is" if len(set(values)) == 1 else "has", "%g" % values[0])
EOF
}
try net.anedsl --steps 4 -o %t/all
try net.anedsl --train w --steps 4 -o %t/w
look %t/w/step-00000004.safetensors
try net.anedsl --train 'w,x*' --steps 2 -o %t/half
try --resume %t/half --steps 4
look %t/half/step-00000004.safetensors | cksum
look %t/w/step-00000004.safetensors | cksum
try --resume %t/half --train '*' --steps 5
look %t/half/step-00000005.safetensors
try stopped.anedsl --steps 3 --accum 2 -o %t/stopped
look %t/stopped/step-00000003.safetensors
try stopped.anedsl --loss still --steps 3 -o %t/still
try net.anedsl --train 'v*,wx' --steps 3 -o %t/none
anetrain net.anedsl -q --data x.npy,t.npy --steps 2 -b ref -o %t/base
try net.anedsl --train w --init %t/base/step-00000002.safetensors --dry-run

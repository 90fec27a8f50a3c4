# try() { echo "$ $*" >&2; anetrain -q -b ref --steps 3 -o %t/run "$@"; echo "exit $?" >&2; }
try
try net.mil
try net.anedsl --data x.npy,t.npy --optimizer best
try net.anedsl --data x.npy,t.npy --optimizer rules.anedsl:gone
try net.anedsl --data x.npy,t.npy --optimizer rules.anedsl:many
try net.anedsl --data x.npy,t.npy --optimizer rules.anedsl:sum
try net.anedsl --data x.npy,t.npy --loss-scale 0
try net.anedsl --data x.npy,t.npy --accum 0
try net.anedsl --data x.npy,t.npy --loss gone
try net.anedsl --data x.npy,t.npy --schedule step
try float.anedsl --data built-in:tiny --batch 3
try net.anedsl --data x.npy,t.npy --init gone.safetensors
try net.anedsl --resume %t/gone
try net.anedsl --resume %t/run --init x.safetensors
try frozen.anedsl --data built-in:tiny
try vector.anedsl --data built-in:tiny
try int8.anedsl --data built-in:tiny
try int8.anedsl --data t.npy

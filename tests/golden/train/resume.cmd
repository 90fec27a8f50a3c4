# try() { echo "$ $*" >&2; anetrain "$@" 2>&1 | sed -E 's/[0-9.]+ms/Tms/; s/(compile|train) [0-9.]+ s/\1 T s/g; s/ \(no engine: [^)]*\)//g' >&2; }
try net.anedsl --data x.npy,t.npy --steps 3 -b ref -o %t/run
try --resume %t/run --steps 4 -b cpu
try --resume %t/run --steps 5 --lr 1 --accum 2
try --resume %t/run --steps 6 --optimizer sgd
try net.anedsl --resume %t/run/step-00000003.safetensors --steps 4 -o %t/other
try float.anedsl --resume %t/run --data built-in:tiny --steps 9
try float.anedsl --data built-in:tiny --init %t/run/step-00000003.safetensors --steps 2 -o %t/new
cp x.npy %t
cd %t
try --resume run --data x.npy --steps 9
sed -E "/anec_version|model\"|backend=/d; s/\"[0-9a-f]{64}\"/SHA/" other/config.json
ls run other
cd ..
for s in run other new; do for f in %t/$s/*.safetensors; do head -c 4000 $f | grep -ao 'options":"[^,]*'; done; done

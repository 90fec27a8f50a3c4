# try() { echo "$ $*" >&2; anetrain -q -b ref --lr 0.05 "$@"; echo "exit $?" >&2; ls run | grep -v html >&2; }
cp fixed_x.npy fixed_t.npy fixed.anedsl %t
cd %t
data="--data fixed_x.npy,fixed_t.npy"
try fixed.anedsl $data --steps 4 -o run
try fixed.anedsl $data --steps 2 -o run
try --resume run --steps 5
try fixed.anedsl $data --steps 2 -o run --anew
try fixed.anedsl $data --steps 2 -o run --dry-run >t
cp -r run other
try --resume run --steps 6 -o other
try --resume run/step-00000002.safetensors --steps 6 -o other
try --resume run --steps 6 -o ./run
try --resume run --steps 7 -o other --anew
ls other | grep step >&2
try --resume run --steps 7 -o new
anetrain --resume run --anew; exit 0

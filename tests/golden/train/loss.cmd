# # --loss mse|cross_entropy of a model that has none: as with the loss in the program, also resumed, on an engine, with samples left over
try() { echo "$ $*" >&2; anetrain -q --schedule constant --lr 0.05 "$@"; echo "exit $?" >&2; }
losses() { echo "$1: $(cut -d, -f3,13 $1/log.csv | tail -n +2 | tr '\n' ' ')" >&2; }
cp bare.anedsl x.npy t.npy tf.npy x5.npy t5.npy %t
cd %t
{ echo 'import "std"'; sed '/^#/d; s/-> y/-> loss/; s/3])/3], t: int32[batch])/; s/^}/loss = cross_entropy(y, t) }/' bare.anedsl; } >whole.anedsl
data="--data x.npy,t.npy --eval x5.npy,t5.npy --eval-every 2 --batch 3"
try whole.anedsl $data -b cpu --steps 4 -o whole
try bare.anedsl --loss cross_entropy $data -b cpu --steps 2 -o bare
try --resume bare --steps 4 --export w.mil
losses whole
losses bare
grep -c 'func ' w.mil >&2
try bare.anedsl --loss cross_entropy --data target=t.npy,x=x.npy -b sim:m1 --steps 2 -o engine
losses engine
try bare.anedsl --loss mse --data x.npy,x.npy -b ref --steps 3 -o mse
losses mse
try bare.anedsl --loss nothing $data -b ref
try bare.anedsl --loss mse $data -b ref
try bare.anedsl --loss cross_entropy --data x.npy,x.npy -b ref
{ cat bare.anedsl; echo 'model mse(x: fp32[batch, 3]) -> loss = reduce_sum(main(x) * 2.0, axes = [0, 1], keep_dims = false)'; } >own.anedsl
try own.anedsl --loss mse --data x.npy -b ref --steps 2 -o own
losses own
echo 'model main(x: fp32[2], target: fp32[2]) -> y { weight w: [2] = 1
y = x * w * target }' >a.anedsl
echo 'model main(x: fp32[2]) -> y, z { weight w: [2] = 1
y = x * w
z = x + w }' >b.anedsl
echo 'model main(x: fp32[1..4, 2]) -> y { weight w: [2] = 1
y = x * w }' >c.anedsl
echo 'model main(x: fp32[2]) -> y { weight w: [2] = 1
y = x * w > 0.0 }' >d.anedsl
echo 'model main(x: fp32[2]) -> y { weight w: [2] = 1
y = reduce_sum(x * w, axes = [0], keep_dims = false) }' >e.anedsl
for m in a b c d e; do try $m.anedsl --loss mse --data x.npy,x.npy -b ref; try $m.anedsl --loss cross_entropy --data x.npy,t.npy -b ref; done

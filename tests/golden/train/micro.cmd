# # --micro: a batch in parts, of the samples that it would have as a whole; --from-step: steps again, from a checkpoint or from weights
cp net.anedsl float.anedsl x.npy t.npy %t && cd %t
run() { echo "$ $*" >&2; anetrain -q --lr 0.05 -b ref --seed 3 "$@" >&2; echo "exit $?" >&2; }
losses() { tail -n +2 "$1/log.csv" | cut -d, -f1,3 | sed 's/\(\.....\).*/\1/'; }
data="net.anedsl --data x.npy,t.npy"
run $data --batch 6 --steps 8 -o whole
for micro in 1 2 3; do
    run $data --batch 6 --micro $micro --steps 8 -o parts$micro
    losses whole >a; losses parts$micro | cmp - a && echo "the losses of parts of $micro are those of the whole" >&2
done
run $data --batch 3 --accum 2 --micro 1 --steps 3 -o parts
grep -c . parts/log.csv
run --resume parts --steps 5
run $data --micro 2 -o bad
run $data --batch 6 --micro 4 -o bad
run $data --batch 6 --micro 0 -o bad
run $data --batch 0 -o bad
run $data --batch 16777216 --micro 1 --accum 2 -o bad
run $data --batch 14 --micro 2 -o bad
run float.anedsl --data built-in:tiny --batch 4 --micro 2 -o bad
run $data --batch 3 --optimizer sgd --steps 12 --save-every 4 -o long
anetrain --resume long --from-step 9 -o again 2>&1 | sed -n 1p >&2
cmp long/step-00000012.safetensors again/step-00000012.safetensors && echo "step 12 again" >&2
run --resume long/step-00000008.safetensors --from-step 4
run --resume long --from-step 3
run $data --batch 3 --optimizer sgd --init long/step-00000004.safetensors --from-step 4 --steps 12 -o from4
tail -n 8 long/log.csv | cut -d, -f1,3-5 >a; tail -n +2 from4/log.csv | cut -d, -f1,3-5 | cmp - a && echo "steps from 4 on are those of the whole run" >&2
run --resume long --from-step 4 --steps 6 --keep 1
echo "$(ls long | grep step | tr '\n' ' ')" "last: $(cat long/last)" >&2

# for w in 'normal() normal(mean=0,std=1,seed=0) normal(seed=1) normal(std=2) normal(mean=1)' 'uniform() uniform(low=0,high=1,seed=0) uniform(seed=1) uniform(high=2) uniform(low=-1)'; do
#
for rule in $w; do
    { echo 'model main(x: fp16[1, 64]) -> y {'; echo "    weight w: [64, 64] = $rule"; echo '    y = linear(x, w)'; echo '}'; } > %t/n.anedsl
    anec -q --target host %t/n.anedsl -o %t/y.mil && cksum < "$(ls %t/*weights*/* | head -n 1)"
    rm -rf %t/*
done
done

# large.sh DIR -- each line of large.list, an input, weights and an expression, on the processor: by the plain kernels and
# by the machine's, which are as near to the reference as sums in another order are.
cd "$1"
while IFS='|' read -r input weights y; do
    printf 'import "std"\n%s\nmodel main(%s) -> y {\n    y = %s\n}\n' "$weights" "$input" "$y" > m.anedsl
    anerun -q -b ref --random 1 -O ref m.anedsl || echo "$y: ref"
    for kind in scalar ''; do
        rm -rf got
        ANEC_CPU=$kind anerun -q -b cpu --random 1 -O got m.anedsl || echo "$y: $kind"
        anediff --rtol 2e-4 --atol 2e-4 ref got || echo "$input: $y: $kind"
    done
done < "$OLDPWD/large.list"
echo done

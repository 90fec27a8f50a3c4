# cd %t && printf 'model main(x: fp16[4]) -> y {\n    y = relu(x\n    z = 3 4\n}\n' >syntax.anedsl && printf 'fn f(x) = x + fill([3], 1.0)\nmodel main(x: fp16[4]) -> y = f(x)\n' >shape.anedsl && printf 'model main(x: fp16[64]) -> y {\n    weight w: [2] = 1\n    y = x * 1e-9\n}\n' >warn.anedsl && printf 'program(1.0)\n{ func main<ios16>(tensor<fp16, [4]> x) { } -> (z); }\n' >text.mil
for f in syntax.anedsl shape.anedsl warn.anedsl text.mil absent.mil; do for how in "" "--target host" "-Werror=precision"; do [ -n "$how" ] && [ $f != warn.anedsl ] && continue; echo "== $f $how"; anec --check --json $how $f; echo "exit $?"; done; done
odd=$(printf 'od\377d.anedsl'); printf 'model main(x: fp16[4]) -> y = z\n' >"$odd"; anec --check --json "$odd" | grep file
printf 'model main(x: fp16[4]) -> y = relu(x)\n' >"$odd"; for how in "anec --stats --json" "anec --emit json" "anerun --describe --json" "anec lint --json"; do $how "$odd" 2>&1 | grep "od.*377d\|od.*ffd" | head -1; done
anec --check --json --target nosuch warn.anedsl; echo "exit $?"
# every kind of report is JSON on the standard output, and nothing but misuse is text.

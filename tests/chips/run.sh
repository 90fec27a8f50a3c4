#!/bin/sh
# run.sh -- a chip is one file: the tools built with tests/chips/m9.def know a chip that no other file names.
# usage: run.sh BUILD      BUILD/m9 has the tools; the last line is `chips: N passed, N failed`
set -u
. "$(dirname "$0")/../usage.sh"
build=$1 m9=$1/m9 passed=0 failed=0
temp=$(mktemp -d "${TMPDIR:-/tmp}/chips.XXXXXX")
trap 'rm -rf "$temp"' EXIT

# check WHAT COMMAND..: what it prints has a line that matches WHAT
says() {
    what=$1
    shift
    if "$@" >"$temp/said" 2>&1 && grep -qE -e "$what" "$temp/said"; then
        passed=$((passed + 1))
    else
        echo "chips: $*: does not say '$what':"
        head -n 5 "$temp/said"
        failed=$((failed + 1))
    fi
}
refuses() {
    what=$1
    shift
    if ! "$@" >"$temp/said" 2>&1 && grep -qE -e "$what" "$temp/said"; then
        passed=$((passed + 1))
    else
        echo "chips: $*: is not refused with '$what':"
        head -n 5 "$temp/said"
        failed=$((failed + 1))
    fi
}

net=examples/mlp.anedsl
wide() { # a convolution whose kernel is $1 ones wide
    ones=$(printf '1, %.0s' $(seq "$1") | sed 's/, $//')
    cat <<END
program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]
{
    func main<ios18>(tensor<fp16, [1, 1, 1, 64]> x) {
        tensor<fp16, [1, 1, 1, $1]> w = const()[name = string("w"), val = tensor<fp16, [1, 1, 1, $1]>([[[[$ones]]]])];
        tensor<fp16, [1, 1, 1, $((65 - $1))]> y = conv(dilations = tensor<int32, [2]>([1, 1]), groups = int32(1), pad = tensor<int32, [4]>([0, 0, 0, 0]), pad_type = string("valid"), strides = tensor<int32, [2]>([1, 1]), weight = w, x = x)[name = string("y")];
    } -> (y);
}
END
}
wide 21 >"$temp/21.mil"
wide 22 >"$temp/22.mil"

# Lists, help and messages.
says '^m9 .*M9 \(H25\)' "$m9/anec" --list-targets
says '"target":[[:space:]]*"m9"' "$m9/anec" --list-targets --json
refuses 'did you mean m9' "$m9/anec" --target 'M 9' "$net"
refuses 'there is no target m9' "$build/anec" --target m9 "$net"
refuses 'sim:m9' "$m9/anerun" --backend gpu "$net"

# What it does not say is its base's, and marked as derived; what nobody saw go wrong is unknown.
says '^  m9 +derived' "$m9/anec" --explain sdpa-mask
says '^  m9 +derived' "$m9/anec" --explain kernel-width --target m9
says '^  m9 +nothing known' "$m9/anec" --explain width-slice
says '"m9":[[:space:]]*"derived"' "$m9/anec" --explain sdpa-mask --json
says 'kernel-width .*derived' "$m9/anec" --list-rules --target m9
says 'A letter a chip, .*, m9:' "$m9/anec" --list-rules

# Compiling and checking, with its own numbers.
"$m9/anec" -q --target m9 -o "$temp/m9.mil" "$net"
says 'func main<ios18>\(tensor<fp16' cat "$temp/m9.mil"
says fine sh -c "'$m9/anec' --check --target m9 '$temp/21.mil' && echo fine"
refuses 'kernel-width' "$m9/anec" --check --target m9 "$temp/22.mil"
refuses 'kernel-width' "$m9/anec" --check --target m5 "$temp/21.mil"

# Simulating: acceptance and numbers.
says 'backend=sim:m9' "$m9/anerun" -v --random 1 --backend sim:m9 "$temp/21.mil"
refuses 'kernel-width' "$m9/anerun" --random 1 --backend sim:m9 "$temp/22.mil"
says 'inf' "$m9/anerun" --random 1 --backend sim:m9 "$temp/21.mil"

# The stand-in's machine, and the engine that finds its chip by its architecture.
export ANEC_CACHE_DIR="$temp/cache" ANEC_ANE_LIB="$m9/libanesim.so" ANESIM_CHIP=m9 ANESIM_VAULT="$temp/vault"
says 'backend=ane target=m9 .* io=fp16' "$m9/anerun" -v --random 1 --backend ane "$net"
refuses 'there is no chip m8; there are .*, m9' env ANESIM_CHIP=m8 "$m9/anerun" --random 1 --backend ane "$net"

# Measuring.
says 'kernel-width' "$m9/aneprobe" --backend sim:m9 --only kernel-width -o "$temp/m9.profile"
says '^chip m9$' cat "$temp/m9.profile"
says '^rule kernel-width absent$' cat "$temp/m9.profile"
refuses 'chip this is: .*, m9' env -u ANESIM_CHIP "$m9/aneprobe" --backend ref --only kernel-width

# The page.
says '^\| m9 ' "$m9/anec" --doc-targets
says '\| m4 \| m5 \| m9 \|' "$m9/anec" --doc-targets
says 'kernel-width \| elements of an fp16 kernel \|.* 21 \|' "$m9/anec" --doc-targets

# Chips are named in the tables alone.
names='"[^"]*\<m[1-9](pro|max|ultra)?\>[^"]*"'
tables='^(ir/targets/(chips/|[a-z]*\.def)|ir/ops/[a-z_]*\.def|ir/passes/compress\.def|backends/sim/tables\.def|probe/)'
if find base ir frontend backends standin probe lib train include tools -type f | grep -E '\.(c|h|def|y|re)$' |
    grep -vE "$tables" | xargs grep -nE "$names" >"$temp/named"; then
    echo "chips: named outside the tables:"
    cat "$temp/named"
    failed=$((failed + 1))
else
    passed=$((passed + 1))
fi
echo "chips: $passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/sh
# params.sh -- what C says of an op's parameters is held by the compiler: right lines compile, and
# misspelt parameters, parameters of another op, unknown ops and values of another type do not. Nor does
# a row of the op table that lacks a column, or has one with nothing in it, nor a rule without its programs,
# nor a pass without its row.
# usage: params.sh [BUILD]    from the top folder; build without a word
set -u
. "$(dirname "$0")/usage.sh"
build=${1:-build}
cc=$(command -v gcc || command -v cc || command -v clang)
passed=0 failed=0

# compiles LINE: as an op of a function that has a builder, values, an op and a call
compiles() {
    printf '#include "ir/ops/ops.h"\nvoid f(Builder *b, Value *x, Value *y, Op *op, Call *c);\n%s%s%s' \
        'void f(Builder *b, Value *x, Value *y, Op *op, Call *c) { (void)b, (void)x, (void)y, (void)op, (void)c; ' \
        "$1" ' }' |
        "$cc" -std=c11 -D_GNU_SOURCE -I. -I"$build/gen/ir" -I"$build/gen/ir/ops" -Wall -Wextra -Werror \
            -fsyntax-only -x c - 2>/dev/null
}
right() { if compiles "$1"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "does not compile: $1"; fi; }
wrong() { if compiles "$1"; then failed=$((failed + 1)); echo "compiles: $1"; else passed=$((passed + 1)); fi; }

right 'mil_matmul(b, "y", .x = x, .y = y, .transpose_y = build_bool(b, true));'
right 'mil_concat(b, "y", .values = &(Values){ 1, &x }, .axis = y);'
right 'op_set_arg(b->m, op, P_transpose_x, op_value(op, P_x));'
right 'call_shape(c, P_x);'
wrong 'mil_matmul(b, "y", .x = x, .y = y, .transpose_Y = build_bool(b, true));'
wrong 'mil_matmul(b, "y", .x = x, .y = y, .axis = y);'
wrong 'mil_matmul(b, "y", .x = x, .y = "y");'
wrong 'mil_concat(b, "y", .values = x, .axis = y);'
wrong 'mil_matmull(b, "y", .x = x, .y = y);'
wrong 'op_set_arg(b->m, op, P_transpose_X, x);'
wrong 'op_value(op, "x");'
wrong 'call_shape(c, P_xx);'
wrong 'call_shape(c, "x");'

# The row of atan, which is NONE in most columns, in a copy of the sources.
copy=$(mktemp -d) && trap 'rm -rf "$copy"' EXIT
cp -R base ir backends frontend "$copy"
row() { sed "/^OP(atan,/,/ EX(/s/\\b$1(\([^)]*\))/$2/" ir/ops/unary.def >"$copy/ir/ops/unary.def"; }
# builds FILE: the copy of it
builds() {
    "$cc" -std=c11 -D_GNU_SOURCE '-DLACKS(...)=' -I"$build/gen/ir" -I"$build/gen/ir/ops" -I"$build/gen/frontend" \
        -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$copy/$1" 2>/dev/null
}
same() { row "$1" "$1(\\1)"; if builds "$2"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "$2 does not build"; fi; }
differs() { row "$1" "$2"; fails "$@"; }
fails() {
    if cmp -s ir/ops/unary.def "$copy/ir/ops/unary.def" || builds "$3"; then
        failed=$((failed + 1)); echo "builds although $1 is \"$2\": $3"
    else passed=$((passed + 1)); fi
}
same LAWS ir/ops/ops.c
for column in IR EVAL GRAD MACS RUN LAWS SIGN FORM OPSETS SIM FAST PAD COREAI CHIPS; do
    sed "/^OP(atan,/,/ EX(/s/\\b$column(/LACKS(/" ir/ops/unary.def >"$copy/ir/ops/unary.def"
    fails $column LACKS ir/ops/ops.c
done
while read -r column file; do
    same $column $file
    differs $column "$column()" $file
done <<END
LAWS ir/ops/ops.c
RUN backends/ref/ref_run.c
SIGN frontend/lower_expr.c
FORM ir/passes/legal_forms.c
OPSETS ir/passes/opset.c
SIM backends/sim/sim_op.c
FAST backends/cpu/flat.c
PAD ir/passes/padded.c
COREAI ir/coreai/core_py.c
END

cp ir/ops/unary.def "$copy/ir/ops/unary.def"

# Rules: as they are; one more without programs; one whose record says why it has none; programs of no rule;
# one program of a pair alone.
rules() {
    "$cc" -std=c11 -D_GNU_SOURCE -I"$build/gen/ir" -I"$build/gen/ir/ops" -I"${1:-$build/gen/ir/targets}" \
        -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$copy/ir/targets/rules.c" 2>/dev/null
}
row='.facts = FACTS(.m1 = MEASURED), .on = ON_RUN, .says = "s", .happens = "h", .fix = "w", .evidence = "e")'
add() { { echo "#ifndef UNSHOWN"; echo "#define UNSHOWN(id, name, why, ...) RULE(id, name, __VA_ARGS__)"; echo "#endif"; echo "$1"; cat ir/targets/rules.def; } >"$copy/ir/targets/rules.def"; }
texts() { mkdir -p "$copy/gen"; printf '%s\n' ir/targets/probes/*.mil $1 | LC_ALL=C sort | awk -v folder=probes -f .ci/texts.awk >"$copy/gen/probes_texts.h" 2>/dev/null; }
said() { passed=$((passed + 1)); }
not() { failed=$((failed + 1)); echo "$1"; }
rules && said || not "rules.c does not build"
add "RULE(another, \"another\", $row"
rules && not "a rule without programs builds" || said
add "UNSHOWN(another, \"another\", \"why\", $row"
rules && said || not "a rule that no program shows does not build"
add ""
texts "another.bad.mil another.ok.mil" && { rules "$copy/gen" && not "programs of no rule build" || said; } || not "texts.awk fails"
texts "another.bad.mil" && not "one program of a pair is taken" || said

# Passes: one without its row in the list does not build, and who names passes by a text names some of the list.
lists() {
    "$cc" -std=c11 -D_GNU_SOURCE -I"$build/gen/ir" -I"$build/gen/ir/ops" -Wall -Wextra -Wmissing-prototypes -Werror \
        -fsyntax-only "$copy/ir/passes/cse.c" 2>/dev/null
}
lists && said || not "cse.c does not build"
grep -v '^PASS(cse,' ir/passes/passes.def >"$copy/ir/passes/passes.def"
lists && not "a pass that the list lacks builds" || said
names=$(grep -rhoE '\.(only|pass|passes) = "[a-z0-9,-]+"' ir backends standin probe lib frontend tools train | sed 's/.*"\(.*\)"/\1/' | tr , '\n' | sort -u)
for name in $names; do
    grep -q "^PASS([a-z0-9_]*, *\"$name\"" ir/passes/passes.def && said || not "there is no pass $name, which is asked for"
done
[ "$(echo "$names" | wc -l)" -gt 20 ] || not "few passes are named: $names"
echo "params: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

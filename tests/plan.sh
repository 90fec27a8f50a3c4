#!/bin/sh
# plan.sh -- the page of `anec --plan --report` in a headless Chromium: its text, and a picture of it.
# usage: plan.sh BUILD            ends with `plan: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
top=$(cd "$(dirname "$0")/.." && pwd)
case $1 in /*) build=$1 ;; *) build=$top/$1 ;; esac
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { echo "plan: $*"; failed=$((failed + 1)); }
said() { if grep -qE "$2" "$1"; then good; else bad "no /$2/ in $1"; fi; } # said FILE PATTERN
arrows() { if python3 -B "$top/tests/arrows.py" "$@" >log 2>&1; then good; else bad "arrows: $(cat log)"; fi; } # arrows PAGE NODES EDGE..
temp=$(mktemp -d "${TMPDIR:-/tmp}/plan.XXXXXX")
trap 'rm -rf "$temp"' EXIT
cd "$temp" || exit 1
cp "$top/tests/golden/ane/placed.anedsl" '<b>&".anedsl'
if "$build/anec" --plan --target m1 --report plan.html '<b>&".anedsl' >text 2>&1; then good; else bad "anec:"; cat text; fi
said text '^part 2 on the processor: about [0-9]+ us, 65536 bytes come over$'
if grep -qE 'src=|href=|<script|@import|url\(' plan.html; then bad "the page asks for something elsewhere"; else good; fi
arrows plan.html 9 'x>linear' 'linear>relu' 'relu>a' 'a>b' 'b>linear_0' 'linear_0>relu_0' 'relu_0>y' 'y>y'
if python3 -B "$top/tests/arrows.py" plan.html 9 'x>linear' 'linear>a' >log 2>&1; then bad "other arrows are taken"; else good; fi
# a hundred boxes and more: none over another, and no two values on one lane
"$build/anec" -q --plan --target m1 --report gpt2.html "$top/tests/models/gpt2.anedsl" >text 2>&1 || bad "anec: $(cat text)"
arrows gpt2.html 181
# what flows into a loop's body, and along a block
"$build/anec" -q --plan --target m1 --report loop.html "$top/tests/golden/insight/stats-loop.mil" >text 2>&1 || bad "anec: $(cat text)"
arrows loop.html 4 'n>i' 'i>i' 'i>s'
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -n "$browser" ]; then
    flags="--headless --no-sandbox --disable-gpu --user-data-dir=$temp/home --window-size=1100,900"
    # shellcheck disable=SC2086
    "$browser" $flags --dump-dom "file://$temp/plan.html" >dom 2>log || bad "chromium: $(tail -n 3 log)"
    said dom '<title>&lt;b&gt;&amp;".anedsl on m1</title>'
    said dom '3 parts, 2 of them the engine'
    said dom '<b>op-refused</b>: resample has no form on the engine'
    said dom '<td>w1</td><td>tensor&lt;fp16, \[1024, 512, 1, 1\]&gt;</td>'
    "$build/anec" -q --plan --target m1 --report layers.html "$top/tests/golden/insight/dot-layers.anedsl" >text 2>&1 || bad "anec: $(cat text)"
    # shellcheck disable=SC2086
    "$browser" $flags --dump-dom "file://$temp/layers.html" >dom 2>log || bad "chromium: $(tail -n 3 log)"
    said dom 'class="title"[^>]*>blocks<tspan class="note"> 14 ops, [0-9.]+ us</tspan>'
    said dom 'class="title"[^>]*>0<tspan class="note"> 7 ops,'
    # its arrows, as the browser has them
    arrows dom 18 'x>blocks_0_linear' 'x>blocks_0' 'blocks_0_linear>mul_v' 'blocks_0_linear>blocks_0_silu' 'mul_v>exp' \
        'exp>add_v' 'add_v>blocks_0_silu' 'blocks_0_silu>blocks_0_linear_0' 'blocks_0_linear_0>blocks_0' 'blocks_0>blocks_1_linear' \
        'blocks_0>blocks_1' 'blocks_1_linear>mul_0' 'blocks_1_linear>blocks_1_silu' 'mul_0>exp_0' 'exp_0>add_0' \
        'add_0>blocks_1_silu' 'blocks_1_silu>blocks_1_linear_0' 'blocks_1_linear_0>blocks_1' 'blocks_1>relu' 'relu>y' 'y>y'
    # shellcheck disable=SC2086
    "$browser" $flags --screenshot="$temp/plan.png" "file://$temp/plan.html" >log 2>&1
    # both colors of the picture are there
    if python3 -B "$top/tests/picture.py" plan.png 2a9d6f e07a3f >log 2>&1; then good; else bad "the picture lacks a color: $(cat log)"; fi
else
    echo "plan: no chromium here: skipped the page in a browser"
fi
echo "plan: $passed passed, $failed failed"
[ "$failed" = 0 ]

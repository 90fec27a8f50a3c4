#!/bin/sh
# vad.sh -- the voice activity models of the place where the project is developed find generated speech,
# and nothing in silence and noise. Ends with `vad: N passed, N failed`.
# usage: vad.sh BUILD
set -u
. "$(dirname "$0")/usage.sh"
build=$1 models=../shared/wild-models
passed=0 failed=0
skip() { echo "vad: skipped, $1"; echo "vad: 0 passed, 0 failed"; exit 0; }
[ -d "$models" ] || skip "there is no $models"
for tool in espeak-ng sox; do
    command -v $tool >/dev/null || skip "$tool is not here"
done
temp=$(mktemp -d "${TMPDIR:-/tmp}/vad.XXXXXX")
trap 'rm -rf "$temp"' EXIT
espeak-ng -w "$temp/said.wav" "This is a person speaking to the machine, and the machine is listening." &&
    sox "$temp/said.wav" -r 16000 -c 1 -b 16 "$temp/speech.wav" &&
    sox -n -r 16000 -c 1 -b 16 "$temp/silence.wav" synth 3 sine 0 vol 0 &&
    sox -R -n -r 16000 -c 1 -b 16 "$temp/noise.wav" synth 3 whitenoise vol 0.05 || skip "no sound could be made"

check() { # check MODEL SOUND 'AWK CONDITION ON p'
    said=$("$build/vad" "$1" "$temp/$2.wav" "$temp/plot.svg")
    if echo "$said" | awk "{ p = \$NF } END { exit !(NR == 1 && $3) }" && grep -q '</svg>' "$temp/plot.svg"; then
        passed=$((passed + 1))
    else
        echo "vad: ${1##*/}, $2: $said"
        failed=$((failed + 1))
    fi
}

# A palette of two bits is coarse: it hears the speech, with less certainty.
for model in "$models"/*-v2; do
    case $model in *_2bit-*) heard='p > 0.5' ;; *) heard='p > 0.9' ;; esac
    check "$model" speech "$heard"
    check "$model" silence 'p < 0.5'
    check "$model" noise 'p < 0.5'
done

# Whatever compresses their weights, they are rewritten for every chip, break no rule of it, and give the same.
for model in "$models"/*unified*; do
    for chip in $(tests/chips.sh "$build"); do
        for tool in "anec -q --target $chip -o $temp/$chip.mil $model/model.mil" \
            "anec -q --check --target $chip $temp/$chip.mil" \
            "anerun -q --random 1 -b ref -O $temp/want $model/model.mil" \
            "anerun -q --random 1 -b ref -O $temp/got $temp/$chip.mil" \
            "anediff --rtol 0.1 --atol 0.03 $temp/want $temp/got"; do
            if "$build"/$tool >"$temp/said" 2>&1; then
                passed=$((passed + 1))
            else
                echo "vad: $tool: $(head -n 2 "$temp/said")"
                failed=$((failed + 1))
            fi
        done
    done
done

printf 'no sound' > "$temp/text.wav"
sox "$temp/said.wav" -r 8000 -c 1 -b 16 "$temp/slow.wav"
for sound in text slow; do # what is no 16 kHz wave is refused
    "$build/vad" "$model" "$temp/$sound.wav" 2>"$temp/err"
    if [ $? = 1 ] && [ -s "$temp/err" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "vad: $passed passed, $failed failed"
[ "$failed" = 0 ]

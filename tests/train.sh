#!/bin/sh
# train.sh -- runs of anetrain as a whole: one that is resumed, stopped or killed ends with the bytes of one
# that never was; and, where ../shared/training is, with the numbers of another implementation.
# usage: train.sh BUILD      ends with `train: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
tools=$(cd "${1:-build}" && pwd) || exit 1
top=$(cd "$(dirname "$0")/.." && pwd)
temp=$(mktemp -d "${TMPDIR:-/tmp}/train.XXXXXX")
trap 'rm -rf "$temp"' EXIT
passed=0 failed=0
net=$top/tests/golden/train
PATH=$tools:$PATH
cd "$temp" || exit 1
cp "$net"/*.npy "$net"/net.anedsl "$net"/layers.anedsl .

check() { # check NAME COMMAND..
    name=$1
    shift
    if "$@" >said 2>&1; then passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED train $name"
        tail -n 4 said
    fi
}
train() { anetrain -q --data x.npy,t.npy --lr 0.05 --save-every 7 --seed 3 "$@"; }
start() { exec anetrain -q --data x.npy,t.npy --lr 0.05 --save-every 7 --seed 3 "$@"; } # for the background
same() { cmp "$1/step-$3.safetensors" "$2/step-$3.safetensors"; }
columns() { cut -d, -f1-7,13- "$1/log.csv"; }
same_log() { columns "$1" >a.log; columns "$2" >b.log; cmp a.log b.log; }

# ---- never having stopped ---------------------------------------------------------------------------

for run in "ref net" "cpu net" "sim:m1 tiny" "sim:m3 tiny" "cpu layers" "sim:m1 layers"; do
    rm -rf whole part
    backend=${run% *}
    case $run in
    *layers) what="layers.anedsl --batch 3 --accum 2" ;;
    sim*) what="$top/examples/tiny_train.anedsl --data built-in:tiny --optimizer momentum" ;;
    *) what="net.anedsl --eval x5.npy,t5.npy --batch 3 --accum 3" ;;
    esac
    check "$run whole" train $what -b $backend --steps 30 -o whole
    start $what -b $backend --steps 30 -o part >said 2>&1 &
    anetrain=$!
    while [ ! -e part/step-00000014.safetensors ] && kill -0 $anetrain 2>/dev/null; do sleep 0.01; done
    kill -9 $anetrain 2>/dev/null
    wait $anetrain 2>/dev/null
    check "$run resumed after a kill" anetrain -q -b $backend --resume part
    check "$run resumed equals whole" same whole part 00000030
    check "$run its log too" same_log whole part
done

# Threads change nothing.
rm -rf one two
check "one thread" train net.anedsl -b cpu --batch 3 --steps 9 --threads 1 -o one
check "two threads" train net.anedsl -b cpu --batch 3 --steps 9 --threads 2 -o two
check "threads equal" same one two 00000009

# ---- in segments ----------------------------------------------------------------------------------------
# One program, a program for all layers that are alike, and layers that compute again what they had: the same
# numbers. In fp16 those of the whole in fp32, to what ten steps make of its roundings.

losses() { cut -d, -f3 "$1/log.csv" | tail -n +2; }
near() { # near A B BOUND: each loss of A is that of B, relative to B
    losses "$1" >a.losses
    losses "$2" >b.losses
    paste a.losses b.losses | awk -v bound="$3" '{ d = $1 / $2 - 1; if (d > bound || d < -bound) bad = 1 } END { exit bad || !NR }'
}
layers() { anetrain -q layers.anedsl --data x.npy,t.npy --batch 3 --lr 0.02 --steps 10 "$@"; }
weights() { anetrain -q --resume "$1" --export "$1.safetensors"; }
for backend in ref cpu sim:m1 sim:m3 sim:m5; do
    rm -rf one cut again cheap
    case $backend in
    sim*) check "$backend one" layers -b ref --segments one -o one ;;
    *) check "$backend one" layers -b $backend --segments one -o one ;;
    esac
    check "$backend segments" layers -b $backend -o cut
    check "$backend computed again" layers -b $backend --memory 1 -o again
    check "$backend cheap things again" layers -b $backend --save default -o cheap
    for run in one cut again cheap; do weights $run; done
    case $backend in
    sim*)
        check "$backend segments near" near cut one 0.01
        check "$backend computed again near" near again one 0.01
        check "$backend cheap things again near" near cheap one 0.01 ;;
    *)
        check "$backend segments equal" cmp cut.safetensors one.safetensors
        check "$backend computed again equal" cmp again.safetensors one.safetensors
        check "$backend cheap things again equal" cmp cheap.safetensors one.safetensors ;;
    esac
done

# A classifier of more words than an axis of an engine has elements; and what the stand-in's surfaces hand from
# segment to segment is what the simulation hands on.
yes 'the cat sat on the mat. ' | head -c 400 >words.txt
words() {
    anetrain -q "$top/examples/text/char_llama.anedsl" --data words.txt --set vocabulary=20000 --set dim=16 --set heads=2 \
        --set hidden=24 --set positions=8 --set blocks=3 --batch 1 --lr 2e-2 --schedule constant --log-every 1 --steps 2 "$@"
}
rm -rf one cut again
check "20,000 words" words -b cpu -o one
check "20,000 words on sim:m1" words -b sim:m1 -o cut
check "20,000 words on sim:m1 near" near cut one 0.001
ANEC_ANE_LIB=$tools/libanesim.so ANESIM_CHIP=m1 anetrain "$top/examples/text/char_llama.anedsl" --data words.txt \
    --set vocabulary=20000 --set dim=16 --set heads=2 --set hidden=24 --set positions=8 --dry-run >told 2>&1
check "20,000 words are the engine's" [ "$(grep -c 'backend=ane io=fp16$' told)" = 4 ]
check "layers on the stand-in" env ANEC_ANE_LIB="$tools/libanesim.so" ANESIM_CHIP=m1 anetrain -q layers.anedsl --data x.npy,t.npy \
    --batch 3 --lr 0.02 --steps 10 -o again
rm -rf cut
check "layers on sim:m1" layers -b sim:m1 -o cut
for run in cut again; do weights $run; done
check "layers on the stand-in equal" cmp cut.safetensors again.safetensors

# SIGINT ends after a step, with a checkpoint, and exit 130; SIGTERM with 143.
for signal in INT:130 TERM:143; do
    rm -rf part
    start net.anedsl -b ref --steps 1000000 --save-every 1000000 -o part >said 2>&1 &
    anetrain=$!
    while ! grep -q '^3,' part/log.csv 2>/dev/null && kill -0 $anetrain 2>/dev/null; do sleep 0.01; done
    kill -"${signal%:*}" $anetrain
    wait $anetrain
    check "SIG${signal%:*} exit" [ $? = "${signal#*:}" ]
    check "SIG${signal%:*} checkpoint" [ -s part/last ]
done

# ---- killed while it writes ---------------------------------------------------------------------------
# A checkpoint every step: most of the time goes into writing. Whenever it is killed, the run goes on from a
# step that was saved before, and nothing else is left.

rm -rf whole part
train net.anedsl -b ref --steps 90 --save-every 1 -o whole >said 2>&1
n=0 late=0
while [ $n -lt "${KILLS:-5}" ]; do
    n=$((n + 1))
    rm -rf part
    start net.anedsl -b ref --steps 90 --save-every 1 -o part >said 2>&1 &
    anetrain=$!
    while [ ! -e part/last ] && kill -0 $anetrain 2>/dev/null; do :; done
    sleep "0.0$((n * 17 % 90 + 10))"
    kill -9 $anetrain 2>/dev/null
    wait $anetrain 2>/dev/null
    [ ! -e part/step-00000090.safetensors ] || { late=$((late + 1)); continue; }
    logged=$(tail -n 1 part/log.csv | cut -d, -f1)
    last=$(sed 's/step-0*//; s/\..*//' part/last)
    check "kill $n loses one step at most" [ "$last" -ge "$((${logged:-0} - 1))" ]
    touch part/.tmp-$anetrain-1 # as between a file's name and its place
    check "kill $n resumed" anetrain -q --resume part
    check "kill $n equals" same whole part 00000090
    check "kill $n leaves nothing" [ "$(find part -name '.tmp*' | wc -l)" = 0 ]
done
check "kills come while it runs, but for $late" [ $((2 * late)) -lt $n ]

# ---- two in one folder ----------------------------------------------------------------------------------

rm -rf part
start net.anedsl -b ref --steps 1000000 -o part >said 2>&1 &
anetrain=$!
while [ ! -s part/log.csv ] && kill -0 $anetrain 2>/dev/null; do sleep 0.01; done
train net.anedsl -b ref --steps 3 -o part >second 2>&1
check "lock exit" [ $? = 3 ]
check "lock said" grep -q 'another anetrain runs in part' second
kill -9 $anetrain
wait $anetrain 2>/dev/null

# ---- another model, another optimizer ---------------------------------------------------------------------

rm -rf part
train net.anedsl -b ref --steps 3 -o part
sed 's/\[3, 3\]/[4, 3]/; s/b: \[3\]/b: [4]/' net.anedsl >other.anedsl
anetrain -q other.anedsl --resume part --steps 5 >second 2>&1
check "another model exit" [ $? = 1 ]
check "another model said" grep -q 'is of another model (sha256 .*): b is \[3\], here it is \[4\]' second
anetrain -q --resume part --optimizer sgd --steps 5 >second 2>&1
check "another optimizer" grep -q 'has 2 states a weight, the optimizer sgd has 0' second
anetrain --resume part --seed 5 --steps 5 >second 2>&1
check "another seed is noted" grep -q 'note: --seed 5: the run had 3 so far' second


anetrain --resume part --data x5.npy,t5.npy --batch 5 --steps 7 >second 2>&1
check "other data is noted" grep -q 'note: the data is not what the run had so far' second
rm -f part/step-*
anetrain -q --resume part >second 2>&1
check "no checkpoint" grep -q 'there is no checkpoint in part' second

# ---- a disk that is full ------------------------------------------------------------------------------------
# As far as a file may grow: what is there stays, and the run goes on from it when there is room.

rm -rf whole part
check "room" train net.anedsl -b ref --steps 9 --schedule constant -o whole
check "room, until it is full" train net.anedsl -b ref --steps 7 --schedule constant -o part
(ulimit -f 4 && anetrain -q --resume part --steps 9) >second 2>&1
check "full exit" [ $? = 3 ]
check "full said" grep -q '^error: .*cannot write.*step-00000009.safetensors' second
check "full leaves nothing" [ "$(ls -A part | grep -c 'tmp\|00000009')" = 0 ]
check "full is resumed" anetrain -q --resume part --steps 9
check "full is resumed equal" same whole part 00000009

# ---- weights in fp16 --------------------------------------------------------------------------------------

for chip in m1 m3 m5; do
    check "mean of gradients on sim:$chip" python3 -B "$top/tests/train/halves.py" "$top" sim:$chip 16
done

# ---- several processes ------------------------------------------------------------------------------------

# Any number of them ends with the bytes of one, and so does who goes on with another number; one that is gone is noticed, and
# the run is written down by one that is left.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ranks() { # ranks N COMMAND..
    n=$1
    shift
    timeout 60 mpirun --oversubscribe -np "$n" "$@"
}
anetrain --version >told 2>&1
check "version tells of MPI" grep -q '^  MPI (Open MPI)  *\(present\|absent\)$' told
if ! command -v mpirun >/dev/null; then
    echo "train: several processes skipped, there is no mpirun (openmpi-bin)"
else
    what="-q --data x.npy,t.npy --eval x5.npy,t5.npy --batch 3 --lr 0.05 --schedule constant --save-every 7 --seed 3 -b cpu --threads 1"
    for batches in 4 7; do
        rm -rf whole
        check "$batches batches, one process" anetrain net.anedsl $what --accum $batches --steps 20 -o whole
        for n in 1 2 3 4; do
            rm -rf part
            check "$batches batches, $n ranks" ranks $n anetrain net.anedsl $what --accum $batches --steps 20 -o part
            check "$batches batches, $n ranks equal" same whole part 00000020
            check "$batches batches, $n ranks, their log" same_log whole part
        done
    done
    rm -rf whole
    parts="net.anedsl -q --data x.npy,t.npy --batch 6 --micro 2 --accum 2 --lr 0.05 --seed 3 -b cpu --threads 1 --steps 20"
    check "parts of a batch, one process" anetrain $parts -o whole
    for n in 1 2 3 4; do
        rm -rf part
        check "parts of a batch, $n ranks" ranks $n anetrain $parts -o part
        check "parts of a batch, $n ranks equal" same whole part 00000020
    done
    rm -rf whole part
    check "once more, one process" anetrain net.anedsl $what --accum 7 --steps 20 -o whole
    check "ranks begin" ranks 2 anetrain net.anedsl $what --accum 7 --steps 9 -o part
    check "other ranks go on" ranks 3 anetrain -q --resume part --steps 20
    check "other ranks end equal" same whole part 00000020
    # a gradient of several buckets, and one that fp16 computed
    sed 's/weight w: .3, 3.*/weight a: [1200, 3] = normal(std = 0.5), c: [900, 1200] = normal(std = 0.03), w: [3, 900] = normal(std = 0.03), b: [3] = 0/
        s/linear(x, w, b)/linear(linear(linear(x, a), c), w, b)/' net.anedsl >wide.anedsl
    for case in "wide.anedsl --data x.npy,t.npy --batch 3 -b cpu" \
        "$top/examples/tiny_train.anedsl --data built-in:tiny --optimizer sgd -b sim:m1"; do
        rm -rf whole part
        check "one process: $case" anetrain -q $case --accum 3 --log-every 2 --steps 4 -o whole
        check "ranks: $case" ranks 2 anetrain -q $case --accum 3 --log-every 2 --steps 4 -o part
        check "ranks equal: $case" same whole part 00000004
    done
    # in segments, of which those behind send while those in front compute; parts of the tree of any form
    wide="$top/examples/text/char_llama.anedsl -q --data words.txt --set vocabulary=128 --set dim=64 --set heads=2 --set hidden=2000
        --set positions=8 --set blocks=6 --batch 1 --lr 2e-2 -b cpu --threads 1 --steps 2"
    for batches in 4 7; do
        rm -rf whole
        check "segments, $batches batches, one process" anetrain $wide --accum $batches -o whole
        for n in 2 3 4; do
            rm -rf part
            check "segments, $batches batches, $n ranks" ranks $n anetrain $wide --accum $batches -o part
            check "segments, $batches batches, $n ranks equal" same whole part 00000002
        done
    done
    ranks 3 anetrain net.anedsl $what --steps 2 -o part >told 2>&1
    check "ranks without batches" [ "$(grep -c 'error: 3 processes train together, and a step is of 1 batch: each of them takes one at least, --accum 3' told)" = 1 ]
    ANEC_MPI_LIB=/nowhere/libmpi.so ranks 1 anetrain net.anedsl $what -o part >told 2>&1
    check "no library exit" [ $? = 3 ]
    check "no library" grep -q "mpirun has started this, but Open MPI's library cannot be used (libmpi is not there)" told
    rm -rf part
    cp x.npy x0.npy
    cp x.npy x2.npy
    ranks 3 sh -c 'anetrain -q net.anedsl --data x$OMPI_COMM_WORLD_RANK.npy,t.npy --accum 3 -o part; echo exit $?' >told 2>&1
    check "one cannot begin" grep -q 'error: cannot open x1.npy' told
    check "others do not" [ "$(grep -c 'error: 1 of 3 processes cannot begin' told)" = 1 ]
    check "none begins" [ "$(grep -c '^exit 3$' told)" -ge 1 ]
    for victim in 1 0; do
        rm -rf part
        ranks 3 --enable-recovery sh -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; anetrain -q "$@"; echo exit $?' sh net.anedsl \
            $what --accum 3 --steps 100000000 --save-every 100000000 -o part >told 2>&1 &
        mpirun=$!
        while ! grep -q '^3,' part/log.csv 2>/dev/null && kill -0 $mpirun 2>/dev/null; do sleep 0.05; done
        began=$(date +%s)
        kill -9 "$(ps -o pid= --ppid "$(cat pid.$victim)" | tr -d ' ')"
        wait $mpirun
        check "rank $victim is missed within 10 s" [ $(($(date +%s) - began)) -le 10 ]
        check "rank $victim is named" grep -q "error: rank $victim of 3 does not answer any more" told
        check "rank $victim: the others exit with 3" [ "$(grep -c '^exit 3$' told)" = 2 ]
        check "rank $victim: a checkpoint" [ -s part/last ]
        last=$(sed 's/step-0*//; s/\..*//' part/last)
        check "rank $victim: nothing is lost" [ "$last" -ge "$(tail -n 1 part/log.csv | cut -d, -f1)" ]
        check "rank $victim: it goes on" ranks 2 anetrain -q --resume part --steps $((last + 2))
    done

    # As it is started mostly: mpirun ends all when one is gone, within two seconds. Any process, at any time;
    # the last time while the others compute a step of many seconds.
    trial=0
    while [ $trial -lt "${KILLS:-5}" ]; do
        trial=$((trial + 1))
        of=$((trial % 2 * 2 + 2)) batches=4
        victim=$((trial * 7 / 2 % of))
        [ $trial != 5 ] || { of=2 batches=40000 victim=1; }
        rm -rf part pid.* exit.*
        ranks $of sh -c 'trap : TERM; echo $$ >pid.$OMPI_COMM_WORLD_RANK; anetrain -q "$@"
            echo $? >exit.$OMPI_COMM_WORLD_RANK' sh net.anedsl $what --accum $batches --steps 100000000 \
            --save-every 100000000 -o part >told 2>&1 &
        mpirun=$!
        while ! grep -q '^0,' part/log.csv 2>/dev/null && kill -0 $mpirun 2>/dev/null; do sleep 0.05; done
        sleep "0.$((trial * 37 % 90 + 10))"
        kill -9 "$(ps -o pid= --ppid "$(cat pid.$victim)" | tr -d ' ')"
        wait $mpirun
        who="killed by mpirun, $trial: rank $victim of $of"
        check "$who is named" grep -q "error: rank $victim of $of does not answer any more" told
        check "$who: others exit with 3" [ "$(cat exit.* | sort -u | tr '\n' ' ')" = "137 3 " ]
        check "$who: a checkpoint" [ -s part/last ]
        last=$(sed 's/step-0*//; s/\..*//' part/last)
        check "$who: no step is lost" [ "$last" -gt "$(tail -n 1 part/log.csv | cut -d, -f1)" ]
        [ $batches != 4 ] || check "$who: it goes on" ranks 2 anetrain -q --resume part --steps $((last + 2))
    done
fi

# ---- the page that follows a run --------------------------------------------------------------------------

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || echo -)
[ "$browser" != - ] || echo "train: the page in a browser skipped, there is no chromium"
python3 -B "$top/tests/train/serve.py" "$top" "$browser" >told 2>&1
grep -v '^serve: ' told
sum=$(sed -n 's/^serve: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' told)
passed=$((passed + ${sum% *})) failed=$((failed + ${sum#* }))
check "the page" [ -n "$sum" ]

# ---- examples ---------------------------------------------------------------------------------------------

# The U-Net of examples/unet, small: shapes that it never saw, of whose pixels 75 % are ground.
shapes="python3 -B $top/examples/unet/shapes.py"
check "unet shapes" $shapes shapes 96 16
check "unet held-out shapes" $shapes held 16 16 1
check "unet trains" anetrain -q "$top/examples/unet/unet.anedsl" --data shapes --eval held --eval-every 60 --set size=16 \
    --set width=4 --batch 8 --lr 2e-2 --warmup 20 --steps 60 -b cpu -o unet
check "unet finds shapes" python3 -c "
import csv
last = list(csv.DictReader(open('unet/log.csv')))[-1]
loss, accuracy = float(last['eval_loss']), float(last['eval_metric'])
print(loss, accuracy)
exit(not (loss < 0.45 and accuracy > 0.8))"

# The pictures of docs/training.md, from such a log.
check "picture" python3 -B "$top/docs/curves.py" --to=. - unet=unet/log.csv
check "picture is one" python3 -c "
import xml.etree.ElementTree as xml
root = xml.parse('unet.svg').getroot()
name = '{http://www.w3.org/2000/svg}'
line, points = root.find(name + 'polyline').get('points').split(), root.findall(name + 'circle')
print(root.tag, len(line), len(points))
exit(not (root.tag == name + 'svg' and 40 < len(line) <= 180 and len(points) == 1))"

# A small Llama of one text goes on to another by matrices of low rank: what is frozen keeps its bytes, what is
# learned is told by its path, and constants that were merged are one weight each in the program.
text=/usr/share/common-licenses
if [ -e $text/Artistic ]; then
    llama="$top/examples/text/char_llama.anedsl --set vocabulary=128 --set positions=16 --set dim=32 --set hidden=48 --set blocks=1"
    head -c 9000 $text/GPL-3 >first.txt
    head -c 3000 $text/Artistic >other.txt
    # what a chip that makes small products zero computes for an optimizer that divides by them, and for one that does not
    printf 'param plain_states = 0, stay_states = 0\nfn plain(w, g, s, h) = [w - h[0] * h[4] * g]\n' >rule.anedsl
    printf 'fn stay(w, g, s, h) = [w + 0.0 * g]\n' >>rule.anedsl
    once() {
        to=$1
        shift
        anetrain -q "$top/examples/text/char_llama.anedsl" --set vocabulary=128 --set positions=32 --set dim=32 --set hidden=48 \
            --batch 16 --data first.txt --schedule constant --clip 0 --lr 1 --steps 1 "$@" -o "$to"
        mv "$to/step-00000001.safetensors" "$to.safetensors"
    }
    apart() { python3 "$top/tests/train/gradient.py" began.safetensors "$1.safetensors" right.safetensors "$2"; }
    check "gradient: weights" once began -b cpu --optimizer rule.anedsl:stay
    check "gradient on cpu" once right -b cpu --optimizer rule.anedsl:plain
    for chip in m1 m3 m5; do
        rm -rf kept bare
        check "gradient on sim:$chip" once kept -b sim:$chip --optimizer rule.anedsl:plain
        check "gradient on sim:$chip, sgd" once bare -b sim:$chip --optimizer sgd
        check "gradient on sim:$chip is right" apart kept 0.001
        [ $chip = m5 ] || check "gradient on sim:$chip loses for sgd" sh -c "! $(command -v python3) $top/tests/train/gradient.py \
            began.safetensors bare.safetensors right.safetensors 0.003"
    done

    check "lora base" anetrain -q $llama --data first.txt --lr 2e-2 --warmup 10 --steps 400 -b cpu -o base
    check "lora begins" anetrain -q $llama --data other.txt --eval other.txt --set rank=4 --train 'blocks.*.lora_*' \
        --init base/step-00000400.safetensors --lr 3e-2 --schedule constant --steps 120 --eval-every 10 --save-every 60 \
        --keep 99 -b cpu -o lora
    check "lora resumed" anetrain -q --resume lora/step-00000060.safetensors -o lora2
    check "lora resumed equals" same lora lora2 00000120
    check "lora learns its part alone" python3 "$top/tests/train/parts.py" base/step-00000400.safetensors \
        lora/step-00000120.safetensors lora/log.csv
    check "lora keeps" anetrain -q --resume lora --export kept.mil
    check "lora merges" anetrain -q --resume lora --set merged=true --export merged.mil
    check "lora merged is one weight" sh -c 'anec merged.mil --passes fold,dce -o one.mil && grep -q lora kept.mil && ! grep lora one.mil'
    printf '%s' "$(head -c 300 $text/Artistic)" >piece.txt
    check "lora kept and merged are equal" python3 "$top/tests/train/equal.py" kept.mil one.mil piece.txt
    check "lora writes" anegen lora --prompt The -n 8 -b cpu
    check "lora is none of llama2.c" sh -c '! anetrain -q --resume lora --export lora.bin'
else
    echo "train: LoRA skipped, there is no $text/Artistic"
fi

# ---- the numbers of another implementation ------------------------------------------------------------------

shared=$top/../shared/training
if [ -d "$shared/curves" ]; then
    check "curves on cpu" python3 "$top/tests/train/curves.py" "$top" "$shared/curves" cpu
    for chip in m1 m3 m5; do # the Llama takes minutes on each: make curves
        check "curves on sim:$chip" python3 "$top/tests/train/curves.py" "$top" "$shared/curves" sim:$chip tiny_train digits
    done
else
    echo "train: curves skipped, there is no $shared/curves"
fi
echo "train: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

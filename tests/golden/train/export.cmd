# try() { echo "$ $*" >&2; "$@" 2>&1 | sed -E 's/[0-9.]+ms/Tms/; s/(compile|train) [0-9.]+ s/\1 T s/g' >&2; }
model=../../../examples/text/char_llama.anedsl
small="--set vocabulary=256 --set blocks=1 --set dim=16 --set heads=2 --set hidden=32 --set positions=16 --set interleaved=true"
for i in 1 2 3 4 5 6 7 8 9; do printf 'she sells sea shells by the sea shore and '; done >%t/sea.txt
try anetrain -q $model --data %t/sea.txt $small --lr 3e-2 --steps 60 -b ref -o %t/run --export %t/w.bin
try anetrain -q --resume %t/run --export %t/w.safetensors
for from in "run" "w.bin --model $model $small" "w.safetensors --model $model $small"; do (d=$PWD; cd %t; anegen -q $(echo $from | sed "s|--model |--model $d/|") -p "she sells" -n 6 -t 0 -b ref); done
try anetrain -q $model --data %t/sea.txt $small --steps 1 -b ref -o %t/more --init %t/w.bin
cut -d, -f1-4 %t/more/log.csv
anetrain $model --data %t/sea.txt $small --steps 1 -b ref -o %t/told 2>&1 | grep -o 'step  tok/s=[0-9]' | sed 's/[0-9]/N/'
cd %t
try anegen w.safetensors -p x --vocab bytes
try anegen w.bin --model gone.anedsl -p x
try anegen w.safetensors -p x

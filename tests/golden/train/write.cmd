# write() { echo "$ anegen $*" >&2; anegen "$@"; echo "exit $?" >&2; }
model=../../../examples/text/char_llama.anedsl
for i in 1 2 3 4 5 6 7 8 9; do printf 'she sells sea shells by the sea shore and the shells she sells are sea shells '; done >%t/sea.txt
anetrain -q $model --data %t/sea.txt --vocab chars --set vocabulary=13 --set blocks=1 --set dim=16 --set heads=2 --set hidden=32 --set positions=32 --lr 3e-2 --steps 80 -b ref -o %t/run
anetrain -q net.anedsl --data x.npy,t.npy --steps 1 -b ref -o %t/arrays
cd %t
write arrays
write run --prompt "she sells" -n 40 -t 0
write run --prompt "she sells" -n 40 -t 0 --block 1 -b ref
write run/step-00000080.safetensors --prompt "she sells" -n 80 -t 0 --stop "se sea" --threads 2
write run --prompt "shells by t" -n 60 -t 0 --stop "shells"
write run --prompt "by the sea sh" -n 60 -t 0 --stop "shells"
write run --prompt "by the sea" -n 8 -t 0 --stop "shells she and more"
write run --prompt "by the se" -n 9 -t 0 --stop "a"
write run --prompt "by the se" -n 4 -t 0 --stop ""
write run --prompt "she s" -n 30 --seed 4 --top-k 2 --min-p 0.01 --top-p 1 -b ref
write run --prompt ""
write run --prompt "Sea"
write run --prompt "she" -n 99999999
write run --prompt "she" --block 0
write gone
write
write run --prompt "she" -n 2 --bench 2>&1 | sed -E 's/[0-9.]+ (ms|tok)/T \1/g'

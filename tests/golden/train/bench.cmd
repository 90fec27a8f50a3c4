# # --bench: what steps took, on a text with tokens a second; nothing is written, and a run may go on meanwhile
mask() { sed -E 's/[0-9.]+(ms|\)| %)/T\1/g; s/(tok|TFLOP)(.s)=[0-9.e+-]+/\1\2=T/g; s/  eta=[0-9ms]*//' >&2; }
cp net.anedsl layers.anedsl x.npy t.npy %t
cp ../../../examples/text/char_llama.anedsl %t
cd %t
anetrain net.anedsl --data x.npy,t.npy -b ref --bench 4 2>&1 | mask
anetrain layers.anedsl --data x.npy,t.npy --accum 2 -b sim:m1 --bench 2 -o kept 2>&1 | mask
head -c 400 /dev/zero | tr '\0' a >a.txt
llama="char_llama.anedsl --data a.txt --set vocabulary=256 --set blocks=1 --set dim=8 --set heads=2 --set hidden=8 --set positions=8"
anetrain $llama -b ref --bench 2 2>&1 | mask
echo "exit $?; nothing is written: $(ls | tr '\n' ' ')" >&2
anetrain -q net.anedsl --data x.npy,t.npy -b ref --steps 2 -o run
cksum run/* >before
anetrain --resume run --bench 3 2>&1 | mask
anetrain --resume run --bench 3 --anew -o run 2>&1 | mask
exec 9<run/lock && flock 9 && anetrain --resume run --dry-run 2>&1 | mask
cp -r run other
for how in --dry-run "--bench 1"; do anetrain -q --resume run -o other --anew $how >&2; done
cksum other/* | sed 's/other/run/' | cmp - before && echo "so is the other" >&2
cksum run/* | cmp - before && echo "the run is as it was" >&2
for more in "--bench 0" "--bench 1073741825" "--bench x" "--bench 1 --dry-run" "--bench 1 --export w.safetensors" "--bench 1 --serve"; do
    anetrain net.anedsl --data x.npy,t.npy -b ref $more 2>&1 >/dev/null | sed -n 1p >&2
done

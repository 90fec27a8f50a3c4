# # what each option that takes a number makes of what is none, of what fp32 or fp16 does not hold, and of bounds; exit and first line
try() { tool=$1; shift; printf -- "--$1: " >&2; "$tool" "--$1" $2 >%t/out 2>%t/told; echo "$? $(sed -n 1p %t/told)" | sed -E 's/^0 .*/taken/' >&2; }
net="net.anedsl -q --data x.npy,t.npy -b ref --dry-run"
for o in lr min-lr eps decay beta1 beta2 momentum clip; do for v in -1 nan inf 1e400 1e-400 0x10 1e39 1 0; do try anetrain $o=$v "$net"; done; done
for o in steps epochs batch accum warmup memory seed eval-every patience save-every sample-every keep log-every threads; do for v in -1 1.5 nan 18446744073709551616 18446744073709551615 0; do try anetrain $o=$v "$net"; done; done
for b in ref sim:m1; do for v in 0 -1 nan inf 1e400 0x10 0.5 1 65504 65505 65536 1e39; do try anetrain loss-scale=$v "../../../examples/tiny_train.anedsl -q --data built-in:tiny --dry-run -b $b"; done; done
for v in -1 nan 65535x 65536 18446744073709551615; do try anetrain serve=$v "$net"; done
head -c 400 /dev/zero | tr '\0' a >%t/a.txt
anetrain -q ../../../examples/text/char_llama.anedsl --data %t/a.txt --set vocabulary=256 --set blocks=1 --set dim=8 --set heads=2 --set hidden=8 --set positions=8 --steps 1 -b ref -o %t/run
for o in temperature top-p min-p; do for v in -1 nan inf 1e400 0x10 1.5 1 0; do try anegen $o=$v "%t/run -q -p a -n 2 -b ref"; done; done
for o in tokens top-k seed block threads; do for v in -1 1.5 nan 18446744073709551616 18446744073709551615 1; do try anegen $o=$v "%t/run -q -p a -n 2 -b ref"; done; done

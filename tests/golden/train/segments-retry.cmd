# mask() { sed -E 's/[0-9.]+ms/Tms/; s/(compile|train) [0-9.]+ s/\1 T s/g' >&2; }
# On the stand-in each program of the step looks for its form, once: the run that is resumed asks for none that was
# refused. What the engine refuses altogether is the processor's, as it is written.
cp x.npy %t/wide.npy
export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1
anetrain layers.anedsl --data x.npy,t.npy --batch 3 --steps 2 --io fp32 --segments one -o %t/one 2>&1 | grep -o 'backend=[a-z]* io=[a-z0-9]*' >&2
anetrain layers.anedsl --data x.npy,t.npy --batch 3 --steps 2 --io fp32 -o %t/run 2>&1 | mask
anetrain --resume %t/run --dry-run 2>&1 | mask
anetrain --resume %t/run --steps 4 2>&1 | mask
anetrain wide.anedsl --data %t/wide.npy --steps 2 -o %t/wide 2>&1 | mask
anetrain --resume %t/wide --dry-run 2>&1 | mask
anetrain --resume %t/wide --steps 3 2>&1 | mask
anetrain --resume %t/wide --dry-run --memory 1 2>&1 | mask
ANESIM_FAULT=refuse:all anetrain net.anedsl --data x.npy,t.npy --dry-run 2>&1 | mask

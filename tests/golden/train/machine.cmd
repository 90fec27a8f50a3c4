# mask() { sed -E 's/(on|is) [a-z0-9_]+ Linux [^ ,:]+/\1 M/g; s/[0-9.]+ms/Tms/; s/(compile|train) [0-9.]+ s/\1 T s/g' >&2; }
export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1
anetrain -q ../../../examples/tiny_train.anedsl --data built-in:tiny --optimizer sgd --lr 1 --steps 1 -o %t/run
anetrain --resume %t/run --steps 2 2>&1 | mask
setarch i686 anetrain --resume %t/run --steps 3 2>&1 | mask

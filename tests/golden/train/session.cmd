# mask() { sed -E 's/[0-9.]+ms/Tms/; s/(compile|train) [0-9.]+ s/\1 T s/g; s/\(best [^)]*/(best B/; s/  eta=[0-9ms]*//; s/ \(no engine: [^)]*\)//' >&2; }
cd %t
model=$OLDPWD/../../../examples/tiny_train.anedsl
anetrain $model --data built-in:tiny --optimizer sgd --lr 1 --steps 2000 --log-every 500 -o run 2>&1 | mask
anetrain --resume run --steps 2200 --log-every 500 2>&1 | mask
anetrain --resume run --steps 2200 2>&1 | mask
ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 anetrain --resume run --steps 2201 2>&1 | grep '^anetrain: run was' >&2
ls run
cat run/last

# mask() { sed -E 's/[0-9.]+ms/Tms/; s/(compile|train) [0-9.]+ s/\1 T s/g; s/  eta=[0-9ms]*//; s/ \(no engine: [^)]*\)//' >&2; }
model=../../../examples/tiny_train.anedsl
export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 ANESIM_LOG=%t/begun
anetrain $model --data built-in:tiny --optimizer sgd --lr 1 --steps 3 --io fp32 -o %t/run 2>&1 | mask
sed 's/\(refused\).*/\1/' $ANESIM_LOG
export ANESIM_LOG=%t/resumed
anetrain --resume %t/run --steps 5 2>&1 | mask
sed 's/\(refused\).*/\1/' $ANESIM_LOG
unset ANESIM_LOG
grep -a -o '"backend":"ane","io":"fp16"' %t/run/step-00000005.safetensors
unset ANEC_ANE_LIB
anetrain --resume %t/run --steps 6 2>&1 | mask
export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m5
anetrain --resume %t/run --steps 7 2>&1 | mask

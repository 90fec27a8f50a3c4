# export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 ANESIM_FAULT=inf-once:3 && anetrain -q ../../../examples/tiny_train.anedsl --data built-in:tiny --optimizer sgd --lr 1 --steps 5 -o %t/run && cut -d, -f1,6,7 %t/run/log.csv && anetrain -q --resume %t/run --steps 6 --threads 9999
# exit: 2

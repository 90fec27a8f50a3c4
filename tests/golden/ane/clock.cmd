# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 ANESIM_CLOCK=%t/clock anerun -q --backend ane --random 1 --bench 2 ../../../examples/mlp.anedsl >%t/told && cat %t/clock

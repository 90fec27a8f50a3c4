# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 anerun -v --random 1 ../../../examples/mlp.anedsl

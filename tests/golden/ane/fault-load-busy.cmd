# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 ANESIM_FAULT=load-busy:2 anerun -v -b ane --random 1 -O %t ../../../examples/mlp.anedsl

# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 ANESIM_FAULT=refuse:all anerun -v --random 1 -O %t ../../../examples/mlp.anedsl

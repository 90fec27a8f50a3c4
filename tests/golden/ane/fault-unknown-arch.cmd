# ANEC_CACHE_DIR=%t/c ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 ANESIM_FAULT=unknown-arch anerun -b ane --random 1 -O %t ../../../examples/mlp.anedsl

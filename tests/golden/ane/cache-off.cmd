# ANEC_CACHE_DIR=/dev/null/x ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 anerun -v --random 1 -O %t ../../../examples/mlp.anedsl

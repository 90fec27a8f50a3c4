# anerun --cache status && export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4
anerun -q --random 1 -O %t ../../../examples/mlp.anedsl && anerun --cache status && anerun --cache clear && anerun --cache status

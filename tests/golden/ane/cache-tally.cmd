# export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 ANESIM_VAULT=%t/vault; t() { ANESIM_FAULT=$1 anerun -q --random 1 -b $2 -O %t ../../../examples/mlp.anedsl; }
t "" ane && t "" ane && t purge ane && t purge,slow:150,no-selector:compiledModelExists ane && t "" coreml && t "" coreml && ANEC_CACHE_DIR=/dev/null/x t "" ane && anerun --cache status && anerun --cache clear && anerun --cache status

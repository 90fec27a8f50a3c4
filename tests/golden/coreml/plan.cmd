# export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4; anerun -b coreml --plan ../../../examples/mlp.anedsl && anerun -b coreml --plan --json ../../../examples/mlp.anedsl

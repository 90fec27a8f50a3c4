# ANEC_ANE_LIB=$ANESIM ANESIM_FAULT=slow:300 anerun --random 1 -b coreml --compare ref ../../../examples/mlp.anedsl

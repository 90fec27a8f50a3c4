# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 ANESIM_FAULT=ml-written anerun -v --random 1 -b coreml --compare ref ../../../examples/mlp.anedsl

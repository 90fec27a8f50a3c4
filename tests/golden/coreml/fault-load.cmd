# ANEC_ANE_LIB=$ANESIM ANESIM_FAULT=ml-load anerun --random 1 -b coreml ../../../examples/mlp.anedsl
# exit: 3

# ANEC_ANE_LIB=$ANESIM ANESIM_FAULT=macos:13 anerun -b coreml --plan ../../../examples/mlp.anedsl
# exit: 3

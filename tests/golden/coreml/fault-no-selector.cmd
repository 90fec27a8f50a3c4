# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 ANESIM_FAULT=no-selector:setOutputBackings: anerun -b coreml --random 1 -O %t ../../../examples/mlp.anedsl
# exit: 3

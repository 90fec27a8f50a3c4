# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 ANESIM_CLOCK=no/such/folder anerun -q --backend ane --random 1 ../../../examples/mlp.anedsl
# exit: 134

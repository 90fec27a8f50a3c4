# TMPDIR=/nowhere ANEC_ANE_LIB=$ANESIM anerun -b coreml --random 1 -O %t ../../../examples/mlp.anedsl
# exit: 3

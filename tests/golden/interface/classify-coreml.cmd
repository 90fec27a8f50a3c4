# ANEC_ANE_LIB=$ANESIM anerun -b coreml --random 1 classify.mil
# exit: 1

# ANEC_ANE_LIB=$ANESIM anerun -b auto --random 1 classify.mil && ANEC_ANE_LIB=$ANESIM anerun -b ane --random 1 classify.mil
# exit: 1

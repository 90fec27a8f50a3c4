# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 ANESIM_FAULT=batch-stride anerun -b ane --compare ref --random 1 batches.mil

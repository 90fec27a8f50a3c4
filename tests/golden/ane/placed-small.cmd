# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 anerun -v -q --target m1 --backend auto --compare ref --random 1 placed-small.anedsl 2>&1

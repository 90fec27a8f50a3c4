# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 aneprobe --pause 0 --bisect five.mil
# exit: 1

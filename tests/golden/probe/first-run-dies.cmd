# ANEC_ANE_LIB=$ANESIM ANESIM_FAULT=nonsense aneprobe --first-run --only classes,compile
# exit: 3

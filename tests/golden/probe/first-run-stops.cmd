# ANEC_ANE_LIB=$ANESIM ANESIM_FAULT=slow:9000 aneprobe --first-run --limit-seconds 4 --only classes,compile,files
# exit: 3

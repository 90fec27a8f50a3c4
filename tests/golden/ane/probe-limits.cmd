# export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 && aneprobe --chip m1 --pause 0 --limits --only tensor-rank,buffers

# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 anerun -v --random 1 -b coreml -O %t/got ../../../examples/convnet.anedsl && anerun -b ref --random 1 -O %t/ref ../../../examples/convnet.anedsl
anediff --rtol 1e-2 --atol 5e-3 %t/got %t/ref
ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4 anerun --random 1 -b coreml --compare ref ../../../examples/convnet.anedsl

# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 anerun -v --random 1 -b coreml -O %t/got ../../../examples/mlp.anedsl && anerun -b ref --random 1 -O %t/ref ../../../examples/mlp.anedsl
anediff --rtol 1e-2 --atol 5e-3 %t/got %t/ref
ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 anerun --random 1 -b coreml --compare ref ../../../examples/mlp.anedsl

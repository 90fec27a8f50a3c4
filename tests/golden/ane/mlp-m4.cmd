# anec --target m4 -o %t/mlp.mil ../../../examples/mlp.anedsl && export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4
for i in 1 2; do anerun -v --random 1 -O %t/$i %t/mlp.mil || exit; done
anerun -v -b ref --random 1 -O %t/ref %t/mlp.mil && anediff --rtol 1e-2 --atol 5e-3 %t/1 %t/ref && anediff %t/1 %t/2
anerun --describe %t/mlp.mil

# export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4; anec --target m4 -o %t/mlp.mil ../../../examples/mlp.anedsl
ANESIM_FAULT=eval-fails:2 anerun -v --random 1 --iterations 4 -O %t/a %t/mlp.mil && anerun -q -b ref --random 1 --iterations 4 -O %t/b %t/mlp.mil && anediff --rtol 1e-2 --atol 5e-3 %t/a %t/b
ANESIM_FAULT=eval-fails:3 anerun -q --random 1 --bench 4 %t/mlp.mil | sed -n 2p
ANESIM_FAULT=eval-busy:2 anerun -v --random 1 -O %t/a %t/mlp.mil
ANESIM_FAULT=eval-fails:3 anerun -Werror=fallback --random 1 --iterations 4 -O %t/c %t/mlp.mil; echo $?

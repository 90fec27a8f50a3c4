# anec --target m4 -o %t/mlp.mil ../../../examples/mlp.anedsl
ANEC_ANE_LIB=/nowhere.so anerun -v --random 1 --compare ref %t/mlp.mil

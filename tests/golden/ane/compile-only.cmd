# anec --target m4 -o %t/a/model.mil ../../../examples/mlp.anedsl; anerun --compile-only %t/a; export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4
anerun --compile-only %t/none; anerun --compile-only %t/a | sed 's/ [^ ]*_[0-9A-F]*$/ TEMP/'

# mkdir %t/tmp && TMPDIR=%t/tmp ANEC_ANE_LIB=$ANESIM anerun -b coreml --random 1 --compare ref ../../../examples/mlp.anedsl && ls %t/tmp

# for b in auto ane coreml; do ANEC_ANE_LIB=$ANESIM anerun -v -b $b --random 1 classify.mil || exit 1; done
# The engine computes the probabilities, the processor chooses.

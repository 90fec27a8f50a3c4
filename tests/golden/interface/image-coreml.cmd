# ANEC_ANE_LIB=$ANESIM anerun -b coreml -i rgb=rgb.png -i gray=gray.png image.mil

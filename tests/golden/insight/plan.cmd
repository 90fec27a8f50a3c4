# anec --plan --target m1 ../ane/placed.anedsl

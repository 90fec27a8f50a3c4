# anec --plan --target generic ../ane/placed.anedsl
# exit: 2

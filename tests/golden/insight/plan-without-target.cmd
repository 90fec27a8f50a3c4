# anec --plan ../ane/placed.anedsl
# exit: 2

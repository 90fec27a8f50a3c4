# anec --target m5,20 runs.anedsl
# exit: 2

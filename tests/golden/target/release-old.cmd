# anec --target m5,9 runs.anedsl
# exit: 2

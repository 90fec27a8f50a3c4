# anec --target m7 runs.anedsl
# exit: 2

# anec --explain kernel-with
# exit: 2

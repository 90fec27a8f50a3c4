# anec --target m1
# exit: 2

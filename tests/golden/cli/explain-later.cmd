# anec --explain ane-1
# exit: 2

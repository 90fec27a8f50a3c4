# anec --list-rules --target m1
# exit: 2

# anec --explain 12345
# exit: 2

# anec --list-ops > /dev/full
# exit: 3

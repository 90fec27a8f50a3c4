# anec -
# exit: 2

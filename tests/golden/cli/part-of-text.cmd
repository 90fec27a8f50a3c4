# anec --part a check.mil
# exit: 2

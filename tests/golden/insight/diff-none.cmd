# anediff
# exit: 2

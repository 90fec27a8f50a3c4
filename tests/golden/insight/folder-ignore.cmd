# anediff --ignore names %t %t
# exit: 2

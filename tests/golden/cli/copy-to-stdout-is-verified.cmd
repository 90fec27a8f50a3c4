# anec check-op-unknown.mil
# exit: 1

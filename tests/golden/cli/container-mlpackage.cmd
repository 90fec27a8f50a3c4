# anec model.mlpackage/
# exit: 2

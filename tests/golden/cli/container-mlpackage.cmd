# anec model.mlpackage/
# exit: 3

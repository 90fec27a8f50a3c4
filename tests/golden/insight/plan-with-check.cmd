# anec --plan --check --target m1 ../ane/placed.anedsl
# exit: 2

# anec --set width ../run/dsl-set.anedsl
# exit: 2

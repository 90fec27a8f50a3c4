# anec --target 'M5 Ultra' runs.anedsl
# exit: 2

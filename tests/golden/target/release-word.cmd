# anec --target m5,tahoe runs.anedsl
# exit: 2

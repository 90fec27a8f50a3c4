# anec --cut -o %t/x.mil deep.anedsl
# exit: 2

# anec --report %t/p.html ../ane/placed.anedsl
# exit: 2

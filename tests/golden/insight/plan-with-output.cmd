# anec --plan --target m1 -o %t/p.mil ../ane/placed.anedsl
# exit: 2

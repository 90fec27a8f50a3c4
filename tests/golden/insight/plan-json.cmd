# anec --plan --json --target m4 ../ane/placed-small.anedsl

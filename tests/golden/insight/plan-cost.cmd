# anec -q --plan --target m1 ../ane/placed-small.anedsl && anec -q --plan --json --target m1 ../ane/placed-small.anedsl

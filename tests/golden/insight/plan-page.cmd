# anec --plan --target m1 --report %t/p/plan.html ../ane/placed.anedsl >/dev/null && cat %t/p/plan.html

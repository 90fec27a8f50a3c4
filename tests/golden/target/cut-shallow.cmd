# anec --target m5 --cut -o %t/x.mil runs.anedsl && ls %t

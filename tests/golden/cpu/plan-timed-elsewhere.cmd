# anerun -q -b coreml --plan --bench 3 --random 1 plan-timed.mil
# exit: 2

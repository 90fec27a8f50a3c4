# anerun -q -b cpu --plan --bench 3 --json --random 1 plan-timed.mil | sed -E 's/"(least|took|flops|rate)":.*/"\1": T/'

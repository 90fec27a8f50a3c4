# anerun --backend cpu --plan --json plan-walks.mil | sed -E 's/"(least|flops|rate)":.*/"\1": T/'

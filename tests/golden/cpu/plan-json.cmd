# anerun --backend cpu --plan --json ../../../examples/mlp.anedsl | sed -E 's/"(least|flops|rate)":.*/"\1": T/'

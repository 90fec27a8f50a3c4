# anerun --backend cpu --plan --json ../../../examples/mlp.anedsl

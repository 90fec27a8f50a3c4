# anerun --backend cpu --plan --json plan-state.mil

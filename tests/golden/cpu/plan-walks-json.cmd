# anerun --backend cpu --plan --json plan-walks.mil

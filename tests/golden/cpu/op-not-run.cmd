# anerun --backend cpu --random 1 ../run/op-not-run.mil
# exit: 1

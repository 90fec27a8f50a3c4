# aneprobe --backend m1
# exit: 2

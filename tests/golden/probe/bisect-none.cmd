# aneprobe --backend sim:m1 --bisect nothing.mil
# exit: 3

# aneprobe --backend sim:m1 --bisect five.mil --json
# exit: 1

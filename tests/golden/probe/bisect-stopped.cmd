# aneprobe --backend sim:m1 --bisect five.mil --compiles 2
# exit: 1

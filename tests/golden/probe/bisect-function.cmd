# aneprobe --backend sim:m1 --bisect five.mil -f other
# exit: 2

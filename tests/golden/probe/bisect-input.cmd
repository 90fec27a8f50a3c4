# aneprobe --backend sim:m1 --bisect five.mil -i q=1
# exit: 2

# aneprobe --backend sim:m1 --resume
# exit: 2

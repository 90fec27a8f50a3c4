# aneprobe --backend sim:m1 --only tensor-width
# exit: 2

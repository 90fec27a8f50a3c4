# aneprobe --backend sim:m1 --only width-slice,nothing
# exit: 2

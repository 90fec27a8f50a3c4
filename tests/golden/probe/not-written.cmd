# aneprobe --backend sim:m1 --only sin -o /nowhere/p
# exit: 3

# aneprobe --backend ref
# exit: 2

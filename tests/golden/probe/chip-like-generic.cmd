# aneprobe --backend ref --chip generic
# exit: 2
